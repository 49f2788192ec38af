//! Who may no more is out within five seconds, on every instance, whether or not the instances hear of each
//! other.

use common::protocol::close;
use local_services::{redis::Redis, scratch::Scratch};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

/// Within this, whoever may no more reads nothing anywhere.
const SOON: Duration = Duration::from_secs(5);

/// Somebody who has signed in at one instance, and reads and is connected at another.
struct Person {
    email: String,
    user: String,
    refresh_token: Value,
    there: Rest,
    socket: Socket,
}

/// Signs in at the instance of `admin`.
async fn sign_in(admin: &Rest, email: &str, there: &Server) -> Person {
    let credentials = json!({ "email": email, "password": PASSWORD });
    let signed_in = admin.post("/v1/auth/sign-in", credentials).await;
    let token = signed_in["accessToken"].as_str().expect("a token");
    let person = Person {
        email: email.to_owned(),
        user: signed_in["user"]["id"].as_str().expect("an id").to_owned(),
        refresh_token: signed_in["refreshToken"].clone(),
        there: admin.at(&there.base).with_key(token),
        socket: Socket::open(&there.base, token).await,
    };
    person.there.get("/v1/rooms").await;
    person
}

#[expect(clippy::disallowed_methods, reason = "what real servers take is measured by a real clock")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until reading is refused.
async fn refused(who: &str, rest: &Rest, since: Instant) {
    loop {
        let (status, answer) = rest.call(Method::GET, "/v1/rooms", None).await;
        if status == StatusCode::UNAUTHORIZED {
            assert_eq!(answer["code"], "auth.invalidToken");
            #[expect(clippy::print_stderr, reason = "how long it took is reported")]
            {
                eprintln!("who was {who} was refused after {:?}", since.elapsed());
            }
            return;
        }
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(since.elapsed() < SOON, "who was {who} reads on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends at `here` what four people may, each in another way, and sees that they are out at `there`.
async fn end_four(account: &Account, here: &Server, there: &Server) {
    let admin = account.admin.at(&here.base);
    let new = async |name: &str| sign_in(&admin, &account.user(name).await, there).await;
    let role = json!({ "name": uuid::Uuid::new_v4(), "permissions": ["rooms.read", "users.read"] });
    let role = admin.post("/v1/roles", role).await["id"].as_str().expect("an id").to_owned();
    let (out, dismissed, demoted) = (new("Out").await, new("Dismissed").await, new("Demoted").await);
    let user = |person: &Person| format!("/v1/users/{}", person.user);
    let narrowed = new("Narrowed").await;
    admin.patch(&user(&narrowed), json!({ "roleId": role })).await;
    let narrowed = sign_in(&admin, &narrowed.email, there).await;

    let since = now();
    admin.post("/v1/auth/sign-out", json!({ "refreshToken": out.refresh_token })).await;
    admin.patch(&user(&dismissed), json!({ "active": false })).await;
    admin.patch(&user(&demoted), json!({ "roleId": role })).await;
    admin.patch(&format!("/v1/roles/{role}"), json!({ "permissions": ["rooms.read"] })).await;
    for (who, mut person) in
        [("signed out", out), ("dismissed", dismissed), ("demoted", demoted), ("narrowed", narrowed)]
    {
        refused(who, &person.there, since).await;
        assert_eq!(person.socket.closed_within(SOON).await, Some(close::ENDED), "who was {who}");
        assert!(since.elapsed() < SOON + Duration::from_secs(1), "who was {who} stays connected");
    }
    admin.at(&there.base).get("/v1/rooms").await;
}

/// With Redis, without it, and with it again. Passes for the wrong reason if both were one instance, or if
/// everybody was refused: the administrator reads on.
#[tokio::test]
async fn who_may_no_more_is_out_on_every_instance_within_five_seconds() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    end_four(&account, &a, &b).await;

    redis.kill().expect("it was running");
    end_four(&account, &a, &b).await;
    redis.restart().expect("Redis starts again");
    end_four(&account, &b, &a).await;
    drop((a, b));
    redis.kill().expect("it was running");
}

/// An instance that was not there when somebody signed out.
#[tokio::test]
async fn an_instance_that_starts_knows_who_may_no_more() {
    let installation = Installation::new().await;
    let first = installation.server();
    let account = installation.account("acme", &first).await;
    let out = sign_in(&account.admin, &account.user("Out").await, &first).await;
    account.admin.post("/v1/auth/sign-out", json!({ "refreshToken": out.refresh_token })).await;
    let address = first.address();
    first.kill();
    let second = installation.server_on(&address);
    let (status, answer) = out.there.call(Method::GET, "/v1/rooms", None).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("auth.invalidToken")));
    let mut socket = Socket::connect(&second.base).await;
    let refused = socket.try_ask("connection.open", json!({ "token": out.there.token })).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "auth.invalidToken");
}

