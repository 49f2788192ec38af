//! How far a transport is, and how long it may take to get further.

use crate::{
    loss::LossReason,
    moment::{after, just_after},
};
use std::time::{Duration, Instant};

/// How long the first authentic check may take to come.
///
/// A client gathers its own addresses and asks a relay first.
pub(crate) const FIRST_CHECK_TIME: Duration = Duration::from_secs(30);

/// How long a handshake may take after the first check.
///
/// It takes a few round trips, and seconds where packets are lost.
pub(crate) const HANDSHAKE_TIME: Duration = Duration::from_secs(20);

/// How long a connected transport may be silent before its participant counts as lost.
///
/// Consent checks come every few seconds (RFC 7675); longer forgives a change of network.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How much may be sent for each byte that came, until the peer has proved that
/// it receives what is sent to it (RFC 9000, section 8.1, for the same reason).
pub(crate) const AMPLIFICATION_MAX: usize = 3;

/// How far a transport is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// Offered to the client, which has not described its side yet. Its checks may come before that.
    Offered { received: usize, sent: usize },
    /// Described; nothing authentic has come.
    Opened { at: Instant },
    /// Somebody who knows the password is there, but whether it hears us is not known.
    Checked { at: Instant, received: usize, sent: usize },
    /// DTLS has proved who it is and that it hears us.
    Connected { heard_at: Instant },
    /// The peer is not who it said it was, DTLS failed for good, or it took too long.
    Failed,
}

impl Phase {
    /// Notes that the client has described its side: from now on it may take only so long.
    pub(super) const fn note_described(&mut self, now: Instant) {
        if let Self::Offered { received, sent } = *self {
            *self = match received {
                0 => Self::Opened { at: now },
                _ => Self::Checked { at: now, received, sent },
            };
        }
    }

    /// Notes that something authentic came.
    pub(super) const fn note_heard(&mut self, bytes: usize, now: Instant) {
        match self {
            Self::Opened { .. } => *self = Self::Checked { at: now, received: bytes, sent: 0 },
            Self::Offered { received, .. } | Self::Checked { received, .. } => {
                *received = received.saturating_add(bytes);
            }
            Self::Connected { heard_at } => *heard_at = now,
            Self::Failed => {}
        }
    }

    /// Notes a record of the handshake. Anybody could have sent it from there, so it
    /// earns an answer, but it is no sign of life.
    pub(super) const fn note_record(&mut self, bytes: usize) {
        if let Self::Offered { received, .. } | Self::Checked { received, .. } = self {
            *received = received.saturating_add(bytes);
        }
    }

    /// Whether so much may be sent now; if so, it counts as sent.
    pub(super) const fn take(&mut self, bytes: usize) -> bool {
        match self {
            Self::Opened { .. } | Self::Failed => false,
            Self::Connected { .. } => true,
            Self::Offered { received, sent } | Self::Checked { received, sent, .. } => {
                let after = sent.saturating_add(bytes);
                let is_allowed = after <= received.saturating_mul(AMPLIFICATION_MAX);
                if is_allowed {
                    *sent = after;
                }
                is_allowed
            }
        }
    }

    /// The first moment at which it takes too long, if it may not take for ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (since, longest) = match *self {
            Self::Offered { .. } | Self::Failed => return None,
            Self::Opened { at } => (at, FIRST_CHECK_TIME),
            Self::Checked { at, .. } => (at, HANDSHAKE_TIME),
            Self::Connected { heard_at } => (heard_at, SILENCE_MAX),
        };
        Some(just_after(after(since, longest)))
    }

    /// What is the matter with a transport that takes too long.
    pub(super) const fn overdue(&self) -> LossReason {
        match self {
            Self::Offered { .. } | Self::Opened { .. } => LossReason::Unheard,
            Self::Checked { .. } => LossReason::Unfinished,
            Self::Connected { .. } | Self::Failed => LossReason::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    #[test]
    fn a_peer_that_has_not_proved_itself_gets_three_times_what_it_sent() {
        let clock = ManualClock::default();
        let mut phase = Phase::Opened { at: clock.now() };
        assert!(!phase.take(1), "nobody has asked yet");
        phase.note_heard(100, clock.now());
        assert!(phase.take(250) && !phase.take(51) && phase.take(50) && !phase.take(1));
        phase.note_record(1);
        assert!(phase.take(3) && !phase.take(1));
    }

    /// What came and went before counts on, or who delays its description would get everything twice.
    #[test]
    fn a_peer_that_checks_before_it_has_described_itself_gets_no_more() {
        let clock = ManualClock::default();
        let mut phase = Phase::Offered { received: 0, sent: 0 };
        assert_eq!((phase.take(1), phase.deadline()), (false, None));
        phase.note_heard(100, clock.now());
        assert!(phase.take(299) && phase.deadline().is_none());
        phase.note_described(clock.now());
        assert!(!phase.take(2) && phase.take(1));
        assert_eq!(phase.overdue(), LossReason::Unfinished);
        let mut unheard = Phase::Offered { received: 0, sent: 0 };
        unheard.note_described(clock.now());
        assert_eq!(unheard.overdue(), LossReason::Unheard);
    }

    #[test]
    fn every_phase_has_its_time() {
        let at = ManualClock::default().now();
        let phases = [
            (Phase::Opened { at }, FIRST_CHECK_TIME),
            (Phase::Checked { at, received: 0, sent: 0 }, HANDSHAKE_TIME),
            (Phase::Connected { heard_at: at }, SILENCE_MAX),
        ];
        for (phase, time) in phases {
            let deadline = phase.deadline().unwrap();
            assert!(deadline > at + time && deadline < at + time + Duration::from_millis(1), "{phase:?}");
        }
    }
}
