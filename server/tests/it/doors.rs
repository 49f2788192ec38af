//! The ways in: invitations, API keys, elevations, and the first account.

use crate::harness::{Answer, PASSWORD, Server, Tenant};
use axum::http::{Method, StatusCode};
use common::{clock::Clock as _, token::Role};
use serde_json::{Value, json};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

async fn invite(server: &Server, tenant: &Tenant, body: Value) -> Value {
    let made = server.post("/v1/invitations", &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    made.body
}

async fn accept(server: &Server, invitation: &Value, password: &str) -> Answer {
    let body = json!({ "token": invitation["token"], "name": "Ben", "password": password });
    server.post("/v1/auth/accept-invitation", "", body).await
}

/// The account's administrator, after the token that the tenant began with has ended.
async fn admin(server: &Server, tenant: &Tenant) -> String {
    server.token(tenant.account, tenant.user, Role::Admin).await
}

#[tokio::test]
async fn an_invitation_is_good_to_its_last_second_and_its_list_says_what_became_of_it() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let early = invite(&server, &a, json!({ "email": "early@example.com", "role": "USER" })).await;
    let late = invite(&server, &a, json!({ "email": "late@example.com", "role": "USER" })).await;
    server.clock.advance(WEEK - Duration::from_secs(1));
    assert_eq!(accept(&server, &early, PASSWORD).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    let over = accept(&server, &late, PASSWORD).await;
    assert_eq!((over.status, over.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
    let token = admin(&server, &a).await;
    let list = server.get("/v1/invitations", &token).await.body;
    let is_accepted = |email: &str| {
        let found = list["items"].as_array().unwrap().iter().find(|it| it["email"] == email).unwrap();
        found["acceptedAt"].is_string()
    };
    assert!(is_accepted("early@example.com") && !is_accepted("late@example.com"));
    assert!(!list.to_string().contains(early["token"].as_str().unwrap()));
}

/// A token is tried by whoever finds it: what was taken back once stays so.
#[tokio::test]
async fn only_an_invitation_that_waits_is_taken_back_and_only_once() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let revoke = async |invitation: &Value| {
        let path = format!("/v1/invitations/{}", invitation["id"].as_str().unwrap());
        server.call(Method::DELETE, &path, &a.token, None).await
    };
    let waiting = invite(&server, &a, json!({ "email": "w@example.com", "role": "USER" })).await;
    let taken_back = revoke(&waiting).await;
    assert!(taken_back.body["revokedAt"].is_string() && taken_back.body.get("token").is_none());
    assert_eq!(revoke(&waiting).await.status, StatusCode::NOT_FOUND);
    assert_eq!(accept(&server, &waiting, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let accepted = invite(&server, &a, json!({ "email": "x@example.com", "role": "USER" })).await;
    assert_eq!(accept(&server, &accepted, PASSWORD).await.status, StatusCode::OK);
    assert_eq!(revoke(&accepted).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.sign_in("x@example.com", PASSWORD).await.status, StatusCode::OK);
}

/// What is wrong with an answer costs the person nothing: they try again with the same token.
#[tokio::test]
async fn an_invitation_survives_a_password_that_is_too_weak_and_a_name_that_is_none() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let invitation =
        invite(&server, &a, json!({ "email": "benedict.smith@example.com", "role": "USER" })).await;
    for weak in ["short", "passwordpassword", "benedict.smith1", "aaaaaaaaaaaaaaaaaaaa"] {
        let refused = accept(&server, &invitation, weak).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{weak}"
        );
        assert!(!refused.body.to_string().contains(weak));
    }
    let nameless = json!({ "token": invitation["token"], "name": " ", "password": PASSWORD });
    let refused = server.post("/v1/auth/accept-invitation", "", nameless).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for unknown in ["", "x", &"x".repeat(4000)] {
        let refused = accept(&server, &json!({ "token": unknown }), PASSWORD).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNAUTHORIZED, "auth.invalidToken"),
            "{unknown:.9}"
        );
    }
    assert_eq!(accept(&server, &invitation, PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn of_two_invitations_to_one_address_the_second_finds_it_taken() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let body = json!({ "email": "ben@example.com", "role": "AGENT_USER" });
    let (first, second) = (invite(&server, &a, body.clone()).await, invite(&server, &a, body.clone()).await);
    let elsewhere = invite(&server, &b, body).await;
    assert_eq!(accept(&server, &second, PASSWORD).await.status, StatusCode::OK);
    let taken = accept(&server, &first, PASSWORD).await;
    assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "resource.conflict"));
    // Another account knows the address as its own, under another password.
    assert_eq!(accept(&server, &elsewhere, "another good battery staple").await.status, StatusCode::OK);
    for (password, account) in [(PASSWORD, &a), ("another good battery staple", &b)] {
        let signed_in = server.sign_in("ben@example.com", password).await.body;
        let token = signed_in["accessToken"].as_str().unwrap();
        assert_eq!(server.get("/v1/account", token).await.body["id"], json!(account.account));
    }
}

