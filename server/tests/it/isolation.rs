//! No endpoint reaches another account's things; no role does what only a higher one may.

use crate::{
    harness::{PASSWORD, Server},
    operations::{NOTHING, calls},
    recordings::media_node,
};
use axum::http::{Method, StatusCode};
use common::token::Role;
use serde_json::{Value, json};

/// The list of endpoints comes from the reference, so a new one cannot be forgotten; the owner
/// succeeds with the same calls, so a 404 cannot come from a mistake in the path.
#[tokio::test]
async fn another_accounts_things_are_not_found_and_stay_as_they_are() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let things = server.things(&b).await;
    let _call = media_node(&server, &b).await;
    let calls: Vec<_> =
        calls(&b, &things).into_iter().filter(|call| call.operation.names_something()).collect();

    let before = server.db.contents(b.account).await;
    assert!(before.values().filter(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())).count() > 5);
    // What needs no token is a link, which leads whoever has it to one file.
    for call in calls.iter().filter(|call| !call.operation.is_open) {
        let answer = call.send(&server, &a.token).await;
        let outcome = (answer.status, answer.code());
        assert_eq!(outcome, (StatusCode::NOT_FOUND, "resource.notFound"), "{}", call.key());
    }
    let assign = json!({ "assigneeId": b.user });
    let path = format!("/v1/conversations/{}", a.conversation);
    let answer = server.call(Method::PATCH, &path, &a.token, Some(&assign)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.db.contents(b.account).await, before);

    for call in &calls {
        let answer = call.send(&server, &b.token).await;
        if NOTHING.contains(&call.operation.id.as_str()) {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            continue;
        }
        assert!(answer.status.is_success(), "{}: {}", call.key(), answer.body);
    }
}

#[tokio::test]
async fn no_list_shows_another_accounts_things() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let things = server.things(&b).await;
    let own = [b.account.to_string(), b.user.to_string(), b.channel.to_string(), b.message.to_string()];
    let theirs: Vec<_> =
        things.all().filter(|id| id.len() == 36).chain(own.iter().map(String::as_str)).collect();
    assert!(theirs.len() > 20);
    let lists = calls(&b, &things).into_iter().filter(|call| {
        let operation = &call.operation;
        let has_no_ids = ["/v1/ice-servers", "/v1/push-key"].contains(&operation.template.as_str());
        operation.method == Method::GET && !operation.names_something() && !has_no_ids
    });
    for call in lists {
        let mine = call.send(&server, &a.token).await;
        assert_eq!(mine.status, StatusCode::OK, "{}", call.key());
        let shown = mine.body.to_string();
        assert!(theirs.iter().all(|id| !shown.contains(id)), "{} shows {shown}", call.key());
        let own = call.send(&server, &b.token).await.body.to_string();
        assert!(theirs.iter().any(|id| own.contains(id)), "{} does not even show B its own", call.key());
    }
    // A cursor of B's list only moves A about in A's own.
    let cursor = server.get("/v1/conversations?limit=1", &b.token).await;
    assert_eq!(cursor.body["next"], Value::Null);
}

#[tokio::test]
async fn each_role_does_what_it_may_and_no_more() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let user = json!({ "email": "new@example.com", "name": "New", "password": PASSWORD, "role": "USER" });
    let channel = json!({ "kind": "whatsapp", "name": "n", "phoneNumberId": "1", "accessToken": "a", "appSecret": "b", "verifyToken": "c" });
    let webhook = json!({ "kind": "n8n", "url": "http://n8n/x", "secret": "s" });
    let calls = [
        (Role::AgentUser, Method::GET, "/v1/users", None),
        (Role::AgentUser, Method::GET, "/v1/rooms", None),
        (Role::AgentUser, Method::GET, "/v1/conversations", None),
        (Role::AgentUser, Method::GET, "/v1/ice-servers", None),
        (Role::User, Method::POST, "/v1/rooms", Some(json!({ "name": "new" }))),
        (Role::Admin, Method::POST, "/v1/users", Some(user)),
        (Role::AgentUser, Method::GET, "/v1/channels", None),
        (Role::AgentUser, Method::GET, "/v1/account", None),
        (Role::AgentUser, Method::GET, "/v1/roles", None),
        (Role::Admin, Method::PATCH, "/v1/account", Some(json!({ "name": "Acme" }))),
        (Role::Admin, Method::GET, "/v1/api-keys", None),
        (Role::Admin, Method::GET, "/v1/audit-entries", None),
        (Role::Admin, Method::POST, "/v1/api-keys", Some(json!({ "name": "k", "permissions": [] }))),
        (Role::Admin, Method::POST, "/v1/roles", Some(json!({ "name": "r", "permissions": [] }))),
        (Role::Admin, Method::POST, "/v1/channels", Some(channel)),
        (Role::Admin, Method::GET, "/v1/webhooks", None),
        (Role::Admin, Method::POST, "/v1/webhooks", Some(webhook)),
    ];
    for (needed, method, path, body) in calls {
        for role in [Role::AgentUser, Role::User, Role::Admin] {
            let token = server.token(a.account, a.user, role).await;
            let answer = server.call(method.clone(), path, &token, body.as_ref()).await;
            let what = format!("{method} {path} as {role:?}: {}", answer.body);
            if role < needed {
                assert_eq!(
                    (answer.status, answer.code()),
                    (StatusCode::FORBIDDEN, "auth.forbidden"),
                    "{what}"
                );
            } else {
                assert!(answer.status.is_success() || answer.status == StatusCode::CONFLICT, "{what}");
            }
        }
    }
}
