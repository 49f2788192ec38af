//! What the endpoints do when all is well.

use crate::harness::{PASSWORD, Server};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use bus::Delivery;
use common::{
    protocol::inbox::{Conversation, Message},
    subject::inbox::{Work, WorkTopic},
};
use serde_json::{Value, json};
use std::time::Duration;
use store::outbox;

#[tokio::test]
async fn an_administrator_creates_a_user_who_can_then_sign_in() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let new = json!({ "email": "Grace@Example.com", "name": " Grace ", "password": PASSWORD, "role": "AGENT_USER" });
    let created = server.post("/v1/users", &a.token, new.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    assert_eq!(
        (&created.body["email"], &created.body["name"]),
        (&json!("grace@example.com"), &json!("Grace"))
    );
    let again = server.post("/v1/users", &a.token, new).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "resource.conflict"));
    let signed_in = server.sign_in("grace@example.com", PASSWORD).await;
    assert_eq!(signed_in.body["user"], created.body);
    let short = json!({ "email": "x@example.com", "name": "X", "password": "short", "role": "USER" });
    assert_eq!(server.post("/v1/users", &a.token, short).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn rooms_are_created_and_read_page_by_page() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for name in ["second", "third"] {
        server.clock.advance(Duration::from_millis(1));
        let created = server.post("/v1/rooms", &a.token, json!({ "name": name })).await;
        assert_eq!((created.status, &created.body["lastSeq"]), (StatusCode::CREATED, &json!(0)));
    }
    let mut names = Vec::new();
    let mut path = "/v1/rooms?limit=1".to_owned();
    loop {
        let page = server.get(&path, &a.token).await.body;
        names.extend(page["items"].as_array().unwrap().iter().map(|room| room["name"].clone()));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/rooms?limit=1&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["lobby", "second", "third"]);
    let history = server.get(&format!("/v1/rooms/{}/messages", a.room), &a.token).await.body;
    assert_eq!((&history["items"][0]["text"], &history["next"]), (&json!("hello"), &Value::Null));
}

#[tokio::test]
async fn a_conversation_is_read_assigned_resolved_and_told_to_the_inbox() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/conversations/{}", a.conversation);
    let conversation: Conversation = serde_json::from_value(server.get(&path, &a.token).await.body).unwrap();
    assert_eq!((conversation.contact.name.as_str(), conversation.unread), ("Grace", 1));
    let change = json!({ "status": "resolved", "assigneeId": a.user, "read": true });
    let changed = server.call(Method::PATCH, &path, &a.token, Some(&change)).await.body;
    assert_eq!(
        (&changed["status"], &changed["assigneeId"], &changed["unread"]),
        (&json!("resolved"), &json!(a.user), &json!(0))
    );
    let freed = server.call(Method::PATCH, &path, &a.token, Some(&json!({ "assigneeId": null }))).await.body;
    assert_eq!((&freed["assigneeId"], &freed["status"]), (&Value::Null, &json!("resolved")));
    let listed = |status| {
        let path = format!("/v1/conversations?status={status}");
        let server = &server;
        let token = &a.token;
        async move { server.get(&path, token).await.body["items"].as_array().unwrap().len() }
    };
    assert_eq!((listed("open").await, listed("resolved").await), (0, 1));
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    // The customer's message, and two changes.
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 3);
}

