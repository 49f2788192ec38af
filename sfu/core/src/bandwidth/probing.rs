//! When to probe, and at what rate.

use super::{
    RATE_MAX,
    arrival_groups::GroupDelta,
    probe::{Outcome, Prober},
    rate::Bitrate,
    round_trip::age,
};
use crate::moment::after;
use std::time::{Duration, Instant};

/// The first probe is at so many times the first estimate.
const FIRST: f64 = 3.0;

/// Each further one is at so many times the rate that is known to pass.
const FURTHER: f64 = 2.0;

/// How often a network is probed of which no limit is known.
///
/// Shorter finds capacity sooner that has come; longer disturbs less. One probe at twice the estimate costs
/// less than 1 % of it.
const INTERVAL: Duration = Duration::from_secs(5);

/// A probe that could show less growth than this is not made.
const GROWTH_MIN: f64 = 1.1;

/// An estimate that had to be given up is tried with so much of it.
const RECOVERY_SHARE: f64 = 0.85;

/// How long no queue must have grown before that is tried.
const RECOVERY_AFTER: Duration = Duration::from_secs(1);

/// Jitter that makes probes doubtful.
const JITTER_MS: f64 = 5.0;

/// How much a group weighs in the jitter (RFC 3550, section 6.4.1).
const JITTER_WEIGHT: f64 = 1.0 / 16.0;

/// How it stands when feedback has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) estimate: Bitrate,
    /// No queue grows, drains or stands.
    pub(crate) is_calm: bool,
    /// Nothing has shown a limit, or less is sent than would reach it.
    pub(crate) is_open: bool,
}

/// The [`Prober`], and what it is asked for.
#[derive(Debug)]
pub(crate) struct Probing {
    pub(crate) prober: Prober,
    /// More than this would not be used.
    pub(crate) wanted: Bitrate,
    /// How much the delays of groups differ, in milliseconds.
    jitter: f64,
    /// When the network may be probed again; `None` before the first time.
    due: Option<Instant>,
    /// An estimate that was given up, to be tried once no queue has grown since this moment.
    recovery: Option<(Bitrate, Instant)>,
}

impl Default for Probing {
    fn default() -> Self {
        Self { prober: Prober::default(), wanted: RATE_MAX, jitter: 0.0, due: None, recovery: None }
    }
}

impl Probing {
    pub(crate) const fn jitter(&self) -> f64 {
        self.jitter
    }

    pub(crate) fn note_jitter(&mut self, delta: GroupDelta) {
        self.jitter += JITTER_WEIGHT * ((delta.arrived - delta.sent).abs() - self.jitter);
    }

    /// Probes no sooner than after a while: the limit has just been seen, or probed for.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.due = Some(after(now, INTERVAL));
    }

    /// Tries an estimate again that had to be given up, once it is calm.
    pub(crate) fn recover(&mut self, rate: Bitrate, now: Instant) {
        let rate = self.recovery.map_or(rate, |(earlier, _)| earlier.max(rate));
        self.recovery = Some((rate, now));
    }

    /// A probe has shown something: what it found is the estimate now, if that was less.
    pub(crate) fn follow(&mut self, outcome: Outcome, is_raised: bool, situation: Situation, now: Instant) {
        self.pause(now);
        if is_raised {
            self.recovery = None;
        }
        let (rate, is_passed) = match outcome {
            Outcome::Passed(rate) => (rate, true),
            Outcome::Limited(rate) => (rate, false),
        };
        // Jitter draws a probe out, as a slow link does: it is believed once it shows no more than before.
        if situation.is_calm && (is_passed || is_raised && self.jitter > JITTER_MS) {
            self.wish(rate.times(FURTHER), situation.estimate);
        }
    }

    /// Wishes for a probe where one is due.
    pub(crate) fn schedule(&mut self, situation: Situation, now: Instant) {
        if !situation.is_calm {
            self.recovery = self.recovery.map(|(rate, _)| (rate, now));
            return;
        }
        if !self.prober.is_idle() {
            return;
        }
        if let Some((rate, since)) = self.recovery
            && age(since, now) >= RECOVERY_AFTER
        {
            self.recovery = None;
            self.wish(rate.times(RECOVERY_SHARE), situation.estimate);
        } else if situation.is_open && self.due.is_none_or(|due| now >= due) {
            let factor = if self.due.is_none() { FIRST } else { FURTHER };
            self.pause(now);
            self.wish(situation.estimate.times(factor), situation.estimate);
        }
    }

    /// Wishes for a probe at this rate, or at what is wanted if that is less, unless little would be won.
    fn wish(&mut self, rate: Bitrate, estimate: Bitrate) {
        let rate = rate.min(self.wanted).min(RATE_MAX);
        if rate > estimate.times(GROWTH_MIN) {
            self.prober.wish(rate);
        }
    }
}
