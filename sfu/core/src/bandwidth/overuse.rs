//! Whether a queue grows in the network.

use super::{arrival_groups::GroupDelta, trendline::Trendline};

/// How much a slope counts for: a delay that grows by 1 % over 60 groups is a trend of 2.4 ms.
const GAIN: f64 = 4.0;

/// The first threshold, in milliseconds of trend (draft-ietf-rmcat-gcc-02, section 5.4, `del_var_th(0)`).
const THRESHOLD_MS: f64 = 12.5;

/// Bounds of the threshold (section 5.4). Below the lower one, the clock's ticks would be a trend.
const THRESHOLD_MIN_MS: f64 = 6.0;
const THRESHOLD_MAX_MS: f64 = 600.0;

/// How fast the threshold follows a trend above it and below it, per millisecond.
///
/// It must follow: a flow beside others that fill the queue would starve with a fixed one (section 5.4). The
/// draft's values are 0.01 and 0.00018; libwebrtc's, taken here, come down as quickly as they go up, so that
/// one spike does not make it deaf for seconds.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;

/// A trend that is above the threshold by more is a spike that the threshold does not follow.
const SPIKE_MS: f64 = 15.0;

/// For how long the trend has to stay above the threshold (section 5.4, `overuse_time_th`).
const OVERUSE_MS: f64 = 10.0;

/// How the network is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// A queue grows.
    Over,
    /// A queue drains.
    Under,
}

/// The over-use detector (draft-ietf-rmcat-gcc-02, section 5.4), on top of the [`Trendline`].
#[derive(Debug)]
pub(crate) struct OveruseDetector {
    line: Trendline,
    threshold: f64,
    /// The trend of the group before.
    trend: f64,
    /// For how long, and over how many groups, the trend has been above the threshold.
    above: Option<(f64, u32)>,
    usage: Usage,
}

impl Default for OveruseDetector {
    fn default() -> Self {
        Self {
            line: Trendline::default(),
            threshold: THRESHOLD_MS,
            trend: 0.0,
            above: None,
            usage: Usage::Normal,
        }
    }
}

impl OveruseDetector {
    /// Takes a group.
    pub(crate) fn take(&mut self, delta: GroupDelta) {
        let Some(slope) = self.line.take(delta) else { return };
        let trend = slope * self.line.groups() * GAIN;
        self.judge(trend, delta.sent);
        self.follow(trend, delta.arrived);
        self.trend = trend;
    }

    fn judge(&mut self, trend: f64, passed: f64) {
        if trend < -self.threshold {
            (self.above, self.usage) = (None, Usage::Under);
        } else if trend <= self.threshold {
            (self.above, self.usage) = (None, Usage::Normal);
        } else {
            // Half of the first group's time: when within it the trend went above is not known.
            let (time, groups) = self
                .above
                .map_or((passed / 2.0, 1), |(time, groups)| (time + passed, groups.saturating_add(1)));
            self.above = Some((time, groups));
            if time > OVERUSE_MS && groups > 1 && trend >= self.trend {
                (self.above, self.usage) = (None, Usage::Over);
            }
        }
    }

    fn follow(&mut self, trend: f64, passed: f64) {
        let distance = trend.abs() - self.threshold;
        if distance > SPIKE_MS {
            return;
        }
        let speed = if distance < 0.0 { FOLLOW_DOWN } else { FOLLOW_UP };
        let moved = self.threshold + speed * distance * passed.min(100.0);
        self.threshold = moved.clamp(THRESHOLD_MIN_MS, THRESHOLD_MAX_MS);
    }

    pub(crate) const fn usage(&self) -> Usage {
        self.usage
    }

    /// Forgets the packets, not the threshold, which belongs to the network.
    pub(crate) fn reset(&mut self) {
        self.line.reset();
        (self.trend, self.above, self.usage) = (0.0, None, Usage::Normal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found after groups that are each later than the one before by so much.
    fn usage_after(groups: u32, later: impl Fn(u32) -> f64) -> Usage {
        let mut detector = OveruseDetector::default();
        for group in 0..groups {
            detector.take(GroupDelta { sent: 10.0, arrived: 10.0 + later(group) });
        }
        detector.usage()
    }

    #[test]
    fn a_queue_that_grows_and_one_that_drains_are_seen() {
        assert_eq!(usage_after(40, |_| 0.0), Usage::Normal);
        assert_eq!(usage_after(40, |_| 1.0), Usage::Over);
        assert_eq!(usage_after(100, |group| if group < 40 { 1.0 } else { -1.0 }), Usage::Under);
    }

    #[test]
    fn jitter_is_no_queue() {
        assert_eq!(usage_after(400, |group| if group % 2 == 0 { 5.0 } else { -5.0 }), Usage::Normal);
    }

    #[test]
    fn the_threshold_stays_within_its_bounds_whatever_is_claimed() {
        let mut detector = OveruseDetector::default();
        for group in 0..10_000_u32 {
            let arrived = f64::from(group.wrapping_mul(2_654_435_761) % 3_000_000);
            detector.take(GroupDelta { sent: 0.001, arrived });
            assert!((THRESHOLD_MIN_MS..=THRESHOLD_MAX_MS).contains(&detector.threshold));
            assert!(detector.trend.is_finite());
        }
    }
}
