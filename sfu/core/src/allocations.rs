//! What each subscriber's network carries of what it receives, and what its publishers need not send.
//!
//! Looked at about ten times a second for each transport on which something goes out. What is decided goes to
//! [`forward`](crate::forward) at once; people are told of it less often.

mod asked;

use crate::{
    allocation::{Allocator, Decision, Demand},
    id::{SubscriptionId, TransportId},
    schedule::Schedule,
};
pub(crate) use asked::{Asked, Use};
use common::protocol::media::{TrackKind, TrackSubscription};
use slotmap::SecondaryMap;
use std::time::{Duration, Instant};

/// How often what a subscriber gets is looked at.
///
/// Less often gives up later what its network no longer carries; more often costs every subscriber more.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// How soon a subscriber is told again what it gets.
const TELL_INTERVAL: Duration = Duration::from_millis(500);

/// What is decided for one transport, and what of it was told.
#[derive(Default)]
pub(crate) struct Share {
    pub(crate) allocator: Allocator<SubscriptionId>,
    /// Whoever runs the engine decides instead.
    pub(crate) is_left_alone: bool,
    told: Vec<TrackSubscription>,
    /// Of what kind each of these is.
    kinds: Vec<TrackKind>,
    told_at: Option<Instant>,
}

impl Share {
    /// Whether there is something to decide, or to tell.
    pub(crate) fn is_in_use(&self, decisions: &[Decision<SubscriptionId>]) -> bool {
        !decisions.is_empty() || !self.told.is_empty()
    }

    /// What is to be told now: all of it, if any of it is new and the last time was long enough ago.
    pub(crate) fn news(
        &mut self,
        now_so: impl Iterator<Item = (TrackKind, TrackSubscription)> + Clone,
        now: Instant,
    ) -> Option<Vec<TrackSubscription>> {
        let since = self.told_at.map(|at| now.saturating_duration_since(at));
        let known = self.kinds.iter().copied().zip(self.told.iter().copied());
        if since.is_some_and(|since| since < TELL_INTERVAL) || now_so.clone().eq(known) {
            return None;
        }
        (self.kinds, self.told) = now_so.unzip();
        self.told_at = Some(now);
        Some(self.told.clone())
    }
}

/// The shares of all transports.
#[derive(Default)]
pub(crate) struct Allocations {
    schedule: Schedule<TransportId>,
    shares: SecondaryMap<TransportId, Share>,
    /// What publishers are asked for.
    pub(crate) asked: Asked,
    /// Used again and again.
    pub(crate) demands: Vec<Demand<SubscriptionId>>,
    pub(crate) decisions: Vec<Decision<SubscriptionId>>,
}

impl Allocations {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.schedule.next(), self.asked.next_deadline()].into_iter().flatten().min()
    }

    /// This transport is to be looked at then, unless it is to be earlier anyway.
    pub(crate) fn look_at(&mut self, id: TransportId, at: Instant) {
        self.schedule.set_if_earlier(id, at);
    }

    /// Takes a transport that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<TransportId> {
        self.schedule.take_due(now)
    }

    pub(crate) fn share(&mut self, id: TransportId) -> Option<&mut Share> {
        Some(self.shares.entry(id)?.or_default())
    }

    /// Whoever runs the engine decides from now on what goes out on this transport.
    pub(crate) fn leave_alone(&mut self, id: TransportId) {
        if let Some(share) = self.share(id) {
            share.is_left_alone = true;
        }
    }

    /// What was told last of what goes out on this transport.
    pub(crate) fn told(&self, id: TransportId) -> &[TrackSubscription] {
        self.shares.get(id).map_or(&[], |share| &share.told)
    }

    /// The same of all transports.
    pub(crate) fn all_told(&self) -> impl Iterator<Item = (TrackKind, &TrackSubscription)> {
        self.shares.values().flat_map(|share| share.kinds.iter().copied().zip(&share.told))
    }

    /// Says all of it again, as what was told may have been lost.
    pub(crate) fn tell_again(&mut self, id: TransportId, now: Instant) {
        if let Some(share) = self.shares.get_mut(id) {
            share.told.clear();
            share.kinds.clear();
            share.told_at = None;
            self.schedule.set(id, now);
        }
    }

    /// Nothing goes out on this transport any more.
    pub(crate) fn forget(&mut self, id: TransportId) {
        self.schedule.remove(id);
        self.shares.remove(id);
    }
}
