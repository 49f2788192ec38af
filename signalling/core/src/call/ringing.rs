//! The devices on which a call rings for one person.

use super::{Effect, GRACE_TIME, Presence, RING_AGAIN, RING_AGAIN_TIMES, SILENCE_TIME};
use common::{id::ConnectionId, protocol::call::EndReason};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Connections that are remembered to have been replaced while it rings: more than somebody has who is honest.
const REPLACED_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Ringing {
    devices: BTreeMap<ConnectionId, Presence>,
    missed_at: Instant,
    /// When those are rung again that have not been heard, and how often they still are.
    again: Option<(Instant, u32)>,
    /// Since when it rings on no device.
    unheard_since: Option<Instant>,
    /// Connections in whose place others ring, the latest of them: what they still say is void.
    replaced: BTreeSet<ConnectionId>,
}

impl Ringing {
    pub(super) fn new(
        devices: impl IntoIterator<Item = ConnectionId>,
        rings_for: Duration,
        now: Instant,
    ) -> Self {
        let devices: BTreeMap<_, _> = devices.into_iter().map(|device| (device, None)).collect();
        let unheard_since = devices.is_empty().then_some(now);
        let again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
        Self { devices, missed_at: now + rings_for, again, unheard_since, replaced: BTreeSet::new() }
    }

    pub(super) fn devices(&self) -> impl Iterator<Item = ConnectionId> {
        self.devices.keys().copied()
    }

    pub(super) fn is_replaced(&self, device: ConnectionId) -> bool {
        self.replaced.contains(&device)
    }

    /// When the device was heard last, if it rings.
    pub(super) fn presence(&self, device: ConnectionId) -> Presence {
        self.devices.get(&device).copied().flatten()
    }

    pub(super) fn rings_for(&self, now: Instant) -> Duration {
        self.missed_at.saturating_duration_since(now)
    }

    pub(super) fn handle_heard(&mut self, device: ConnectionId, now: Instant) {
        if let Some(presence) = self.devices.get_mut(&device) {
            *presence = Some(now);
        }
    }

    /// It says that it rings, also one that was silent for too long.
    pub(super) fn attend(&mut self, device: ConnectionId, now: Instant) {
        self.devices.insert(device, Some(now));
        self.unheard_since = None;
    }

    /// It rings too, for the rest of the time; one that was rung from the beginning is not rung again, unless it is
    /// not heard.
    pub(super) fn connect(&mut self, device: ConnectionId, now: Instant) -> Option<Effect> {
        let rings_for = self.rings_for(now);
        if rings_for.is_zero() || self.devices.contains_key(&device) {
            return None;
        }
        self.devices.insert(device, None);
        self.again = Some((now + RING_AGAIN, RING_AGAIN_TIMES));
        self.unheard_since = None;
        Some(Effect::TellIncoming { to: device, rings_for })
    }

    /// The person goes on by another connection, wherever the former rang.
    pub(super) fn replace(
        &mut self,
        from: ConnectionId,
        device: ConnectionId,
        now: Instant,
    ) -> Option<Effect> {
        let was_rung = self.devices.remove(&from).is_some();
        self.replaced.insert(from);
        self.replaced.remove(&device);
        if self.replaced.len() > REPLACED_MAX {
            self.replaced.pop_first();
        }
        self.attend(device, now);
        let ended = Effect::TellEnded { to: from, reason: EndReason::AnsweredElsewhere };
        (was_rung && from != device).then_some(ended)
    }

    pub(super) fn handle_gone(&mut self, device: ConnectionId, now: Instant) {
        if self.devices.remove(&device).is_some() && self.devices.is_empty() {
            self.unheard_since = Some(now);
        }
    }

    /// Their silence until now means nothing.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.devices.values_mut().flatten().for_each(|heard| *heard = now);
    }

    /// When the first of them counts as gone unless it is heard.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        self.devices.values().flatten().map(|heard| *heard + SILENCE_TIME).min()
    }

    /// Those that have not been heard for too long are gone since they were.
    pub(super) fn lose_silent(&mut self, now: Instant) {
        let heard = |presence: &Presence| presence.is_none_or(|heard| heard + SILENCE_TIME > now);
        let last = self.devices.values().flatten().max().copied();
        self.devices.retain(|_, presence| heard(presence));
        if self.devices.is_empty() && self.unheard_since.is_none() {
            self.unheard_since = last.or(Some(now));
        }
    }

    /// When it is missed.
    pub(super) fn missed_at(&self) -> Instant {
        let unheard = self.unheard_since.map(|since| since + GRACE_TIME);
        unheard.map_or(self.missed_at, |at| at.min(self.missed_at))
    }

    /// When some are rung again.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.again.map(|(at, _)| at)
    }

    /// What they were told may have been lost.
    pub(super) fn ring_again(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some((_, left)) = self.again.filter(|(at, _)| *at <= now) else { return };
        let rings_for = self.rings_for(now);
        // What is nearly over is not worth a ring.
        let unheard = self.devices.iter().filter(|(_, heard)| heard.is_none() && rings_for >= RING_AGAIN);
        effects.extend(unheard.map(|(&to, _)| Effect::TellIncoming { to, rings_for }));
        self.again = (left > 1).then(|| (now + RING_AGAIN, left - 1));
    }
}
