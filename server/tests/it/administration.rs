//! Roles, keys, sign-ins, the account and the audit log.

use crate::harness::{PASSWORD, Server};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use common::token::Role;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn an_own_role_decides_what_its_user_may_do_from_the_next_sign_in_on() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let role = json!({ "name": "auditor", "permissions": ["auditEntries.read", "users.read"] });
    let role = server.post("/v1/roles", &a.token, role).await.body;
    let user =
        json!({ "email": "ann@example.com", "name": "Ann", "password": PASSWORD, "role": "AGENT_USER" });
    let user = server.post("/v1/users", &a.token, user).await.body;
    let path = format!("/v1/users/{}", user["id"].as_str().unwrap());
    let changed = server.call(Method::PATCH, &path, &a.token, Some(&json!({ "roleId": role["id"] }))).await;
    assert_eq!(changed.body["permissions"], json!(["auditEntries.read", "users.read"]), "{}", changed.body);
    let signed_in = server.sign_in("ann@example.com", PASSWORD).await.body;
    let token = signed_in["accessToken"].as_str().unwrap();
    assert_eq!(server.get("/v1/audit-entries", token).await.status, StatusCode::OK);
    let refused = server.get("/v1/conversations", token).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "auth.forbidden"));
    let path = format!("/v1/roles/{}", role["id"].as_str().unwrap());
    let in_use = server.call(Method::DELETE, &path, &a.token, None).await;
    assert_eq!((in_use.status, in_use.code()), (StatusCode::CONFLICT, "resource.conflict"));
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let helper = json!({ "name": "helper", "permissions": ["users.manage", "users.read", "roles.manage", "apiKeys.manage"] });
    let helper = server.post("/v1/roles", &a.token, helper).await.body["id"].clone();
    let user = json!({ "email": "h@example.com", "name": "H", "password": PASSWORD, "role": "USER" });
    let user = server.post("/v1/users", &a.token, user).await.body["id"].as_str().unwrap().to_owned();
    let own = format!("/v1/users/{user}");
    server.call(Method::PATCH, &own, &a.token, Some(&json!({ "roleId": helper }))).await;
    let token =
        server.sign_in("h@example.com", PASSWORD).await.body["accessToken"].as_str().unwrap().to_owned();
    let admin = json!({ "email": "x@example.com", "name": "X", "password": PASSWORD, "role": "ADMIN" });
    let theirs = format!("/v1/users/{}", a.user);
    let takes_all = format!("/v1/roles/{}", helper.as_str().unwrap());
    for (method, path, body) in [
        (Method::POST, "/v1/users", admin),
        (Method::PATCH, own.as_str(), json!({ "role": "ADMIN", "roleId": null })),
        (Method::PATCH, theirs.as_str(), json!({ "active": false })),
        (Method::POST, "/v1/roles", json!({ "name": "all", "permissions": ["channels.manage"] })),
        (Method::PATCH, takes_all.as_str(), json!({ "permissions": ["channels.manage"] })),
        (Method::POST, "/v1/api-keys", json!({ "name": "all", "permissions": ["channels.manage"] })),
    ] {
        let refused = server.call(method.clone(), path, &token, Some(&body)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::FORBIDDEN, "auth.forbidden"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_api_key_is_shown_once_does_what_it_may_and_ends_when_revoked() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let body = json!({ "name": "reports", "permissions": ["conversations.read"] });
    let made = server.post("/v1/api-keys", &a.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let key = made.body["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("sbk_") && key.starts_with(made.body["hint"].as_str().unwrap()));
    let shown = server.get("/v1/api-keys", &a.token).await.body.to_string()
        + &server.get("/v1/audit-entries", &a.token).await.body.to_string()
        + &Value::Object(server.db.contents(a.account).await.into_iter().collect()).to_string();
    assert!(!shown.contains(&key), "the key is nowhere to be read again");
    assert_eq!(server.get("/v1/conversations", &key).await.status, StatusCode::OK);
    assert_eq!(server.get("/v1/users", &key).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get("/v1/me", &key).await.status, StatusCode::FORBIDDEN, "a key is nobody");
    let path = format!("/v1/api-keys/{}", made.body["id"].as_str().unwrap());
    let used = server.get(&path, &a.token).await.body;
    assert!(used["lastUsedAt"].is_string(), "{used}");
    assert!(server.call(Method::DELETE, &path, &a.token, None).await.body["revokedAt"].is_string());
    let refused = server.get("/v1/conversations", &key).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));
}

#[tokio::test]
async fn a_post_sent_again_under_its_key_is_done_once_and_answered_the_same() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let post = |path: &str, key: &str, body: Value| {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", a.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()));
        server.send(request.unwrap())
    };
    let key = json!({ "name": "n", "permissions": [] });
    let first = post("/v1/api-keys", "once", key.clone()).await;
    let again = post("/v1/api-keys", "once", key.clone()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body), "even what is shown once");
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(server.get("/v1/api-keys", &a.token).await.body["items"].as_array().unwrap().len(), 1);
    for (path, body) in [("/v1/api-keys", json!({ "name": "m", "permissions": [] })), ("/v1/roles", key)] {
        let other = post(path, "once", body).await;
        assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "request.idempotencyMismatch"));
    }
    // What failed may be tried again under the same key.
    let taken = json!({ "name": "taken", "permissions": [] });
    let made = post("/v1/roles", "r1", taken.clone()).await.body;
    assert_eq!(post("/v1/roles", "r2", taken.clone()).await.status, StatusCode::CONFLICT);
    let path = format!("/v1/roles/{}", made["id"].as_str().unwrap());
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post("/v1/roles", "r2", taken).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn of_two_who_change_the_same_the_second_reads_again() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let read = server.get("/v1/account", &a.token).await;
    let seen = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let patch = |tag: &str, body: Value| {
        let request = Request::patch("/v1/account")
            .header(header::AUTHORIZATION, format!("Bearer {}", a.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, tag)
            .body(Body::from(body.to_string()));
        server.send(request.unwrap())
    };
    let first = patch(&seen, json!({ "name": "First", "features": { "calls": true } })).await;
    assert_eq!((first.status, &first.body["name"]), (StatusCode::OK, &json!("First")));
    let second = patch(&seen, json!({ "name": "Second" })).await;
    assert_eq!(
        (second.status, second.code()),
        (StatusCode::PRECONDITION_FAILED, "resource.changedMeanwhile")
    );
    let tag = first.headers[header::ETAG].to_str().unwrap();
    assert_eq!(patch(tag, json!({ "settings": { "retentionDays": 30 } })).await.status, StatusCode::OK);
    let now = server.get("/v1/account", &a.token).await.body;
    assert_eq!(
        (&now["name"], &now["features"], &now["settings"]["retentionDays"]),
        (&json!("First"), &json!({ "calls": true }), &json!(30))
    );
    let bad = patch("*", json!({ "settings": { "retentionDays": 0 } })).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what_and_shows_no_secret() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    // Entries of one millisecond are in no order.
    let later = || server.clock.advance(Duration::from_millis(1));
    let signed_in = server.sign_in(&a.email, PASSWORD).await.body;
    later();
    server.post("/v1/auth/sign-out", "", json!({ "refreshToken": signed_in["refreshToken"] })).await;
    later();
    let role = json!({ "name": "r", "permissions": [] });
    let role = server.post("/v1/roles", &a.token, role).await.body["id"].clone();
    let path = format!("/v1/roles/{}", role.as_str().unwrap());
    later();
    server.call(Method::PATCH, &path, &a.token, Some(&json!({ "name": "s" }))).await;
    later();
    server.call(Method::DELETE, &path, &a.token, None).await;
    later();
    let user = json!({ "email": "n@example.com", "name": "N", "password": PASSWORD, "role": "USER" });
    server.post("/v1/users", &a.token, user).await;
    let log = server.get("/v1/audit-entries", &a.token).await.body;
    let actions: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["user.created", "role.deleted", "role.updated", "role.created", "signIn.ended", "signIn.started"]
    );
    let updated = &log["items"][2];
    assert_eq!((&updated["actorId"], &updated["objectId"]), (&json!(a.user), &role));
    assert_eq!((&updated["before"]["name"], &updated["after"]["name"]), (&json!("r"), &json!("s")));
    assert!(!log.to_string().contains("argon2") && !log.to_string().contains(PASSWORD));
    let of_role = server
        .get(&format!("/v1/audit-entries?objectId={}&limit=2", role.as_str().unwrap()), &a.token)
        .await
        .body;
    assert_eq!(of_role["items"].as_array().unwrap().len(), 2);
    let next = of_role["next"].as_str().unwrap();
    let rest = server
        .get(&format!("/v1/audit-entries?objectId={}&cursor={next}", role.as_str().unwrap()), &a.token)
        .await
        .body;
    assert_eq!(rest["items"][0]["action"], "role.created");
}

