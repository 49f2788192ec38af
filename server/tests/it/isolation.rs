//! No endpoint reaches another account's things; no role does what only a higher one may.

use crate::harness::{PASSWORD, Server, Tenant, Things};
use axum::http::{Method, StatusCode};
use common::token::Role;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use switchboard::api;

/// How to call an endpoint: its method, its path in the reference, the path, the body.
pub(crate) type Call = (Method, &'static str, String, Option<Value>);

/// Puts `ids` where the path of the reference names them.
pub(crate) fn call(method: Method, template: &'static str, ids: &[&str], body: Option<Value>) -> Call {
    let mut ids = ids.iter();
    let filled = template.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => ids.next().unwrap(),
        None => part,
    });
    let path = filled.collect::<Vec<_>>().join("/");
    (method, template, path, body)
}

/// Every endpoint that names something, with how to call it on what `tenant` has.
pub(crate) async fn naming(server: &Server, tenant: &Tenant) -> Vec<Call> {
    let things = server.things(tenant).await;
    let mut calls = of_administration(tenant, &things);
    calls.extend(of_desk(tenant, &things));
    calls.extend(of_contacts(tenant, &things));
    calls.extend(of_connections(server, tenant, &things).await);
    calls.extend(of_rooms(tenant));
    calls
}

/// What the owner has none of here: no device is in a room, no file came with the message.
const NOTHING: [&str; 2] = [
    "/v1/rooms/{id}/connections/{connection}",
    "/v1/conversations/{id}/messages/{message}/attachments/{number}",
];

fn of_rooms(tenant: &Tenant) -> Vec<Call> {
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let (room, user) = (tenant.room.to_string(), tenant.user.to_string());
    let (conversation, message) = (tenant.conversation.to_string(), tenant.message.to_string());
    let one = [room.as_str()];
    let member = [room.as_str(), user.as_str()];
    let guest = json!({ "guest": { "identity": "g", "name": "Grace" }, "rights": ["messages.read"] });
    vec![
        call(get.clone(), "/v1/rooms/{id}", &one, None),
        call(Method::PATCH, "/v1/rooms/{id}", &one, Some(json!({ "name": "changed" }))),
        call(get.clone(), "/v1/rooms/{id}/messages", &one, None),
        call(post.clone(), "/v1/rooms/{id}/messages", &one, Some(json!({ "text": "changed" }))),
        call(post.clone(), "/v1/rooms/{id}/events", &one, Some(json!({ "name": "poll", "data": 1 }))),
        call(post.clone(), "/v1/rooms/{id}/join-tokens", &one, Some(guest)),
        call(put, "/v1/rooms/{id}/members/{user}", &member, None),
        call(get.clone(), "/v1/rooms/{id}/members", &one, None),
        call(delete.clone(), "/v1/rooms/{id}/members/{user}", &member, None),
        call(get.clone(), "/v1/rooms/{id}/connections", &one, None),
        call(delete.clone(), NOTHING[0], &[&room, &user], None),
        call(get.clone(), NOTHING[1], &[&conversation, &message, "0"], None),
        call(delete.clone(), "/v1/users/{id}/connections", &[&user], None),
        call(post.clone(), "/v1/rooms/{id}/close", &one, None),
        call(post, "/v1/rooms/{id}/reopen", &one, None),
        call(delete, "/v1/rooms/{id}", &one, None),
    ]
}

async fn of_connections(server: &Server, tenant: &Tenant, things: &Things) -> Vec<Call> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let (name, off) = (json!({ "name": "changed" }), json!({ "events": ["messageCreated"] }));
    let channel = tenant.channel.to_string();
    // Something to deliver.
    let path = format!("/v1/conversations/{}/messages", tenant.conversation);
    assert_eq!(server.post(&path, &tenant.token, json!({ "text": "x" })).await.status, StatusCode::CREATED);
    let deliveries = format!("/v1/webhooks/{}/deliveries", things.webhook);
    let deliveries = server.get(&deliveries, &tenant.token).await.body;
    let seq = deliveries["items"][0]["seq"].to_string();
    let replay = "/v1/webhooks/{id}/deliveries/{seq}/replay";
    vec![
        call(get.clone(), "/v1/calls/{id}", &[&things.call], None),
        call(get.clone(), "/v1/channels/{id}", &[&channel], None),
        call(patch.clone(), "/v1/channels/{id}", &[&channel], Some(name)),
        call(delete.clone(), "/v1/channels/{id}", &[&things.unused_channel], None),
        call(get.clone(), "/v1/webhooks/{id}", &[&things.webhook], None),
        call(patch, "/v1/webhooks/{id}", &[&things.webhook], Some(off)),
        call(get, "/v1/webhooks/{id}/deliveries", &[&things.webhook], None),
        call(post, replay, &[&things.webhook, &seq], None),
        call(delete, "/v1/webhooks/{id}", &[&things.webhook], None),
    ]
}

