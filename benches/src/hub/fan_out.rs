//! Messages at a steady rate to rooms of listeners.

use super::{
    crowd::{Crowd, join},
    figures::{Figure, Figures},
    target::Target,
    voice::{Class, Voice},
};
use signalling_client::Writer;
use std::{error::Error, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, interval_at, sleep},
};

/// Windows that are measured one after the other, of which the median counts.
const WINDOWS: usize = 3;

/// What is sent, and what it may cost.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) class: Class,
    pub(super) rooms: usize,
    /// Messages a second in each room.
    pub(super) rate: u32,
    /// Of a window.
    pub(super) seconds: u32,
    pub(super) user: Figure,
    pub(super) system: Figure,
    pub(super) p50: Figure,
    pub(super) p99: Figure,
}

/// Sends `load` into the rooms that `crowd` is in, from one more client in each.
///
/// # Errors
/// If a sender is not let in.
pub(super) async fn measure(
    target: &Target,
    crowd: &mut Crowd,
    load: Load,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    let mut senders = Vec::new();
    for room in 0..load.rooms {
        // People who are not in the crowd, as long as there are any.
        let person = target.voice.rooms.len() - 1 - room;
        let (link, room) = join(&target.voice, person, room, load.class).await?;
        senders.push((crowd.listen(&target.voice, link), room));
    }
    crowd.heard.settle().await;
    let (mut user, mut system) = (Vec::new(), Vec::new());
    crowd.heard.take_ages();
    for _ in 0..WINDOWS {
        let (before, heard) = (target.usage()?, crowd.heard.messages());
        send(&target.voice, &senders, load).await;
        crowd.heard.settle().await;
        let (after, heard) = (target.usage()?, crowd.heard.messages() - heard);
        let count = f64::from(u32::try_from(heard.max(1))?);
        let per_delivery = |used: Duration| used.as_secs_f64() * 1e6 / count;
        user.push(per_delivery(after.user.saturating_sub(before.user)));
        system.push(per_delivery(after.system.saturating_sub(before.system)));
    }
    figures.note(load.user, target.name(), median(user))?;
    figures.note(load.system, target.name(), median(system))?;
    let ages = crowd.heard.take_ages();
    figures.note(load.p50, target.name(), ages.percentile(50))?;
    figures.note(load.p99, target.name(), ages.percentile(99))?;
    Ok(())
}

/// For the time of a window; senders take turns, so that rooms do not all speak at the same moment.
#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
async fn send(voice: &Voice, senders: &[(Writer, String)], load: Load) {
    let period = Duration::from_secs(1) / load.rate.max(1);
    let step = period / u32::try_from(senders.len().max(1)).unwrap_or(1);
    let (mut sending, mut first) = (JoinSet::new(), Instant::now());
    for (writer, room) in senders {
        first += step;
        let (voice, writer, room) = (voice.clone(), writer.clone(), room.clone());
        let mut beat = interval_at(first, period);
        sending.spawn(async move {
            for _ in 0..load.rate * load.seconds {
                beat.tick().await;
                let Ok(message) = voice.message(&room, load.class) else { return };
                if writer.text(&message).await.is_err() {
                    return;
                }
            }
        });
    }
    while sending.join_next().await.is_some() {}
    sleep(period).await;
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
