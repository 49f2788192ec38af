//! What a bucket gives, and that it never gives more.

use super::*;
use crate::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};

#[test]
fn a_burst_is_allowed_and_then_the_rate() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::per_second(3, 10), clock.now());
    for _ in 0..3 {
        assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
        bucket.spend(1, clock.now());
    }
    let wait = bucket.wait(clock.now());
    assert_eq!(wait, Duration::from_millis(100));
    clock.advance(wait);
    assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
}

/// Passes for the wrong reason if a debt were forgotten: then a large frame would cost nothing.
#[test]
fn what_was_taken_beyond_the_burst_is_paid_for_by_waiting() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::per_second(10, 10), clock.now());
    bucket.spend(29, clock.now());
    assert_eq!(bucket.wait(clock.now()), Duration::from_secs(2));
    clock.advance(Duration::from_secs(2));
    assert_eq!(bucket.wait(clock.now()), Duration::ZERO);
    assert!(!bucket.is_full(clock.now()));
    clock.advance(Duration::from_secs(1));
    assert!(bucket.is_full(clock.now()));
}

#[test]
fn the_last_token_pays_for_more_and_the_next_waits() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::per_second(10, 10), clock.now());
    assert!(bucket.pay(9, clock.now()) && bucket.pay(9, clock.now()));
    assert!(!bucket.pay(1, clock.now()), "eight are owed");
    clock.advance(Duration::from_millis(900));
    assert!(bucket.pay(1, clock.now()));
}

#[test]
fn who_takes_only_what_is_there_is_never_in_debt() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::per_second(3, 10), clock.now());
    for _ in 0..3 {
        assert_eq!(bucket.take(clock.now()), Ok(()));
    }
    let wait = bucket.take(clock.now()).unwrap_err();
    assert_eq!(wait, Duration::from_millis(100));
    clock.advance(wait);
    assert_eq!(bucket.take(clock.now()), Ok(()));
}

#[test]
fn one_every_while_comes_back_exactly_then() {
    let clock = ManualClock::default();
    for period in [Duration::from_secs(30), Duration::from_secs(7), Duration::from_millis(1)] {
        let mut bucket = Bucket::new(Rate::every(1, period), clock.now());
        assert_eq!(bucket.take(clock.now()), Ok(()));
        assert_eq!(bucket.take(clock.now()), Err(period));
        assert_eq!(bucket.full_at(), clock.now() + period);
        clock.advance(period);
        assert_eq!(bucket.take(clock.now()), Ok(()));
    }
}

#[test]
fn what_is_given_back_can_be_taken_again_and_no_more_than_that() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::every(2, Duration::from_secs(1)), clock.now());
    bucket.give_back();
    assert!(bucket.pay(2, clock.now()), "it was full and stayed so");
    assert!(bucket.take(clock.now()).is_err());
    bucket.give_back();
    assert_eq!(bucket.take(clock.now()), Ok(()));
}

#[test]
fn a_clock_that_stands_still_gives_nothing_and_several_together_get_as_many_times_more() {
    let clock = ManualClock::default();
    let rate = Rate::per_second(2, 3).times(4);
    assert_eq!(rate, Rate::per_second(8, 12));
    let mut bucket = Bucket::new(rate, clock.now());
    assert_eq!((0..100).filter(|_| bucket.take(clock.now()).is_ok()).count(), 8);
    clock.advance(Duration::from_secs(1));
    assert!(bucket.is_full(clock.now()));
    assert_eq!(Rate::per_second(1, 0), Rate::per_second(1, 1), "never for ever");
    assert_eq!(Rate::per_second(u32::MAX, 9).times(2).burst, u32::MAX);
}

#[test]
fn a_rate_is_written_in_words() {
    assert_eq!(Rate::per_second(100, 10).to_string(), "100 at once, then 10 a second");
    let slow = Rate::every(10, Duration::from_secs(30));
    assert_eq!(slow.to_string(), "10 at once, then one every 30 s");
    assert_eq!(slow.times(2).to_string(), "20 at once, then 2 every 30 s");
}

const RATES: [Rate; 6] = [
    Rate::per_second(1, 1),
    Rate::per_second(100, 7),
    Rate::per_second(3, 1_000_000),
    Rate::every(5, Duration::from_secs(30)),
    Rate::every(2, Duration::from_millis(3)),
    Rate { burst: 10, count: 3, period: Duration::from_secs(86_400) },
];

