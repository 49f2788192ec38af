//! How long packets wait in the network.
//!
//! The gradient of the delay (`trendline`) sees a queue grow, and is blind to one that stands: it takes a full
//! queue that neither grows nor drains for the way things are. So what there is of it is drained, too.

use super::arrival_time::Moment;

/// For how long the shortest delay is taken for that of empty queues, at least; at most twice as long.
///
/// Shorter believes sooner that a queue which does not drain is none (another way through the network takes
/// longer, or somebody else keeps it full); longer drains what can be drained.
const BASE_MS: f64 = 10_000.0;

/// A queue that keeps nobody from talking.
const TOLERATED_MS: f64 = 40.0;

/// Shorter is none: what timers of receivers are late by.
const EMPTY_MS: f64 = 10.0;

/// How long a queue is to take to drain, where the estimate is what the network carries.
const DRAIN_MS: f64 = 1000.0;

/// No more than this share of the estimate is left out to drain a queue, so that one which does not drain costs
/// no more.
const DRAIN_MAX: f64 = 0.3;

/// The shortest delay of a time, in milliseconds that have no beginning.
#[derive(Debug, Clone, Copy)]
struct Base {
    began_at: f64,
    present: f64,
    before: f64,
    /// When the latest packet was sent.
    latest: f64,
}

#[derive(Debug, Default)]
pub(crate) struct QueueDelay {
    base: Option<Base>,
    /// The shortest delay of the feedback that is being taken, and of the one before: what jitter adds is none of
    /// the queue's.
    present: Option<f64>,
    before: Option<f64>,
    standing: Standing,
}

/// A queue that is there though none grows.
#[derive(Debug, Clone, Copy, Default)]
enum Standing {
    #[default]
    No,
    /// Since the packet that was sent at this millisecond.
    Since(f64),
    Told,
}

impl QueueDelay {
    /// Takes a packet that arrived.
    pub(crate) fn take(&mut self, packet: Moment) {
        let delay = packet.arrived - packet.sent;
        self.present = Some(self.present.map_or(delay, |present| present.min(delay)));
        let first = Base { began_at: packet.sent, present: delay, before: delay, latest: packet.sent };
        let base = self.base.get_or_insert(first);
        if packet.sent - base.began_at > BASE_MS {
            *base = Base { before: base.present, ..first };
        }
        base.present = base.present.min(delay);
        base.latest = base.latest.max(packet.sent);
    }

    /// Ends a feedback.
    pub(crate) const fn end_feedback(&mut self) {
        if self.present.is_some() {
            (self.before, self.present) = (self.present, None);
        }
    }

    /// How long packets wait, in milliseconds.
    pub(crate) fn milliseconds(&self) -> f64 {
        let (Some(base), Some(before)) = (self.base, self.before) else { return 0.0 };
        (before - base.present.min(base.before)).max(0.0)
    }

    /// The share of the rate that leaves room for the queue to drain.
    pub(crate) fn share(&self) -> f64 {
        1.0 - ((self.milliseconds() - TOLERATED_MS) / DRAIN_MS).clamp(0.0, DRAIN_MAX)
    }

    /// Whether a packet of the latest feedback waited for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.milliseconds() <= EMPTY_MS
    }

    /// Whether there is no queue to speak of.
    pub(crate) fn is_tolerable(&self) -> bool {
        self.milliseconds() <= TOLERATED_MS
    }

    /// Whether a queue has stood for as long as it should take to drain. Told once until it has drained: it may
    /// be none.
    pub(crate) fn stands(&mut self) -> bool {
        let Some(base) = self.base else { return false };
        self.standing = match self.standing {
            _ if self.is_tolerable() => Standing::No,
            Standing::No => Standing::Since(base.latest),
            Standing::Since(at) if base.latest - at > DRAIN_MS => Standing::Told,
            Standing::Since(_) | Standing::Told => return false,
        };
        matches!(self.standing, Standing::Told)
    }

    /// Forgets all: the receiver's clock was set.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a second of packets that take so long, ten feedbacks, and tells the share.
    fn second(queue: &mut QueueDelay, from: f64, delay: f64) -> f64 {
        for feedback in 0..10 {
            for packet in 0..10 {
                let sent = from + f64::from(feedback * 10 + packet) * 10.0;
                // Jitter: two of three packets are later.
                let arrived = sent + delay + f64::from(packet % 3) * 30.0;
                queue.take(Moment { sent, arrived });
            }
            queue.end_feedback();
        }
        queue.share()
    }

    #[test]
    fn jitter_is_no_queue_and_a_queue_is() {
        let mut queue = QueueDelay::default();
        assert!(second(&mut queue, 0.0, -400.0) >= 1.0 && queue.is_tolerable());
        let share = second(&mut queue, 1000.0, -200.0);
        assert!((share - 0.84).abs() < 1e-6, "{share}");
        assert!(second(&mut queue, 2000.0, 3000.0) >= 1.0 - DRAIN_MAX, "and no more");
        assert!(second(&mut queue, 3000.0, -390.0) >= 1.0);
    }

    #[test]
    fn a_queue_that_stands_is_told_once_until_it_has_drained() {
        let mut queue = QueueDelay::default();
        let told: Vec<bool> = (0..20)
            .map(|n| {
                let at = f64::from(n);
                second(&mut queue, at * 1000.0, if n % 10 < 5 { 0.0 } else { 100.0 });
                queue.stands()
            })
            .collect();
        let seconds: Vec<usize> = (0..20).filter(|n| told[*n]).collect();
        assert_eq!(seconds, [7, 17]);
    }

    #[test]
    fn what_does_not_drain_is_taken_for_the_way() {
        let mut queue = QueueDelay::default();
        second(&mut queue, 0.0, 0.0);
        let shares: Vec<f64> = (1..30).map(|n| second(&mut queue, f64::from(n) * 1000.0, 150.0)).collect();
        assert!(shares[5] < 1.0 && shares[28] >= 1.0, "{shares:?}");
    }
}
