//! The rate that losses allow.
//!
//! A packet is lost because a queue was full, which sending less mends, or for reasons of the network's own
//! (a radio link, a policy), which it does not. Taking every loss for the former, as the draft does above 10 %
//! (draft-ietf-rmcat-gcc-02, section 6), starves a wide link that loses a tenth of everything. So both are
//! fitted to what was seen: a share that is lost whatever is sent, and a capacity above which the excess is
//! lost. libwebrtc judges by the same two unknowns.

mod observations;

use super::{rate::Bitrate, round_trip::age};
use observations::Observations;
use std::time::{Duration, Instant};

/// Up to here losses are nobody's concern (draft-ietf-rmcat-gcc-02, section 6).
const LOSS_LOW: f64 = 0.02;

/// How much likelier, as a natural logarithm, congestion has to be than losses of the network's own: 20 times.
const CERTAINTY: f64 = 3.0;

/// Where congestion is likelier than this, the limit is not raised.
const DOUBT: f64 = 1.0;

/// Of a capacity that losses showed, so much is used.
const CAPACITY_SHARE: f64 = 0.95;

/// By how much, in a second, the limit is raised while little is lost; and near the capacity that was shown last,
/// up to so many times it, where each step is likely to lose packets.
const RAISE_PER_SECOND: f64 = 1.05;
const RAISE_PER_SECOND_NEAR: f64 = 1.02;
const NEAR: f64 = 1.1;

/// By how much an observation raises it that lost as much below the limit as had been lost above.
const RAISE_REFUTED: f64 = 1.1;

/// Where all was sent at nearly one rate, the two causes cannot be told apart: so much of it is sent for a
/// moment, to see whether less is lost; or, where there is a limit, that much more, to see whether more is.
const TRIAL_SHARE: f64 = 0.8;

/// Observations that a trial takes: the first is still of before.
const TRIAL_OBSERVATIONS: u8 = 3;

/// Rates nearer to each other than this say nothing of what another rate would have.
const SPREAD_MIN: f64 = 1.2;

/// How long one trial serves.
///
/// Longer costs a link that loses for its own reasons less; shorter finds out sooner when the cause changes.
const TRIAL_INTERVAL: Duration = Duration::from_secs(15);

/// How long it serves where there is a limit, and where far more is lost than then: half as much again, and this.
const TRIAL_INTERVAL_SHORT: Duration = Duration::from_secs(4);
const WORSE: (f64, f64) = (1.5, 0.03);

/// A while of sending at another rate, to see whether another share is lost.
#[derive(Debug, Clone, Copy)]
struct Trial {
    began_at: Instant,
    /// What was lost before.
    fraction: f64,
    /// Observations that it still takes.
    left: u8,
    /// The limit before.
    limit: Option<f64>,
}

#[derive(Debug, Default)]
pub(crate) struct LossControl {
    observations: Observations,
    limit: Option<f64>,
    /// The capacity that losses showed last.
    capacity: f64,
    trial: Option<Trial>,
    /// When the limit was last set or raised.
    limited_at: Option<Instant>,
}

impl LossControl {
    /// The most that losses allow; `None` where they say nothing.
    pub(crate) fn limit(&self) -> Option<Bitrate> {
        self.limit.map(Bitrate::from_real)
    }

    /// The share of packets that were lost of late; `None` before anything is known.
    pub(crate) fn fraction(&self) -> Option<f64> {
        self.observations.fraction()
    }

    /// Takes a packet that feedback told of for the first time, in the order of sending.
    pub(crate) fn note(&mut self, sent_at: Instant, bytes: u16, is_lost: bool) {
        self.observations.note(sent_at, bytes, is_lost);
    }

    /// Takes back a loss: the packet was only late.
    pub(crate) fn note_late(&mut self) {
        self.observations.note_late();
    }

    /// Judges what has been seen, where an observation is whole. `rate` is what may be sent at present,
    /// `without_loss` what might be if nothing were lost.
    pub(crate) fn judge(&mut self, rate: Bitrate, without_loss: Bitrate, now: Instant) {
        if !self.observations.end() {
            return;
        }
        self.decide(rate.real(), now);
        if self.limit.is_some_and(|limit| limit >= without_loss.real()) {
            self.limit = None;
        }
    }

    /// The network carries this much: a probe has shown it.
    pub(crate) fn allow(&mut self, rate: Bitrate) {
        if self.limit.is_some_and(|limit| limit < rate.real()) {
            self.limit = Some(rate.real());
        }
    }

    fn decide(&mut self, rate: f64, now: Instant) {
        let fraction = self.fraction().unwrap_or(0.0);
        let trial = self.trial.as_mut().filter(|trial| trial.left > 0).map(|trial| {
            trial.left = trial.left.saturating_sub(1);
            *trial
        });
        if fraction <= LOSS_LOW && trial.is_none() {
            self.raise(now);
            return;
        }
        let congestion = self.observations.congestion();
        if congestion.certainty > CERTAINTY {
            self.capacity = congestion.capacity;
            self.set(CAPACITY_SHARE * congestion.capacity, now);
            self.trial = self.trial.map(|trial| Trial { left: 0, ..trial });
        } else if let Some(trial) = trial {
            if trial.left == 0 {
                // No more is lost of more, or no less of less: there is no such limit.
                self.limit = trial.limit.map(|limit| limit / TRIAL_SHARE);
                self.limited_at = Some(now);
            }
        } else if self.observations.spread() >= SPREAD_MIN {
            if let Some(limit) = self.limit
                && congestion.certainty < DOUBT
            {
                // As much is lost of less: what was taken for a limit was none.
                self.set(limit * RAISE_REFUTED, now);
            }
        } else if self.is_trial_due(fraction, now) {
            self.trial = Some(Trial { began_at: now, fraction, left: TRIAL_OBSERVATIONS, limit: self.limit });
            self.set(self.limit.map_or(TRIAL_SHARE * rate, |limit| limit / TRIAL_SHARE), now);
        }
    }

