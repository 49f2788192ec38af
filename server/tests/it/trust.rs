//! Who may no more changes nothing and soon reads nothing; who may for a while leaves nothing behind.

use crate::{
    harness::{PASSWORD, Server, Tenant},
    operations::{Call, calls},
};
use axum::http::{Method, StatusCode};
use common::{
    id::{SignInId, UserId},
    permission::Permissions,
    token::Role,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use store::{sign_ins, users};

/// Every operation that changes something, with how to call it on what `tenant` has. Who signs in is nobody yet.
async fn changes(server: &Server, tenant: &Tenant) -> Vec<Call> {
    let things = server.things(tenant).await;
    let all = calls(tenant, &things).into_iter();
    all.filter(|call| call.operation.method != Method::GET && !call.operation.is_open).collect()
}

/// The sign-in that a token is of.
fn sign_in_of(token: &str) -> SignInId {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().parse().unwrap()
}

/// A user who signed in, with their id, access token and refresh token.
async fn colleague(server: &Server, tenant: &Tenant, name: &str, role: &str) -> (UserId, String, String) {
    let email = format!("{name}@{}", tenant.email.replace('@', "-"));
    let body = json!({ "email": email, "name": name, "password": PASSWORD, "role": role });
    let made = server.post("/v1/users", &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let signed_in = server.sign_in(&email, PASSWORD).await.body;
    let text = |name: &str| signed_in[name].as_str().unwrap().to_owned();
    (made.body["id"].as_str().unwrap().parse().unwrap(), text("accessToken"), text("refreshToken"))
}

/// The token of an agent who may do everything for ten minutes, and the elevation.
async fn elevated(server: &Server, tenant: &Tenant, name: &str) -> (String, String) {
    let (_, token, refresh) = colleague(server, tenant, name, "AGENT_USER").await;
    let ask = json!({ "role": "ADMIN", "reason": "a try", "minutes": 10 });
    let asked = server.post("/v1/elevations", &token, ask).await.body;
    let path = format!("/v1/elevations/{}", asked["id"].as_str().unwrap());
    let approve = json!({ "approve": true });
    let approved = server.post(&format!("{path}/decision"), &tenant.token, approve).await;
    assert_eq!(approved.status, StatusCode::OK, "{}", approved.body);
    let refreshed = server.post("/v1/auth/refresh", "", json!({ "refreshToken": refresh })).await.body;
    (refreshed["accessToken"].as_str().unwrap().to_owned(), path)
}

/// Nobody is told what ended: it is the store alone that refuses, in the transaction that would write. The list
/// of operations is the reference's. Passes for the wrong reason if the calls were refused to everybody: the
/// account's administrator has them done at the end.
#[tokio::test]
async fn who_may_no_more_changes_nothing_by_any_operation() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let calls = changes(&server, &a).await;
    let (signed_out, signed_out_token, _) = colleague(&server, &a, "out", "ADMIN").await;
    let (dismissed, dismissed_token, _) = colleague(&server, &a, "dismissed", "ADMIN").await;
    let (demoted, demoted_token, _) = colleague(&server, &a, "demoted", "ADMIN").await;
    let (was_elevated, elevation) = elevated(&server, &a, "elevated").await;
    let key = json!({ "name": "k", "permissions": Permissions::ALL });
    let key = server.post("/v1/api-keys", &a.token, key).await.body;
    let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::OK);
    let elevation = elevation.rsplit('/').next().unwrap();
    server
        .db
        .as_owner(&format!("UPDATE sign_ins SET revoked_at = now() WHERE user_id = '{signed_out}'"))
        .await;
    server.db.as_owner(&format!("UPDATE users SET deactivated_at = now() WHERE id = '{dismissed}'")).await;
    server.db.as_owner(&format!("UPDATE users SET role = 'USER' WHERE id = '{demoted}'")).await;
    server.db.as_owner(&format!("UPDATE elevations SET ended_at = now() WHERE id = '{elevation}'")).await;
    assert!(server.revocations.is_empty(), "the store alone is asked here");

    let dead = [
        ("signed out", signed_out_token.as_str()),
        ("dismissed", &dismissed_token),
        ("demoted", &demoted_token),
        ("elevated before", &was_elevated),
        ("a key that was revoked", key["key"].as_str().unwrap()),
    ];
    let before = server.db.contents(a.account).await;
    for (who, token) in dead {
        for it in &calls {
            let answer = it.send(&server, token).await;
            // What an elevation was not enough for is refused as before.
            let is_lasting = LASTING.contains(&it.key().as_str()) && !BY_ROLE.contains(&it.key().as_str());
            let never = who == "elevated before" && is_lasting;
            let dead = match never {
                true => (StatusCode::FORBIDDEN, "auth.forbidden"),
                false => (StatusCode::UNAUTHORIZED, "auth.invalidToken"),
            };
            let outcome = (answer.status, answer.code());
            assert_eq!(outcome, dead, "{} by who is {who}: {}", it.key(), answer.body);
        }
    }
    assert_eq!(server.db.contents(a.account).await, before);
    let done = changes_by(&server, &a.token, &calls).await;
    assert!(done > calls.len() - 5, "only {done} of {} work for anybody", calls.len());
}