fn of_administration(tenant: &Tenant, things: &Things) -> Vec<Call> {
    let (get, patch, delete) = (Method::GET, Method::PATCH, Method::DELETE);
    let own = tenant.user.to_string();
    vec![
        call(get.clone(), "/v1/users/{id}", &[&things.user], None),
        call(patch.clone(), "/v1/users/{id}", &[&things.user], Some(json!({ "name": "Changed" }))),
        call(get.clone(), "/v1/users/{id}/sign-ins", &[&things.user], None),
        call(delete.clone(), "/v1/users/{id}/sign-ins/{signIn}", &[&own, &things.sign_ins[0]], None),
        call(delete.clone(), "/v1/me/sign-ins/{id}", &[&things.sign_ins[1]], None),
        call(get.clone(), "/v1/roles/{id}", &[&things.role], None),
        call(patch, "/v1/roles/{id}", &[&things.role], Some(json!({ "name": "changed" }))),
        call(delete.clone(), "/v1/roles/{id}", &[&things.role], None),
        call(
            Method::POST,
            "/v1/elevations/{id}/decision",
            &[&things.elevation],
            Some(json!({ "approve": true })),
        ),
        call(Method::POST, "/v1/elevations/{id}/end", &[&things.elevation], None),
        call(delete.clone(), "/v1/invitations/{id}", &[&things.invitation], None),
        call(get, "/v1/api-keys/{id}", &[&things.api_key], None),
        call(delete, "/v1/api-keys/{id}", &[&things.api_key], None),
    ]
}

fn of_desk(tenant: &Tenant, things: &Things) -> Vec<Call> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let (name, text) = (json!({ "name": "changed" }), json!({ "text": "changed" }));
    let conversation = tenant.conversation.to_string();
    let note = [conversation.as_str(), &things.note];
    let canned = [things.canned_response.as_str()];
    let resolve = json!({ "status": "resolved", "read": true });
    vec![
        call(get.clone(), "/v1/conversations/{id}", &[&conversation], None),
        call(patch.clone(), "/v1/conversations/{id}", &[&conversation], Some(resolve)),
        call(get.clone(), "/v1/conversations/{id}/messages", &[&conversation], None),
        call(post.clone(), "/v1/conversations/{id}/messages", &[&conversation], Some(text.clone())),
        call(get.clone(), "/v1/conversations/{id}/notes", &[&conversation], None),
        call(post, "/v1/conversations/{id}/notes", &[&conversation], Some(text.clone())),
        call(patch.clone(), "/v1/conversations/{id}/notes/{note}", &note, Some(text.clone())),
        call(delete.clone(), "/v1/conversations/{id}/notes/{note}", &note, None),
        call(get.clone(), "/v1/teams/{id}", &[&things.team], None),
        call(patch.clone(), "/v1/teams/{id}", &[&things.team], Some(name.clone())),
        call(get.clone(), "/v1/teams/{id}/members", &[&things.team], None),
        call(Method::PUT, "/v1/teams/{id}/members", &[&things.team], Some(json!({ "userIds": [] }))),
        call(delete.clone(), "/v1/teams/{id}", &[&things.team], None),
        call(get.clone(), "/v1/labels/{id}", &[&things.label], None),
        call(patch.clone(), "/v1/labels/{id}", &[&things.label], Some(name)),
        call(delete.clone(), "/v1/labels/{id}", &[&things.label], None),
        call(get, "/v1/canned-responses/{id}", &canned, None),
        call(patch, "/v1/canned-responses/{id}", &canned, Some(text)),
        call(delete, "/v1/canned-responses/{id}", &canned, None),
    ]
}

