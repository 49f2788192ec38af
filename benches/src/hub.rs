//! One room, many sockets.

use crate::{
    cpu,
    percentiles::Latencies,
    server::{Server, Stream, ask, text},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{task::JoinSet, time::interval};
use tokio_tungstenite::tungstenite::Message;

/// Budgets of the design: user-space CPU per delivery, memory per idle connection.
const USER_BUDGET_US: f64 = 1.0;
const MEMORY_BUDGET_KIB: f64 = 12.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sockets in the room
    #[arg(long, default_value_t = 1000)]
    sockets: u32,
    /// Messages a second
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Wall-clock time in nanoseconds: what a message carries, so that receivers can tell its age.
#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
pub(crate) fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

/// How old a time written by [`nanoseconds`] is.
pub(crate) fn age(written: &str) -> Option<Duration> {
    let age = nanoseconds().checked_sub(written.split(' ').next()?.parse().ok()?)?;
    Some(Duration::from_nanos(u64::try_from(age).ok()?))
}

pub(crate) async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let server = Server::start(binary).await?;
    let room = server.post("/v1/rooms", json!({ "name": "Bench" })).await?;
    let room = text(&room, "/id")?.to_owned();
    let empty = cpu::of_process(server.id())?;
    let mut listeners = JoinSet::new();
    let total = options.rate * options.seconds;
    for _ in 0..options.sockets {
        let mut socket = server.socket().await?;
        ask(&mut socket, "room.join", json!({ "roomId": room })).await?;
        listeners.spawn(listen(socket, total));
    }
    let before = cpu::of_process(server.id())?;
    let mut sender = server.socket().await?;
    ask(&mut sender, "room.join", json!({ "roomId": room })).await?;
    let mut beat = interval(Duration::from_secs(1) / options.rate.max(1));
    for _ in 0..total {
        beat.tick().await;
        let text = format!("{:<200}", format!("{} ", nanoseconds()));
        ask(
            &mut sender,
            "room.send",
            json!({ "roomId": room, "clientId": uuid::Uuid::new_v4(), "text": text }),
        )
        .await?;
    }
    let mut latencies = Latencies::default();
    while let Some(heard) = listeners.join_next().await {
        heard?.into_iter().for_each(|took| latencies.note(took));
    }
    let after = cpu::of_process(server.id())?;
    report(options, &latencies, empty, before, after)
}

fn report(
    options: &Options,
    latencies: &Latencies,
    empty: cpu::Usage,
    before: cpu::Usage,
    after: cpu::Usage,
) -> Result<(), Box<dyn Error>> {
    let deliveries = f64::from(u32::try_from(latencies.count())?.max(1));
    let per_delivery = |from: Duration, to: Duration| (to - from).as_secs_f64() * 1e6 / deliveries;
    let (user, system) = (per_delivery(before.user, after.user), per_delivery(before.system, after.system));
    let grown = u32::try_from(before.resident_bytes.saturating_sub(empty.resident_bytes) / 1024)?;
    let memory = f64::from(grown) / f64::from(options.sockets.max(1));
    let mut out = io::stdout();
    writeln!(
        out,
        "{} sockets, {} messages/s of 200 B, {} s, {deliveries} deliveries",
        options.sockets, options.rate, options.seconds
    )?;
    writeln!(
        out,
        "user {user:.2} µs a delivery ({:.1} × budget of {USER_BUDGET_US}), system {system:.2} µs",
        user / USER_BUDGET_US
    )?;
    writeln!(out, "latency {latencies}")?;
    writeln!(
        out,
        "memory {memory:.1} KiB a connection ({:.2} × budget of {MEMORY_BUDGET_KIB})",
        memory / MEMORY_BUDGET_KIB
    )?;
    Ok(())
}

/// Hears `total` messages; how old each was. What does not come in time is missing in the count.
async fn listen(mut socket: Stream, total: u32) -> Vec<Duration> {
    let mut heard = Vec::new();
    let patience = Duration::from_secs(30);
    while heard.len() < usize::try_from(total).unwrap_or(usize::MAX) {
        let Ok(Some(Ok(message))) = tokio::time::timeout(patience, socket.next()).await else { break };
        let Message::Text(message) = message else { continue };
        if !message.contains("\"room.message\"") {
            continue;
        }
        let message: Value = serde_json::from_str(&message).unwrap_or_default();
        let age = message.pointer("/params/message/text").and_then(Value::as_str).and_then(age);
        heard.extend(age);
    }
    heard
}
