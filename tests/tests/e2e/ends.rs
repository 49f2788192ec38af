//! A connection can always be ended, whatever the other side does or does not do.

use common::{
    clock::{Clock, SystemClock},
    protocol::close,
};
use serde_json::json;
use std::time::Duration;
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation, PASSWORD},
    kernel::{self, Tcp},
    raw::{self, Raw},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use tokio::task::JoinSet;

/// Rates that do not matter here.
fn unlimited(installation: &mut Installation) {
    for name in ["REQUESTS_PER_SECOND", "REQUESTS_BURST", "BYTES_PER_SECOND", "BYTES_BURST"] {
        installation.set(&format!("SWITCHBOARD_SIGNALLING__{name}"), "1000000000");
    }
    installation.set("SWITCHBOARD_SIGNALLING__USER_FACTOR", "1");
    installation.set("SWITCHBOARD_SIGNALLING__ACCOUNT_FACTOR", "1");
}

/// Sockets that are in the room and never read again, with more to be written to each than the kernel takes,
/// and less than what makes them too slow. Passes for the wrong reason if they had nothing to read: looked at.
async fn stuffed(count: usize, server: &Server, account: &Account, token: &str) -> Vec<Raw> {
    let room = account.room("Lobby").await;
    let mut deaf = Vec::new();
    for _ in 0..count {
        let mut raw = Raw::open_narrow(&server.base, token).await;
        raw.ask("room.join", json!({ "roomId": room })).await;
        deaf.push(raw);
    }
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    for _ in 0..40 {
        let message = json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x".repeat(8000) });
        ada.ask("room.send", message).await;
    }
    let held = held(server, &deaf);
    assert_eq!(held.len(), count, "all are there");
    for tcp in &held {
        assert!(tcp.unacknowledged > 10_000, "it has something to read: {tcp:?}");
        assert!(tcp.unacknowledged < 160 * 1024, "the kernel's share is bounded: {tcp:?}");
    }
    deaf
}

fn held(server: &Server, sockets: &[Raw]) -> Vec<Tcp> {
    let ports: Vec<u16> = sockets.iter().map(Raw::port).collect();
    kernel::sockets(server, &ports)
}

async fn gone(server: &Server, sockets: &[Raw], within: Duration) -> Duration {
    let started = SystemClock.now();
    loop {
        let left = held(server, sockets);
        if left.is_empty() {
            return SystemClock.now() - started;
        }
        assert!(
            (SystemClock.now() - started) < within,
            "{} are still there, such as {:?}",
            left.len(),
            left.first()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn who_never_reads_is_gone_within_seconds_of_being_disconnected() {
    let mut installation = Installation::new().await;
    unlimited(&mut installation);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let ben = Rest::sign_in(&server.base, &account.user("Ben").await, PASSWORD).await;
    let deaf = stuffed(50, &server, &account, &ben.token).await;
    account.admin.delete(&format!("/v1/users/{}/connections", ben.user)).await;
    let took = gone(&server, &deaf, Duration::from_secs(8)).await;
    eprintln!("disconnected 50 sockets that never read within {took:?}");
}

#[tokio::test]
async fn who_never_reads_does_not_hold_up_a_drain() {
    let mut installation = Installation::new().await;
    unlimited(&mut installation);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let deaf = stuffed(50, &server, &account, &account.admin.token).await;
    let started = SystemClock.now();
    server.terminate();
    tokio::task::spawn_blocking(|| server.ended()).await.expect("it has ended");
    let took = SystemClock.now() - started;
    assert!(took < Duration::from_secs(12), "{took:?}");
    drop(deaf);
}

/// Nobody ends them: the write deadline does.
#[tokio::test]
async fn who_takes_nothing_is_reset_after_the_write_deadline() {
    let mut installation = Installation::new().await;
    unlimited(&mut installation);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let deaf = stuffed(10, &server, &account, &account.admin.token).await;
    gone(&server, &deaf, Duration::from_secs(20)).await;
}

/// The close frame comes behind what was being written, not in the middle of it.
/// Passes for the wrong reason if the client kept up: then it would never be closed.
#[tokio::test]
async fn who_reads_too_slowly_hears_so() {
    let mut installation = Installation::new().await;
    unlimited(&mut installation);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut slow = Raw::open_narrow(&server.base, &account.admin.token).await;
    slow.ask("room.join", json!({ "roomId": room })).await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut frames = 0_u32;
        loop {
            match slow.frame().await {
                Some((raw::TEXT, payload)) => {
                    serde_json::from_slice::<serde_json::Value>(&payload).expect("a whole frame");
                    frames += 1;
                }
                Some((raw::CLOSE, payload)) => return (frames, u16::from_be_bytes([payload[0], payload[1]])),
                Some(_) => {}
                None => panic!("cut off without a word after {frames} frames"),
            }
            // 200 KB a second.
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    });
    let talking = async {
        loop {
            let message =
                json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x".repeat(8000) });
            ada.ask("room.send", message).await;
        }
    };
    let heard = tokio::select! {
        heard = reading.join_next() => heard.expect("it is there").expect("it reads"),
        () = talking => unreachable!("it talks for ever"),
        () = tokio::time::sleep(PATIENCE * 2) => panic!("it was never closed"),
    };
    assert_eq!(heard.1, close::TOO_SLOW, "after {} frames", heard.0);
}

/// RFC 6455, section 5.5.1: what a browser shows as `wasClean`.
#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    for code in [1000_u16, 1001, 3000, 4999] {
        for is_known in [false, true] {
            let mut raw = if is_known {
                Raw::open(&server.base, &account.admin.token).await
            } else {
                Raw::connect(&server.base).await
            };
            raw.send(raw::CLOSE, &code.to_be_bytes()).await.expect("it is sent");
            assert_eq!(raw.closed_within(Duration::from_secs(2)).await, Some(code));
        }
    }
    let mut silent = Raw::open(&server.base, &account.admin.token).await;
    silent.send(raw::CLOSE, b"").await.expect("it is sent");
    assert_eq!(silent.closed_within(Duration::from_secs(2)).await, None, "no code for no code");
}

/// Whoever closes: never 1006.
#[tokio::test]
async fn a_browser_sees_every_close_with_its_code_and_as_clean() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.open(&server.base).await;
    let closed = |script: &str| {
        format!(
            "new Promise((done) => {{
                 const socket = new WebSocket(location.origin.replace('http', 'ws') + '/v1/ws');
                 socket.onclose = (event) => done({{ code: event.code, clean: event.wasClean }});
                 socket.onopen = () => {{ {script} }};
             }})"
        )
    };
    let own = browser.until(&closed("socket.close(3001, 'I am done')")).await;
    assert_eq!(own, json!({ "code": 3001, "clean": true }));
    let servers = browser.until(&closed("for (let i = 0; i < 30; i++) socket.send('nonsense')")).await;
    assert_eq!(servers, json!({ "code": close::UNAUTHENTICATED, "clean": true }));
    let violation = browser.until(&closed("socket.send('x'.repeat(200 * 1024))")).await;
    assert_eq!(violation, json!({ "code": close::TOO_BIG, "clean": true }));
    browser.quit().await;
}
