//! The rate that delays allow: up while no queue grows, down at once when one does.

use super::{overuse::Usage, rate::Bitrate, round_trip::age};
use std::time::{Duration, Instant};

/// What is left of the delivered rate when a queue grows (draft-ietf-rmcat-gcc-02, section 5.5, `beta`).
///
/// Lower drains the queue sooner and wastes more of the link.
const DECREASE: f64 = 0.85;

/// Growth in a second where the capacity is not known (section 5.5, `eta`).
const INCREASE_PER_SECOND: f64 = 1.08;

/// What is added to the round trip for the time that over-use takes to be seen (section 5.5).
const RESPONSE_TIME: Duration = Duration::from_millis(100);

/// Bits that are added in each response time near the known capacity: a packet's (section 5.5), but no less and
/// no more than these shares of the rate, of which a packet is nothing where the rate is high, and much where it
/// is low.
const INCREASE_STEP_BITS: f64 = 1200.0 * 8.0;
const INCREASE_STEP: (f64, f64) = (0.005, 0.025);

/// The estimate grows no further above what is delivered (section 5.5): who sends less than they may learn
/// nothing about the network.
const ABOVE_DELIVERED: f64 = 1.5;
const ABOVE_DELIVERED_BITS: f64 = 10_000.0;

/// What feedback showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub(crate) usage: Usage,
    /// The rate that arrived, once there is enough to tell: over half a second, and over the latest part of it.
    pub(crate) delivered: Option<Bitrate>,
    pub(crate) delivered_latest: Option<Bitrate>,
    /// Whether a queue stands that is still to drain.
    pub(crate) is_queued: bool,
    /// Whether the rate that arrived is no more than what was sent, and so no limit: the rate is lowered from what it is.
    pub(crate) is_mild: bool,
    pub(crate) round_trip: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Hold,
    Increase,
}

/// Additive increase near the capacity, multiplicative away from it, multiplicative decrease
/// (draft-ietf-rmcat-gcc-02, section 5.5).
#[derive(Debug)]
pub(crate) struct RateControl {
    rate: f64,
    state: State,
    capacity: Capacity,
    updated_at: Instant,
    decreased_at: Option<Instant>,
}

impl RateControl {
    pub(crate) fn new(rate: Bitrate, now: Instant) -> Self {
        Self {
            rate: rate.real(),
            state: State::Increase,
            capacity: Capacity::default(),
            updated_at: now,
            decreased_at: None,
        }
    }

    pub(crate) const fn rate(&self) -> Bitrate {
        Bitrate::from_real(self.rate)
    }

    /// Whether over-use has shown the capacity, and nothing since has shown another.
    pub(crate) const fn knows_capacity(&self) -> bool {
        self.capacity.mean.is_some()
    }

    /// Takes an observation. Whether the rate was lowered.
    pub(crate) fn observe(&mut self, observation: Observation, now: Instant) -> bool {
        let passed = age(self.updated_at, now).as_secs_f64().min(1.0);
        self.updated_at = now;
        self.state = match (observation.usage, self.state) {
            (Usage::Over, _) => return self.decrease(observation, now),
            (Usage::Under, _) => State::Hold,
            (Usage::Normal, _) if observation.is_queued => State::Hold,
            (Usage::Normal, State::Hold | State::Increase) => State::Increase,
        };
        if self.state == State::Increase {
            self.increase(observation, passed);
        }
        false
    }

    fn increase(&mut self, observation: Observation, seconds: f64) {
        let Some(delivered) = observation.delivered.map(Bitrate::real) else { return };
        if self.capacity.is_below(delivered) {
            self.capacity.forget();
        }
        let grown = if self.knows_capacity() {
            let response = observation.round_trip.saturating_add(RESPONSE_TIME).as_secs_f64();
            let (least, most) = (INCREASE_STEP.0 * self.rate, INCREASE_STEP.1 * self.rate);
            self.rate + INCREASE_STEP_BITS.max(least).min(most) * seconds / response
        } else {
            self.rate * INCREASE_PER_SECOND.powf(seconds)
        };
        let limit = ABOVE_DELIVERED * delivered + ABOVE_DELIVERED_BITS;
        self.rate = grown.min(limit).max(self.rate);
    }

    fn decrease(&mut self, observation: Observation, now: Instant) -> bool {
        self.state = State::Hold;
        let delivered = observation.delivered_latest.map_or(self.rate, Bitrate::real);
        // What was sent before the last decrease is still under way, and shows nothing about this rate.
        let settling = observation.round_trip.saturating_add(RESPONSE_TIME);
        let settled = self.decreased_at.is_none_or(|at| age(at, now) >= settling);
        if !settled && delivered > self.rate / 2.0 {
            return false;
        }
        let lowered = if observation.is_mild {
            DECREASE * self.rate
        } else {
            self.capacity.learn(delivered);
            (DECREASE * delivered).min(self.rate)
        };
        let is_lower = lowered < self.rate;
        self.rate = lowered;
        self.decreased_at = Some(now);
        is_lower
    }

    /// Takes a rate that was measured, or that is to be tried.
    pub(crate) fn set(&mut self, rate: Bitrate) {
        self.rate = rate.real();
        self.capacity.forget();
    }

