//! Connections that come, and then say nothing.

use super::{
    crowd::Crowd,
    figures::{Figure, Figures},
    target::Target,
    voice::Class,
};
use std::{error::Error, time::Duration};
use tokio::time::sleep;

/// How the clients are spread over rooms, and what they may cost.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) per_room: usize,
    pub(super) rate: Figure,
    pub(super) first: Figure,
    pub(super) last: Figure,
    pub(super) memory: Figure,
    pub(super) cpu: Figure,
}

/// Clients whose rate is told apart, at the beginning and at the end.
const THOUSAND: usize = 1000;

/// Lets `count` clients come to a process that has done nothing yet, and watches them for `seconds`.
///
/// # Errors
/// If one is not let in.
pub(super) async fn measure(
    target: &mut Target,
    layout: Layout,
    count: usize,
    seconds: u32,
    figures: &mut Figures,
) -> Result<Crowd, Box<dyn Error>> {
    target.renew()?;
    // One that comes and goes: what is made for the first is not counted.
    drop(Crowd::gather(&target.voice, Class::Durable, 1, 1).await?);
    sleep(Duration::from_secs(2)).await;
    let empty = target.usage()?.resident_bytes;
    let crowd = Crowd::gather(&target.voice, Class::Durable, count, layout.per_room).await?;
    figures.note(layout.rate, target.name(), crowd.rate(0, count))?;
    if count > THOUSAND {
        figures.note(layout.first, target.name(), crowd.rate(0, THOUSAND))?;
        figures.note(layout.last, target.name(), crowd.rate(count - THOUSAND, count))?;
    }
    crowd.heard.settle().await;
    sleep(Duration::from_secs(2)).await;
    let before = target.usage()?;
    let connections = f64::from(u32::try_from(count)?);
    let grown = f64::from(u32::try_from(before.resident_bytes.saturating_sub(empty) / 1024)?);
    figures.note(layout.memory, target.name(), grown / connections)?;
    sleep(Duration::from_secs(seconds.into())).await;
    let after = target.usage()?;
    let used = (after.user + after.system).saturating_sub(before.user + before.system);
    figures.note(layout.cpu, target.name(), used.as_secs_f64() * 1e6 / connections / f64::from(seconds))?;
    Ok(crowd)
}
