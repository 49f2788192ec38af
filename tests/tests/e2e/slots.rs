//! How many sockets there may be: in all, of a network, of an account, of a user, and of nobody in particular.

use common::{
    clock::{Clock, SystemClock},
    protocol::close,
};
use serde_json::json;
use std::time::Duration;
use switchboard_tests::{
    PATIENCE,
    installation::{Account, Installation, PASSWORD},
    raw::{self, Raw},
    rest::Rest,
    server::Server,
    socket::Socket,
};

async fn limited(setting: &str, to: u32) -> (Installation, Server, Account) {
    let mut installation = Installation::new().await;
    installation.set(&format!("SWITCHBOARD_SIGNALLING__{setting}"), &to.to_string());
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    (installation, server, account)
}

/// Knocks until the status is this: slots are given back a moment after a connection has ended.
async fn knock_until(server: &Server, status: u16) -> Raw {
    let started = SystemClock.now();
    loop {
        let (raw, answer) = Raw::knock(&server.base, false).await;
        if answer.status == status {
            return raw;
        }
        assert!(SystemClock.now() - started < PATIENCE, "still {}", answer.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn is_refused(server: &Server, status: u16) {
    let (_raw, answer) = Raw::knock(&server.base, false).await;
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains("limit.count"), "{}", answer.text);
    assert!(answer.text.to_lowercase().contains("retry-after"), "{}", answer.text);
}

/// Two fit and a third does not, also after many have come and vanished in whatever way.
async fn two_fit(server: &Server, status: u16) {
    let (first, second) = (Raw::connect(&server.base).await, Raw::connect(&server.base).await);
    is_refused(server, status).await;
    drop(first);
    second.vanish();
    for round in 0..20 {
        let mut raw = knock_until(server, 101).await;
        match round % 4 {
            0 => drop(raw),
            1 => raw.vanish(),
            2 => raw.send(raw::CLOSE, b"").await.expect("it is sent"),
            _ => raw.send_bytes(&[0xFF; 100]).await.expect("it is sent"),
        }
    }
    let _held = [knock_until(server, 101).await, knock_until(server, 101).await];
    is_refused(server, status).await;
}

#[tokio::test]
async fn an_instance_has_as_many_sockets_as_it_is_allowed() {
    let (_installation, server, _account) = limited("CONNECTIONS_MAX", 2).await;
    two_fit(&server, 503).await;
}

#[tokio::test]
async fn a_network_has_as_many_sockets_as_it_is_allowed() {
    let (_installation, server, _account) = limited("CONNECTIONS_PER_NETWORK_MAX", 2).await;
    two_fit(&server, 429).await;
}

#[tokio::test]
async fn a_networks_strangers_have_as_many_sockets_as_they_are_allowed_and_who_is_known_is_none() {
    let (_installation, server, account) = limited("UNAUTHENTICATED_PER_NETWORK_MAX", 2).await;
    let mut known = Vec::new();
    for _ in 0..5 {
        known.push(Socket::open(&server.base, &account.admin.token).await);
    }
    two_fit(&server, 429).await;
}

/// Else whoever opens as many sockets as strangers may, and says nothing on them, keeps everybody out.
#[tokio::test]
async fn a_stranger_for_whom_there_is_no_place_gets_that_of_the_one_who_has_waited_longest() {
    let (_installation, server, account) = limited("UNAUTHENTICATED_MAX", 2).await;
    let mut known = Socket::open(&server.base, &account.admin.token).await;
    let mut first = Socket::connect(&server.base).await;
    let mut second = Socket::connect(&server.base).await;
    let _third = Socket::connect(&server.base).await;
    assert_eq!(first.closed().await, Some(close::OVERLOADED));
    second.ask("connection.open", json!({ "token": account.admin.token })).await;
    // The third and one more: nobody else has to go.
    let _fourth = Socket::connect(&server.base).await;
    let room = account.room("Lobby").await;
    for socket in [&mut known, &mut second] {
        socket.ask("room.join", json!({ "roomId": room })).await;
    }
    for _ in 0..20 {
        let _silent = Raw::connect(&server.base).await;
        Socket::open(&server.base, &account.admin.token).await;
    }
}

/// Who is one too many is told so and closed, and the others stay.
async fn is_told_and_closed(server: &Server, token: &str) {
    let mut one_more = Socket::connect(&server.base).await;
    let error =
        one_more.try_ask("connection.open", json!({ "token": token })).await.expect_err("one too many");
    assert_eq!(error["data"]["code"], "limit.count");
    assert_eq!(one_more.closed().await, Some(close::OVERLOADED));
}

async fn open_until_it_works(server: &Server, token: &str) -> Socket {
    let started = SystemClock.now();
    loop {
        let mut socket = Socket::connect(&server.base).await;
        if socket.try_ask("connection.open", json!({ "token": token })).await.is_ok() {
            return socket;
        }
        assert!(SystemClock.now() - started < PATIENCE, "never a place");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_user_has_as_many_sockets_as_allowed_whatever_others_have() {
    let (_installation, server, account) = limited("CONNECTIONS_PER_USER_MAX", 2).await;
    let ben = Rest::sign_in(&server.base, &account.user("Ben").await, PASSWORD).await;
    for _ in 0..3 {
        let first = open_until_it_works(&server, &account.admin.token).await;
        let second = open_until_it_works(&server, &account.admin.token).await;
        is_told_and_closed(&server, &account.admin.token).await;
        drop((first, second));
    }
    let _others =
        [Socket::open(&server.base, &ben.token).await, Socket::open(&server.base, &ben.token).await];
}

#[tokio::test]
async fn an_account_has_as_many_sockets_as_allowed_whatever_others_have() {
    let (installation, server, account) = limited("CONNECTIONS_PER_ACCOUNT_MAX", 2).await;
    let ben = Rest::sign_in(&server.base, &account.user("Ben").await, PASSWORD).await;
    let other = installation.account("other", &server).await;
    for _ in 0..3 {
        let first = open_until_it_works(&server, &account.admin.token).await;
        let second = open_until_it_works(&server, &ben.token).await;
        is_told_and_closed(&server, &ben.token).await;
        drop((first, second));
    }
    let _others = Socket::open(&server.base, &other.admin.token).await;
}