async fn changes_by(server: &Server, token: &str, calls: &[Call]) -> usize {
    let mut done = 0;
    for it in calls {
        let answer = it.send(server, token).await;
        done += usize::from(answer.status.is_success());
    }
    done
}

/// The dismissal is committed while the request waits for it: what the request has read before is no longer so.
#[tokio::test]
async fn who_is_dismissed_while_their_change_waits_is_refused() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (id, token, _) = colleague(&server, &a, "dismissed", "ADMIN").await;
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    let change = users::UserChange { active: Some(false), ..Default::default() };
    users::update(&mut tx, id, &change, &*server.clock).await.unwrap();
    let (path, back) = (format!("/v1/users/{id}"), json!({ "active": true }));
    let taking_back = server.call(Method::PATCH, &path, &token, Some(&back));
    let dismissing = async {
        server.db.until_one_waits().await;
        tx.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(taking_back, dismissing);
    assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
    let user = server.get(&path, &a.token).await.body;
    assert!(user["deactivatedAt"].is_string(), "{user}");
}

/// What gives access, or goes on by itself afterwards, and so needs a permission that lasts.
const LASTING: [&str; 21] = [
    "DELETE /v1/channels/{id}",
    "DELETE /v1/roles/{id}",
    "DELETE /v1/webhooks/{id}",
    "PATCH /v1/account",
    "PATCH /v1/channels/{id}",
    "PATCH /v1/roles/{id}",
    "PATCH /v1/rooms/{id} private",
    "PATCH /v1/users/{id}",
    "PATCH /v1/webhooks/{id}",
    "POST /v1/api-keys",
    "POST /v1/channels",
    "POST /v1/elevations/{id}/decision",
    "POST /v1/invitations",
    "POST /v1/roles",
    "PATCH /v1/rooms/{id}/members/{user}",
    "POST /v1/rooms/{id}/join-links",
    "POST /v1/rooms/{id}/join-tokens",
    "POST /v1/users",
    "POST /v1/webhooks",
    "POST /v1/webhooks/{id}/deliveries/{seq}/replay",
    "PUT /v1/rooms/{id}/members/{user}",
];

/// Of these, what somebody's role in the room may allow: looked at behind whether they may do anything at all.
const BY_ROLE: [&str; 2] = ["PATCH /v1/rooms/{id}/members/{user}", "PUT /v1/rooms/{id}/members/{user}"];

/// What would outlast an elevation.
const SET_UP: [&str; 8] =
    ["api_keys", "channels", "invitations", "join_links", "roles", "room_members", "users", "webhooks"];

/// The same by all operations of the reference: what an elevation is not enough for is exactly the list in
/// `docs/OPERATING.md`. Passes for the wrong reason if nobody could do the rest: most of it is done.
#[tokio::test]
async fn an_elevation_leaves_nothing_behind() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut calls = changes(&server, &a).await;
    // What everybody may lasts, too, and needs no elevation.
    calls.retain(|call| call.operation.id != "openDirectRoom");
    let update = calls.iter().find(|call| call.operation.id == "updateRoom").unwrap().clone();
    calls.push(Call { body: Some(json!({ "private": true })), ..update });
    let (token, _) = elevated(&server, &a, "elevated").await;
    let before = server.db.contents(a.account).await;
    let account = server.get("/v1/account", &a.token).await.body;
    let (mut refused, mut done) = (BTreeSet::new(), 0);
    for it in &calls {
        let answer = it.send(&server, &token).await;
        let private = it.body.as_ref().is_some_and(|body| body.get("private").is_some());
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        if answer.status == StatusCode::FORBIDDEN && detail.starts_with("This lasts") {
            refused.insert(format!("{}{}", it.key(), if private { " private" } else { "" }));
        }
        done += usize::from(answer.status.is_success());
    }
    assert_eq!(refused, LASTING.into_iter().map(str::to_owned).collect());
    assert!(done > 25, "an elevation is good for something: {done} of {}", calls.len());
    assert_eq!(server.get("/v1/account", &a.token).await.body, account);
    let after = server.db.contents(a.account).await;
    for table in SET_UP {
        assert!(before.contains_key(table), "there is no table {table}");
        let rows = |contents: &std::collections::BTreeMap<String, Value>| {
            let mut rows = contents.get(table).cloned().unwrap_or_default();
            for row in rows.as_array_mut().into_iter().flatten() {
                // What an elevation may do: take away.
                for name in ["revoked_at", "last_used_at", "password_hash"] {
                    row.as_object_mut().unwrap().remove(name);
                }
            }
            rows
        };
        let (is, was) = (rows(&after), rows(&before));
        if table == "room_members" || table == "join_links" {
            // Shown the door, or gone with their room, which an elevation is enough for.
            let was = was.as_array().unwrap();
            assert!(is.as_array().into_iter().flatten().all(|row| was.contains(row)), "{is}");
            continue;
        }
        assert_eq!(is, was, "{table}");
    }
}