#[tokio::test]
async fn a_user_sees_and_ends_sign_ins_and_a_new_password_ends_the_others() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let here = server.sign_in(&a.email, PASSWORD).await.body;
    let there = server.sign_in(&a.email, PASSWORD).await.body;
    let token = here["accessToken"].as_str().unwrap();
    let sign_ins = server.get("/v1/me/sign-ins", token).await.body;
    let current: Vec<_> =
        sign_ins["items"].as_array().unwrap().iter().map(|it| it["current"] == true).collect();
    assert_eq!(current.iter().filter(|current| **current).count(), 1);
    let short = json!({ "current": PASSWORD, "new": "short" });
    assert_eq!(server.post("/v1/me/password", token, short).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = json!({ "current": "not the password", "new": "another good battery staple" });
    assert_eq!(server.post("/v1/me/password", token, wrong).await.code(), "auth.invalidCredentials");
    let good = json!({ "current": PASSWORD, "new": "another good battery staple" });
    assert_eq!(server.post("/v1/me/password", token, good).await.status, StatusCode::NO_CONTENT);
    let refresh = |tokens: &Value| {
        server.post("/v1/auth/refresh", "", json!({ "refreshToken": tokens["refreshToken"] }))
    };
    assert_eq!(refresh(&there).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&here).await.status, StatusCode::OK);
    assert_eq!(server.sign_in(&a.email, PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

/// Twenty wrong passwords lock a user: a stranger learns nothing of it, and the owner's browser gets in.
#[tokio::test]
async fn a_locked_user_looks_like_a_wrong_password_until_an_administrator_lifts_it() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let known = server.sign_in(&a.email, PASSWORD).await.headers[header::SET_COOKIE].clone();
    for _ in 0..20 {
        // The throttle is slower than the lock; it is not what is tested here.
        server.clock.advance(Duration::from_secs(30));
        server.sign_in(&a.email, "wrong wrong wrong wrong").await;
    }
    server.clock.advance(Duration::from_secs(30));
    // Written down after the answers.
    let token = server.token(a.account, a.user, Role::Admin).await;
    let until_locked = async |times: usize, token: &str| {
        let locks = async || {
            let log = server.get("/v1/audit-entries?limit=100", token).await.body;
            log["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "user.locked").count()
        };
        let locked = async {
            while locks().await < times {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), locked).await.unwrap();
    };
    until_locked(1, &token).await;
    let locked = server.sign_in(&a.email, PASSWORD).await;
    let unknown = server.sign_in("nobody@example.com", PASSWORD).await;
    assert_eq!((locked.status, locked.code()), (StatusCode::UNAUTHORIZED, "auth.invalidCredentials"));
    assert_eq!((unknown.status, &unknown.body), (locked.status, &locked.body));
    let owner = server.sign_in_with(&a.email, PASSWORD, &known).await;
    assert_eq!(owner.status, StatusCode::OK, "a browser that is known");
    // That was right, which lifts the lock as well.
    for _ in 0..20 {
        server.clock.advance(Duration::from_secs(30));
        server.sign_in(&a.email, "wrong wrong wrong wrong").await;
    }
    let path = format!("/v1/users/{}", a.user);
    let token = server.token(a.account, a.user, Role::Admin).await;
    server.clock.advance(Duration::from_secs(30));
    until_locked(2, &token).await;
    assert_ne!(server.sign_in(&a.email, PASSWORD).await.status, StatusCode::OK);
    server.call(Method::PATCH, &path, &token, Some(&json!({ "locked": false }))).await;
    assert_eq!(server.sign_in(&a.email, PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_is_invited_chooses_a_password_once_and_has_the_role() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let role = json!({ "name": "auditor", "permissions": ["auditEntries.read"] });
    let role = server.post("/v1/roles", &a.token, role).await.body["id"].clone();
    let invite = async |email: &str| {
        let body = json!({ "email": email, "role": "AGENT_USER", "roleId": role });
        server.post("/v1/invitations", &a.token, body).await.body
    };
    let accept = async |token: &Value, password: &str| {
        let body = json!({ "token": token, "name": "Ben", "password": password });
        server.post("/v1/auth/accept-invitation", "", body).await
    };
    let invitation = invite("Ben@Example.com").await;
    let listed = server.get("/v1/invitations", &a.token).await.body;
    assert_eq!(
        (&listed["items"][0]["email"], listed["items"][0].get("token")),
        (&json!("ben@example.com"), None)
    );
    assert_eq!(accept(&invitation["token"], "short").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let accepted = accept(&invitation["token"], PASSWORD).await;
    assert_eq!(
        (accepted.status, &accepted.body["user"]["permissions"]),
        (StatusCode::OK, &json!(["auditEntries.read"]))
    );
    let token = accepted.body["accessToken"].as_str().unwrap();
    assert_eq!(server.get("/v1/audit-entries", token).await.status, StatusCode::OK);
    assert_eq!(server.sign_in("ben@example.com", PASSWORD).await.status, StatusCode::OK);
    let again = accept(&invitation["token"], PASSWORD).await;
    assert_eq!((again.status, again.code()), (StatusCode::UNAUTHORIZED, "auth.invalidToken"));

    let taken_back = invite("cleo@example.com").await;
    let path = format!("/v1/invitations/{}", taken_back["id"].as_str().unwrap());
    assert!(server.call(Method::DELETE, &path, &a.token, None).await.body["revokedAt"].is_string());
    assert_eq!(accept(&taken_back["token"], PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let late = invite("dan@example.com").await;
    server.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(accept(&late["token"], PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let somebodys = server.token(a.account, a.user, Role::Admin).await;
    let body = json!({ "email": a.email, "role": "USER" });
    let somebodys = server.post("/v1/invitations", &somebodys, body).await.body;
    assert_eq!(accept(&somebodys["token"], PASSWORD).await.status, StatusCode::CONFLICT);
}