    /// Keeps the rate within bounds.
    pub(crate) fn limit(&mut self, min: Bitrate, max: Bitrate) {
        self.rate = self.rate.clamp(min.real(), max.real());
    }
}

/// The rates that were delivered while a queue grew: the capacity, where it does not change.
#[derive(Debug, Default)]
struct Capacity {
    /// The mean, and the mean deviation from it.
    mean: Option<(f64, f64)>,
}

impl Capacity {
    /// A new rate weighs so much.
    const WEIGHT: f64 = 0.2;

    /// The least deviation, of the mean.
    const DEVIATION_MIN: f64 = 0.05;

    /// So many deviations away is another capacity (draft-ietf-rmcat-gcc-02, section 5.5).
    const DEVIATIONS: f64 = 3.0;

    fn is_below(&self, delivered: f64) -> bool {
        self.mean.is_some_and(|(mean, deviation)| delivered > mean + Self::DEVIATIONS * deviation)
    }

    fn learn(&mut self, delivered: f64) {
        let same =
            self.mean.filter(|(mean, deviation)| (delivered - mean).abs() <= Self::DEVIATIONS * deviation);
        let (mean, deviation) = same.map_or((delivered, 0.0), |(mean, deviation)| {
            let distance = (delivered - mean).abs();
            (mean + Self::WEIGHT * (delivered - mean), deviation + Self::WEIGHT * (distance - deviation))
        });
        self.mean = Some((mean, deviation.max(Self::DEVIATION_MIN * mean)));
    }

    const fn forget(&mut self) {
        self.mean = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    const MEGABIT: Bitrate = Bitrate::from_bits_per_second(1_000_000);

    fn saw(usage: Usage, delivered: f64) -> Observation {
        Observation {
            usage,
            delivered: Some(MEGABIT.times(delivered)),
            delivered_latest: Some(MEGABIT.times(delivered)),
            is_queued: false,
            is_mild: false,
            round_trip: Duration::from_millis(100),
        }
    }

    /// The rate in Mbit/s after feedback every 100 ms for ten seconds.
    fn rate_after(control: &mut RateControl, observation: Observation, clock: &ManualClock) -> f64 {
        for _ in 0..100 {
            clock.advance(Duration::from_millis(100));
            control.observe(observation, clock.now());
        }
        control.rate().real() / 1e6
    }

    #[test]
    fn it_grows_by_eight_percent_a_second_and_not_beyond_what_is_delivered() {
        let clock = ManualClock::default();
        let mut control = RateControl::new(MEGABIT, clock.now());
        let grown = rate_after(&mut control, saw(Usage::Normal, 10.0), &clock);
        assert!((grown - 1.08_f64.powi(10)).abs() < 0.01, "{grown}");
        let grown = rate_after(&mut control, saw(Usage::Normal, 1.6), &clock);
        assert!((grown - 2.41).abs() < 0.01, "{grown}");
        let held = rate_after(&mut control, saw(Usage::Normal, 0.1), &clock);
        assert!((held - 2.41).abs() < 0.01, "{held}: it is held, not lowered");
    }

    #[test]
    fn over_use_leaves_less_than_is_delivered_and_then_it_grows_by_packets() {
        let clock = ManualClock::default();
        let mut control = RateControl::new(MEGABIT, clock.now());
        assert!(control.observe(saw(Usage::Over, 0.8), clock.now()));
        assert_eq!(control.rate(), Bitrate::from_bits_per_second(680_000));
        assert!(!control.observe(saw(Usage::Over, 0.8), clock.now()), "once for what is under way");
        assert!(control.observe(saw(Usage::Over, 0.3), clock.now()), "unless it is far worse");
        let mut control = RateControl::new(MEGABIT, clock.now());
        control.observe(saw(Usage::Over, 0.8), clock.now());
        // 9,600 bits in each 200 ms.
        let grown = rate_after(&mut control, saw(Usage::Normal, 0.85), &clock);
        assert!((grown - 0.68 - 0.48).abs() < 0.01, "{grown}");
        assert!(control.knows_capacity());
        rate_after(&mut control, saw(Usage::Normal, 1.1), &clock);
        assert!(!control.knows_capacity(), "more was delivered than the capacity");
    }

    #[test]
    fn what_shows_no_limit_lowers_the_rate_by_its_share_alone() {
        let clock = ManualClock::default();
        let mut control = RateControl::new(MEGABIT, clock.now());
        assert!(control.observe(Observation { is_mild: true, ..saw(Usage::Over, 0.1) }, clock.now()));
        assert_eq!(control.rate(), Bitrate::from_bits_per_second(850_000));
        assert!(!control.knows_capacity());
    }

    #[test]
    fn while_a_queue_drains_nothing_changes() {
        let clock = ManualClock::default();
        let mut control = RateControl::new(MEGABIT, clock.now());
        let standing = Observation { is_queued: true, ..saw(Usage::Normal, 3.0) };
        for observation in [saw(Usage::Under, 3.0), standing] {
            let held = rate_after(&mut control, observation, &clock);
            assert!((held - 1.0).abs() < 1e-9, "{held}");
        }
    }
}