/// By the list: reads are refused without a look at the store.
#[tokio::test]
async fn who_may_no_more_reads_nothing_and_others_do() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let reads = async |token: &str| server.get("/v1/rooms", token).await.status == StatusCode::OK;
    let admin = |path: String, body: Value| {
        let (server, token) = (&server, &a.token);
        async move {
            let answer = server.call(Method::PATCH, &path, token, Some(&body)).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        }
    };
    let (_, out, refresh) = colleague(&server, &a, "out", "USER").await;
    let (ended, ended_token, _) = colleague(&server, &a, "ended", "USER").await;
    let (dismissed, dismissed_token, _) = colleague(&server, &a, "dismissed", "USER").await;
    let (demoted, demoted_token, _) = colleague(&server, &a, "demoted", "USER").await;
    let (_, other, _) = colleague(&server, &a, "other", "USER").await;
    let (narrowed, _, refresh_narrowed) = colleague(&server, &a, "narrowed", "USER").await;
    let (was_elevated, elevation) = elevated(&server, &a, "elevated").await;
    let role =
        json!({ "name": "all", "permissions": Role::User.permissions().or(Role::AgentUser.permissions()) });
    let role = server.post("/v1/roles", &a.token, role).await.body["id"].clone();
    admin(format!("/v1/users/{narrowed}"), json!({ "roleId": role })).await;
    let refreshed =
        server.post("/v1/auth/refresh", "", json!({ "refreshToken": refresh_narrowed })).await.body;
    let narrowed_token = refreshed["accessToken"].as_str().unwrap().to_owned();
    for token in [&out, &ended_token, &dismissed_token, &demoted_token, &narrowed_token, &was_elevated] {
        assert!(reads(token).await);
    }

    server.clock.advance(Duration::from_secs(1));
    server.post("/v1/auth/sign-out", "", json!({ "refreshToken": refresh })).await;
    let sign_in = sign_in_of(&ended_token);
    let end = format!("/v1/users/{ended}/sign-ins/{sign_in}");
    assert_eq!(server.call(Method::DELETE, &end, &a.token, None).await.status, StatusCode::NO_CONTENT);
    admin(format!("/v1/users/{dismissed}"), json!({ "active": false })).await;
    admin(format!("/v1/users/{demoted}"), json!({ "role": "AGENT_USER" })).await;
    let fewer = json!({ "permissions": Role::AgentUser.permissions() });
    admin(format!("/v1/roles/{}", role.as_str().unwrap()), fewer).await;
    let end = server.post(&format!("{elevation}/end"), &a.token, json!({})).await;
    assert_eq!(end.status, StatusCode::OK, "{}", end.body);
    for (who, token) in [
        ("signed out", &out),
        ("ended", &ended_token),
        ("dismissed", &dismissed_token),
        ("demoted", &demoted_token),
        ("narrowed", &narrowed_token),
        ("elevated", &was_elevated),
    ] {
        assert!(!reads(token).await, "who was {who} reads on");
    }
    assert!(reads(&other).await && reads(&a.token).await);
    // With what they may now, they go on.
    server.clock.advance(Duration::from_secs(1));
    let next = json!({ "refreshToken": refreshed["refreshToken"] });
    let next = server.post("/v1/auth/refresh", "", next).await.body;
    assert!(reads(next["accessToken"].as_str().unwrap()).await);
}

/// The other sign-ins' tokens are good no more, this one's are.
#[tokio::test]
async fn a_changed_password_ends_the_tokens_of_all_other_sign_ins() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let tokens = async || {
        let signed_in = server.sign_in(&a.email, PASSWORD).await.body;
        signed_in["accessToken"].as_str().unwrap().to_owned()
    };
    let (here, there) = (tokens().await, tokens().await);
    let change = json!({ "current": PASSWORD, "new": "another good battery staple" });
    assert_eq!(server.post("/v1/me/password", &here, change).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/v1/me", &here).await.status, StatusCode::OK);
    assert_eq!(server.get("/v1/me", &there).await.status, StatusCode::UNAUTHORIZED);
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    assert_eq!(sign_ins::of_user(&mut tx, a.user, &*server.clock).await.unwrap().len(), 1);
}
