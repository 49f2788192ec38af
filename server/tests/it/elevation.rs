//! Doing more for a while, on another's word.

use crate::harness::{PASSWORD, Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

struct Colleague {
    token: String,
    refresh: String,
}

async fn colleague(server: &Server, tenant: &Tenant, role: &str) -> Colleague {
    let email = format!("{role}@{}", tenant.email).to_lowercase().replace("@acme@", "@acme-");
    let body = json!({ "email": email, "name": role, "password": PASSWORD, "role": role });
    let made = server.post("/v1/users", &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let signed_in = server.sign_in(&email, PASSWORD).await.body;
    taken(&signed_in)
}

fn taken(signed_in: &Value) -> Colleague {
    let text = |name: &str| signed_in[name].as_str().unwrap().to_owned();
    Colleague { token: text("accessToken"), refresh: text("refreshToken") }
}

async fn refreshed(server: &Server, who: &Colleague) -> (Colleague, Value) {
    let answer = server.post("/v1/auth/refresh", "", json!({ "refreshToken": who.refresh })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    (taken(&answer.body), answer.body)
}

async fn ask(server: &Server, who: &Colleague, minutes: u16) -> String {
    let body = json!({ "role": "ADMIN", "reason": "the number's token is gone", "minutes": minutes });
    let asked = server.post("/v1/elevations", &who.token, body).await;
    assert_eq!(
        (asked.status, &asked.body["status"]),
        (StatusCode::CREATED, &json!("pending")),
        "{}",
        asked.body
    );
    format!("/v1/elevations/{}", asked.body["id"].as_str().unwrap())
}

async fn may_read_the_audit_log(server: &Server, who: &Colleague) -> bool {
    match server.get("/v1/audit-entries", &who.token).await.status {
        StatusCode::OK => true,
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn somebody_else_agrees_and_it_ends_by_itself() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let ben = colleague(&server, &tenant, "USER").await;
    let path = ask(&server, &ben, 10).await;
    let (ben, _) = refreshed(&server, &ben).await;
    assert!(!may_read_the_audit_log(&server, &ben).await);
    let approved = server.post(&format!("{path}/decision"), &tenant.token, json!({ "approve": true })).await;
    assert_eq!((approved.status, &approved.body["status"]), (StatusCode::OK, &json!("active")));
    // The token from before allows what it did.
    assert!(!may_read_the_audit_log(&server, &ben).await);
    let (ben, answer) = refreshed(&server, &ben).await;
    assert!(may_read_the_audit_log(&server, &ben).await);
    assert_eq!(answer["expiresAt"], approved.body["expiresAt"]);
    assert!(answer["user"]["permissions"].as_array().unwrap().contains(&json!("auditEntries.read")));
    let me = server.get("/v1/me", &ben.token).await.body;
    assert_eq!((&me["role"], &me["permissions"]), (&json!("USER"), &answer["user"]["permissions"]));

    server.clock.advance(Duration::from_secs(10 * 60));
    assert!(!may_read_the_audit_log(&server, &ben).await, "the token ends with it");
    let (ben, _) = refreshed(&server, &ben).await;
    assert!(!may_read_the_audit_log(&server, &ben).await);
    let admin = server.token(tenant.account, tenant.user, common::token::Role::Admin).await;
    let list = server.get("/v1/elevations", &admin).await.body;
    assert_eq!(list["items"][0]["status"], "over");
    let log = server.get("/v1/audit-entries", &admin).await.body;
    let deeds: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(deeds.contains(&"elevation.requested") && deeds.contains(&"elevation.approved"), "{deeds:?}");
}

#[tokio::test]
async fn nobody_agrees_with_themselves_or_to_more_than_they_lastingly_may() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let role = json!({ "name": "people", "permissions": ["users.read", "users.manage"] });
    let role = server.post("/v1/roles", &tenant.token, role).await.body;
    let (ben, cleo) =
        (colleague(&server, &tenant, "USER").await, colleague(&server, &tenant, "AGENT_USER").await);
    let path = ask(&server, &ben, 60).await;
    let approve = json!({ "approve": true });
    let decide = format!("{path}/decision");
    assert_eq!(server.post(&decide, &ben.token, approve.clone()).await.status, StatusCode::FORBIDDEN);
    // Who may manage users and nothing else cannot make an administrator.
    let cleo_id = server.get("/v1/me", &cleo.token).await.body["id"].as_str().unwrap().to_owned();
    let change = json!({ "roleId": role["id"] });
    let raised =
        server.call(Method::PATCH, &format!("/v1/users/{cleo_id}"), &tenant.token, Some(&change)).await;
    assert_eq!(raised.status, StatusCode::OK, "{}", raised.body);
    let cleo = taken(&server.sign_in(raised.body["email"].as_str().unwrap(), PASSWORD).await.body);
    assert_eq!(server.post(&decide, &cleo.token, approve.clone()).await.status, StatusCode::FORBIDDEN);

    assert_eq!(server.post(&decide, &tenant.token, approve.clone()).await.status, StatusCode::OK);
    let twice = server.post(&decide, &tenant.token, json!({ "approve": false })).await;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "resource.invalidTransition"));
    // Who may do more for a while cannot make it last, or pass it on.
    let (ben, _) = refreshed(&server, &ben).await;
    let ben_id = server.get("/v1/me", &ben.token).await.body["id"].as_str().unwrap().to_owned();
    let admin = json!({ "role": "ADMIN" });
    for who in [&ben_id, &cleo_id] {
        let path = format!("/v1/users/{who}");
        let refused = server.call(Method::PATCH, &path, &ben.token, Some(&admin)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    }
    let key = json!({ "name": "for later", "permissions": ["auditEntries.read"] });
    assert_eq!(server.post("/v1/api-keys", &ben.token, key).await.status, StatusCode::FORBIDDEN);
    let other = ask(&server, &cleo, 5).await;
    let refused = server.post(&format!("{other}/decision"), &ben.token, approve).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let ended = server.post(&format!("{path}/end"), &ben.token, json!({})).await;
    assert_eq!(ended.body["status"], "over");
    let (ben, _) = refreshed(&server, &ben).await;
    assert!(!may_read_the_audit_log(&server, &ben).await);
}

#[tokio::test]
async fn requests_lapse_are_bounded_and_seen_by_those_they_concern() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let (ben, cleo) =
        (colleague(&server, &tenant, "USER").await, colleague(&server, &tenant, "AGENT_USER").await);
    let path = ask(&server, &ben, 5).await;
    for _ in 1..10 {
        ask(&server, &ben, 5).await;
    }
    let body = json!({ "role": "ADMIN", "reason": "once more", "minutes": 5 });
    assert_eq!(server.post("/v1/elevations", &ben.token, body).await.status, StatusCode::CONFLICT);
    for body in [
        json!({ "role": "ADMIN", "reason": "", "minutes": 5 }),
        json!({ "role": "ADMIN", "reason": "x", "minutes": 0 }),
        json!({ "role": "ADMIN", "reason": "x", "minutes": 481 }),
        json!({ "reason": "x", "minutes": 5 }),
    ] {
        let refused = server.post("/v1/elevations", &cleo.token, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    }
    let less = json!({ "role": "AGENT_USER", "reason": "x", "minutes": 5 });
    assert_eq!(server.post("/v1/elevations", &cleo.token, less).await.status, StatusCode::CONFLICT);
    assert_eq!(server.get("/v1/elevations", &cleo.token).await.body["items"], json!([]));
    assert_eq!(server.get("/v1/elevations", &ben.token).await.body["items"].as_array().unwrap().len(), 10);
    server.clock.advance(Duration::from_secs(24 * 60 * 60));
    let admin = server.token(tenant.account, tenant.user, common::token::Role::Admin).await;
    let late = server.post(&format!("{path}/decision"), &admin, json!({ "approve": true })).await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "resource.invalidTransition"));
}
