//! Stored messages, as many as go: each sender sends the next once an earlier one is answered.

use super::{
    crowd::{Crowd, join},
    figures::{Figure, Figures},
    target::Target,
    voice::{Class, Link, answered, stored_request},
};
use crate::percentiles::Latencies;
use common::clock::{Clock, SystemClock};
use signalling_client::frame;
use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Who listens in each room.
const LISTENERS: usize = 10;

/// Who sends, and how much should go.
#[derive(Clone, Copy)]
pub(super) struct Senders {
    pub(super) rooms: usize,
    pub(super) per_room: usize,
    /// Messages of each that are not answered yet.
    pub(super) in_flight: usize,
    pub(super) rate: Figure,
    pub(super) p99: Figure,
}

/// Sends for `seconds`.
///
/// # Errors
/// If somebody is not let in, or a message is refused.
pub(super) async fn measure(
    target: &Target,
    senders: Senders,
    seconds: u32,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    let voice = &target.voice;
    let crowd = Crowd::gather(voice, Class::Durable, senders.rooms * LISTENERS, LISTENERS).await?;
    let mut links = Vec::new();
    for n in 0..senders.rooms * senders.per_room {
        let room = n % senders.rooms;
        links.push(join(voice, voice.rooms.len() - 1 - n, room, Class::Durable).await?);
    }
    let started = SystemClock.now();
    let end = started + Duration::from_secs(seconds.into());
    let mut sending = JoinSet::new();
    for (link, room) in links {
        sending.spawn(send(link, room, senders.in_flight, end));
    }
    let mut all = Latencies::default();
    while let Some(sent) = sending.join_next().await {
        all.extend(sent??);
    }
    let took = (SystemClock.now() - started).as_secs_f64();
    figures.note(senders.rate, target.name(), f64::from(u32::try_from(all.count())?) / took)?;
    figures.note(senders.p99, target.name(), all.percentile(99))?;
    crowd.heard.settle().await;
    Ok(())
}

/// Keeps so many messages unanswered until `end`, then waits for the rest; how long each took.
async fn send(link: Link, room: String, in_flight: usize, end: Instant) -> io::Result<Latencies> {
    let (mut connection, mut took) = (link.into_connection(), Latencies::default());
    let writer = connection.writer();
    // The id of a request is the place where its time is written.
    let mut sent_at = Vec::new();
    for place in 0..in_flight {
        writer.text(&stored_request(place, &room)?).await?;
        sent_at.push(SystemClock.now());
    }
    let mut open = in_flight;
    while open > 0 {
        let mut answers = Vec::new();
        let goes_on = connection.hear(|opcode, payload| {
            if opcode == frame::TEXT {
                answers.extend(answered(payload));
            }
        });
        if !goes_on.await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = SystemClock.now();
        for (place, is_result) in answers {
            if !is_result {
                return Err(io::Error::other("a message was refused"));
            }
            let Some(sent) = sent_at.get_mut(place) else { continue };
            took.note(now - *sent);
            if now < end {
                *sent = now;
                writer.text(&stored_request(place, &room)?).await?;
            } else {
                open -= 1;
            }
        }
    }
    Ok(took)
}
