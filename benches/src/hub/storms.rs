//! Everybody at once: into one room, and back after the server was killed.

use super::{
    crowd::{self, Crowd},
    figures::{Figure, Figures},
    target::Target,
    voice::{Class, Voice},
};
use crate::percentiles::Latencies;
use common::clock::{Clock, SystemClock};
use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Barrier, task::JoinSet, time::sleep};

const STORM_KIB: Figure = Figure::at_most("join storm of 1,000: sent to each", "KiB", 32.0);
const STORM_TIME: Figure = Figure::free("join storm of 1,000: last answer after", "s");
const STORM_REFUSALS: Figure = Figure::free("join storm of 1,000: refusals, tried again at once", "");
const RESUME_ALL: Figure = Figure::free("resume storm: all are back after the server is", "s");
const RESUME_P50: Figure = Figure::free("resume storm: a client's connect, sign-in and joins, p50", "ms");
const RESUME_P99: Figure = Figure::free("resume storm: the same, p99", "ms");
const RESUME_TRIES: Figure =
    Figure::free("resume storm: tries that broke or were refused, by a server that is up", "");
const RESTART: Figure = Figure::free("resume storm: kill to ready", "s");

/// Clients of a join storm.
const JOINERS: usize = 1000;

/// The first room that no other scenario has spoken in.
const UNUSED: usize = 100;

/// Messages of each room that a client has missed when it comes back.
const MISSED: u64 = 5;

/// How long a client waits that finds no server.
const RETRY: Duration = Duration::from_millis(100);

/// Clients that are connected already all join one room.
///
/// # Errors
/// If one is not let in.
pub(super) async fn join(target: &mut Target, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    target.renew()?;
    let start = Arc::new(Barrier::new(JOINERS + 1));
    let mut joining = JoinSet::new();
    for n in 0..JOINERS {
        let (voice, start) = (target.voice.clone(), Arc::clone(&start));
        let mut link = target.voice.open(n).await?;
        joining.spawn(async move {
            start.wait().await;
            let before = link.bytes_read();
            let mut refusals = 0_u32;
            while let Err(error) = voice.join(&mut link, 0, Class::Durable, None).await {
                if error.kind() != io::ErrorKind::Other {
                    return Err(error);
                }
                refusals += 1;
            }
            let bytes = link.bytes_read() - before;
            Ok::<_, io::Error>((link, bytes, SystemClock.now(), refusals))
        });
    }
    start.wait().await;
    let started = SystemClock.now();
    let (mut crowd, mut bytes, mut last, mut refusals) = (Crowd::new(), 0, started, 0);
    while let Some(joined) = joining.join_next().await {
        let (link, heard, at, refused) = joined??;
        (bytes, last, refusals) = (bytes + heard, last.max(at), refusals + refused);
        crowd.listen(&target.voice, link);
    }
    crowd.heard.settle().await;
    sleep(Duration::from_secs(1)).await;
    crowd.heard.settle().await;
    bytes += crowd.heard.bytes();
    let each = f64::from(u32::try_from(bytes / 1024)?) / f64::from(u32::try_from(JOINERS)?);
    figures.note(STORM_KIB, target.name(), each)?;
    figures.note(STORM_TIME, target.name(), (last - started).as_secs_f64())?;
    figures.note(STORM_REFUSALS, target.name(), refusals.into())?;
    Ok(())
}

/// The server is killed and started again; all clients come back as soon as they can, into rooms of ten, and
/// ask for what they have missed.
///
/// # Errors
/// If one is not let in again.
pub(super) async fn resume(
    target: &mut Target,
    count: usize,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    target.renew()?;
    let voice = target.voice.without_rooms_before(UNUSED);
    let crowd = Crowd::gather(&voice, Class::Durable, count, 10).await?;
    let mut speakers = Vec::new();
    for room in 0..count / 10 {
        let (link, room) = crowd::join(&voice, 0, room, Class::Durable).await?;
        for _ in 0..MISSED {
            link.writer().text(&voice.message(&room, Class::Durable)?).await?;
        }
        speakers.push(link);
    }
    crowd.heard.settle().await;
    let killed = SystemClock.now();
    target.kill()?;
    drop((crowd, speakers));
    // Before the server is back: they knock while it starts.
    let mut coming = JoinSet::new();
    for n in 0..count {
        coming.spawn(come_back(voice.clone(), n));
    }
    tokio::task::block_in_place(|| target.start_again())?;
    let ready = SystemClock.now();
    let (mut took, mut last, mut tries) = (Latencies::default(), ready, 0);
    while let Some(back) = coming.join_next().await {
        let (began, ended, in_vain) = back?;
        tries += in_vain;
        took.note(ended - began);
        last = last.max(ended);
    }
    figures.note(RESTART, target.name(), (ready - killed).as_secs_f64())?;
    figures.note(RESUME_ALL, target.name(), (last - ready).as_secs_f64())?;
    figures.note(RESUME_P50, target.name(), took.percentile(50))?;
    figures.note(RESUME_P99, target.name(), took.percentile(99))?;
    figures.note(RESUME_TRIES, target.name(), tries.into())?;
    Ok(())
}

/// Tries until it is back; when the try that worked began and ended, and tries of which more was expected.
async fn come_back(voice: Voice, n: usize) -> (Instant, Instant, u32) {
    let mut in_vain = 0;
    loop {
        let began = SystemClock.now();
        let back = async {
            let mut link = voice.open(n).await?;
            voice.join(&mut link, n / 10, Class::Durable, Some(0)).await
        };
        match back.await {
            Ok(_) => return (began, SystemClock.now(), in_vain),
            // The server is not there yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => in_vain += 1,
        }
        sleep(RETRY).await;
    }
}
