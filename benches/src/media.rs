//! One camera, many screens, through real sockets, handshakes and encryption.

use crate::{
    cpu,
    percentiles::Latencies,
    server::{Server, text},
};
use serde_json::json;
use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};
use switchboard_tests::native::{Kind, Participant};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// A packet of a good camera.
const PACKET_BYTES: usize = 1000;

/// Budgets of the design: CPU of a delivered packet in runs of three, and alone; added latency.
const RUN_BUDGET_US: f64 = 1.7;
const ALONE_BUDGET_US: f64 = 3.0;
const LATENCY_BUDGET_MS: f64 = 2.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Participants that only receive; the camera is one more
    #[arg(long, default_value_t = 20)]
    subscribers: u32,
    /// Packets a second
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Packets sent one behind the other
    #[arg(long, default_value_t = 3)]
    run: u32,
    /// Seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
pub(crate) async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let server = Server::start(binary).await?;
    let room = server.post("/v1/rooms", json!({ "name": "Bench" })).await?;
    let room = text(&room, "/id")?.to_owned();
    let empty = cpu::of_process(server.id())?;
    let mut publisher = Participant::join(&server.base, &server.token, &room).await;
    let mut joining: JoinSet<Participant> = (0..options.subscribers)
        .map(|_| {
            let (base, token, room) = (server.base.clone(), server.token.clone(), room.clone());
            async move { Participant::join(&base, &token, &room).await }
        })
        .collect();
    let mut waiting = Vec::new();
    while let Some(joined) = joining.join_next().await {
        waiting.push(joined?);
    }
    publisher.publish(&[Kind::Video]).await;
    let id = publisher.id();
    let mut camera = publisher.camera(Kind::Video);
    let mut connecting: JoinSet<Participant> = waiting
        .into_iter()
        .map(|mut screen| async move {
            screen.receive(&[id], 1).await;
            // Connected once something is heard.
            while screen.hear(Duration::from_secs(1)).await.is_none() {}
            screen
        })
        .collect();
    let mut screens = Vec::new();
    while !connecting.is_empty() {
        tokio::select! {
            Some(connected) = connecting.join_next() => screens.push(connected?),
            () = tokio::time::sleep(Duration::from_millis(20)) => camera.send(PACKET_BYTES).await,
        }
    }
    // What was sent meanwhile is not measured.
    for screen in &mut screens {
        while screen.hear(Duration::from_millis(50)).await.is_some() {}
    }
    let before = cpu::of_process(server.id())?;
    let total = options.rate * options.seconds;
    let mut listeners: JoinSet<Vec<Duration>> =
        screens.into_iter().map(|screen| listen(screen, total)).collect();
    let first = Instant::now();
    let mut beat = interval(Duration::from_secs(1) * options.run.max(1) / options.rate.max(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for sent in 0..total {
        if sent % options.run.max(1) == 0 {
            beat.tick().await;
        }
        camera.send(PACKET_BYTES).await;
    }
    let took = first.elapsed();
    let mut latencies = Latencies::default();
    while let Some(heard) = listeners.join_next().await {
        heard?.into_iter().for_each(|age| latencies.note(age));
    }
    report(options, &latencies, took, empty, before, cpu::of_process(server.id())?)
}

/// The ages of `total` packets; what does not come is missing in the count.
async fn listen(mut screen: Participant, total: u32) -> Vec<Duration> {
    let mut ages = Vec::new();
    while ages.len() < usize::try_from(total).unwrap_or(usize::MAX) {
        let Some(heard) = screen.hear(Duration::from_secs(2)).await else { break };
        ages.push(heard.age);
    }
    ages
}

fn report(
    options: &Options,
    latencies: &Latencies,
    took: Duration,
    empty: cpu::Usage,
    before: cpu::Usage,
    after: cpu::Usage,
) -> Result<(), Box<dyn Error>> {
    let Options { subscribers, rate, run, .. } = *options;
    let deliveries = f64::from(u32::try_from(latencies.count())?.max(1));
    let due = f64::from(subscribers) * f64::from(rate) * f64::from(options.seconds);
    let per_delivery = |from: Duration, to: Duration| (to - from).as_secs_f64() * 1e6 / deliveries;
    let (user, system) = (per_delivery(before.user, after.user), per_delivery(before.system, after.system));
    let budget = if run >= 3 { RUN_BUDGET_US } else { ALONE_BUDGET_US };
    let grown = u32::try_from(before.resident_bytes.saturating_sub(empty.resident_bytes) / 1024)?;
    let mut out = io::stdout();
    writeln!(
        out,
        "1 camera, {subscribers} subscribers, {rate} packets/s of {PACKET_BYTES} B in runs of {run}, {:.1} s: {deliveries} delivered of {due}",
        took.as_secs_f64()
    )?;
    writeln!(
        out,
        "CPU {:.2} µs a delivery ({:.1} × budget of {budget}): user {user:.2} µs, system {system:.2} µs",
        user + system,
        (user + system) / budget
    )?;
    writeln!(out, "sent to read by the client: {latencies} (budget p99 {LATENCY_BUDGET_MS} ms added)")?;
    writeln!(out, "memory {:.0} KiB a participant", f64::from(grown) / f64::from(subscribers + 1))?;
    Ok(())
}
