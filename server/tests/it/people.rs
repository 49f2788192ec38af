//! Users and rooms: who may be what, who may enter where.

use crate::harness::{Answer, PASSWORD, Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A user of this role, and their access token.
async fn user(server: &Server, tenant: &Tenant, name: &str, role: &str) -> (String, String) {
    let email = format!("{name}@people.example");
    let body = json!({ "email": email, "name": name, "password": PASSWORD, "role": role });
    let made = server.post("/v1/users", &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let signed_in = server.sign_in(&email, PASSWORD).await.body;
    let token = signed_in["accessToken"].as_str().unwrap().to_owned();
    (made.body["id"].as_str().unwrap().to_owned(), token)
}

async fn patch(server: &Server, token: &str, path: &str, body: Value) -> Answer {
    server.call(Method::PATCH, path, token, Some(&body)).await
}

/// An account that nobody can manage any more could not be helped from inside.
#[tokio::test]
async fn the_last_administrator_stays_one_until_there_is_another() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/users/{}", a.user);
    let weak = json!({ "name": "weak", "permissions": [] });
    let weak = server.post("/v1/roles", &a.token, weak).await.body["id"].clone();
    for body in [json!({ "role": "USER" }), json!({ "active": false }), json!({ "roleId": weak })] {
        let refused = patch(&server, &a.token, &path, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "resource.conflict"), "{body}");
    }
    assert_eq!(patch(&server, &a.token, &path, json!({ "name": "Ada" })).await.status, StatusCode::OK);
    let (_, second) = user(&server, &a, "second", "ADMIN").await;
    assert_eq!(patch(&server, &second, &path, json!({ "role": "USER" })).await.body["role"], "USER");
    let after = server.get("/v1/roles", &a.token).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED, "what the token says is no longer so");
}

#[tokio::test]
async fn who_is_deactivated_is_out_until_they_are_taken_back() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (id, token) = user(&server, &a, "ben", "USER").await;
    let path = format!("/v1/users/{id}");
    assert_eq!(server.get("/v1/me", &token).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    let out = patch(&server, &a.token, &path, json!({ "active": false })).await;
    assert!(out.body["deactivatedAt"].is_string(), "{}", out.body);
    assert_eq!(server.get("/v1/me", &token).await.status, StatusCode::UNAUTHORIZED);
    let refused = server.sign_in("ben@people.example", PASSWORD).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "auth.invalidCredentials"));
    assert_eq!(server.get(&format!("{path}/sign-ins"), &a.token).await.body["items"], json!([]));
    let back = patch(&server, &a.token, &path, json!({ "active": true })).await;
    assert_eq!(back.body["deactivatedAt"], Value::Null);
    assert_eq!(server.sign_in("ben@people.example", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(
        server.get("/v1/me", &token).await.status,
        StatusCode::UNAUTHORIZED,
        "the old token stays over"
    );
}

#[tokio::test]
async fn a_sign_in_is_ended_by_its_user_or_who_manages_users_and_nobody_else() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (ben, ben_token) = user(&server, &a, "ben", "USER").await;
    let (_, cleo_token) = user(&server, &a, "cleo", "USER").await;
    let sign_in = server.get("/v1/me/sign-ins", &ben_token).await.body["items"][0]["id"].clone();
    let sign_in = sign_in.as_str().unwrap();
    let end = async |path: String, token: &str| server.call(Method::DELETE, &path, token, None).await.status;
    let (own, managed) =
        (format!("/v1/me/sign-ins/{sign_in}"), format!("/v1/users/{ben}/sign-ins/{sign_in}"));
    assert_eq!(end(own.clone(), &cleo_token).await, StatusCode::NOT_FOUND);
    assert_eq!(end(own.clone(), &a.token).await, StatusCode::NOT_FOUND, "not as one's own");
    assert_eq!(end(managed.clone(), &cleo_token).await, StatusCode::FORBIDDEN);
    assert_eq!(
        end(format!("/v1/users/{}/sign-ins/{sign_in}", a.user), &a.token).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(server.get("/v1/me", &ben_token).await.status, StatusCode::OK, "nothing of that did anything");
    assert_eq!(end(managed.clone(), &a.token).await, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/v1/me", &ben_token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(end(managed, &a.token).await, StatusCode::NOT_FOUND, "it is over");
}

/// To those who may not enter, a private room is none.
#[tokio::test]
async fn a_private_room_is_seen_by_its_members_and_who_manages_rooms() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let room = server.post("/v1/rooms", &a.token, json!({ "name": "board", "private": true })).await.body;
    let path = format!("/v1/rooms/{}", room["id"].as_str().unwrap());
    let (ben, ben_token) = user(&server, &a, "ben", "AGENT_USER").await;
    let (_, cleo_token) = user(&server, &a, "cleo", "AGENT_USER").await;
    let member = format!("{path}/members/{ben}");
    assert_eq!(server.call(Method::PUT, &member, &ben_token, None).await.status, StatusCode::NOT_FOUND);
    for _ in 0..2 {
        let added = server.call(Method::PUT, &member, &a.token, None).await;
        assert_eq!(added.status, StatusCode::NO_CONTENT, "twice is once: {}", added.body);
    }
    for (token, is_member) in [(&ben_token, true), (&cleo_token, false)] {
        let expected = if is_member { StatusCode::OK } else { StatusCode::NOT_FOUND };
        for part in ["", "/messages", "/members", "/connections"] {
            assert_eq!(server.get(&format!("{path}{part}"), token).await.status, expected, "{part}");
        }
        let said = server.post(&format!("{path}/messages"), token, json!({ "text": "x" })).await.status;
        assert_eq!(said, if is_member { StatusCode::CREATED } else { StatusCode::NOT_FOUND });
        let listed = server.get("/v1/rooms", token).await.body.to_string();
        assert_eq!(listed.contains("board"), is_member);
    }
    let shown_out = server.call(Method::DELETE, &member, &a.token, None).await;
    assert_eq!(shown_out.status, StatusCode::NO_CONTENT, "{}", shown_out.body);
    assert_eq!(server.get(&path, &ben_token).await.status, StatusCode::NOT_FOUND);
    let open = patch(&server, &a.token, &path, json!({ "private": false })).await;
    assert_eq!((open.status, &open.body["private"]), (StatusCode::OK, &json!(false)), "{}", open.body);
    assert_eq!(server.get(&path, &cleo_token).await.status, StatusCode::OK);
    let nobody = format!("{path}/members/{}", a.room);
    assert_eq!(server.call(Method::PUT, &nobody, &a.token, None).await.status, StatusCode::NOT_FOUND);
}

/// Who manages rooms decides who the members of a private one are, which is on record. What is said in it is read by
/// members, and so is nothing said in it or read by a token for a guest without being one.
#[tokio::test]
async fn who_manages_rooms_reads_and_speaks_and_lets_guests_into_a_private_one_only_as_a_member() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let room = server.post("/v1/rooms", &a.token, json!({ "name": "board", "private": true })).await.body;
    let path = format!("/v1/rooms/{}", room["id"].as_str().unwrap());
    let (ben, ben_token) = user(&server, &a, "ben", "USER").await;
    let guest = json!({ "guest": { "identity": "g", "name": "G" }, "rights": ["messages.read"] });
    let acts = [
        ("messages", json!({ "text": "x" }), StatusCode::CREATED),
        ("events", json!({ "name": "poll.opened", "data": 1 }), StatusCode::ACCEPTED),
        ("join-tokens", guest, StatusCode::CREATED),
    ];
    assert_eq!(server.get(&path, &ben_token).await.status, StatusCode::OK, "they see that there is one");
    for (what, body, _) in &acts {
        let refused = server.post(&format!("{path}/{what}"), &ben_token, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::NOT_FOUND, "resource.notFound"), "{what}");
    }
    let member = format!("{path}/members/{ben}");
    assert_eq!(server.call(Method::PUT, &member, &ben_token, None).await.status, StatusCode::NO_CONTENT);
    for (what, body, status) in acts {
        assert_eq!(server.post(&format!("{path}/{what}"), &ben_token, body).await.status, status, "{what}");
    }
}

