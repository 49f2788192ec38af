//! Telling everything about a contact, forgetting it, and forgetting in time.

use crate::harness::Server;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use store::{outbox, system::NewRawEvent};
use switchboard::housekeeping;

/// The customer's number, as the harness lets them write from it.
const NUMBER: &str = "4915112345678";

#[tokio::test]
async fn an_erased_contact_is_nowhere_any_more_and_the_numbers_stay_without_gaps() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let raw =
        NewRawEvent { account: a.account, channel: a.channel, body: NUMBER.as_bytes(), sha256: &[1; 32] };
    let system = server.db.store.system();
    system.insert_raw_event(&raw, &*server.clock).await.unwrap();
    let mut claim = system.claim_raw_events(10, &*server.clock).await.unwrap();
    let id = claim.events[0].id;
    claim.give_up(id, "looked at", &*server.clock).await.unwrap();
    claim.release().await.unwrap();
    let notes = format!("/v1/conversations/{}/notes", a.conversation);
    server.post(&notes, &a.token, json!({ "text": "Grace likes chamomile" })).await;
    server
        .post(
            &format!("/v1/conversations/{}/messages", a.conversation),
            &a.token,
            json!({ "text": "Dear Grace" }),
        )
        .await;
    let conversation = format!("/v1/conversations/{}", a.conversation);
    let contact =
        server.get(&conversation, &a.token).await.body["contact"]["id"].as_str().unwrap().to_owned();
    let twin =
        server.post("/v1/contacts", &a.token, json!({ "name": "Grace twin" })).await.body["id"].clone();
    server.post(&format!("/v1/contacts/{contact}/merges"), &a.token, json!({ "loserId": twin })).await;
    let other =
        server.post("/v1/contacts", &a.token, json!({ "name": "Somebody else" })).await.body["id"].clone();

    let exported = server.get(&format!("/v1/contacts/{contact}/export"), &a.token).await.body;
    let said = &exported["conversations"][0];
    assert_eq!(
        (&said["messages"][0]["text"], &said["messages"][1]["text"]),
        (&json!("hello?"), &json!("Dear Grace"))
    );
    assert_eq!(
        (&said["notes"][0]["text"], &exported["merged"][0]["id"]),
        (&json!("Grace likes chamomile"), &twin)
    );

    let path = format!("/v1/contacts/{contact}");
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    let left = Value::Object(server.db.contents(a.account).await.into_iter().collect()).to_string();
    for trace in ["Grace", "chamomile", NUMBER, "hello?", &hex(NUMBER)] {
        assert!(!left.contains(trace), "{trace} is left: {left}");
    }
    for gone in [&path, &conversation] {
        assert_eq!(server.get(gone, &a.token).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
    assert_eq!(server.get("/v1/contacts", &a.token).await.body["items"][0]["id"], other);
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    let events = outbox::after(&mut tx, 0, 100).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4], "three that are erased, and that they are");
    assert!(events.iter().all(|event| event.event.name() == "conversationErased"));
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NOT_FOUND);
}

/// As `bytea` is shown.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_account_forgets_what_is_resolved_after_the_days_it_has_chosen() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let days = json!({ "settings": { "retentionDays": 30 } });
    assert_eq!(server.call(Method::PATCH, "/v1/account", &a.token, Some(&days)).await.status, StatusCode::OK);
    for tenant in [&a, &b] {
        let path = format!("/v1/conversations/{}", tenant.conversation);
        server.call(Method::PATCH, &path, &tenant.token, Some(&json!({ "status": "resolved" }))).await;
    }
    let is_there = async |tenant: &crate::harness::Tenant| {
        let mut tx = server.db.store.tenant(tenant.account).await.unwrap();
        store::conversations::find(&mut tx, tenant.conversation).await.unwrap().is_some()
    };
    server.clock.advance(Duration::from_secs(29 * 24 * 60 * 60));
    housekeeping::look_after(&server.db.store, &*server.clock).await.unwrap();
    assert!(is_there(&a).await, "not yet");
    server.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    housekeeping::look_after(&server.db.store, &*server.clock).await.unwrap();
    assert!(!is_there(&a).await && is_there(&b).await, "A's is forgotten, B keeps its own");
}