    const fn set(&mut self, limit: f64, now: Instant) {
        self.limit = Some(limit);
        self.limited_at = Some(now);
    }

    /// Raises the limit a little: little is lost.
    fn raise(&mut self, now: Instant) {
        let seconds = self.limited_at.map_or(0.0, |at| age(at, now).as_secs_f64().min(1.0));
        self.limit = self.limit.map(|limit| {
            let is_near = limit < NEAR * self.capacity;
            limit * if is_near { RAISE_PER_SECOND_NEAR } else { RAISE_PER_SECOND }.powf(seconds)
        });
        self.limited_at = Some(now);
    }

    fn is_trial_due(&self, fraction: f64, now: Instant) -> bool {
        self.trial.is_none_or(|trial| {
            let is_worse = fraction > WORSE.0 * trial.fraction + WORSE.1;
            let is_short = is_worse || self.limit.is_some();
            let serves = if is_short { TRIAL_INTERVAL_SHORT } else { TRIAL_INTERVAL };
            age(trial.began_at, now) >= serves
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    /// Sends at what is allowed, at most 1 Mbit/s, for so long, and loses what the function says of a rate.
    fn run(
        control: &mut LossControl,
        clock: &ManualClock,
        seconds: u32,
        lost: impl Fn(f64) -> f64,
    ) -> (f64, f64) {
        let (mut owed, mut sum, mut least) = (0.0, 0.0, f64::MAX);
        for _ in 0..seconds * 10 {
            let rate = control.limit().map_or(1e6, Bitrate::real).min(1e6);
            (sum, least) = (sum + rate, least.min(rate));
            let mut sent = 0.0;
            while sent < rate / 10.0 {
                sent += 2000.0;
                owed += lost(rate);
                control.note(clock.now(), 250, owed >= 1.0);
                owed -= if owed >= 1.0 { 1.0 } else { 0.0 };
            }
            clock.advance(Duration::from_millis(100));
            let rate = Bitrate::from_real(rate);
            control.judge(rate, Bitrate::from_real(2e6), clock.now());
        }
        (sum / f64::from(seconds * 10), least)
    }

    #[test]
    fn a_link_that_loses_whatever_is_sent_is_used_as_if_it_did_not() {
        for share in [0.01, 0.03, 0.1, 0.2] {
            let (mut control, clock) = (LossControl::default(), ManualClock::default());
            let (mean, least) = run(&mut control, &clock, 120, |_| share);
            assert!(mean > 0.95e6 && least >= 0.79e6, "{share}: {mean} and at least {least}");
            let fraction = control.fraction().unwrap();
            assert!((fraction - share).abs() < 0.01, "{fraction}");
        }
    }

    #[test]
    fn a_link_that_loses_what_is_above_its_capacity_is_used_up_to_it() {
        for (capacity, inherent) in [(0.5e6, 0.0), (0.7e6, 0.0), (0.7e6, 0.05), (0.9e6, 0.0)] {
            let (mut control, clock) = (LossControl::default(), ManualClock::default());
            let lost = |rate: f64| inherent + (1.0 - inherent) * (1.0 - capacity / rate).max(0.0);
            run(&mut control, &clock, 10, lost);
            let (mean, least) = run(&mut control, &clock, 60, lost);
            assert!(mean < 1.04 * capacity && least > 0.7 * capacity, "{capacity}: {mean}, {least}");
            assert!(mean > 0.85 * capacity, "{capacity}: {mean}");
        }
    }

    #[test]
    fn nothing_is_sent_into_a_link_that_loses_most_of_everything() {
        let (mut control, clock) = (LossControl::default(), ManualClock::default());
        run(&mut control, &clock, 30, |_| 0.6);
        assert!(control.limit().unwrap().real() < 0.2e6);
    }

    #[test]
    fn a_capacity_that_comes_back_is_found_again() {
        let (mut control, clock) = (LossControl::default(), ManualClock::default());
        run(&mut control, &clock, 10, |rate| (1.0 - 0.5e6 / rate).max(0.0));
        assert!(control.limit().is_some());
        run(&mut control, &clock, 60, |_| 0.0);
        assert_eq!(control.limit(), None);
    }

    #[test]
    fn what_is_only_late_is_not_lost() {
        let (mut control, clock) = (LossControl::default(), ManualClock::default());
        for _ in 0..100 {
            control.note(clock.now(), 1000, true);
            clock.advance(Duration::from_millis(10));
            control.note_late();
        }
        control.judge(Bitrate::from_real(1e6), Bitrate::from_real(1e6), clock.now());
        assert_eq!(control.fraction(), Some(0.0));
    }
}
