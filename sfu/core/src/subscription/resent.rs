//! What a subscriber was sent again a moment ago.

use crate::rtp::sequence::SeqNo;
use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// Numbers of packets that are on their way again.
///
/// As many as the transport's budget lets through within one interval.
#[derive(Debug, Default)]
pub(super) struct Resent {
    /// The oldest first.
    order: VecDeque<(Instant, SeqNo)>,
    numbers: BTreeSet<SeqNo>,
}

impl Resent {
    /// Whether a packet was sent again less than `interval` ago.
    pub(super) fn is_recent(&mut self, sequence: SeqNo, interval: Duration, now: Instant) -> bool {
        while let Some((at, oldest)) = self.order.front()
            && now.saturating_duration_since(*at) >= interval
        {
            self.numbers.remove(oldest);
            self.order.pop_front();
        }
        self.numbers.contains(&sequence)
    }

    /// Notes that a packet is sent again.
    pub(super) fn note(&mut self, sequence: SeqNo, now: Instant) {
        if self.numbers.insert(sequence) {
            self.order.push_back((now, sequence));
        }
    }
}
