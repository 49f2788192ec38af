//! Very many who follow the list of rooms, and a store that goes silent under them.
//!
//! What a message costs that all of them see is reported, not asserted: the machine has other things to do. Asserted is
//! that each is told, and by how many frames at most.

use crate::stage::{Signal, children, durable_postgres, send};
use local_services::{postgres::Postgres, scratch::Scratch};
use serde_json::{Value, json};
use signalling_client::{Client, Connection, frame};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use switchboard_tests::{
    PATIENCE, eventually, installation::Installation, is_long, kernel, people::people, report,
    server::Server, socket::Socket,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep_until, timeout},
};

/// Connections that are opened side by side.
const OPENED_AT_ONCE: usize = 16;

/// Messages that are said one by one, each after all were told of the one before.
const MESSAGES: u64 = 10;

/// Messages that are said as fast as they may be.
const FLOOD: u64 = 200;

/// A room is told once in this time at most, and here a little more.
const ROUND_TIME: Duration = Duration::from_millis(1200);

/// How long all may take to be told.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// How many follow.
fn followers() -> usize {
    if is_long() { 5000 } else { 500 }
}

/// That a follower was told of a room, at which number, and when.
struct Told {
    last_seq: u64,
    at: Instant,
}

/// The sockets that follow, read to their end.
struct Followers {
    count: usize,
    told: mpsc::UnboundedReceiver<Told>,
    _reading: JoinSet<()>,
}

impl Followers {
    /// Opens a connection with each token, in no room.
    async fn gather(server: &Server, tokens: Vec<String>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let (mut opening, mut reading, count) = (JoinSet::new(), JoinSet::new(), tokens.len());
        for token in tokens {
            let address = server.address();
            opening.spawn(async move {
                let mut client = Client::connect(&address).await.expect("the hub accepts sockets");
                client.open(&token).await.expect("the token is good");
                let answer = client.request_json("rooms.subscribe", &json!({})).await;
                answer.expect("it is connected").expect("users follow");
                client.into_connection()
            });
            if opening.len() >= OPENED_AT_ONCE
                && let Some(opened) = opening.join_next().await
            {
                reading.spawn(read(opened.expect("it is opened"), tell.clone()));
            }
        }
        while let Some(opened) = opening.join_next().await {
            reading.spawn(read(opened.expect("it is opened"), tell.clone()));
        }
        Self { count, told, _reading: reading }
    }

    /// Waits until all were told that a room has come so far; the time when the last was, and how many frames it took.
    async fn are_told(&mut self, seq: u64) -> (Instant, usize) {
        let (mut frames, mut left, mut last) = (0, self.count, None);
        while left > 0 {
            let told = timeout(TOLD_WITHIN, self.told.recv()).await;
            let told = told.unwrap_or_else(|_| panic!("{left} were not told of {seq}")).expect("they follow");
            frames += 1;
            if told.last_seq >= seq {
                left -= 1;
                last = Some(told.at);
            }
        }
        (last.expect("there are some"), frames)
    }
}

async fn read(mut connection: Connection, tell: mpsc::UnboundedSender<Told>) {
    let writer = connection.writer();
    loop {
        let mut pings: Vec<Vec<u8>> = Vec::new();
        let outcome = connection.hear(|opcode, payload| match opcode {
            frame::PING => pings.push(payload.to_vec()),
            frame::TEXT => {
                let message: Value = serde_json::from_slice(payload).expect("JSON");
                if message["method"] == "rooms.unreadChanged" {
                    let last_seq = message["params"]["rooms"][0]["lastSeq"].as_u64().expect("a number");
                    let _test_is_over = tell.send(Told { last_seq, at: Instant::now() });
                }
            }
            _ => {}
        });
        assert!(matches!(outcome.await, Ok(true)), "nobody is closed");
        for payload in pings {
            writer.pong(&payload).await.expect("it is connected");
        }
    }
}

/// The processor time of all processes of a Postgres that were there before, in seconds.
fn spent(processes: &[u32]) -> f64 {
    processes.iter().filter_map(|process| kernel::processor_seconds_of(*process)).sum()
}