#[tokio::test]
async fn a_reply_is_stored_once_under_its_key_and_wakes_those_who_send_it() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut woken = server.bus.subscribe(&WorkTopic).await.unwrap();
    let path = format!("/v1/conversations/{}/messages", a.conversation);
    let reply = |key: &'static str, text: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", a.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Body::from(json!({ "text": text }).to_string()))
            .unwrap();
        server.send(request)
    };
    let first = reply("k1", "on its way").await;
    assert_eq!(first.status, StatusCode::CREATED);
    let message: Message = serde_json::from_value(first.body.clone()).unwrap();
    assert_eq!((message.author_id, message.text.as_deref()), (Some(a.user), Some("on its way")));
    assert_eq!(first.body["status"], "queued");
    assert!(matches!(woken.next().await, Some(Delivery::Message(Work::Replies))));
    assert!(matches!(woken.next().await, Some(Delivery::Message(Work::Outbox))));
    assert_eq!(reply("k1", "on its way").await.body, first.body);
    let other = reply("k1", "lost").await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "request.idempotencyMismatch"));
    assert_eq!(reply("", "x").await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let latest = server.get(&format!("{path}?limit=1"), &a.token).await.body;
    assert_eq!(latest["items"], json!([first.body]));
    let next = latest["next"].as_str().unwrap();
    let earlier = server.get(&format!("{path}?limit=1&cursor={next}"), &a.token).await.body;
    assert_eq!((&earlier["items"][0]["text"], &earlier["next"]), (&json!("hello?"), &Value::Null));
    let empty = server.post(&path, &a.token, json!({ "text": " \n" })).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let longest = server.post(&path, &a.token, json!({ "text": "😀".repeat(4096) })).await;
    assert_eq!(longest.status, StatusCode::CREATED);
    let control = server.post(&path, &a.token, json!({ "text": "\u{1}" })).await;
    assert_eq!((control.status, control.code()), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"));
    let longer = server.post(&path, &a.token, json!({ "text": "ä".repeat(4097) })).await;
    assert_eq!(longer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_connected_channel_says_where_its_webhook_is_and_never_its_secrets() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let new = json!({ "kind": "whatsapp", "name": "Sales", "phoneNumberId": "1065", "accessToken": "T0P-1",
                      "appSecret": "T0P-2", "verifyToken": "T0P-3" });
    // Lists are in the order of ids, which have the time in milliseconds.
    server.clock.advance(Duration::from_millis(1));
    let created = server.post("/v1/channels", &a.token, new.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let path = format!("/v1/webhooks/whatsapp/{}", created.body["id"].as_str().unwrap());
    assert_eq!(created.body["webhookPath"], path);
    let listed = server.get("/v1/channels", &a.token).await.body;
    assert_eq!(listed["items"][1], created.body);
    assert!(!listed.to_string().contains("T0P"));
    let taken = server.post("/v1/channels", &a.token, new.clone()).await;
    assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "resource.conflict"));
    // Another account is not told whose the number is, nor kept from it.
    let elsewhere = server.post("/v1/channels", &b.token, new).await;
    assert_eq!(elsewhere.status, StatusCode::CREATED);
    assert_ne!(elsewhere.body["webhookPath"], path);
}

#[tokio::test]
async fn a_webhook_has_a_header_of_its_own_and_never_shows_its_secret() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let new = json!({ "kind": "n8n", "url": "https://n8n.example/webhook/in", "secret": "T0P" });
    let created = server.post("/v1/webhooks", &a.token, new).await;
    assert_eq!(
        (created.status, &created.body["header"]),
        (StatusCode::CREATED, &json!("x-switchboard-secret"))
    );
    let listed = server.get("/v1/webhooks", &a.token).await.body;
    assert_eq!(listed["items"], json!([created.body]));
    let bad = json!({ "kind": "n8n", "url": "file:///etc/passwd", "secret": "s" });
    assert_eq!(server.post("/v1/webhooks", &a.token, bad).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn ice_servers_are_made_for_the_caller_and_the_reference_is_public() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let answer = server.get("/v1/ice-servers", &a.token).await;
    assert_eq!(answer.body["iceServers"][0]["username"], json!(a.user));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let reference = server.get("/v1/openapi.json", "").await;
    assert!(reference.body["paths"]["/v1/conversations"]["get"].is_object());
}

/// Everything that a program may send again after a lost answer.
#[tokio::test]
async fn what_a_back_end_sends_again_is_done_once_and_answered_the_same() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let guest = json!({ "guest": { "identity": "g", "name": "Grace" }, "rights": ["messages.read"] });
    for (path, body, status) in [
        ("join-tokens", guest, StatusCode::CREATED),
        ("join-links", json!({ "rights": ["messages.read"] }), StatusCode::CREATED),
        ("messages", json!({ "text": "once" }), StatusCode::CREATED),
        ("events", json!({ "name": "poll", "data": [1] }), StatusCode::ACCEPTED),
    ] {
        let send = async || {
            let request = Request::post(format!("/v1/rooms/{}/{path}", a.room))
                .header(header::AUTHORIZATION, format!("Bearer {}", a.token))
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", path)
                .body(Body::from(body.to_string()));
            server.send(request.unwrap()).await
        };
        let first = send().await;
        // Whatever is made anew would say another time.
        server.clock.advance(std::time::Duration::from_secs(1));
        let again = send().await;
        assert_eq!((first.status, again.status), (status, status), "{path}: {}", first.body);
        assert_eq!(first.body, again.body, "{path}");
    }
}
