//! A clock that is put back is waited for, whatever else happens to it.

use super::*;

const SECOND: i64 = 1_000_000_000;
const NOON: i64 = 1_767_225_600 * SECOND;

#[test]
fn a_clock_that_goes_on_is_followed_and_one_that_jumps_ahead_too() {
    let clock = Slewed::new();
    for read in [NOON, NOON + 1, NOON + SECOND, NOON + 600 * SECOND] {
        assert_eq!(clock.tell(read), read);
    }
}

#[test]
fn a_clock_that_is_put_back_is_waited_for_at_half_speed_however_often() {
    let clock = Slewed::new();
    for round in 0..3 {
        let top = NOON + round * 10_000 * SECOND;
        assert_eq!(clock.tell(top), top);
        // A minute back: two minutes until it has caught up.
        assert_eq!(clock.tell(top - 60 * SECOND), top);
        assert_eq!(clock.tell(top - 40 * SECOND), top + 10 * SECOND);
        // And again, by ten seconds more.
        assert_eq!(clock.tell(top - 50 * SECOND), top + 10 * SECOND);
        assert_eq!(clock.tell(top - 30 * SECOND), top + 20 * SECOND);
        assert_eq!(clock.tell(top + 70 * SECOND), top + 70 * SECOND);
        assert_eq!(clock.tell(top + 71 * SECOND), top + 71 * SECOND);
    }
}

#[test]
fn a_clock_that_was_wrong_by_more_than_an_hour_is_put_right_at_once() {
    let clock = Slewed::new();
    assert_eq!(clock.tell(NOON + 2 * SLEWED_MAX), NOON + 2 * SLEWED_MAX);
    assert_eq!(clock.tell(NOON), NOON);
    assert_eq!(clock.tell(NOON + SECOND), NOON + SECOND);
}

#[test]
fn threads_that_read_at_the_same_time_are_told_the_same() {
    let clock = Slewed::new();
    assert_eq!(clock.tell(NOON), NOON);
    assert_eq!(clock.tell(NOON - SAME_TIME / 2), NOON);
    assert_eq!(clock.tell(NOON + 1), NOON + 1);
}

/// Whatever the machine's clock does, as long as it is never put back by more than an hour in all.
#[test]
fn time_never_goes_back_never_runs_ahead_and_catches_up() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(31);
    for _ in 0..50 {
        let clock = Slewed::new();
        let (mut read, mut told) = (NOON, clock.tell(NOON));
        for _ in 0..400 {
            let step = match random.random_range(0..8) {
                0 => -random.random_range(0..(SLEWED_MAX - (told - read)).max(1)),
                1 => random.random_range(0..SLEWED_MAX),
                2 => random.random_range(0..SAME_TIME * 2),
                _ => random.random_range(0..60 * SECOND),
            };
            let (ahead, before) = (told - read, told);
            read += step;
            told = clock.tell(read);
            assert!(told >= before, "it went back by {}", before - told);
            assert!(told >= read, "it is late by {}", read - told);
            if step >= 0 {
                assert!(told - read <= ahead, "it ran further ahead: {ahead}, then {}", told - read);
                let is_slewed = told - read >= SAME_TIME;
                assert!(!is_slewed || told - before <= step / 2 + SAME_TIME, "faster than half the speed");
            } else {
                assert!(told - before <= SAME_TIME, "put back is no reason to go on");
            }
        }
        // Twice as long as it was put back by.
        let caught_up = read + 2 * (told - read) + SAME_TIME;
        while read < caught_up {
            read += SECOND;
            clock.tell(read);
        }
        assert_eq!(clock.tell(read + SECOND), read + SECOND, "it has caught up");
    }
}

/// Put ahead while it was waited for, and then back again: the first step back is over by then.
#[test]
fn a_clock_that_was_put_ahead_meanwhile_is_waited_for_from_there() {
    let clock = Slewed::new();
    clock.tell(NOON);
    assert_eq!(clock.tell(NOON - 3600 * SECOND), NOON);
    assert_eq!(clock.tell(NOON + 400 * SECOND), NOON + 400 * SECOND);
    assert_eq!(clock.tell(NOON - 1600 * SECOND), NOON + 400 * SECOND);
    assert_eq!(clock.tell(NOON - 1598 * SECOND), NOON + 401 * SECOND);
}

#[test]
fn an_hour_back_is_waited_for_and_a_nanosecond_more_is_not() {
    for (back, told) in [(SLEWED_MAX, NOON), (SLEWED_MAX + 1, NOON - SLEWED_MAX - 1)] {
        let clock = Slewed::new();
        clock.tell(NOON);
        assert_eq!(clock.tell(NOON - back), told, "{back}");
    }
    // In two steps that are an hour together it is one hour all the same.
    let clock = Slewed::new();
    clock.tell(NOON);
    assert_eq!(clock.tell(NOON - SLEWED_MAX / 2), NOON);
    assert_eq!(clock.tell(NOON - SLEWED_MAX - 1), NOON - SLEWED_MAX - 1);
}

#[test]
fn no_reading_is_too_early_or_too_late_to_be_told() {
    let clock = Slewed::new();
    for read in [0, i64::MAX, i64::MIN, -1, i64::MAX, 0, 1] {
        assert_eq!(clock.tell(read), read, "further apart than an hour");
    }
    assert_eq!(Slewed::new().tell(-2 * SLEWED_MAX), -2 * SLEWED_MAX, "before 1970");
}

#[test]
fn many_threads_are_told_no_time_before_one_that_each_was_told() {
    let clock = Slewed::new();
    clock.tell(NOON + 60 * SECOND);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let clock = &clock;
            scope.spawn(move || {
                let mut before = 0;
                for step in 0..20_000 {
                    // However they overtake each other, none is a second behind.
                    let told = clock.tell(NOON + step * SECOND / 40_000 + thread);
                    assert!(told >= before, "{told} after {before}");
                    assert!(told <= NOON + 61 * SECOND, "half a second at half speed is all that passes");
                    before = told;
                }
            });
        }
    });
}

#[test]
fn a_manual_clock_moves_both_times_together_and_only_when_it_is_told_to() {
    let clock = ManualClock::default();
    let (now, utc) = (clock.now(), clock.utc());
    assert_eq!(utc.to_string(), "2026-01-01 0:00:00.0 +00:00:00");
    assert_eq!((clock.now(), clock.utc()), (now, utc));
    for _ in 0..3 {
        clock.advance(Duration::from_nanos(1_500_000_001));
    }
    let passed = Duration::from_nanos(4_500_000_003);
    assert_eq!((clock.now() - now, clock.utc() - utc), (passed, passed.try_into().unwrap()));
}

#[test]
fn the_machines_clocks_go_on() {
    let clock = SystemClock;
    let (now, utc) = (clock.now(), clock.utc());
    assert!(clock.now() >= now && clock.utc() >= utc);
    assert!(utc.year() >= 2026, "{utc}");
}
