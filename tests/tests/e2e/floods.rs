//! One who sends without end costs the others nothing.

use common::{
    clock::{Clock, SystemClock},
    protocol::close,
};
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    installation::Installation,
    kernel,
    raw::{self, Raw},
    socket::Socket,
};
use tokio::{io::AsyncWriteExt, task::JoinSet};

/// What a flood was answered: how often, and how it ended.
#[derive(Debug)]
struct Outcome {
    refused: u32,
    answered: u32,
    code: Option<u16>,
}

/// Sends `frames` again and again, as fast as they are taken, until the server ends it.
async fn flood(what: &'static str, raw: Raw, frames: Vec<u8>) -> (&'static str, Outcome) {
    let (mut reader, mut writer) = raw.split();
    let writing = async {
        let much = frames.repeat(64 * 1024 / frames.len() + 1);
        while writer.write_all(&much).await.is_ok() {}
    };
    let reading = async {
        let mut outcome = Outcome { refused: 0, answered: 0, code: None };
        while let Some((opcode, payload)) = reader.frame().await {
            if opcode == raw::CLOSE {
                outcome.code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            } else if opcode == raw::TEXT {
                let message: Value = serde_json::from_slice(&payload).expect("the server speaks JSON");
                if message["error"]["data"]["code"] == "limit.rate" {
                    outcome.refused += 1;
                } else {
                    outcome.answered += 1;
                }
            }
        }
        outcome
    };
    let ((), outcome) = tokio::join!(writing, reading);
    (what, outcome)
}

/// Requests, pings, and a message in pieces of nothing that never ends, each at full speed.
/// Passes for the wrong reason if the floods did not run: they are seen to be closed for what they do.
#[tokio::test]
async fn a_socket_at_full_speed_costs_little_and_is_closed() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut quiet = Socket::open(&server.base, &account.admin.token).await;
    let room = account.room("Lobby").await;
    let unknown = raw::request(1, "no.such", json!({}));
    let floods: [(&str, Vec<u8>); 4] = [
        ("requests", raw::frame(raw::FIN | raw::TEXT, unknown.as_bytes())),
        ("binary", raw::frame(raw::FIN | raw::BINARY, b"x")),
        ("pings", raw::frame(raw::FIN | raw::PING, b"x")),
        ("pieces", [raw::frame(raw::CONTINUATION, b"")].concat()),
    ];
    let (mut running, began) = (JoinSet::new(), SystemClock.now());
    for (what, frames) in floods {
        let mut raw = Raw::open(&server.base, &account.admin.token).await;
        if what == "pieces" {
            raw.send_bytes(&raw::frame(raw::TEXT, b"")).await.expect("it is sent");
        }
        running.spawn(flood(what, raw, frames));
    }
    // The bursts are over by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, started) = (kernel::processor_seconds(&server), SystemClock.now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let share = (kernel::processor_seconds(&server) - before) / (SystemClock.now() - started).as_secs_f64();
    eprintln!("four floods take {:.1} % of a core", share * 100.0);
    assert!(share < 0.15, "four floods take {:.0} % of a core", share * 100.0);
    let closed = tokio::select! {
        closed = tokio::time::timeout(Duration::from_secs(60), running.join_all()) => closed,
        never = quiet.idle() => match never {},
    };
    let lasted = (SystemClock.now() - began).as_secs() + 1;
    let mut heard_why = 0;
    for (what, outcome) in closed.expect("they are closed") {
        eprintln!("{what}: {outcome:?}");
        heard_why += u32::from(outcome.code == Some(close::ABUSE));
        assert!(matches!(outcome.code, Some(close::ABUSE) | None), "{what}: {outcome:?}");
        assert!(outcome.refused <= 20, "{what}: {outcome:?}");
        assert!(u64::from(outcome.answered) <= 200 + 50 * lasted, "{what}: {outcome:?}");
        if what == "requests" {
            assert!(outcome.answered >= 200 && outcome.refused > 0, "{what}: {outcome:?}");
        }
    }
    // Who goes on writing may be reset before the last word is read; not all of them are.
    assert!(heard_why > 0, "nobody heard why");
    // The user's connections are slowed down together; this one is not closed for it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    quiet.ask("room.join", json!({ "roomId": room })).await;
}

/// On two connections, and on new ones. Passes for the wrong reason if the messages were small: 8 KB each.
#[tokio::test]
async fn a_guest_is_slowed_to_a_rate_that_everybody_can_read() {
    let mut installation = Installation::new().await;
    installation.set("SWITCHBOARD_SIGNALLING__GUEST__BYTES_PER_SECOND", "65536");
    installation.set("SWITCHBOARD_SIGNALLING__GUEST__BYTES_BURST", "65536");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let guest = json!({ "guest": { "identity": "eve", "name": "Eve" }, "rights": ["messages.read", "messages.send"] });
    let minted = account.admin.post(&format!("/v1/rooms/{room}/join-tokens"), guest).await;
    let token = minted["token"].as_str().expect("a token");
    let mut member = Socket::open(&server.base, &account.admin.token).await;
    member.ask("room.join", json!({ "roomId": room })).await;
    let (started, mut sent) = (SystemClock.now(), 0);
    for _ in 0..4 {
        let mut eve = Socket::open(&server.base, token).await;
        eve.ask("room.join", json!({ "roomId": room })).await;
        for _ in 0..10 {
            let said = json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x".repeat(8000) });
            match eve.try_ask("room.send", said).await {
                Ok(_) => sent += 1,
                Err(error) => {
                    assert_eq!(error["data"]["code"], "limit.rate");
                    let wait = error["data"]["retryAfterMs"].as_u64().expect("how long to wait");
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            }
        }
    }
    let took = SystemClock.now() - started;
    assert!(sent >= 30, "{sent}");
    let least = (f64::from(sent) * 8000.0 - 65_536.0 - 4.0 * 16_384.0) / 65_536.0;
    assert!(took.as_secs_f64() > least, "{sent} messages in {took:?}");
    for _ in 0..sent {
        member.event("room.message", |_| true).await;
    }
}
