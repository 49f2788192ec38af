//! When packets arrived, by the receiver's clock.

/// A moment on the receiver's clock, in units of 250 µs, modulo 2^32.
///
/// That is all that transport-wide feedback tells: a reference time of 24 bits in units of 64 ms, and from
/// there on differences in units of 250 µs (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1):
/// `reference << 8`, and then each difference added, wrapping. It has no beginning that we know, so that only
/// differences of two mean anything, and those only below six days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalTime(u32);

impl ArrivalTime {
    /// Units in a millisecond.
    const UNITS: f64 = 4.0;

    /// From units of 250 µs, of which only the low 32 bits are known.
    pub const fn from_units(units: u32) -> Self {
        Self(units)
    }

    /// Milliseconds from an `earlier` moment to this one; negative if that one is later. Always a number, and
    /// never more than 2^29 either way.
    pub fn since(self, earlier: Self) -> f64 {
        f64::from(self.0.wrapping_sub(earlier.0).cast_signed()) / Self::UNITS
    }
}

/// A change of the delay that no network makes: the receiver's clock was set, or it lies.
const JUMP_MS: f64 = 3000.0;

/// The receiver's clock, told without wrapping.
#[derive(Debug, Default)]
pub(crate) struct ArrivalClock {
    /// The packet read last: when it arrived, and both times in milliseconds.
    last: Option<(ArrivalTime, Moment)>,
}

/// When a packet was sent by our clock, and when it arrived by the receiver's, in milliseconds from moments
/// that have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub(crate) sent: f64,
    pub(crate) arrived: f64,
}

/// How a packet's arrival reads on the receiver's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reading {
    Steady(Moment),
    /// Arrivals before this one cannot be compared with it, nor those after it with them.
    Jumped(Moment),
}

impl ArrivalClock {
    /// Reads the arrival of a packet that was sent so many milliseconds after our beginning.
    pub(crate) fn read(&mut self, sent: f64, at: ArrivalTime) -> Reading {
        let reading = match self.last {
            None => Reading::Jumped(Moment { sent, arrived: 0.0 }),
            Some((last, moment)) => {
                let passed = at.since(last);
                if (passed - (sent - moment.sent)).abs() > JUMP_MS {
                    Reading::Jumped(Moment { sent, arrived: 0.0 })
                } else {
                    Reading::Steady(Moment { sent, arrived: moment.arrived + passed })
                }
            }
        };
        let (Reading::Steady(moment) | Reading::Jumped(moment)) = reading;
        self.last = Some((at, moment));
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_pass_over_the_wrap() {
        let (before, after) = (ArrivalTime::from_units(u32::MAX - 3), ArrivalTime::from_units(4));
        assert!((after.since(before) - 2.0).abs() < 1e-9 && (before.since(after) + 2.0).abs() < 1e-9);
        let mut clock = ArrivalClock::default();
        clock.read(0.0, before);
        assert_eq!(clock.read(1.0, after), Reading::Steady(Moment { sent: 1.0, arrived: 2.0 }));
        assert_eq!(clock.read(1.0, before), Reading::Steady(Moment { sent: 1.0, arrived: 0.0 }));
    }

    #[test]
    fn a_pause_of_ours_is_no_jump_and_a_clock_that_was_set_is() {
        let mut clock = ArrivalClock::default();
        clock.read(0.0, ArrivalTime::from_units(0));
        assert!(matches!(clock.read(60_000.0, ArrivalTime::from_units(240_400)), Reading::Steady(_)));
        assert!(matches!(clock.read(60_001.0, ArrivalTime::from_units(1 << 31)), Reading::Jumped(_)));
        assert!(matches!(clock.read(60_002.0, ArrivalTime::from_units((1 << 31) + 4)), Reading::Steady(_)));
    }
}