#[tokio::test]
async fn in_a_closed_room_nothing_is_said_and_what_was_said_is_read_on() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/rooms/{}", a.room);
    let say =
        async |text: &str| server.post(&format!("{path}/messages"), &a.token, json!({ "text": text })).await;
    let post = async |what: &str| server.post(&format!("{path}/{what}"), &a.token, json!({})).await;
    let closed = post("close").await.body["closedAt"].clone();
    assert!(closed.is_string());
    server.clock.advance(Duration::from_secs(5));
    assert_eq!(post("close").await.body["closedAt"], closed, "it is closed since then");
    let refused = say("too late").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "room.closed"));
    let event = json!({ "name": "poll.opened", "data": null });
    let refused = server.post(&format!("{path}/events"), &a.token, event).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "room.closed"), "nor anything told");
    let read = server.get(&format!("{path}/messages"), &a.token).await.body;
    assert_eq!(read["items"].as_array().map(Vec::len), Some(1), "{read}");
    for _ in 0..2 {
        assert_eq!(post("reopen").await.body["closedAt"], Value::Null);
    }
    assert_eq!(say("again").await.body["seq"], 2, "no number was lost");
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    for gone in [path.clone(), format!("{path}/messages")] {
        assert_eq!(server.get(&gone, &a.token).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
}

#[tokio::test]
async fn history_is_read_backwards_in_stretches_without_gaps() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let path = format!("/v1/rooms/{}/messages", a.room);
    for number in 2..=7 {
        let said = server.post(&path, &a.token, json!({ "text": format!("n{number}") })).await;
        assert_eq!((said.status, &said.body["seq"]), (StatusCode::CREATED, &json!(number)));
    }
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}?limit=3{query}"), &a.token).await.body;
        let numbers: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted(), "oldest first: {numbers:?}");
        seen.splice(0..0, numbers);
        // What is said meanwhile is after all of this.
        server.post(&path, &a.token, json!({ "text": "meanwhile" })).await;
        match page["next"].as_u64() {
            Some(before) => query = format!("&before={before}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).collect::<Vec<_>>());
    let nothing = server.get(&format!("{path}?before=1"), &a.token).await.body;
    assert_eq!((&nothing["items"], &nothing["next"]), (&json!([]), &Value::Null));
    for (limit, count) in [(0, 1), (1, 1), (1000, 10)] {
        let page = server.get(&format!("{path}?limit={limit}"), &a.token).await.body;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(count), "{limit}");
    }
    let author = json!({ "text": "x", "author": { "identity": "g", "name": "G" } });
    let refused = server.post(&path, &a.token, author).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "people speak for themselves");
}
