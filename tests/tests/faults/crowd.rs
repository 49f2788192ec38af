//! Slow and hostile clients of one account beside good ones of another.
//!
//! Windows with and without them alternate; how long the good ones waited is reported, not asserted: the
//! machine has other things to do. Asserted are counts, bytes and closes.

use crate::stage::durable_postgres;
use common::clock::{Clock as _, SystemClock};
use local_services::scratch::Scratch;
use serde_json::{Value, json};
use std::{fs, time::Duration};
use switchboard_tests::{
    PATIENCE,
    installation::{Account, Installation},
    is_long, kernel,
    raw::{self, Raw},
    report,
    server::Server,
    socket::Socket,
    webhook::Meta,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

/// Messages of a window, and windows of each kind.
fn size() -> (usize, usize) {
    if is_long() { (400, 5) } else { (60, 2) }
}

/// Those who open a socket, follow everything, and never read.
const DEAF: usize = 60;

/// Those who send as fast as they can.
const LOUD: usize = 4;

/// Connections with half a request.
const HALVES: usize = 200;

/// Webhooks whose end does not come.
const BODIES: usize = 20;

/// The good clients: two people in a room, and a customer.
struct Good {
    ada: Socket,
    ben: Socket,
    room: String,
    meta: Meta,
    base: String,
}

impl Good {
    async fn meet(server: &Server, account: &Account) -> Self {
        let room = account.room("Good").await;
        let mut pair = Vec::new();
        for _ in 0..2 {
            let mut socket = Socket::open(&server.base, &account.admin.token).await;
            socket.ask("room.join", json!({ "roomId": room })).await;
            pair.push(socket);
        }
        let (Some(ben), Some(ada)) = (pair.pop(), pair.pop()) else { panic!("two") };
        Self { ada, ben, room, meta: account.whatsapp().await, base: server.base.clone() }
    }

    /// Says so many things and sends so many webhooks; the 99th percentile of how long it took until heard,
    /// and until acknowledged.
    async fn window(&mut self, messages: usize) -> (Duration, Duration) {
        let (mut heard, mut acknowledged) = (Vec::new(), Vec::new());
        // Within what one connection may ask for in a second.
        let mut pace = tokio::time::interval(Duration::from_millis(25));
        for _ in 0..messages {
            pace.tick().await;
            let id = uuid::Uuid::new_v4();
            let send = json!({ "roomId": self.room, "clientId": id, "text": id });
            let from = SystemClock.now();
            self.ada.ask("room.send", send).await;
            let same = |event: &Value| event["message"]["text"] == json!(id);
            self.ben.event("room.message", same).await;
            heard.push(SystemClock.now().duration_since(from));
            let body = self.meta.messages(&[(&format!("wamid.{id}"), "hello")]);
            let from = SystemClock.now();
            assert_eq!(self.meta.post(&self.base, &body).await, 200, "a good webhook is taken");
            acknowledged.push(SystemClock.now().duration_since(from));
        }
        (p99(heard), p99(acknowledged))
    }
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Memory of the server's own, in MiB (proc(5), `RssAnon`): what it has read of its binary is the kernel's, which
/// takes it back when it likes.
fn resident_mib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// The others, for as long as this lives.
struct Crowd {
    _halves: Vec<TcpStream>,
    deaf: Vec<Raw>,
    loud: JoinSet<u64>,
}

impl Crowd {
    async fn gather(server: &Server, account: &Account, meta: &Meta) -> Self {
        let room = account.room("Crowd").await;
        let token = &account.admin.token;
        let mut deaf = Vec::new();
        for _ in 0..DEAF {
            let mut one = Raw::open_narrow(&server.base, token).await;
            one.ask("room.join", json!({ "roomId": room })).await;
            deaf.push(one);
        }
        let mut loud = JoinSet::new();
        for _ in 0..LOUD {
            let mut one = Raw::open(&server.base, token).await;
            one.ask("room.join", json!({ "roomId": room })).await;
            let room = room.clone();
            loud.spawn(async move {
                let text = "x".repeat(4000);
                // Until it is closed for it.
                for id in 9.. {
                    let client = uuid::Uuid::new_v4();
                    let send = json!({ "roomId": room, "clientId": client, "text": text });
                    let send = raw::request(id, "room.send", send);
                    if one.send(raw::TEXT, send.as_bytes()).await.is_err() {
                        return id - 9;
                    }
                }
                0
            });
        }
        let mut halves = Vec::new();
        for number in 0..HALVES + BODIES {
            let mut half = raw::dial(&server.address()).await.expect("it is taken");
            let request = if number < HALVES {
                "GET /health HTTP/1.1\r\nHost: x\r\nX-Sl".to_owned()
            } else {
                format!(
                    "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\nX-Hub-Signature-256: sha256={}\r\n\r\n{}",
                    meta.path,
                    "0".repeat(64),
                    "y".repeat(100_000)
                )
            };
            // It may be refused at once: then it costs nothing.
            let _refused = half.write_all(request.as_bytes()).await;
            halves.push(half);
        }
        Self { _halves: halves, deaf, loud }
    }

    /// Waits until the server has ended those who send and never read, and those who never read: by itself.
    async fn is_shown_out(&mut self, server: &Server) {
        let ports: Vec<u16> = self.deaf.iter().map(Raw::port).collect();
        let ended = async {
            while let Some(sent) = self.loud.join_next().await {
                assert!(sent.expect("it was not disturbed") > 0, "it was loud");
            }
            while kernel::sockets(server, &ports).iter().any(|socket| !socket.is_orphan) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE * 2, ended).await.expect("whoever does not read is ended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_hostile_clients_cost_the_good_ones_nothing_that_was_promised() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let installation = Installation::with_own_postgres(&postgres).await;
    let server = installation.server();
    let (ours, theirs) =
        (installation.account("good", &server).await, installation.account("crowd", &server).await);
    let mut good = Good::meet(&server, &ours).await;
    let their_meta = theirs.whatsapp().await;
    let (messages, windows) = size();
    good.window(messages).await;
    // A server that has met a crowd has as many connections to its database as it ever has, and keeps them.
    let mut first = Crowd::gather(&server, &theirs, &their_meta).await;
    first.is_shown_out(&server).await;
    drop(first);
    let before = resident_mib(&server);
    let (mut alone, mut beside, mut most) = (Vec::new(), Vec::new(), before);
    for _ in 0..windows {
        alone.push(good.window(messages).await);
        let mut crowd = Crowd::gather(&server, &theirs, &their_meta).await;
        beside.push(good.window(messages).await);
        most = most.max(resident_mib(&server));
        crowd.is_shown_out(&server).await;
        drop(crowd);
    }
    let of = |list: &[(Duration, Duration)], room: bool| {
        median(list.iter().map(|&(heard, acknowledged)| if room { heard } else { acknowledged }).collect())
    };
    for (what, room) in [("heard", true), ("acknowledged", false)] {
        let (alone, beside) = (of(&alone, room), of(&beside, room));
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        report(&format!("{what}: p99 {alone:?} alone, {beside:?} beside the crowd, {ratio:.2} times"));
    }
    // Nobody of the good ones was closed, and nothing of theirs is missing.
    let said = messages * (1 + 2 * windows);
    let last = good.ada.ask("room.history", json!({ "roomId": good.room, "limit": 1 })).await;
    assert_eq!(last["messages"][0]["seq"], json!(said), "each was said once, and no connection was lost");
    // What the crowd held is given back.
    assert!(most < before + 300, "{most} MiB with the crowd, {before} MiB before");
    if is_long() {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let after = resident_mib(&server);
        report(&format!("memory: {before} MiB before, {most} with the crowd, {after} a minute later"));
        assert!(after <= before + before / 5, "{after} MiB a minute later, {before} MiB before");
    }
    let mut newcomer = Socket::open(&server.base, &ours.admin.token).await;
    let joined = newcomer.ask("room.join", json!({ "roomId": good.room }));
    tokio::time::timeout(PATIENCE, joined).await.expect("there is room for others");
}
