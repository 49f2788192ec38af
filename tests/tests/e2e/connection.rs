//! How connections end, and what that costs others: nothing.

use common::{
    clock::{Clock, SystemClock},
    protocol::close,
    token::{ACCESS_TOKEN_TIME, Role, Subject, sign},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, decode};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    installation::{AUTH_SECRET, Account, Installation},
    raw::Raw,
    rest::Rest,
    server::Server,
    socket::Socket,
};
use tokio::task::JoinSet;

fn message(room: &str, text: &str) -> Value {
    json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text })
}

/// Another token of the same sign-in, with only this long to live.
fn token_for(token: &str, time: Duration) -> String {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_aud = false;
    let claims = decode::<Value>(token, &DecodingKey::from_secret(AUTH_SECRET.as_bytes()), &rules);
    let claims = claims.expect("a token of ours").claims;
    let id = |name: &str| claims[name].as_str().expect("an id").to_owned();
    let account = id("account").parse().expect("an account id");
    let user = id("sub").parse().expect("a user id");
    let sign_in = id("sid").parse().expect("a sign-in id");
    let key = EncodingKey::from_secret(AUTH_SECRET.as_bytes());
    let signed_at = SystemClock.utc() - ACCESS_TOKEN_TIME + time;
    let subject = Subject { account, user, role: Role::Admin, permissions: None, elevated: None, sign_in };
    sign(&key, &subject, signed_at).expect("a token")
}

/// A client with 80 messages to read that reads one a second; how many it read until it was ended.
async fn stuffed(server: &Server, account: &Account, token: &str) -> JoinSet<u32> {
    let room = account.room("Archive").await;
    let mut raw = Raw::open_narrow(&server.base, token).await;
    raw.ask("room.join", json!({ "roomId": room })).await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    for _ in 0..80 {
        ada.ask("room.send", message(&room, &"x".repeat(8000))).await;
    }
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut read = 0;
        while raw.frame().await.is_some() {
            read += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        read
    });
    reading
}

/// Passes for the wrong reason if the slow client kept up: it is closed while the others talk.
#[tokio::test]
async fn who_does_not_read_is_closed_and_nobody_waits() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_PER_SECOND", "100000");
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_BURST", "100000");
    installation.set("SWITCHBOARD_SIGNALLING__BYTES_PER_SECOND", "10000000");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut slow = Socket::open_narrow(&server.base, &account.admin.token).await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let mut ben = Socket::open(&server.base, &account.admin.token).await;
    for socket in [&mut slow, &mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    let slow_id = slow.connection_id();
    let mut sent = 0_u64;
    loop {
        sent += 1;
        assert!(sent < 5000, "40 MB do not fit between the server and who does not read");
        ada.ask("room.send", message(&room, &"x".repeat(8000))).await;
        let heard = ben.event("room.message", |_| true).await;
        assert_eq!(heard["message"]["seq"], sent);
        if ben.has_read("room.memberLeft") {
            break;
        }
    }
    let left = ben.event("room.memberLeft", |_| true).await;
    assert_eq!(left["connectionId"], slow_id);
    // What was on its way still arrives; then it hears why.
    assert_eq!(slow.closed().await, Some(close::TOO_SLOW));

    // It resumes: nothing is lost, whatever the size of the gap.
    let mut slow = Socket::open(&server.base, &account.admin.token).await;
    let joined = slow.ask("room.join", json!({ "roomId": room, "after": sent - 1 })).await;
    assert_eq!(joined["messages"].as_array().map(Vec::len), Some(1), "{joined}");
}

#[tokio::test]
async fn who_does_not_say_who_it_is_is_closed() {
    let installation = Installation::new().await;
    let server = installation.server();
    let mut nobody = Socket::connect(&server.base).await;
    assert_eq!(nobody.closed().await, Some(close::UNAUTHENTICATED));
}

