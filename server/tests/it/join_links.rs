//! Links by which guests come into a room without an account.

use crate::harness::{Answer, PASSWORD, Server, Tenant};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{address::ClientAddress, id::UserId, token::Role};
use serde_json::{Value, json};
use std::time::Duration;
use store::rooms;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The refusal of a link that is over, whatever the reason.
const OVER: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "auth.invalidToken");

fn path(tenant: &Tenant) -> String {
    format!("/v1/rooms/{}/join-links", tenant.room)
}

/// A link into the tenant's room, with its token.
async fn link(server: &Server, tenant: &Tenant, more: Value) -> Value {
    let mut body = json!({ "rights": ["messages.read", "media.send", "media.receive"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.post(&path(tenant), &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    server.clock.advance(Duration::from_millis(1));
    made.body
}

async fn look(server: &Server, link: &Value) -> Answer {
    server.post("/v1/auth/read-join-link", "", json!({ "token": link["token"] })).await
}

async fn redeem(server: &Server, link: &Value, name: &str) -> Answer {
    let body = json!({ "token": link["token"], "name": name });
    let answer = server.post("/v1/auth/redeem-join-link", "", body).await;
    // What is on record is in the order of its moments.
    server.clock.advance(Duration::from_millis(1));
    answer
}

/// The same by who came before.
async fn return_with(server: &Server, link: &Value, guest_key: &Value) -> Answer {
    let body = json!({ "token": link["token"], "name": "Grace", "guestKey": guest_key });
    server.post("/v1/auth/redeem-join-link", "", body).await
}

fn refusal(answer: &Answer) -> (StatusCode, &str) {
    (answer.status, answer.code())
}

/// What a token says of its guest.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn who_has_a_link_sees_where_it_leads_and_gets_a_join_token_for_that_room() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let made = link(&server, &a, json!({})).await;
    let seen = look(&server, &made).await;
    assert_eq!((seen.status, &seen.body["roomName"]), (StatusCode::OK, &json!("lobby")));
    assert_eq!(
        (&seen.body["rights"], &seen.body["expiresAt"]),
        (&json!(["messages.read", "media.send", "media.receive"]), &made["expiresAt"])
    );
    let let_in = redeem(&server, &made, "  Grace\u{202e} Hopper\u{2066} ").await;
    assert_eq!(let_in.status, StatusCode::OK, "{}", let_in.body);
    let claims = claims(&let_in.body["token"]);
    assert_eq!((&claims["name"], &claims["room"]), (&json!("Grace Hopper"), &json!(a.room)));
    assert_eq!((&claims["rights"], &claims["sub"]), (&made["rights"], &let_in.body["userId"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    // The token is for the hub and for files of the room alone.
    let refused = server.get("/v1/rooms", let_in.body["token"].as_str().unwrap()).await;
    assert_eq!(refusal(&refused), OVER);
    assert_ne!(redeem(&server, &made, "Grace").await.body["userId"], let_in.body["userId"], "another guest");

    for name in ["", " \n ", "a\u{0}b", "two\nlines", "\u{202e}", &"x".repeat(201)] {
        let refused = redeem(&server, &made, name).await;
        assert_eq!(refusal(&refused), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"), "{name:?}");
    }
    let listed = server.get(&path(&a), &a.token).await.body;
    assert_eq!((&listed["items"][0]["uses"], &listed["items"][0]["token"]), (&json!(2), &Value::Null));
    let audit = server.get("/v1/audit-entries?limit=3", &a.token).await.body;
    let entry = |at: usize| &audit["items"][at];
    assert_eq!(
        [0, 1, 2].map(|at| entry(at)["action"].clone()),
        ["joinLink.redeemed", "joinLink.redeemed", "joinLink.created"].map(|action| json!(action))
    );
    assert_eq!(
        (&entry(1)["after"], &entry(1)["objectId"], &entry(1)["actorKind"]),
        (&let_in.body["userId"], &made["id"], &json!("system"))
    );
    let kept = Value::Object(server.db.contents(a.account).await.into_iter().collect()).to_string();
    assert!(!kept.contains(made["token"].as_str().unwrap()), "only its hash is kept");
}

#[tokio::test]
async fn a_link_is_over_once_its_room_becomes_private_and_only_then() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let room = format!("/v1/rooms/{}", a.room);
    let is_private = async |private: bool| {
        let changed = server.call(Method::PATCH, &room, &a.token, Some(&json!({ "private": private }))).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    };
    let of_open_room = link(&server, &a, json!({})).await;
    is_private(false).await;
    assert_eq!(look(&server, &of_open_room).await.status, StatusCode::OK);
    is_private(true).await;
    assert_eq!(refusal(&look(&server, &of_open_room).await), OVER);
    let path = format!("{room}/members/{}", a.user);
    assert!(server.call(Method::PUT, &path, &a.token, Some(&json!({}))).await.status.is_success());
    let of_private_room = link(&server, &a, json!({})).await;
    is_private(true).await;
    assert_eq!(look(&server, &of_private_room).await.status, StatusCode::OK, "it was private before");
}

#[tokio::test]
async fn a_link_is_over_in_time_when_taken_back_after_its_last_guest_and_with_its_room() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let short = link(&server, &a, json!({ "expiresIn": 60 })).await;
    let of_two = link(&server, &a, json!({ "usesMax": 2 })).await;
    let taken_back = link(&server, &a, json!({})).await;
    let of_room = link(&server, &a, json!({})).await;
    let one = format!("{}/{}", path(&a), taken_back["id"].as_str().unwrap());
    let revoke = async || server.call(Method::DELETE, &one, &a.token, None).await;
    // Between the look and the coming in.
    assert_eq!(look(&server, &taken_back).await.status, StatusCode::OK);
    assert!(revoke().await.body["revokedAt"].is_string());
    assert_eq!(refusal(&revoke().await), (StatusCode::NOT_FOUND, "resource.notFound"));
    let full = async |link: &Value| {
        assert_eq!(refusal(&look(&server, link).await), OVER);
        assert_eq!(refusal(&redeem(&server, link, "Grace").await), OVER);
    };
    full(&taken_back).await;
    for _ in 0..2 {
        assert_eq!(redeem(&server, &of_two, "Grace").await.status, StatusCode::OK);
    }
    full(&of_two).await;
    server.clock.advance(Duration::from_secs(59));
    assert_eq!(look(&server, &short).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    full(&short).await;

    let post = async |what: &str| {
        server.post(&format!("/v1/rooms/{}/{what}", a.room), &a.token, json!({})).await.status
    };
    assert_eq!(look(&server, &of_room).await.status, StatusCode::OK);
    assert_eq!(post("close").await, StatusCode::OK);
    full(&of_room).await;
    let refused = server.post(&path(&a), &a.token, json!({ "rights": [] })).await;
    assert_eq!(refusal(&refused), (StatusCode::CONFLICT, "room.closed"));
    assert_eq!(post("reopen").await, StatusCode::OK);
    full(&of_room).await;
    let listed = server.get(&path(&a), &a.token).await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 4, "whoever asks how somebody got in finds them");
    let deleted = link(&server, &a, json!({})).await;
    let room = format!("/v1/rooms/{}", a.room);
    assert!(server.call(Method::DELETE, &room, &a.token, None).await.status.is_success());
    full(&deleted).await;
    full(&json!({ "token": "x".repeat(43) })).await;
}

/// Their token is good for an hour, and a call may last longer.
#[tokio::test]
async fn a_guest_stays_the_same_one_for_a_day_unless_removed_or_the_link_is_taken_back() {
    let server = Server::start().await;
    let mut a = server.tenant("a").await;
    let made = link(&server, &a, json!({ "usesMax": 1, "expiresIn": 60 })).await;
    let first = redeem(&server, &made, "Grace").await.body;
    server.clock.advance(HOUR);
    let again = return_with(&server, &made, &first["guestKey"]).await;
    assert_eq!(again.status, StatusCode::OK, "though the link is over for others: {}", again.body);
    assert_eq!((&again.body["userId"], &again.body["guestKey"]), (&first["userId"], &first["guestKey"]));
    assert!(claims(&again.body["token"])["iat"].as_i64() > claims(&first["token"])["iat"].as_i64());
    let body = json!({ "token": made["token"], "guestKey": first["guestKey"] });
    assert_eq!(server.post("/v1/auth/read-join-link", "", body).await.status, StatusCode::OK);
    a.token = server.token(a.account, a.user, Role::Admin).await;
    let listed = server.get(&path(&a), &a.token).await.body;
    assert_eq!(listed["items"][0]["uses"], 1);
    server.clock.advance(DAY - HOUR - Duration::from_secs(1));
    assert_eq!(return_with(&server, &made, &first["guestKey"]).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&return_with(&server, &made, &first["guestKey"]).await), OVER);

    a.token = server.token(a.account, a.user, Role::Admin).await;
    let made = link(&server, &a, json!({})).await;
    let (removed, banned, out) = (
        redeem(&server, &made, "Grace").await.body,
        redeem(&server, &made, "Heidi").await.body,
        redeem(&server, &made, "Ivan").await.body,
    );
    // A key of another link says nothing here.
    let other = link(&server, &a, json!({})).await;
    let stranger = return_with(&server, &other, &out["guestKey"]).await.body;
    assert_ne!(stranger["userId"], out["userId"]);
    server.clock.advance(Duration::from_secs(1));
    let user = |guest: &Value| guest["userId"].as_str().unwrap().parse::<UserId>().unwrap();
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    rooms::remove(&mut tx, a.room, user(&removed), &*server.clock).await.unwrap();
    rooms::ban(&mut tx, a.room, user(&banned), &*server.clock).await.unwrap();
    tx.commit().await.unwrap();
    server.clock.advance(Duration::from_secs(1));
    let forbidden = |code| (StatusCode::FORBIDDEN, code);
    let refused = return_with(&server, &made, &removed["guestKey"]).await;
    assert_eq!(refusal(&refused), forbidden("auth.forbidden"));
    assert_eq!(refused.body["detail"], "You were removed from the room");
    assert_eq!(refusal(&return_with(&server, &made, &banned["guestKey"]).await), forbidden("room.banned"));
    assert_eq!(return_with(&server, &made, &out["guestKey"]).await.status, StatusCode::OK);
    let one = format!("{}/{}", path(&a), made["id"].as_str().unwrap());
    assert_eq!(server.call(Method::DELETE, &one, &a.token, None).await.status, StatusCode::OK);
    assert_eq!(refusal(&return_with(&server, &made, &out["guestKey"]).await), OVER);
}

#[tokio::test]
async fn who_may_not_let_guests_in_makes_no_link_and_of_a_private_room_only_a_member_does() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("a").await, server.tenant("b").await);
    let rights = json!({ "rights": ["messages.read"] });
    let user = async |name: &str, role: &str| {
        let email = format!("{name}@guests.example");
        let body = json!({ "email": email, "name": name, "password": PASSWORD, "role": role });
        server.post("/v1/users", &a.token, body).await;
        let signed_in = server.sign_in(&email, PASSWORD).await.body;
        signed_in["accessToken"].as_str().unwrap().to_owned()
    };
    let (agent, manager) = (user("agent", "AGENT_USER").await, user("manager", "USER").await);
    let made = link(&server, &a, json!({})).await;
    let one = format!("{}/{}", path(&a), made["id"].as_str().unwrap());
    for (token, refused) in [
        (&agent, (StatusCode::FORBIDDEN, "auth.forbidden")),
        (&b.token, (StatusCode::NOT_FOUND, "resource.notFound")),
    ] {
        assert_eq!(refusal(&server.post(&path(&a), token, rights.clone()).await), refused);
        assert_eq!(refusal(&server.get(&path(&a), token).await), refused);
        assert_eq!(refusal(&server.call(Method::DELETE, &one, token, None).await), refused);
    }
    let private = server.post("/v1/rooms", &a.token, json!({ "name": "board", "private": true })).await.body;
    let private = format!("/v1/rooms/{}/join-links", private["id"].as_str().unwrap());
    let refused = server.post(&private, &manager, rights.clone()).await;
    assert_eq!(refusal(&refused), (StatusCode::NOT_FOUND, "resource.notFound"));
    // What lets strangers in is there for who manages rooms to take back.
    assert_eq!(server.get(&private, &manager).await.body["items"], json!([]));
    assert_eq!(server.post(&path(&a), &manager, rights).await.status, StatusCode::CREATED);
    for (member, value) in
        [("expiresIn", json!(0)), ("expiresIn", json!(30 * 24 * 60 * 60 + 1)), ("usesMax", json!(0))]
    {
        let refused = server.post(&path(&a), &a.token, json!({ "rights": [], member: value })).await;
        assert_eq!(refusal(&refused), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"), "{member}");
    }
}

#[tokio::test]
async fn a_network_that_tries_links_is_told_to_wait_and_others_come_in() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let made = link(&server, &a, json!({})).await;
    let from = async |address: [u8; 4], token: Value| {
        let mut request = Request::post("/v1/auth/read-join-link")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({ "token": token }).to_string()))
            .unwrap();
        request.extensions_mut().insert(ClientAddress(address.into()));
        server.send(request).await
    };
    for tried in 0..200 {
        assert_eq!(refusal(&from([192, 0, 2, 1], json!(format!("guess {tried}"))).await), OVER);
    }
    let refused = from([192, 0, 2, 1], made["token"].clone()).await;
    assert_eq!(refusal(&refused), (StatusCode::TOO_MANY_REQUESTS, "limit.rate"));
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(from([192, 0, 2, 2], made["token"].clone()).await.status, StatusCode::OK);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(from([192, 0, 2, 1], made["token"].clone()).await.status, StatusCode::OK);
}
