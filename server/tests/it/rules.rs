//! The rules that all operations keep: permissions, pages, tags and keys.

use crate::{
    harness::{Answer, Server},
    operations::{NOTHING, calls},
};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
};
use common::permission::{Permission, Permissions};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

/// Whether the answer refuses for want of this permission, or of any.
fn lacks(answer: &Answer, permission: &str) -> bool {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    answer.status == StatusCode::FORBIDDEN
        && detail.contains("the permission ")
        && detail.contains(permission)
}

async fn key(server: &Server, admin: &str, permissions: Permissions) -> String {
    let key = json!({ "name": "k", "permissions": permissions });
    let key = server.post("/v1/api-keys", admin, key).await;
    assert_eq!(key.status, StatusCode::CREATED, "{}", key.body);
    key.body["key"].as_str().unwrap().to_owned()
}

/// The reference says which permission an operation needs: it is the one that is asked for, and the only one.
#[tokio::test]
async fn every_operation_needs_the_permission_that_the_reference_names_and_no_other() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let nobody = key(&server, &a.token, Permissions::default()).await;
    let mut keys = BTreeMap::new();
    for permission in Permissions::ALL.iter() {
        let only = Permissions::of(&[permission]);
        let others: Vec<_> = Permissions::ALL.iter().filter(|other| *other != permission).collect();
        let others = Permissions::of(&others);
        let pair = (key(&server, &a.token, only).await, key(&server, &a.token, others).await);
        keys.insert(permission.as_str(), pair);
    }
    let mut named = 0;
    for call in calls(&a, &things) {
        let what = call.key();
        if call.operation.is_open {
            let answer = call.send(&server, "").await;
            assert_ne!(answer.body["code"], "auth.required", "{what}");
            continue;
        }
        let Some(permission) = call.operation.permissions.last() else {
            let answer = call.send(&server, &nobody).await;
            assert!(
                !lacks(&answer, "") || what.starts_with("POST /v1/elevations/"),
                "{what}: {}",
                answer.body
            );
            continue;
        };
        named += 1;
        let (only, others) = &keys[permission.as_str()];
        let refused = call.send(&server, others).await;
        assert!(
            lacks(&refused, permission),
            "{what} without {permission}: {} {}",
            refused.status,
            refused.body
        );
        let passed = call.send(&server, only).await;
        assert!(!lacks(&passed, ""), "{what} with {permission} alone: {}", passed.body);
    }
    assert!(named > 90, "only {named} operations name a permission");
}

/// People may say something in a room that they may read; programs are looked at more closely.
#[tokio::test]
async fn where_people_and_programs_need_different_permissions_each_needs_its_own() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/rooms/{}/messages", a.room);
    let agent = server.token(a.account, a.user, common::token::Role::AgentUser).await;
    for (who, token, status) in [
        ("a person", agent, StatusCode::CREATED),
        (
            "a reader",
            key(&server, &a.token, Permissions::of(&[Permission::RoomsRead])).await,
            StatusCode::FORBIDDEN,
        ),
        (
            "a manager",
            key(&server, &a.token, Permissions::of(&[Permission::RoomsManage])).await,
            StatusCode::CREATED,
        ),
    ] {
        assert_eq!(server.post(&path, &token, json!({ "text": "x" })).await.status, status, "{who}");
    }
}