#[tokio::test]
async fn nobody_is_invited_by_a_wrong_address_to_a_role_that_is_none_or_to_more_than_one_has() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let theirs = json!({ "name": "theirs", "permissions": [] });
    let theirs = server.post("/v1/roles", &b.token, theirs).await.body["id"].clone();
    for (body, status) in [
        (json!({ "email": "nobody", "role": "USER" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "x@example.com", "role": "OWNER" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "x@example.com" }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "email": "x@example.com", "role": "USER", "roleId": a.room }), StatusCode::NOT_FOUND),
        (json!({ "email": "x@example.com", "role": "USER", "roleId": theirs }), StatusCode::NOT_FOUND),
    ] {
        let refused = server.post("/v1/invitations", &a.token, body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
    }
    let helper = json!({ "name": "k", "permissions": ["users.manage", "users.read", "rooms.read"] });
    let helper = server.post("/v1/api-keys", &a.token, helper).await.body["key"].as_str().unwrap().to_owned();
    let narrow = json!({ "name": "narrow", "permissions": ["rooms.read"] });
    let narrow = server.post("/v1/roles", &a.token, narrow).await.body["id"].clone();
    for (body, status) in [
        (json!({ "email": "x@example.com", "role": "ADMIN" }), StatusCode::FORBIDDEN),
        (json!({ "email": "x@example.com", "role": "USER" }), StatusCode::FORBIDDEN),
        (json!({ "email": "x@example.com", "role": "AGENT_USER", "roleId": narrow }), StatusCode::CREATED),
    ] {
        let answer = server.post("/v1/invitations", &helper, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_key_is_good_until_it_ends_and_not_a_moment_longer() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let at = |seconds: i64| (server.clock.utc() + time::Duration::seconds(seconds)).format(&Rfc3339).unwrap();
    let make = async |expires: Value| {
        let body = json!({ "name": "k", "permissions": ["rooms.read"], "expiresAt": expires });
        server.post("/v1/api-keys", &a.token, body).await
    };
    for bad in [json!(at(0)), json!(at(-1)), json!("soon"), json!(7)] {
        let refused = make(bad.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{bad}"
        );
    }
    let (hour, day) = (make(json!(at(3600))).await.body, make(Value::Null).await.body);
    assert_eq!(day["expiresAt"], Value::Null);
    let reads = async |key: &Value| server.get("/v1/rooms", key["key"].as_str().unwrap()).await.status;
    server.clock.advance(Duration::from_secs(3599));
    assert_eq!((reads(&hour).await, reads(&day).await), (StatusCode::OK, StatusCode::OK));
    server.clock.advance(Duration::from_secs(1));
    assert_eq!((reads(&hour).await, reads(&day).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}

#[tokio::test]
async fn a_key_makes_keys_no_wider_than_itself_and_one_that_is_revoked_stays_as_it_was() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let make = async |token: &str, permissions: &[&str]| {
        let body = json!({ "name": "k", "permissions": permissions });
        server.post("/v1/api-keys", token, body).await
    };
    let parent = make(&a.token, &["apiKeys.manage", "rooms.read"]).await.body;
    let key = parent["key"].as_str().unwrap();
    for (permissions, status) in [
        (&["rooms.read"][..], StatusCode::CREATED),
        (&[], StatusCode::CREATED),
        (&["apiKeys.manage", "rooms.read"], StatusCode::CREATED),
        (&["rooms.manage"], StatusCode::FORBIDDEN),
        (&["rooms.read", "auditEntries.read"], StatusCode::FORBIDDEN),
        (&["rooms.explode"], StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(make(key, permissions).await.status, status, "{permissions:?}");
    }
    let path = format!("/v1/api-keys/{}", parent["id"].as_str().unwrap());
    let revoked = server.call(Method::DELETE, &path, &a.token, None).await.body["revokedAt"].clone();
    server.clock.advance(Duration::from_secs(60));
    let again = server.call(Method::DELETE, &path, &a.token, None).await;
    assert_eq!((again.status, &again.body["revokedAt"]), (StatusCode::OK, &revoked));
    assert_eq!(make(key, &[]).await.status, StatusCode::UNAUTHORIZED);
    let list = server.get("/v1/api-keys", &a.token).await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 4, "those that were revoked too");
}

/// A request goes one way: from waiting to a decision, and from there to its end.
#[tokio::test]
async fn an_elevation_is_decided_once_and_ended_only_while_it_lasts() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let waiting = things.path("/v1/elevations/{id}");
    let post = async |path: &str, token: &str, body: Value| {
        let answer = server.post(path, token, body).await;
        let code = if answer.status.is_success() { String::new() } else { answer.code().to_owned() };
        (answer.status.as_u16(), code, answer.body["status"].clone())
    };
    let conflict =
        |answer: &(u16, String, Value)| (answer.0, answer.1.as_str()) == (409, "resource.invalidTransition");
    let (end, decide) = (format!("{waiting}/end"), format!("{waiting}/decision"));
    assert!(conflict(&post(&end, &a.token, json!({})).await), "nobody has agreed yet");
    assert_eq!(post(&decide, &a.token, json!({})).await.0, 422);
    assert_eq!(post(&decide, &a.token, json!({ "approve": false })).await.2, json!("denied"));
    for approve in [true, false] {
        assert!(conflict(&post(&decide, &a.token, json!({ "approve": approve })).await));
    }
    assert!(conflict(&post(&end, &a.token, json!({})).await), "what was denied does not last");

    let ask = json!({ "role": "ADMIN", "reason": "a try", "minutes": 5 });
    let asked = server.post("/v1/elevations", &things.colleague, ask).await.body;
    let path = format!("/v1/elevations/{}", asked["id"].as_str().unwrap());
    assert_eq!(
        post(&format!("{path}/decision"), &a.token, json!({ "approve": true })).await.2,
        json!("active")
    );
    let stranger = json!({ "email": "s@example.com", "name": "S", "password": PASSWORD, "role": "USER" });
    server.post("/v1/users", &a.token, stranger).await;
    let stranger =
        server.sign_in("s@example.com", PASSWORD).await.body["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(
        post(&format!("{path}/end"), &stranger, json!({})).await.0,
        403,
        "neither theirs nor theirs to manage"
    );
    assert_eq!(post(&format!("{path}/end"), &a.token, json!({})).await.2, json!("over"));
    assert!(conflict(&post(&format!("{path}/end"), &a.token, json!({})).await));
    assert!(conflict(&post(&format!("{path}/decision"), &a.token, json!({ "approve": true })).await));
}

#[tokio::test]
async fn a_key_asks_for_nothing_more_and_decides_on_nothing() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let key = json!({ "name": "k", "permissions": ["users.manage", "users.read"] });
    let key = server.post("/v1/api-keys", &a.token, key).await.body["key"].as_str().unwrap().to_owned();
    let ask = json!({ "role": "ADMIN", "reason": "more", "minutes": 5 });
    let decide = format!("{}/decision", things.path("/v1/elevations/{id}"));
    for (path, body) in [("/v1/elevations", ask), (decide.as_str(), json!({ "approve": true }))] {
        let refused = server.post(path, &key, body).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "auth.forbidden"), "{path}");
    }
}