/// There is a grace of half a minute, and connections are looked at with each ping, those too that have much to
/// read and hardly do.
#[tokio::test]
async fn a_connection_ends_with_its_token_unless_it_is_refreshed() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__PING_S", "1");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let short = token_for(&account.admin.token, Duration::from_secs(3));
    let mut lapsing = Socket::open(&server.base, &short).await;
    let mut refreshed = Socket::open(&server.base, &short).await;
    refreshed.ask("connection.refresh", json!({ "token": account.admin.token })).await;
    let mut hardly_reading = tokio::select! {
        reading = stuffed(&server, &account, &short) => reading,
        never = lapsing.idle() => match never {},
        never = refreshed.idle() => match never {},
    };
    let stale = token_for(&account.admin.token, Duration::ZERO);
    let error = refreshed.try_ask("connection.refresh", json!({ "token": stale })).await.unwrap_err();
    assert_eq!(error["data"]["code"], "auth.invalidToken");
    let code = tokio::select! {
        code = lapsing.closed_within(Duration::from_secs(60)) => code,
        never = refreshed.idle() => match never {},
    };
    assert_eq!(code, Some(close::TOKEN_EXPIRED));
    let soon = tokio::time::timeout(Duration::from_secs(10), hardly_reading.join_next());
    let read = soon.await.expect("it ends with its token").expect("it is there").expect("it reads");
    assert!(read < 80, "it had more to read");
    let room = account.room("Lobby").await;
    refreshed.ask("room.join", json!({ "roomId": room })).await;
}

#[tokio::test]
async fn who_asks_too_fast_is_told_to_wait_and_who_talks_nonsense_is_closed() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_PER_SECOND", "1");
    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_BURST", "5");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut eager = Socket::open(&server.base, &account.admin.token).await;
    let mut refused = None;
    for _ in 0..7 {
        if let Err(error) = eager.try_ask("room.join", json!({ "roomId": room })).await {
            refused = Some(error);
        }
    }
    let refused = refused.expect("more than the burst is refused");
    assert_eq!(refused["data"]["code"], "limit.rate");
    let wait = refused["data"]["retryAfterMs"].as_u64().expect("how long to wait");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    eager.ask("room.join", json!({ "roomId": room })).await;

    installation.set("SWITCHBOARD_SIGNALLING__REQUESTS_BURST", "1000");
    let lenient = installation.server();
    let mut vandal = Socket::open(&lenient.base, &account.admin.token).await;
    for _ in 0..=100 {
        vandal.send_text("nonsense").await;
    }
    assert_eq!(vandal.closed().await, Some(close::ABUSE));
}

/// More requests than may wait, behind a store that stands still: nothing of the client is read, not even that it
/// answers pings. Passes for the wrong reason if the requests did not wait: they are answered afterwards only.
#[tokio::test]
async fn who_waits_for_a_slow_store_is_not_taken_for_silent() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__PING_S", "1");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let standstill = installation
        .database
        .as_owner("LOCK TABLE room_messages IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6)");
    let sends = async {
        let has_begun = "DO $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                                 AND relation = 'room_messages'::regclass) LOOP
                PERFORM pg_sleep(0.01);
            END LOOP;
        END $$";
        installation.database.as_owner(has_begun).await;
        for id in 0..40 {
            let said = message(&room, "patience");
            let said = json!({ "jsonrpc": "2.0", "id": 1000 + id, "method": "room.send", "params": said });
            ada.send_text(&said.to_string()).await;
        }
        ada.idle().await
    };
    tokio::select! {
        () = standstill => {}
        never = sends => match never {},
    }
    for seq in 1..=40 {
        ada.event("room.message", |event| event["message"]["seq"] == seq).await;
    }
}

/// The other instance takes over: what was said in between is there.
#[tokio::test]
async fn a_server_that_is_asked_to_end_sends_its_clients_away_and_loses_nothing() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &b).await;
    let room = account.room("Lobby").await;
    let admin: Rest = account.admin.at(&b.base);
    let mut ada = Socket::open(&a.base, &admin.token).await;
    let mut ben = Socket::open(&b.base, &admin.token).await;
    for socket in [&mut ada, &mut ben] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    ada.ask("room.send", message(&room, "before")).await;
    ada.event("room.message", |event| event["message"]["text"] == "before").await;
    a.terminate();
    let moving = ada.event("connection.moving", |_| true).await;
    assert!(moving["delayMs"].as_u64().is_some_and(|delay| delay < 5000), "{moving}");
    assert_eq!(ada.closed().await, Some(close::GOING_AWAY));
    ben.ask("room.send", message(&room, "meanwhile")).await;
    let mut ada = Socket::open(&b.base, &admin.token).await;
    let joined = ada.ask("room.join", json!({ "roomId": room, "after": 1 })).await;
    assert_eq!(joined["messages"][0]["text"], "meanwhile");
    a.ended();
}