/// The hub has been told nothing, and has not looked yet: what is said is refused by the store.
#[tokio::test]
async fn what_is_said_in_a_room_by_who_may_no_more_is_not_kept() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut person = sign_in(&account.admin, &account.user("Out").await, &server).await;
    person.socket.ask("room.join", json!({ "roomId": room })).await;
    let _called = Socket::open(&server.base, &account.admin.token).await;
    let say = |text: &str| json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text });
    person.socket.ask("room.send", say("before")).await;
    let end = format!("UPDATE users SET deactivated_at = now() WHERE id = '{}'", person.user);
    installation.database.as_owner(&end).await;
    for (method, params) in [
        ("room.send", say("after")),
        ("call.ring", json!({ "roomId": room, "userId": account.admin.user, "media": "video" })),
    ] {
        let refused = person.socket.try_ask(method, params).await.unwrap_err();
        assert_eq!(refused["data"]["code"], "auth.invalidToken", "{method}");
    }
    let said = account.admin.get(&format!("/v1/rooms/{room}/messages")).await;
    assert_eq!(said["items"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!(account.admin.get("/v1/calls").await["items"], json!([]));
}

/// Nobody tells the hub: whoever decided it did not reach it. Passes for the wrong reason if everybody were put out:
/// the administrator, a member, hears what is said.
#[tokio::test]
async fn who_may_not_stay_in_a_room_says_nothing_more_and_is_out_within_five_seconds() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ben = sign_in(&account.admin, &account.user("Ben").await, &server).await.socket;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let (shop, private) = (account.room("Shop").await, account.room("Private").await);
    let (closed, deleted) = (account.room("Closed").await, account.room("Deleted").await);
    for room in [&private, &closed, &deleted] {
        ben.ask("room.join", json!({ "roomId": room })).await;
    }
    for room in [&shop, &private] {
        ada.ask("room.join", json!({ "roomId": room })).await;
    }
    let member = format!("/v1/rooms/{private}/members/{}", account.admin.user);
    account.admin.call(Method::PUT, &member, None).await;
    let guest = json!({ "guest": { "identity": "eve", "name": "Eve" }, "rights": ["messages.read", "messages.send"] });
    let minted = account.admin.post(&format!("/v1/rooms/{shop}/join-tokens"), guest).await;
    let mut guest = Socket::open(&server.base, minted["token"].as_str().expect("a token")).await;
    guest.ask("room.join", json!({ "roomId": shop })).await;

    let user = guest.opened["userId"].as_str().expect("an id");
    let decide = format!(
        "INSERT INTO room_removals (account_id, room_id, user_id, removed_at)
             SELECT account_id, id, '{user}', now() FROM rooms WHERE id = '{shop}';
         UPDATE rooms SET is_private = true WHERE id = '{private}';
         UPDATE rooms SET closed_at = now() WHERE id = '{closed}';
         DELETE FROM rooms WHERE id = '{deleted}'"
    );
    installation.database.as_owner(&decide).await;
    let since = now();
    let say =
        |room: &str| json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "I am still here" });
    let said = json!({ "jsonrpc": "2.0", "id": 1000, "method": "room.send", "params": say(&shop) });
    guest.send_text(&said.to_string()).await;
    for room in [&private, &closed, &deleted] {
        let refused = ben.try_ask("room.send", say(room)).await.unwrap_err();
        assert!(
            ["room.notJoined", "room.closed"].map(Value::from).contains(&refused["data"]["code"]),
            "{refused}"
        );
    }
    assert_eq!(guest.closed_within(SOON).await, Some(close::ENDED));
    for (room, reason) in [(&private, "removed"), (&closed, "closed"), (&deleted, "deleted")] {
        ben.event("room.removed", |event| event["roomId"] == **room && event["reason"] == reason).await;
    }
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    ada.ask("room.send", say(&private)).await;
    ada.event("room.message", |event| event["roomId"] == private).await;
    let said = account.admin.get(&format!("/v1/rooms/{shop}/messages")).await;
    assert_eq!(said["items"], json!([]));
}
