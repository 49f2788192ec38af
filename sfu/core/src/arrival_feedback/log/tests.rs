use super::*;
use crate::rtcp::{self, Packet};
use common::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

/// A transport whose packets come at `clock`'s time.
struct Arrivals {
    clock: ManualClock,
    log: ArrivalLog,
}

impl Arrivals {
    fn new() -> Self {
        let clock = ManualClock::default();
        let mut log = ArrivalLog::new(clock.now());
        log.note_stream(7);
        Self { clock, log }
    }

    fn note(&mut self, wire: u16) -> Option<Duration> {
        let now = self.clock.now();
        Some(self.log.note(wire, now)?.saturating_duration_since(now))
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
    }

    /// What is told now: of each number, when it arrived in steps of 250 µs, if it did.
    fn told(&mut self) -> Vec<(u16, Option<u64>)> {
        let mut told = Vec::new();
        let mut out = Vec::new();
        while self.log.write(&mut out) {
            let read: Vec<_> = rtcp::packets(&out).collect();
            let [Packet::TransportFeedback(feedback)] = read[..] else { panic!("{read:?}") };
            assert_eq!((feedback.ssrc, feedback.media), (7, 7));
            let mut at = i64::from(feedback.reference.steps()) * 256;
            told.extend(feedback.statuses().map(|(number, delta)| {
                let arrival = delta.map(|delta| {
                    at += i64::from(delta.steps());
                    u64::try_from(at).unwrap()
                });
                (number, arrival)
            }));
            out.clear();
        }
        self.log.begin_interval(self.clock.now());
        told
    }
}

#[test]
fn what_arrived_and_what_did_not_is_told_once() {
    let mut arrivals = Arrivals::new();
    assert_eq!(arrivals.note(65_534), Some(INTERVAL_INITIAL));
    arrivals.pass(10);
    assert_eq!(arrivals.note(65_535), None, "that feedback is due is known");
    arrivals.note(1);
    assert_eq!(arrivals.told(), [(65_534, Some(0)), (65_535, Some(40)), (0, None), (1, Some(40))]);
    assert_eq!(arrivals.told(), []);
    arrivals.pass(5);
    assert!(arrivals.note(2).is_some());
    assert_eq!(arrivals.told(), [(2, Some(60))]);
}

#[test]
fn what_comes_late_is_told_with_all_that_followed_it() {
    let mut arrivals = Arrivals::new();
    for number in [10, 12, 13] {
        arrivals.note(number);
    }
    arrivals.told();
    arrivals.pass(50);
    assert!(arrivals.note(11).is_some());
    assert_eq!(arrivals.told(), [(11, Some(200)), (12, Some(0)), (13, Some(0))]);
    assert_eq!(arrivals.note(11), None, "that it came is known");
    assert_eq!(arrivals.told(), []);
}

#[test]
fn the_interval_follows_how_many_packets_come() {
    for (every, expected) in [(1, INTERVAL_MIN), (5, Duration::from_millis(100)), (20, INTERVAL_MAX)] {
        let mut arrivals = Arrivals::new();
        let mut number = 0;
        for _ in 0..10 {
            for _ in 0..200 / every {
                number += 1;
                arrivals.pass(every);
                arrivals.note(number);
            }
            arrivals.told();
        }
        let due = arrivals.note(number + 1).unwrap();
        assert!(due.abs_diff(expected) <= Duration::from_millis(1), "a packet each {every} ms: {due:?}");
    }
}

/// Passes for the wrong reason if nothing came of any number: the last of each leap is told.
#[test]
fn leaps_and_repetitions_bring_no_more_feedback_than_there_is_time_for() {
    let mut random = StdRng::seed_from_u64(1);
    let mut arrivals = Arrivals::new();
    let (mut due, mut feedback, mut told) = (None, 0, 0);
    let start = arrivals.clock.now();
    for packet in 0..50_000_u32 {
        let number = match packet % 4 {
            0 => random.random(),
            1 => 32_767_u16.wrapping_mul(u16::try_from(packet % 65_536).unwrap()),
            2 => 0,
            _ => u16::try_from(packet % 65_536).unwrap(),
        };
        due = arrivals.note(number).map(|time| arrivals.clock.now() + time).or(due);
        arrivals.clock.advance(Duration::from_micros(200));
        if due.is_some_and(|due| due <= arrivals.clock.now()) {
            due = None;
            feedback += 1;
            let packets = arrivals.told();
            assert!(packets.len() <= NUMBERS_KEPT, "{}", packets.len());
            told += packets.iter().filter(|(_, arrival)| arrival.is_some()).count();
        }
    }
    let passed = arrivals.clock.now() - start;
    let most = passed.div_duration_f64(INTERVAL_MIN) + 1.0;
    assert!(f64::from(feedback) <= most, "{feedback} in {passed:?}");
    assert!(told >= usize::try_from(feedback).unwrap(), "{told} arrivals in {feedback}");
}

/// What is told is true, and nothing that came is missing, on a line that loses and reorders.
#[test]
fn all_that_comes_in_time_is_told_of() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut order: Vec<(u64, u16)> = (0..20_000_u16)
            .filter_map(|number| {
                let late = if random.random_bool(0.1) { random.random_range(0..40) } else { 0 };
                random.random_bool(0.9).then_some((u64::from(number) + late, number.wrapping_add(60_000)))
            })
            .collect();
        order.sort_by_key(|(at, _)| *at);
        let mut arrivals = Arrivals::new();
        let (start, mut due) = (arrivals.clock.now(), None);
        let (mut came, mut told) = (BTreeMap::new(), BTreeMap::new());
        for (at, number) in order {
            let moment = start + Duration::from_millis(at);
            arrivals.clock.advance(moment - arrivals.clock.now());
            due = arrivals.note(number).map(|time| moment + time).or(due);
            came.insert(number, Some(at * 4));
            if due.is_some_and(|due| due <= moment) {
                due = None;
                told.extend(arrivals.told().into_iter().filter(|(_, arrival)| arrival.is_some()));
            }
        }
        told.extend(arrivals.told().into_iter().filter(|(_, arrival)| arrival.is_some()));
        assert_eq!(told, came, "seed {seed}");
    }
}
