//! RFC 6455 to the letter: Autobahn's cases and some of our own, and the opening handshake.

#[path = "websocket/case.rs"]
mod case;
#[path = "websocket/handshake.rs"]
mod handshake;
#[path = "websocket/table.rs"]
mod table;

use common::clock::{Clock, SystemClock};
use std::sync::Arc;
use switchboard_tests::{installation::Installation, raw::Raw, report};
use table::{Case, cases};
use tokio::{sync::Semaphore, task::JoinSet};

/// Cases played at a time.
const AT_ONCE: usize = 32;

/// Nothing but the protocol decides.
async fn unlimited() -> Installation {
    let mut installation = Installation::new().await;
    for name in ["REQUESTS_PER_SECOND", "REQUESTS_BURST", "BYTES_PER_SECOND", "BYTES_BURST"] {
        installation.set(&format!("SWITCHBOARD_SIGNALLING__{name}"), "1000000000");
    }
    installation.set("SWITCHBOARD_SIGNALLING__CONNECTIONS_PER_USER_MAX", "1000");
    installation.set("SWITCHBOARD_SIGNALLING__USER_FACTOR", "1");
    installation.set("SWITCHBOARD_SIGNALLING__ACCOUNT_FACTOR", "1");
    installation
}

/// Plays them, signed in or at the door, and says what failed.
async fn play(base: &str, token: Option<&str>, cases: Vec<Case>) -> Vec<String> {
    let (base, token) = (base.to_owned(), token.map(str::to_owned));
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    let (count, started) = (cases.len(), SystemClock.now());
    for case in cases {
        let (base, token, turns) = (base.clone(), token.clone(), Arc::clone(&turns));
        playing.spawn(async move {
            let _turn = turns.acquire().await.expect("it is never closed");
            let raw = match &token {
                Some(token) => Raw::open(&base, token).await,
                None => Raw::connect(&base).await,
            };
            (case::play(&case, raw).await, case.id)
        });
    }
    let (mut failures, mut late) = (Vec::new(), Vec::new());
    while let Some(played) = playing.join_next().await {
        match played {
            Ok((Ok(true), _)) => {}
            Ok((Ok(false), id)) => late.push(id),
            Ok((Err(why), id)) => failures.push(format!("{id}: {why:.300}")),
            Err(panicked) => failures.push(panicked.to_string()),
        }
    }
    late.sort();
    report(&format!(
        "{count} WebSocket cases in {:?}; right, but not as soon as they could be: {late:?}",
        SystemClock.now() - started
    ));
    failures.sort();
    failures
}

/// Passes for the wrong reason if cases were lost on the way: counted.
#[tokio::test]
async fn every_case_of_rfc_6455_ends_as_it_must() {
    let installation = unlimited().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let cases = cases();
    assert!(cases.len() > 400, "{} cases", cases.len());
    let failures = play(&server.base, Some(&account.admin.token), cases).await;
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

/// Nobody has to say who it is to be held to the protocol. Requests are something else before that.
#[tokio::test]
async fn the_same_holds_before_anybody_has_signed_in() {
    let installation = unlimited().await;
    let server = installation.server();
    let is_small = |case: &Case| {
        let sent = case.steps.iter().map(|step| match step {
            table::Step::Write(bytes) => bytes.len(),
            table::Step::Quiet | table::Step::Late => 0,
        });
        case.steps.len() < 200 && sent.sum::<usize>() < 2048
    };
    let says_nothing = |case: &Case| case.back.iter().all(|back| matches!(back.what, table::What::Pong(_)));
    let cases: Vec<Case> = cases().into_iter().filter(|case| is_small(case) && says_nothing(case)).collect();
    assert!(cases.len() > 150, "{} cases", cases.len());
    let failures = play(&server.base, None, cases).await;
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
