//! Where a conversation may go, and what an agent may say about it.

use crate::harness::{Answer, Server, Tenant};
use axum::http::{Method, StatusCode};
use common::{
    clock::Clock as _,
    protocol::inbox::{ConversationStatus, Priority},
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;

async fn patch(server: &Server, tenant: &Tenant, body: &Value) -> Answer {
    let path = format!("/v1/conversations/{}", tenant.conversation);
    server.call(Method::PATCH, &path, &tenant.token, Some(body)).await
}

async fn read(server: &Server, tenant: &Tenant) -> Value {
    server.get(&format!("/v1/conversations/{}", tenant.conversation), &tenant.token).await.body
}

/// A change to this status that lacks nothing.
fn to(status: ConversationStatus) -> Value {
    match status {
        ConversationStatus::Snoozed => json!({ "status": status, "snoozedUntil": "2999-01-01T00:00:00Z" }),
        ConversationStatus::Open | ConversationStatus::Pending | ConversationStatus::Resolved => {
            json!({ "status": status })
        }
    }
}

/// All sixteen. The way to where each begins goes by `open`, from which and to which everything may go.
#[tokio::test]
async fn from_each_status_a_conversation_goes_where_it_may_and_to_where_it_is() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for from in ConversationStatus::ALL {
        for next in ConversationStatus::ALL {
            for step in [ConversationStatus::Open, from] {
                let there = patch(&server, &a, &to(step)).await;
                assert_eq!(there.status, StatusCode::OK, "{step:?}: {}", there.body);
            }
            let before = read(&server, &a).await;
            let answer = patch(&server, &a, &to(next)).await;
            let what = format!("{from:?} to {next:?}: {}", answer.body);
            if from == next || from.next().contains(&next) {
                assert_eq!((answer.status, &answer.body["status"]), (StatusCode::OK, &json!(next)), "{what}");
                let has_time = answer.body["snoozedUntil"].is_string();
                assert_eq!(has_time, next == ConversationStatus::Snoozed, "{what}");
                continue;
            }
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::CONFLICT, "resource.invalidTransition"),
                "{what}"
            );
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(from.next().iter().all(|status| detail.contains(status.as_str())), "{what}");
            assert_eq!(read(&server, &a).await, before, "{what}");
        }
    }
}