#[tokio::test]
async fn every_list_in_pages_gives_no_more_than_is_asked_for_and_refuses_foreign_cursors() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let mut tried = 0;
    for call in calls(&a, &things).into_iter().filter(|call| call.operation.takes("cursor")) {
        tried += 1;
        let mark = if call.path.contains('?') { '&' } else { '?' };
        let page = async |query: &str| server.get(&format!("{}{mark}{query}", call.path), &a.token).await;
        let first = page("limit=1").await;
        assert_eq!(first.status, StatusCode::OK, "{}: {}", call.key(), first.body);
        assert!(first.body["items"].as_array().unwrap().len() <= 1, "{}: {}", call.key(), first.body);
        if let Some(next) = first.body["next"].as_str() {
            let second = page(&format!("limit=1&cursor={next}")).await;
            assert_eq!(second.status, StatusCode::OK, "{}", call.key());
            assert_ne!(second.body["items"], first.body["items"], "{}", call.key());
        }
        for bad in ["cursor=nonsense", "cursor=", "cursor=AAAA", "limit=-1", "limit=x"] {
            let refused = page(bad).await;
            let outcome = (refused.status, refused.code());
            assert_eq!(outcome, (StatusCode::BAD_REQUEST, "request.invalid"), "{} with {bad}", call.key());
        }
    }
    assert!(tried > 15, "only {tried} lists have pages");
}

#[tokio::test]
async fn whatever_takes_a_tag_refuses_another_and_takes_the_one_that_was_read() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let mut tried = 0;
    for call in calls(&a, &things).into_iter().filter(|call| call.operation.takes("If-Match")) {
        tried += 1;
        let with = async |tag: HeaderValue| {
            let mut request = call.request(&a.token);
            request.headers_mut().insert(header::IF_MATCH, tag);
            server.send(request).await
        };
        let refused = with(HeaderValue::from_static("\"another\"")).await;
        let outcome = (refused.status, refused.code());
        assert_eq!(outcome, (StatusCode::PRECONDITION_FAILED, "resource.changedMeanwhile"), "{}", call.key());
        let read = server.get(&call.path, &a.token).await;
        let done = with(read.headers[header::ETAG].clone()).await;
        assert_eq!(done.status, StatusCode::OK, "{}: {}", call.key(), done.body);
        // What it is then has the tag that the answer says.
        let after = server.get(&call.path, &a.token).await;
        assert_eq!(after.headers[header::ETAG], done.headers[header::ETAG], "{}", call.key());
        assert!(with(HeaderValue::from_static("*")).await.status.is_success(), "{}", call.key());
    }
    assert!(tried >= 10, "only {tried} operations take a tag");
}

#[tokio::test]
async fn whatever_takes_a_key_is_done_once_and_the_key_is_good_for_nothing_else() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let mut tried = 0;
    for call in calls(&a, &things).into_iter().filter(|call| call.operation.takes("Idempotency-Key")) {
        tried += 1;
        // An administrator has nothing to ask for.
        let token = if call.operation.id == "createElevation" { &things.colleague } else { &a.token };
        let send = async |body: String| {
            let mut request = call.request(token);
            let key = HeaderValue::from_str(&call.operation.id).unwrap();
            request.headers_mut().insert("idempotency-key", key);
            *request.body_mut() = Body::from(body);
            server.send(request).await
        };
        let body = call.body.as_ref().unwrap();
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let first = send(body.clone()).await;
        assert!(first.status.is_success(), "{}: {}", call.key(), first.body);
        server.clock.advance(Duration::from_secs(1));
        let again = send(body.clone()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{}", call.key());
        let other = match call.operation.id.as_str() {
            // The bytes do not matter where a message is kept under its key: its text does.
            "sendConversationMessage" => json!({ "text": "something else" }).to_string(),
            _ if body.starts_with('{') => body.replacen('{', "{ ", 1),
            _ => format!("{body}\n"),
        };
        let other = send(other).await;
        let outcome = (other.status, other.code());
        assert_eq!(outcome, (StatusCode::CONFLICT, "request.idempotencyMismatch"), "{}", call.key());
    }
    assert!(tried > 20, "only {tried} operations take a key");
}

#[tokio::test]
async fn there_is_something_to_try_every_operation_on() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    for call in calls(&a, &things) {
        assert!(!call.path.contains('{'), "{}", call.path);
    }
    let ids: Vec<_> = calls(&a, &things).into_iter().map(|call| call.operation.id).collect();
    assert!(NOTHING.iter().all(|id| ids.iter().any(|known| known == id)), "{NOTHING:?}");
}
