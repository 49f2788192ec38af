//! Channels, webhooks and calls.

use crate::harness::Server;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_channel_is_renamed_gets_new_secrets_and_is_switched_off_and_on() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/channels/{}", a.channel);
    let patch = async |body: Value| server.call(Method::PATCH, &path, &a.token, Some(&body)).await;
    assert_eq!(patch(json!({ "name": "Sales", "appSecret": "fresh" })).await.body["name"], "Sales");
    let known = async || server.db.store.system().channel(a.channel).await.unwrap();
    assert_eq!(known().await.unwrap().app_secret.expose(), "fresh");
    assert!(patch(json!({ "enabled": false })).await.body["disabledAt"].is_string());
    assert!(known().await.is_none(), "its webhooks are refused");
    assert_eq!(patch(json!({ "enabled": true })).await.body["disabledAt"], Value::Null);
    assert!(known().await.is_some());
    let shown = server.get("/v1/audit-entries", &a.token).await.body.to_string();
    assert!(shown.contains("channel.updated") && !shown.contains("fresh"));
    let used = server.call(Method::DELETE, &path, &a.token, None).await;
    assert_eq!((used.status, used.code()), (StatusCode::CONFLICT, "resource.conflict"));
}

#[tokio::test]
async fn a_webhook_is_told_what_it_asks_for_and_can_be_told_again() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let hook = json!({ "kind": "standard", "url": "https://hooks.example/x", "events": ["noteCreated", "noteCreated"] });
    let made = server.post("/v1/webhooks", &a.token, hook).await.body;
    assert_eq!(made["events"], json!(["noteCreated"]));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(server.get(&path, &a.token).await.body.get("secret"), None, "it is shown once");
    let notes = format!("/v1/conversations/{}/notes", a.conversation);
    server.post(&notes, &a.token, json!({ "text": "careful" })).await;
    server
        .call(
            Method::PATCH,
            &format!("/v1/conversations/{}", a.conversation),
            &a.token,
            Some(&json!({ "read": true })),
        )
        .await;
    let deliveries = format!("{path}/deliveries");
    let listed = server.get(&deliveries, &a.token).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let delivery = &listed["items"][0];
    assert_eq!(
        (&delivery["state"], &delivery["event"]["note"]["text"]),
        (&json!("waiting"), &json!("careful"))
    );
    // Switched off, what waits is given up; switched on, it can be told again.
    server.call(Method::PATCH, &path, &a.token, Some(&json!({ "enabled": false }))).await;
    let listed = server.get(&deliveries, &a.token).await.body;
    assert_eq!(listed["items"][0]["state"], "givenUp");
    let replay = format!("{deliveries}/{}/replay", delivery["seq"]);
    assert_eq!(server.call(Method::POST, &replay, &a.token, None).await.status, StatusCode::CONFLICT);
    server.call(Method::PATCH, &path, &a.token, Some(&json!({ "enabled": true }))).await;
    let again = server.call(Method::POST, &replay, &a.token, None).await;
    assert_eq!((again.status, &again.body["state"]), (StatusCode::ACCEPTED, &json!("waiting")));
    let unknown = format!("{deliveries}/999/replay");
    assert_eq!(server.call(Method::POST, &unknown, &a.token, None).await.status, StatusCode::NOT_FOUND);
    let n8n = json!({ "kind": "n8n", "url": "https://n8n.example/x" });
    assert_eq!(server.post("/v1/webhooks", &a.token, n8n).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&path, &a.token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn calls_are_listed_with_who_took_part_and_when() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let page = server.get(&format!("/v1/calls?roomId={}", a.room), &a.token).await.body;
    let call = &page["items"][0];
    assert_eq!((call["id"].as_str(), &call["outcome"]), (Some(things.id("/v1/calls/{id}")), &Value::Null));
    assert_eq!(
        (&call["participants"][0]["isCaller"], &call["participants"][1]["joinedAt"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(server.get(&things.path("/v1/calls/{id}"), &a.token).await.body, *call);
    let elsewhere = server.get(&format!("/v1/calls?roomId={}", a.user), &a.token).await.body;
    assert_eq!(elsewhere["items"], json!([]));
}
