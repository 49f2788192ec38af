//! How much one client, user or account may ask and send.

use common::bucket::{Bucket, Rate};
use std::time::{Duration, Instant};

/// What is told to others of a rate that several instances share: whenever a tenth of the burst was let through.
///
/// A larger part asks less of Redis; a smaller lets through less that others have used up already.
const BLOCKS: u32 = 10;

/// What one may ask and send: requests and bytes, each with a bucket of its own.
#[derive(Debug)]
pub struct Meter {
    requests: Counted,
    bytes: Counted,
    shared: Option<Shared>,
}

/// One that several instances share.
#[derive(Debug)]
struct Shared {
    name: Box<str>,
    /// Whether it is known that there is something to tell.
    is_due: bool,
}

/// A bucket, and what was taken from it that nobody else knows of.
#[derive(Debug)]
struct Counted {
    rate: Rate,
    bucket: Bucket,
    untold: u32,
}

impl Counted {
    fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, bucket: Bucket::new(rate, now), untold: 0 }
    }

    fn spend(&mut self, cost: u32, now: Instant) {
        self.bucket.spend(cost, now);
        self.untold = self.untold.saturating_add(cost);
    }

    fn has_block(&self) -> bool {
        self.untold >= (self.rate.burst / BLOCKS).max(1)
    }

    fn tell(&mut self) -> Spent {
        Spent { rate: self.rate, tokens: std::mem::take(&mut self.untold) }
    }

    /// What was let through since was not told yet.
    fn learn(&mut self, left: f64, now: Instant) {
        self.bucket.leave_at_most(left - f64::from(self.untold), now);
    }
}

/// What was let through of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// What all instances together are held to.
    pub rate: Rate,
    /// How much it was.
    pub tokens: u32,
}

/// What one instance tells the others of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whose it is, on all instances.
    pub name: Box<str>,
    /// Requests.
    pub requests: Spent,
    /// Bytes.
    pub bytes: Spent,
}

impl Meter {
    /// One of whom nothing was heard yet.
    pub fn new(requests: Rate, bytes: Rate, now: Instant) -> Self {
        Self { requests: Counted::new(requests, now), bytes: Counted::new(bytes, now), shared: None }
    }

    /// The same, with what is let through on other instances counted by this name.
    #[must_use]
    pub fn shared_as(self, name: impl Into<Box<str>>) -> Self {
        Self { shared: Some(Shared { name: name.into(), is_due: false }), ..self }
    }

    /// How long until the next request is within the rate; zero if it is.
    pub fn wait_for_request(&mut self, now: Instant) -> Duration {
        self.requests.bucket.wait(now)
    }

    /// How long until the next byte is within the rate; zero if it is.
    pub fn wait_for_bytes(&mut self, now: Instant) -> Duration {
        self.bytes.bucket.wait(now)
    }

    /// Counts a request.
    pub fn spend_request(&mut self, now: Instant) {
        self.requests.spend(1, now);
    }

    /// Counts what was read.
    pub fn spend_bytes(&mut self, count: usize, now: Instant) {
        self.bytes.spend(u32::try_from(count).unwrap_or(u32::MAX), now);
    }

    /// Whether the requests of a while ago are forgotten.
    pub fn is_rested(&mut self, now: Instant) -> bool {
        self.requests.bucket.is_full(now)
    }

    /// Whether other instances are to be told of what was let through; once until they [are](Self::tell).
    pub fn becomes_due(&mut self) -> bool {
        let has_block = self.requests.has_block() || self.bytes.has_block();
        let Some(shared) = self.shared.as_mut().filter(|shared| has_block && !shared.is_due) else {
            return false;
        };
        shared.is_due = true;
        true
    }

    /// What others are to be told; it counts as told. `None` of one that is not shared.
    pub fn tell(&mut self) -> Option<Told> {
        let shared = self.shared.as_mut()?;
        shared.is_due = false;
        Some(Told { name: shared.name.clone(), requests: self.requests.tell(), bytes: self.bytes.tell() })
    }

    /// What is left on all instances together after what was told: less than nothing where it was not enough.
    pub fn learn(&mut self, requests_left: f64, bytes_left: f64, now: Instant) {
        self.requests.learn(requests_left, now);
        self.bytes.learn(bytes_left, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    const REQUESTS: Rate = Rate::per_second(100, 10);
    const BYTES: Rate = Rate::per_second(1000, 100);

    fn meter(clock: &ManualClock) -> Meter {
        Meter::new(REQUESTS, BYTES, clock.now()).shared_as("user")
    }

    /// Asks until it is refused, as two instances that hear of each other through a third would.
    struct World {
        clock: ManualClock,
        instances: [Meter; 2],
        all: Meter,
    }

    impl World {
        fn ask(&mut self, of: usize) -> bool {
            let now = self.clock.now();
            let meter = &mut self.instances[of];
            if !meter.wait_for_request(now).is_zero() {
                return false;
            }
            meter.spend_request(now);
            if meter.becomes_due() {
                let told = meter.tell().unwrap();
                self.all.requests.bucket.spend(told.requests.tokens, now);
                let left = self.all.requests.bucket.tokens(now);
                self.instances[of].learn(left, f64::from(BYTES.burst), now);
            }
            true
        }
    }

    #[test]
    fn on_two_instances_one_gets_the_rate_once_and_a_block_more() {
        let clock = ManualClock::default();
        let instances = [meter(&clock), meter(&clock)];
        let all = Meter::new(REQUESTS, BYTES, clock.now());
        let mut world = World { clock, instances, all };
        let mut passed = 0;
        for _ in 0..600 {
            for of in [0, 1] {
                while world.ask(of) {
                    passed += 1;
                }
            }
            world.clock.advance(Duration::from_millis(100));
        }
        let allowed = 100 + 10 * 60;
        assert!((allowed - 20..=allowed + 20).contains(&passed), "{passed} of {allowed}");
    }

    #[test]
    fn others_are_told_by_the_block_and_once_until_they_know() {
        let clock = ManualClock::default();
        let mut meter = meter(&clock);
        let mut due = 0;
        for _ in 0..25 {
            meter.spend_request(clock.now());
            due += u32::from(meter.becomes_due());
        }
        assert_eq!(due, 1);
        let told = meter.tell().unwrap();
        assert_eq!((&*told.name, told.requests.tokens, told.bytes.tokens), ("user", 25, 0));
        assert_eq!(meter.tell().unwrap().requests.tokens, 0);
        meter.spend_bytes(100, clock.now());
        assert!(meter.becomes_due());
        assert_eq!(Meter::new(REQUESTS, BYTES, clock.now()).tell(), None, "one's own is nobody else's");
    }

    /// What was let through while others were asked is not in their answer.
    #[test]
    fn what_is_learnt_counts_from_when_it_was_told() {
        let clock = ManualClock::default();
        let mut meter = meter(&clock);
        meter.spend_request(clock.now());
        meter.tell();
        meter.spend_request(clock.now());
        meter.learn(1.5, 1000.0, clock.now());
        assert!(meter.wait_for_request(clock.now()) > Duration::ZERO, "half a token is left");
        meter.learn(100.0, 1000.0, clock.now());
        assert!(meter.wait_for_request(clock.now()) > Duration::ZERO, "nobody gives back what was used here");
    }
}
