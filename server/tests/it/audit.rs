//! What is written down of each action, and how it is found again.

use crate::harness::{PASSWORD, Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// What stands in the log, the latest first.
async fn entries(server: &Server, token: &str, query: &str) -> Vec<Value> {
    let page = server.get(&format!("/v1/audit-entries?limit=100&{query}"), token).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.body["items"].as_array().unwrap().clone()
}

async fn act(server: &Server, tenant: &Tenant, method: Method, path: &str, body: Value) -> Value {
    // Entries of one millisecond are in no order.
    server.clock.advance(Duration::from_millis(1));
    let body = (!body.is_null()).then_some(body);
    let answer = server.call(method.clone(), path, &tenant.token, body.as_ref()).await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    answer.body
}

/// Makes one, changes it and takes it away; each is written down with how it was and how it is.
#[tokio::test]
async fn making_changing_and_taking_away_are_written_down_with_before_and_after() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let webhook = json!({ "kind": "standard", "url": "https://hooks.example/x" });
    let channel = json!({ "kind": "whatsapp", "name": "n", "phoneNumberId": "77", "accessToken": "T0P-1", "appSecret": "T0P-2", "verifyToken": "T0P-3" });
    for (object, path, made, change) in [
        (
            "role",
            "/v1/roles",
            json!({ "name": "r", "permissions": ["rooms.read"] }),
            json!({ "permissions": [] }),
        ),
        ("webhook", "/v1/webhooks", webhook, json!({ "secret": "T0P-4", "enabled": false })),
        ("channel", "/v1/channels", channel, json!({ "name": "m", "accessToken": "T0P-5" })),
    ] {
        let id = act(&server, &a, Method::POST, path, made).await["id"].clone();
        let one = format!("{path}/{}", id.as_str().unwrap());
        let before = server.get(&one, &a.token).await.body;
        act(&server, &a, Method::PATCH, &one, change).await;
        let after = server.get(&one, &a.token).await.body;
        act(&server, &a, Method::DELETE, &one, Value::Null).await;
        let log = entries(&server, &a.token, &format!("objectId={}", id.as_str().unwrap())).await;
        let told: Vec<_> = log
            .iter()
            .map(|it| {
                assert_eq!((&it["objectKind"], &it["actorId"]), (&json!(object), &json!(a.user)), "{it}");
                (it["action"].as_str().unwrap().to_owned(), it["before"].clone(), it["after"].clone())
            })
            .collect();
        let action = |what: &str| format!("{object}.{what}");
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], (action("deleted"), after.clone(), Value::Null));
        assert_eq!(told[1], (action("updated"), before.clone(), after), "{object}");
        assert_eq!(told[2], (action("created"), Value::Null, before), "{object}");
        assert!(!json!(log).to_string().contains("T0P"), "a secret is in the log");
    }
}

/// What goes without being missed by anybody is at least written down.
#[tokio::test]
async fn what_is_deleted_is_written_down_with_what_it_was() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for (action, path, body) in [
        ("label.deleted", "/v1/labels", json!({ "name": "VIP", "color": "#112233" })),
        ("team.deleted", "/v1/teams", json!({ "name": "Billing" })),
        ("cannedResponse.deleted", "/v1/canned-responses", json!({ "shortcode": "hi", "text": "Hello" })),
    ] {
        let made = act(&server, &a, Method::POST, path, body).await;
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        act(&server, &a, Method::DELETE, &one, Value::Null).await;
        let log = entries(&server, &a.token, &format!("action={action}")).await;
        assert_eq!(log.len(), 1, "{action}");
        assert_eq!(
            (&log[0]["before"], &log[0]["after"], &log[0]["objectId"]),
            (&made, &Value::Null, &made["id"])
        );
    }
    // What a note said is not kept: the customer may have to be forgotten.
    let notes = format!("/v1/conversations/{}/notes", a.conversation);
    let note = act(&server, &a, Method::POST, &notes, json!({ "text": "likes chamomile" })).await;
    act(&server, &a, Method::DELETE, &format!("{notes}/{}", note["id"].as_str().unwrap()), Value::Null).await;
    let log = entries(&server, &a.token, "action=note.deleted").await;
    assert_eq!((log.len(), &log[0]["before"], &log[0]["after"]), (1, &Value::Null, &Value::Null));
    assert!(!json!(entries(&server, &a.token, "").await).to_string().contains("chamomile"));
}

#[tokio::test]
async fn the_log_is_found_by_who_by_what_and_by_both() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let key = json!({ "name": "k", "permissions": ["roles.manage"] });
    let key = act(&server, &a, Method::POST, "/v1/api-keys", key).await;
    let role = json!({ "name": "by the key", "permissions": [] });
    let by_key = server.post("/v1/roles", key["key"].as_str().unwrap(), role).await;
    assert_eq!(by_key.status, StatusCode::CREATED, "{}", by_key.body);
    act(&server, &a, Method::POST, "/v1/roles", json!({ "name": "by hand", "permissions": [] })).await;
    let key_id = key["id"].as_str().unwrap();
    for (query, actions) in [
        (format!("actorId={key_id}"), vec!["role.created"]),
        (format!("objectId={key_id}"), vec!["apiKey.created"]),
        (format!("actorId={}&action=role.created", a.user), vec!["role.created"]),
        ("action=role.created".to_owned(), vec!["role.created", "role.created"]),
        (format!("actorId={key_id}&action=apiKey.created"), vec![]),
        (format!("actorId={}", b.user), vec![]),
        ("action=role".to_owned(), vec![]),
        ("action=%25".to_owned(), vec![]),
    ] {
        let log = entries(&server, &a.token, &query).await;
        let found: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(found, actions, "{query}");
    }
    let by_key = entries(&server, &a.token, &format!("actorId={key_id}")).await;
    assert_eq!(by_key[0]["actorKind"], json!("apiKey"), "{}", by_key[0]);
    assert_eq!(
        server.get("/v1/audit-entries?actorId=somebody", &a.token).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(entries(&server, &b.token, "").await, Vec::<Value>::new(), "another account's");
}

/// A change that was refused, or that a transaction took back, never happened.
#[tokio::test]
async fn what_was_refused_is_not_written_down() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    act(&server, &a, Method::POST, "/v1/roles", json!({ "name": "r", "permissions": [] })).await;
    let before = entries(&server, &a.token, "").await;
    let role = |name: &str| json!({ "name": name, "permissions": [] });
    for (method, path, body, status) in [
        (Method::POST, "/v1/roles".to_owned(), role("r"), StatusCode::CONFLICT),
        (Method::POST, "/v1/roles".to_owned(), role(""), StatusCode::UNPROCESSABLE_ENTITY),
        (Method::DELETE, format!("/v1/roles/{}", a.room), Value::Null, StatusCode::NOT_FOUND),
        (Method::DELETE, format!("/v1/channels/{}", a.channel), Value::Null, StatusCode::CONFLICT),
        (Method::PATCH, "/v1/account".to_owned(), json!({ "name": "" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let body = (!body.is_null()).then_some(body);
        let refused = server.call(method.clone(), &path, &a.token, body.as_ref()).await;
        assert_eq!(refused.status, status, "{method} {path}: {}", refused.body);
    }
    server.sign_in(&a.email, "not the password").await;
    assert_eq!(entries(&server, &a.token, "").await, before);
    assert_eq!(server.sign_in(&a.email, PASSWORD).await.status, StatusCode::OK);
    assert_eq!(entries(&server, &a.token, "").await.len(), before.len() + 1);
}
