//! Whether feedback comes.

use super::rate::Bitrate;
use crate::moment::after;
use std::time::{Duration, Instant};

/// How much longer than the round trip feedback may stay away while packets are sent. Receivers report every 50
/// to 250 ms (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 5).
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Silence {
    /// No feedback has come yet. A peer that tells nothing yet may still be setting up its end, and shows nothing about
    /// the network; if nothing comes through, consent ends (RFC 7675).
    #[default]
    Never,
    /// Nothing is under way of which feedback might tell.
    Idle,
    /// Something is; at this moment feedback has stayed away for too long.
    Until(Instant),
    /// It stays away since the estimate was this; at this moment it has done so for as long again.
    Broken(Bitrate, Instant),
}

impl Silence {
    /// Something was sent.
    pub(crate) fn sent(&mut self, round_trip: Duration, now: Instant) {
        if matches!(self, Self::Idle) {
            *self = Self::Until(deadline(round_trip, now));
        }
    }

    /// Feedback came. The estimate before it stayed away, if it had.
    pub(crate) const fn end(&mut self) -> Option<Bitrate> {
        let before = if let Self::Broken(before, _) = *self { Some(before) } else { None };
        *self = Self::Idle;
        before
    }

    pub(crate) const fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Never | Self::Idle => None,
            Self::Until(at) | Self::Broken(_, at) => Some(*at),
        }
    }

    /// Whether feedback has stayed away for too long, or for as long again.
    pub(crate) fn is_broken(&mut self, estimate: Bitrate, round_trip: Duration, now: Instant) -> bool {
        if self.next_deadline().is_none_or(|at| now < at) {
            return false;
        }
        let before = if let Self::Broken(before, _) = *self { before } else { estimate };
        *self = Self::Broken(before, deadline(round_trip, now));
        true
    }
}

fn deadline(round_trip: Duration, now: Instant) -> Instant {
    after(now, round_trip.saturating_add(PATIENCE))
}
