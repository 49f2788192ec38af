//! Signing in, and everything that must not sign anybody in.

use crate::harness::{OUTSIDE_AUDIENCE, OUTSIDE_ISSUER, OUTSIDE_SECRET, PASSWORD, Server};
use axum::http::{StatusCode, header};
use common::{
    clock::Clock,
    id::{AccountId, SignInId, UserId},
    token::{ACCESS_TOKEN_TIME, REFRESH_TOKEN_TIME, Role},
};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use std::time::Duration;
use store::sign_ins::REUSE_GRACE;

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn email_and_password_give_tokens_that_work_for_fifteen_minutes() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let answer = server.sign_in(" A@Example.com ", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let user = json!({
        "id": a.user, "name": "a", "email": a.email, "role": "ADMIN", "roleId": null, "accountId": a.account,
        "permissions": common::permission::Permissions::ALL, "deactivatedAt": null,
    });
    assert_eq!(answer.body["user"], user);
    let token = text(&answer.body["accessToken"]);
    assert_eq!(server.get("/v1/me", token).await.body, user);
    server.clock.advance(ACCESS_TOKEN_TIME - Duration::from_secs(1));
    assert_eq!(server.get("/v1/me", token).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    let expired = server.get("/v1/me", token).await;
    assert_eq!((expired.status, expired.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
    assert_eq!(expired.headers[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_person_look_the_same() {
    let server = Server::start().await;
    server.tenant("a").await;
    let wrong = server.sign_in("a@example.com", "correct horse battery!").await;
    let unknown = server.sign_in("nobody@example.com", PASSWORD).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::UNAUTHORIZED, "auth.invalidCredentials"));
    assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
}

#[tokio::test]
async fn guessing_is_slowed_for_one_person_and_not_for_others() {
    let server = Server::start().await;
    server.tenant("a").await;
    server.tenant("b").await;
    for _ in 0..10 {
        assert_eq!(server.sign_in("a@example.com", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    let slowed = server.sign_in("A@example.com", PASSWORD).await;
    assert_eq!((slowed.status, slowed.code()), (StatusCode::TOO_MANY_REQUESTS, "limit.rate"));
    assert_eq!(slowed.headers[header::RETRY_AFTER], "30");
    assert_eq!(server.sign_in("b@example.com", PASSWORD).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(30));
    assert_eq!(server.sign_in("a@example.com", PASSWORD).await.status, StatusCode::OK);
}

/// Ten wrong tries by anybody used to keep the right password out.
#[tokio::test]
async fn a_stranger_who_guesses_keeps_nobody_out_but_themselves() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let (stranger, home, office) = ([192, 0, 2, 66], [192, 0, 2, 1], [198, 51, 100, 1]);
    let known = server.sign_in_from(&a.email, PASSWORD, home).await.headers[header::SET_COOKIE].clone();
    for _ in 0..10 {
        let guess = server.sign_in_from(&a.email, "guess", stranger).await;
        assert_eq!(guess.status, StatusCode::UNAUTHORIZED);
    }
    let stopped = server.sign_in_from(&a.email, PASSWORD, stranger).await;
    assert_eq!((stopped.status, stopped.code()), (StatusCode::TOO_MANY_REQUESTS, "limit.rate"));
    assert_eq!(server.sign_in_from(&a.email, PASSWORD, home).await.status, StatusCode::OK);
    assert_eq!(server.sign_in_from(&a.email, PASSWORD, office).await.status, StatusCode::OK);
    // From everywhere: new browsers wait, the known one does not.
    for number in 0..90 {
        server.sign_in_from(&a.email, "guess", [203, 0, 113, number]).await;
    }
    let elsewhere = server.sign_in_from(&a.email, PASSWORD, office).await;
    assert_eq!(elsewhere.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(server.sign_in_with(&a.email, PASSWORD, &known).await.status, StatusCode::OK);
    // Only as its own user.
    let b = server.tenant("b").await;
    for number in 0..100 {
        server.sign_in_from(&b.email, "guess", [203, 0, 113, number]).await;
    }
    assert_ne!(server.sign_in_with(&b.email, PASSWORD, &known).await.status, StatusCode::OK);
}

/// An administrator who enters somebody else's address neither takes it away nor learns who has it.
#[tokio::test]
async fn an_address_that_another_account_knows_is_neither_squatted_nor_found_out() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let create = async |email: &str| {
        let body = json!({ "email": email, "name": "Squatter", "password": "a squatters good battery", "role": "USER" });
        let mut made = server.post("/v1/users", &b.token, body).await;
        let id = made.body["id"].take();
        made.body["email"].take();
        (made.status, made.body, id)
    };
    let (taken, free) = (create(&a.email).await, create("free@example.com").await);
    assert_eq!(taken.0, StatusCode::CREATED);
    assert_eq!((&taken.0, &taken.1), (&free.0, &free.1));
    let own =
        json!({ "email": b.email, "name": "B", "password": "a squatters good battery", "role": "USER" });
    assert_eq!(server.post("/v1/users", &b.token, own).await.status, StatusCode::CONFLICT);
    // Each password leads to its own account.
    let account =
        async |password: &str| server.sign_in(&a.email, password).await.body["user"]["accountId"].clone();
    assert_eq!(account(PASSWORD).await, json!(a.account));
    assert_eq!(account("a squatters good battery").await, json!(b.account));
    assert_eq!(account("neither of them, really").await, json!(null));
    // With the same password in both, one may say which.
    let body = json!({ "email": a.email, "name": "A", "role": "USER", "password": PASSWORD });
    let c = server.tenant("c").await;
    // Users of one moment have no order.
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.post("/v1/users", &c.token, body).await.status, StatusCode::CREATED);
    assert_eq!(account(PASSWORD).await, json!(a.account));
    let body = json!({ "email": a.email, "password": PASSWORD, "accountId": c.account });
    let there = server.post("/v1/auth/sign-in", "", body).await;
    assert_eq!(there.body["user"]["accountId"], json!(c.account), "{}", there.body);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_sign_in() {
    let server = Server::start().await;
    server.tenant("a").await;
    let first = server.sign_in("a@example.com", PASSWORD).await.body["refreshToken"].clone();
    let other = server.sign_in("a@example.com", PASSWORD).await.body["refreshToken"].clone();
    let refresh =
        |token: serde_json::Value| server.post("/v1/auth/refresh", "", json!({ "refreshToken": token }));
    let second = refresh(first.clone()).await;
    assert_eq!(second.status, StatusCode::OK);
    let access = text(&second.body["accessToken"]);
    assert_eq!(server.get("/v1/me", access).await.status, StatusCode::OK);
    server.clock.advance(REUSE_GRACE + Duration::from_secs(1));
    let reused = refresh(first).await;
    assert_eq!((reused.status, reused.code()), (StatusCode::UNAUTHORIZED, "auth.refreshReused"));
    assert_eq!(server.get("/v1/me", access).await.code(), "auth.invalidToken");
    let successor = refresh(second.body["refreshToken"].clone()).await;
    assert_eq!((successor.status, successor.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
    // Another device of the same person is not bothered.
    assert_eq!(refresh(other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_are_both_signed_in() {
    let server = Server::start().await;
    server.tenant("a").await;
    let first = server.sign_in("a@example.com", PASSWORD).await.body["refreshToken"].clone();
    let refresh =
        |token: serde_json::Value| server.post("/v1/auth/refresh", "", json!({ "refreshToken": token }));
    let (one, other) = tokio::join!(refresh(first.clone()), refresh(first));
    for tab in [&one, &other] {
        assert_eq!(tab.status, StatusCode::OK, "{}", tab.body);
        assert_eq!(server.get("/v1/me", text(&tab.body["accessToken"])).await.status, StatusCode::OK);
    }
    assert_ne!(one.body["refreshToken"], other.body["refreshToken"]);
    // It is one sign-in still.
    let listed = server.get("/v1/me/sign-ins", text(&one.body["accessToken"])).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    server.clock.advance(ACCESS_TOKEN_TIME);
    assert_eq!(refresh(other.body["refreshToken"].clone()).await.status, StatusCode::OK);
    // That replaced the first one's pair: a tab that keeps it for itself and comes later looks like a thief.
    server.clock.advance(REUSE_GRACE + Duration::from_secs(1));
    assert_eq!(refresh(one.body["refreshToken"].clone()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_token_ends_by_signing_out_by_time_and_by_being_none() {
    let server = Server::start().await;
    server.tenant("a").await;
    let token = server.sign_in("a@example.com", PASSWORD).await.body["refreshToken"].clone();
    let late = server.sign_in("a@example.com", PASSWORD).await.body["refreshToken"].clone();
    for _ in 0..2 {
        let out = server.post("/v1/auth/sign-out", "", json!({ "refreshToken": token })).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
    }
    server.clock.advance(REFRESH_TOKEN_TIME);
    for bad in [token, late, json!("nonsense"), json!("")] {
        let answer = server.post("/v1/auth/refresh", "", json!({ "refreshToken": bad })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
    }
}

#[tokio::test]
async fn a_token_of_an_accepted_outside_issuer_is_as_good_as_ours() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let user = UserId::generate(&*server.clock);
    let claims = json!({
        "iss": OUTSIDE_ISSUER, "aud": OUTSIDE_AUDIENCE, "sub": user, "account": a.account, "name": "Ada", "role": "USER",
        "exp": server.clock.utc().unix_timestamp() + 60,
    });
    let sign = |secret: &str| {
        encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    let me = server.get("/v1/me", &sign(OUTSIDE_SECRET)).await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(
        (text(&me.body["name"]), text(&me.body["role"]), &me.body["email"]),
        ("Ada", "USER", &json!(null))
    );
    assert_eq!(server.get("/v1/me", &sign("forged")).await.code(), "auth.invalidToken");
}

/// As an outside issuer may make one, or as one outlives its account.
#[tokio::test]
async fn a_token_of_no_account_gets_nothing_and_breaks_nothing() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let nowhere = AccountId::generate(&*server.clock);
    let token = server.signed(nowhere, a.user, Role::Admin, SignInId::generate(&*server.clock));
    assert_eq!(server.get("/v1/conversations", &token).await.body["items"], json!([]));
    let note = format!("/v1/conversations/{}/notes", a.conversation);
    for (path, body) in [
        ("/v1/rooms", json!({ "name": "n" })),
        ("/v1/labels", json!({ "name": "n", "color": "#000000" })),
        (note.as_str(), json!({ "text": "x" })),
    ] {
        let refused = server.post(path, &token, body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNAUTHORIZED, "auth.invalidToken"),
            "{path}"
        );
    }
}

/// Who has stolen a browser's cookie has one of a stranger's once the password is another.
#[tokio::test]
async fn another_password_makes_every_browser_a_stranger() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let signed_in = server.sign_in(&a.email, PASSWORD).await;
    let (known, token) = (&signed_in.headers[header::SET_COOKIE], text(&signed_in.body["accessToken"]));
    let new = "another good battery staple";
    let change = json!({ "current": PASSWORD, "new": new });
    assert_eq!(server.post("/v1/me/password", token, change).await.status, StatusCode::NO_CONTENT);
    for number in 0..100 {
        server.sign_in_from(&a.email, "guess", [203, 0, 113, number]).await;
    }
    let old = server.sign_in_with(&a.email, new, known).await;
    assert_ne!(old.status, StatusCode::OK, "{}", old.body);
}

#[tokio::test]
async fn a_new_password_that_is_too_weak_is_no_wrong_one() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let token = server.sign_in(&a.email, PASSWORD).await.body["accessToken"].clone();
    let change = async |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        server.post("/v1/me/password", text(&token), body).await.status
    };
    for _ in 0..20 {
        assert_eq!(change(PASSWORD, "weak").await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(change("a wrong one", "another good battery staple").await, StatusCode::UNAUTHORIZED);
    assert_eq!(change(PASSWORD, "another good battery staple").await, StatusCode::NO_CONTENT);
}

/// Far more than an account may hash: passes only if nothing was.
#[tokio::test]
async fn a_taken_address_is_found_before_a_password_is_hashed_for_it() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let create = async |email: &str| {
        let body =
            json!({ "email": email, "name": "N", "password": "another good battery staple", "role": "USER" });
        server.post("/v1/users", &a.token, body).await.status
    };
    for _ in 0..110 {
        assert_eq!(create(&a.email).await, StatusCode::CONFLICT);
    }
    assert_eq!(create("free@example.com").await, StatusCode::CREATED);
}