/// The one thing that a limit is for, whatever anybody does at whatever time.
#[test]
fn nobody_gets_more_than_the_burst_and_what_came_back() {
    let mut random = StdRng::seed_from_u64(17);
    for rate in RATES {
        let clock = ManualClock::default();
        let began = clock.now();
        let mut bucket = Bucket::new(rate, began);
        let mut taken = 0_u32;
        for _ in 0..2000 {
            match random.random_range(0..6) {
                0 => clock.advance(rate.period.mul_f64(random.random::<f64>() * 2.0)),
                1 => clock.advance(Duration::from_nanos(random.random_range(0..3))),
                2 => {
                    let _only_asked = bucket.wait(clock.now());
                }
                _ => taken += u32::from(bucket.take(clock.now()).is_ok()),
            }
            let passed = clock.now().duration_since(began);
            let most = f64::from(rate.burst) + rate.tokens(passed);
            assert!(f64::from(taken) <= most + 1e-3, "{rate}: {taken} in {passed:?}");
        }
        assert!(taken > rate.burst, "{rate}: something came back");
    }
}

#[test]
fn who_waits_as_long_as_is_said_is_let_in_then_and_not_before() {
    let mut random = StdRng::seed_from_u64(23);
    for rate in RATES {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(rate, clock.now());
        for _ in 0..500 {
            if random.random_range(0..20) == 0 {
                bucket.spend(random.random_range(0..50), clock.now());
            }
            let Err(wait) = bucket.take(clock.now()) else { continue };
            let almost = wait.mul_f64(random.random::<f64>() * 0.99);
            clock.advance(almost);
            if wait - almost > Duration::from_nanos(2) {
                assert!(bucket.take(clock.now()).is_err(), "{rate}: {almost:?} of {wait:?}");
            }
            // A nanosecond more: what a time is rounded by.
            clock.advance(wait - almost + Duration::from_nanos(1));
            assert_eq!(bucket.take(clock.now()), Ok(()), "{rate} after {wait:?}");
        }
    }
}

#[test]
fn asking_and_being_refused_cost_nothing() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::every(1, Duration::from_secs(10)), clock.now());
    bucket.take(clock.now()).unwrap();
    for passed in 0..10 {
        assert_eq!(bucket.take(clock.now()), Err(Duration::from_secs(10 - passed)));
        assert_eq!(bucket.wait(clock.now()), Duration::from_secs(10 - passed));
        assert!(!bucket.pay(1, clock.now()) && !bucket.is_full(clock.now()));
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(bucket.take(clock.now()), Ok(()));
}

#[test]
fn a_pause_of_any_length_fills_a_bucket_once() {
    for rate in RATES {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(rate, clock.now());
        bucket.spend(rate.burst * 3, clock.now());
        clock.advance(Duration::from_secs(1 << 36));
        assert!(bucket.is_full(clock.now()), "{rate}");
        let burst = (0..=rate.burst).filter(|_| bucket.take(clock.now()).is_ok()).count();
        assert_eq!(burst, rate.burst as usize, "{rate}");
    }
}

/// Two threads may read the clock in one order and come to the bucket in the other.
#[test]
fn a_time_from_before_gives_nothing_and_takes_nothing_back() {
    let clock = ManualClock::default();
    let before = clock.now();
    clock.advance(Duration::from_secs(60));
    let now = clock.now();
    let mut bucket = Bucket::new(Rate::per_second(2, 1), now);
    assert_eq!(bucket.take(before), Ok(()));
    assert_eq!(bucket.take(before), Ok(()));
    assert_eq!(bucket.take(before), Err(Duration::from_secs(1)));
    assert_eq!(bucket.take(now), Err(Duration::from_secs(1)), "the minute between is not counted twice");
    assert_eq!(bucket.full_at(), now + Duration::from_secs(2));
}

#[test]
fn a_debt_is_paid_to_the_last_token_however_large() {
    let clock = ManualClock::default();
    let mut bucket = Bucket::new(Rate::per_second(10, 1), clock.now());
    bucket.spend(u32::MAX, clock.now());
    let owed = u64::from(u32::MAX) - 10;
    assert_eq!(bucket.wait(clock.now()), Duration::from_secs(owed + 1));
    bucket.give_back();
    assert_eq!(bucket.wait(clock.now()), Duration::from_secs(owed), "what was taken for nothing is not owed");
    clock.advance(Duration::from_secs(owed - 1));
    assert!(bucket.take(clock.now()).is_err());
    clock.advance(Duration::from_secs(1));
    assert_eq!(bucket.take(clock.now()), Ok(()));
    let mut never = Bucket::new(Rate::every(1, Duration::from_secs(86_400)), clock.now());
    for _ in 0..10 {
        never.spend(u32::MAX, clock.now());
    }
    assert!(never.full_at() > clock.now() + Duration::from_secs(u64::from(u32::MAX) * 86_400));
}

#[test]
fn a_rate_without_a_burst_allows_nothing_and_one_without_a_period_everything() {
    let clock = ManualClock::default();
    let mut closed = Bucket::new(Rate::per_second(0, 10), clock.now());
    for _ in 0..3 {
        assert!(closed.take(clock.now()).is_err() && !closed.pay(1, clock.now()));
        clock.advance(Duration::from_secs(3600));
    }
    let mut open = Bucket::new(Rate::every(1, Duration::ZERO), clock.now());
    assert!((0..100).all(|_| open.take(clock.now()).is_ok()));
}