#[tokio::test]
async fn a_conversation_is_snoozed_until_a_time_that_is_still_to_come() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let at = |seconds: i64| (server.clock.utc() + time::Duration::seconds(seconds)).format(&Rfc3339).unwrap();
    for passed in [-1, 0] {
        let refused = patch(&server, &a, &json!({ "status": "snoozed", "snoozedUntil": at(passed) })).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"));
    }
    let soon = at(1);
    let snoozed = patch(&server, &a, &json!({ "status": "snoozed", "snoozedUntil": soon })).await;
    assert_eq!(
        (snoozed.status, &snoozed.body["status"]),
        (StatusCode::OK, &json!("snoozed")),
        "{}",
        snoozed.body
    );
    // Whoever changes something else about it does not wake it, and need not say the time again.
    server.clock.advance(Duration::from_secs(5));
    let other = patch(&server, &a, &json!({ "priority": "low" })).await;
    assert_eq!((&other.body["status"], &other.body["priority"]), (&json!("snoozed"), &json!("low")));
    let later = at(60);
    let moved = patch(&server, &a, &json!({ "status": "snoozed", "snoozedUntil": later })).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.body);
    for bad in ["tomorrow", "2999-01-01", "2999-01-01T00:00:00", "2999-13-01T00:00:00Z", ""] {
        let refused = patch(&server, &a, &json!({ "status": "snoozed", "snoozedUntil": bad })).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    for status in ["open", "pending", "resolved"] {
        let with_time = json!({ "status": status, "snoozedUntil": "2999-01-01T00:00:00Z" });
        assert_eq!(patch(&server, &a, &with_time).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{status}");
    }
}

#[tokio::test]
async fn every_priority_can_be_said_and_found_and_nothing_else() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for priority in Priority::ALL {
        assert_eq!(
            patch(&server, &a, &json!({ "priority": priority })).await.body["priority"],
            json!(priority)
        );
        for other in Priority::ALL {
            let path = format!("/v1/conversations?priority={}", other.as_str());
            let found = server.get(&path, &a.token).await.body["items"].as_array().unwrap().len();
            assert_eq!(found, usize::from(other == priority), "{priority:?} looked for as {other:?}");
        }
    }
    for bad in [json!("HIGH"), json!(1), json!(""), json!(["low"])] {
        let refused = patch(&server, &a, &json!({ "priority": bad })).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(read(&server, &a).await["priority"], "urgent");
}

#[tokio::test]
async fn labels_are_all_that_a_conversation_has_each_once_and_fifty_at_most() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut labels = Vec::new();
    for number in 0..51 {
        // A conversation's labels are in the order of their creation.
        server.clock.advance(Duration::from_millis(1));
        let label = json!({ "name": format!("label {number}"), "color": "#112233" });
        labels.push(server.post("/v1/labels", &a.token, label).await.body["id"].clone());
    }
    let set = async |labels: &[Value]| patch(&server, &a, &json!({ "labelIds": labels })).await;
    let too_many = set(&labels).await;
    assert_eq!((too_many.status, too_many.code()), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"));
    let most = set(&labels[..50]).await;
    assert_eq!(most.body["labelIds"].as_array().map(Vec::len), Some(50), "{}", most.body);
    assert_eq!(set(&labels[3..5]).await.body["labelIds"], json!(labels[3..5]), "the others are gone");
    let twice = [labels[0].clone(), labels[0].clone()];
    assert_eq!(set(&twice).await.body["labelIds"], json!([labels[0]]));
    // One that does not exist keeps all from being set.
    let unknown = [labels[1].clone(), json!("01890a5d-ac96-774b-bcce-b302099a8057")];
    assert_eq!(set(&unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(read(&server, &a).await["labelIds"], json!([labels[0]]));
    // What is not mentioned stays.
    assert_eq!(patch(&server, &a, &json!({ "priority": "low" })).await.body["labelIds"], json!([labels[0]]));
    assert_eq!(set(&[]).await.body["labelIds"], json!([]));
}

/// RFC 7396, on the first level: what programs of the account keep there is theirs.
#[tokio::test]
async fn attributes_are_merged_member_by_member_and_null_takes_one_away() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for (change, left) in [
        (json!({ "plan": "gold", "seats": 3 }), json!({ "plan": "gold", "seats": 3 })),
        (json!({ "seats": 4 }), json!({ "plan": "gold", "seats": 4 })),
        (json!({ "plan": null, "never": null }), json!({ "seats": 4 })),
        (json!({}), json!({ "seats": 4 })),
        (json!({ "list": [1, null], "": "" }), json!({ "seats": 4, "list": [1, null], "": "" })),
    ] {
        let changed = patch(&server, &a, &json!({ "attributes": change })).await;
        assert_eq!(changed.body["attributes"], left, "{change}");
    }
    for bad in [json!([]), json!("x"), json!(null)] {
        let refused = patch(&server, &a, &json!({ "attributes": bad })).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    // What it has and what is added count together.
    let big: Map<String, Value> = [("big".to_owned(), json!("x".repeat(16_200)))].into_iter().collect();
    assert_eq!(patch(&server, &a, &json!({ "attributes": big })).await.status, StatusCode::OK);
    let more = json!({ "attributes": { "more": "x".repeat(300) } });
    assert_eq!(patch(&server, &a, &more).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let instead = json!({ "attributes": { "more": "x".repeat(300), "big": null } });
    assert_eq!(patch(&server, &a, &instead).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_left_or_was_never_there_is_given_nothing_to_answer() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let colleague = things.id("/v1/users/{id}");
    assert_eq!(
        patch(&server, &a, &json!({ "assigneeId": colleague })).await.body["assigneeId"],
        json!(colleague)
    );
    let both = json!({ "assigneeId": null, "teamId": things.id("/v1/teams/{id}") });
    let moved = patch(&server, &a, &both).await.body;
    assert_eq!((&moved["assigneeId"], &moved["teamId"]), (&Value::Null, &both["teamId"]));
    for unknown in [
        json!({ "assigneeId": a.room }),
        json!({ "teamId": colleague }),
        json!({ "assigneeId": "nobody" }),
        json!({ "teamId": 7 }),
    ] {
        assert_eq!(patch(&server, &a, &unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{unknown}");
    }
    assert_eq!(read(&server, &a).await["teamId"], both["teamId"], "nothing was changed");
}
