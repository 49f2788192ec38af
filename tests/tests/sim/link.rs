//! One direction of a network: a bottleneck with a queue, and the way behind it.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Which packets are lost on the way, those apart that find the queue full.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// Each by itself, this share of all.
    Random(f64),
    /// This share of all, so many in a row on average (a chain of two states, as E. N. Gilbert's of 1960).
    Bursts(f64, f64),
}

impl Loss {
    pub(crate) const NONE: Self = Self::Random(0.0);

    /// Of all that is sent.
    pub(crate) const fn share(self) -> f64 {
        match self {
            Self::Random(share) | Self::Bursts(share, _) => share,
        }
    }
}

/// What the bottleneck carries and from when on, in bits a second. In the order of time; the first at the start.
pub(crate) type Capacity = Vec<(Duration, f64)>;

/// How one direction is.
#[derive(Debug, Clone)]
pub(crate) struct LinkConfig {
    /// Empty where nothing limits it.
    pub(crate) capacity: Capacity,
    /// What waits before the bottleneck at most, in bytes; what comes then is lost.
    pub(crate) queue: f64,
    /// The least time that the way takes.
    pub(crate) delay: Duration,
    /// How much longer it may take.
    pub(crate) jitter: Duration,
    /// Whether jitter lets packets overtake each other.
    pub(crate) reorders: bool,
    pub(crate) loss: Loss,
}

/// What became of a packet when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is on its way, after waiting for so long before the bottleneck.
    Queued(Duration),
    /// The queue was full.
    Dropped,
    /// It was lost behind the bottleneck.
    Lost,
}

/// Carries what is sent, in the order of its arrival.
#[derive(Debug)]
pub(crate) struct Link<T> {
    config: LinkConfig,
    random: StdRng,
    start: Instant,
    /// When the bottleneck has let through all that it was given.
    free_at: Instant,
    latest: Instant,
    in_burst: bool,
    sent: u64,
    on_their_way: BTreeMap<(Instant, u64), T>,
}

impl<T> Link<T> {
    pub(crate) fn new(config: LinkConfig, seed: u64, start: Instant) -> Self {
        Self {
            config,
            random: StdRng::seed_from_u64(seed),
            start,
            free_at: start,
            latest: start,
            in_burst: false,
            sent: 0,
            on_their_way: BTreeMap::new(),
        }
    }

    /// What the bottleneck carries now; infinite where there is none.
    pub(crate) fn capacity(&self, now: Instant) -> f64 {
        let passed = now - self.start;
        let step = self.config.capacity.iter().rev().find(|(from, _)| *from <= passed);
        step.map_or(f64::INFINITY, |(_, capacity)| *capacity)
    }

    pub(crate) fn send(&mut self, packet: T, bytes: usize, now: Instant) -> Fate {
        let begins = self.free_at.max(now);
        if self.carried(now, begins) / 8.0 > self.config.queue {
            return Fate::Dropped;
        }
        self.free_at = self.through(begins, bytes as f64 * 8.0);
        if self.is_lost() {
            return Fate::Lost;
        }
        let jitter = self.config.jitter.mul_f64(self.random.random());
        let mut arrival = self.free_at + self.config.delay + jitter;
        if !self.config.reorders {
            arrival = arrival.max(self.latest);
        }
        self.latest = self.latest.max(arrival);
        self.sent += 1;
        self.on_their_way.insert((arrival, self.sent), packet);
        Fate::Queued(begins - now)
    }

    /// The next packet that has arrived, and when.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<(Instant, T)> {
        let entry = self.on_their_way.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.on_their_way.keys().next().map(|(at, _)| *at)
    }

    fn is_lost(&mut self) -> bool {
        match self.config.loss {
            Loss::Random(share) => self.random.random_bool(share),
            Loss::Bursts(share, length) => {
                let leave = 1.0 / length;
                let enter = leave * share / (1.0 - share);
                let change = if self.in_burst { leave } else { enter };
                self.in_burst ^= self.random.random_bool(change);
                self.in_burst
            }
        }
    }

    /// The bits that the bottleneck carries between two moments.
    fn carried(&self, from: Instant, to: Instant) -> f64 {
        let (mut at, mut bits) = (from, 0.0);
        while at < to && !self.config.capacity.is_empty() {
            let until = self.changes_after(at).map_or(to, |change| change.min(to));
            bits += self.capacity(at) * (until - at).as_secs_f64();
            at = until;
        }
        bits
    }

    /// When so many bits are through that begin at this moment.
    fn through(&self, begin: Instant, mut bits: f64) -> Instant {
        let mut at = begin;
        while !self.config.capacity.is_empty() {
            let needed = Duration::from_secs_f64(bits / self.capacity(at));
            match self.changes_after(at) {
                Some(change) if change < at + needed => {
                    bits -= self.capacity(at) * (change - at).as_secs_f64();
                    at = change;
                }
                Some(_) | None => return at + needed,
            }
        }
        at
    }

    fn changes_after(&self, moment: Instant) -> Option<Instant> {
        self.config.capacity.iter().map(|(from, _)| self.start + *from).find(|change| *change > moment)
    }
}

mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn link(config: LinkConfig) -> (Link<usize>, Instant) {
        let start = ManualClock::default().now();
        (Link::new(config, 1, start), start)
    }

    fn config(capacity: Capacity) -> LinkConfig {
        let delay = Duration::from_millis(20);
        let jitter = Duration::ZERO;
        LinkConfig { capacity, queue: 5_000.0, delay, jitter, reorders: false, loss: Loss::NONE }
    }

    #[test]
    fn a_bottleneck_lets_through_what_it_carries_also_where_that_changes() {
        let steps = vec![(Duration::ZERO, 1e6), (Duration::from_millis(12), 0.5e6)];
        let (mut link, start) = link(config(steps));
        for packet in 0..3 {
            link.send(packet, 1000, start);
        }
        let later = start + Duration::from_secs(1);
        let arrivals: Vec<u128> =
            std::iter::from_fn(|| link.receive(later)).map(|(at, _)| (at - start).as_millis()).collect();
        // 8 ms each, and the second half of the second one at half the speed.
        assert_eq!(arrivals, [28, 40, 56]);
    }

    #[test]
    fn a_queue_that_is_full_drops_what_comes() {
        let (mut link, start) = link(config(vec![(Duration::ZERO, 1e6)]));
        let fates: Vec<Fate> = (0..8).map(|packet| link.send(packet, 1000, start)).collect();
        assert_eq!(fates[5], Fate::Queued(Duration::from_millis(40)));
        assert_eq!(fates[6..], [Fate::Dropped; 2]);
    }

    #[test]
    fn losses_are_as_many_as_they_should_be_and_in_bursts() {
        for loss in [Loss::Random(0.1), Loss::Bursts(0.1, 5.0)] {
            let (mut link, start) = link(LinkConfig { loss, ..config(Vec::new()) });
            let lost: Vec<bool> = (0..100_000).map(|n| link.send(n, 1000, start) == Fate::Lost).collect();
            let share = lost.iter().filter(|lost| **lost).count() as f64 / 1e5;
            let runs = lost.windows(2).filter(|pair| pair[0] && !pair[1]).count() as f64;
            let length = share * 1e5 / runs;
            assert!((0.08..0.12).contains(&share), "{loss:?}: {share}");
            let expected = if matches!(loss, Loss::Random(_)) { 1.0..1.3 } else { 4.5..5.5 };
            assert!(expected.contains(&length), "{loss:?}: {length}");
        }
    }
}