/// People of an account, each of whom has read in a room that is for all.
async fn readers(installation: &Installation, ada: &Socket, room: &str, count: usize) -> Vec<String> {
    let id = ada.opened["accountId"].as_str().expect("an account").to_owned();
    let readers = people(installation, id.parse().expect("an id"), count).await;
    let rows: Vec<String> =
        readers.iter().map(|reader| format!("('{id}', '{room}', '{}', 0)", reader.user)).collect();
    let read =
        format!("INSERT INTO room_reads (account_id, room_id, user_id, seq) VALUES {}", rows.join(","));
    installation.database.as_owner(&read).await;
    readers.into_iter().map(|reader| reader.token).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_who_follow_are_each_told_and_a_flood_is_told_once_a_second() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let mut installation = Installation::with_own_postgres(&postgres).await;
    // All of them come from one address, as fast as they are let in.
    installation.set("SWITCHBOARD_SIGNALLING__CONNECTIONS_PER_NETWORK_MAX", "10000");
    installation.set("SWITCHBOARD_HTTP__ANONYMOUS_PER_SECOND", "10000");
    installation.set("SWITCHBOARD_HTTP__ANONYMOUS_BURST", "10000");
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Hall").await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let tokens = readers(&installation, &ada, &room, followers()).await;
    let mut followers = Followers::gather(&server, tokens).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let message = || json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x" });
    // Statements are planned once by each connection.
    ada.ask("room.send", message()).await;
    let (mut told, _) = followers.are_told(1).await;
    let processes = children(postgres.id().expect("we started it"));
    let (server_before, postgres_before) = (kernel::processor_seconds(&server), spent(&processes));
    let mut delays = Vec::new();
    for seq in 2..2 + MESSAGES {
        // What is said sooner waits for it, and that is not what a message costs.
        sleep_until((told + ROUND_TIME).into()).await;
        let said = Instant::now();
        ada.ask("room.send", message()).await;
        let (last, frames) = followers.are_told(seq).await;
        delays.push(last.duration_since(said));
        told = last;
        assert_eq!(frames, followers.count, "a frame for each");
    }
    let each = |before: f64, now: f64| 1000.0 * (now - before) / MESSAGES as f64;
    let (of_server, of_postgres) =
        (each(server_before, kernel::processor_seconds(&server)), each(postgres_before, spent(&processes)));
    delays.sort_unstable();
    report(&format!(
        "a message that {} who follow see: {of_server:.0} ms of the server, {of_postgres:.0} ms of Postgres; the last is \
         told after {:?}, {:?} at most",
        followers.count,
        delays[delays.len() / 2],
        delays[delays.len() - 1],
    ));
    let began = Instant::now();
    for _ in 0..FLOOD {
        let is_said = async || ada.try_ask("room.send", message()).await.is_ok();
        eventually("it is said, by and by", PATIENCE, is_said).await;
    }
    let last = 1 + MESSAGES + FLOOD;
    // A hundred and more are a hundred: of the last nobody is told.
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    while counts.values().copied().max() < Some(followers.count) || counts.keys().all(|seq| *seq < 100) {
        let told =
            timeout(TOLD_WITHIN, followers.told.recv()).await.expect("they are told").expect("they follow");
        *counts.entry(told.last_seq).or_default() += 1;
    }
    let (frames, seconds) = (counts.values().sum::<usize>(), began.elapsed().as_secs());
    report(&format!("{FLOOD} messages up to {last} in {seconds} s: {frames} frames"));
    let bound = followers.count * usize::try_from(seconds + 2).expect("a test is short");
    assert!(frames <= bound, "{frames} frames, {bound} at most");
}

/// A process of Postgres that stands still, and goes on when this is dropped.
struct Frozen(u32);

impl Frozen {
    fn new(process: u32) -> Self {
        send(process, Signal::Stop);
        Self(process)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        send(self.0, Signal::Continue);
    }
}

/// The process of Postgres that waits for another.
async fn waiting(postgres: &Postgres) -> u32 {
    let waits = |id: &u32| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline"))
            .is_ok_and(|line| line.contains("switchboard_app") && line.contains("waiting"))
    };
    let mut found = None;
    let is_found = async || {
        found = children(postgres.id().expect("we started it")).into_iter().find(waits);
        found.is_some()
    };
    eventually("the list is read", PATIENCE, is_found).await;
    found.expect("it was found")
}

/// Who holds up the others.
const HOLDERS: &str = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()";

/// As when the machine of a connection is gone without a word, and others reach the one that took its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_whose_connection_to_the_store_goes_silent_is_read_by_another() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let installation = Installation::with_own_postgres(&postgres).await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Hall").await;
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let tokens = readers(&installation, &ada, &room, 1).await;
    let mut followers = Followers::gather(&server, tokens).await;
    ada.ask("room.join", json!({ "roomId": room })).await;
    let message = || json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": "x" });
    ada.ask("room.send", message()).await;
    followers.are_told(1).await;
    // Whoever reads how far people have read waits; who says something does not.
    let hold = "BEGIN; LOCK TABLE room_reads IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)";
    let database = Arc::new(installation.database);
    let holder = Arc::clone(&database);
    let holding = tokio::spawn(async move { holder.as_owner(hold).await });
    let held = format!(
        "DO $$ BEGIN WHILE NOT EXISTS (SELECT {HOLDERS} AND wait_event = 'PgSleep') LOOP
             PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP; END $$"
    );
    database.as_owner(&held).await;
    ada.ask("room.send", message()).await;
    let frozen = Frozen::new(waiting(&postgres).await);
    holding.abort();
    database.as_owner(&format!("SELECT pg_terminate_backend(pid) {HOLDERS}")).await;
    followers.are_told(2).await;
    drop(frozen);
}