fn of_contacts(tenant: &Tenant, things: &Things) -> Vec<Call> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let contact = [things.contact.as_str()];
    let merge = [things.contact.as_str(), &things.merge];
    let identity = json!({ "channelId": tenant.channel, "scheme": "phone", "value": "15550123" });
    let (identities, merges) = ("/v1/contacts/{id}/identities", "/v1/contacts/{id}/merges");
    let mut remove = call(delete.clone(), identities, &contact, None);
    remove.2 += &format!("?channelId={}&scheme=phone&value=15550123", tenant.channel);
    vec![
        call(get.clone(), "/v1/contacts/{id}", &contact, None),
        call(patch, "/v1/contacts/{id}", &contact, Some(json!({ "name": "changed" }))),
        call(post.clone(), identities, &contact, Some(identity)),
        remove,
        call(get.clone(), "/v1/contacts/{id}/export", &contact, None),
        call(get.clone(), merges, &contact, None),
        call(get.clone(), "/v1/contact-imports/{id}", &[&things.import], None),
        call(get, "/v1/contact-imports/{id}/rows", &[&things.import], None),
        call(delete.clone(), "/v1/contacts/{id}/merges/{merge}", &merge, None),
        call(post, merges, &contact, Some(json!({ "loserId": things.loser }))),
        call(delete, "/v1/contacts/{id}", &contact, None),
    ]
}

/// The list of endpoints comes from the reference, so a new one cannot be forgotten; the owner
/// succeeds with the same calls, so a 404 cannot come from a mistake in the path.
#[tokio::test]
async fn another_accounts_things_are_not_found_and_stay_as_they_are() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let reference = api::openapi().clone();
    let named: BTreeSet<_> = reference["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.contains('{'))
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let calls = naming(&server, &b).await;
    let covered: BTreeSet<_> =
        calls.iter().map(|(method, path, ..)| (method.to_string(), (*path).to_owned())).collect();
    assert_eq!(named, covered, "an endpoint that names something is not tried here");

    let before = server.db.contents(b.account).await;
    assert!(before.values().filter(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())).count() > 5);
    for (method, _, path, body) in &calls {
        let answer = server.call(method.clone(), path, &a.token, body.as_ref()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "resource.notFound"),
            "{method} {path}"
        );
    }
    let assign = json!({ "assigneeId": b.user });
    let path = format!("/v1/conversations/{}", a.conversation);
    let answer = server.call(Method::PATCH, &path, &a.token, Some(&assign)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.db.contents(b.account).await, before);

    for (method, template, path, body) in &calls {
        let answer = server.call(method.clone(), path, &b.token, body.as_ref()).await;
        if NOTHING.contains(template) {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            continue;
        }
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.body);
    }
}

/// Words that both accounts' things have.
fn found_by(path: &str) -> &'static str {
    if path.ends_with("contacts") { "winner" } else { "hello" }
}

#[tokio::test]
async fn no_list_shows_another_accounts_things() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let things = server.things(&b).await;
    let theirs = [
        things.user,
        things.role,
        things.api_key,
        things.team,
        things.label,
        things.canned_response,
        things.contact,
        things.webhook,
        things.invitation,
        things.call,
        things.sign_ins[0].clone(),
        b.account.to_string(),
        b.user.to_string(),
        b.room.to_string(),
        b.channel.to_string(),
        b.conversation.to_string(),
        b.message.to_string(),
    ];
    let reference = api::openapi().clone();
    let lists = reference["paths"].as_object().unwrap().iter().filter(|(path, operations)| {
        operations.get("get").is_some()
            && !path.contains('{')
            && !["/v1/ice-servers"].contains(&path.as_str())
    });
    for (path, _) in lists {
        // Every contact's and message's words begin with something.
        let path =
            &if path.contains("/search/") { format!("{path}?q={}", found_by(path)) } else { path.clone() };
        let mine = server.get(path, &a.token).await;
        assert_eq!(mine.status, StatusCode::OK, "{path}");
        let shown = mine.body.to_string();
        assert!(theirs.iter().all(|id| !shown.contains(id)), "{path} shows {shown}");
        let own = server.get(path, &b.token).await.body.to_string();
        assert!(theirs.iter().any(|id| own.contains(id)), "{path} does not even show B its own");
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
        (Role::Admin, Method::GET, "/v1/audit-log", None),
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
