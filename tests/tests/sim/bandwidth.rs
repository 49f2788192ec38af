//! The bandwidth estimator and the pacer on simulated networks: whether they find what those carry, keep to it,
//! and leave their queues empty.
//!
//! The cases are those of RFC 8867, as far as they need no TCP, and the network's that calls meet. Each bound
//! leaves room beyond the worst of sixteen seeds; `docs/BANDWIDTH.md` has the figures. With
//! `SWITCHBOARD_TEST_PLOTS` naming a directory, each run of the first seed is drawn there.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, bytes and milliseconds of a simulation fit whatever they are cast to"
)]

#[path = "bandwidth/plot.rs"]
mod plot;
#[path = "bandwidth/receiver.rs"]
mod receiver;
#[path = "bandwidth/scenario.rs"]
mod scenario;
#[path = "bandwidth/sender.rs"]
mod sender;

use crate::link::Loss;
use scenario::{HoldUps, Run, Scenario};
use sender::Media;
use std::time::Duration;

/// Each case is run with these.
const SEEDS: [u64; 3] = [1, 2, 3];

const MEGABIT: f64 = 1e6;

/// When estimates have settled.
const SETTLED: f64 = 20.0;

fn runs(scenario: &Scenario) -> impl Iterator<Item = Run> {
    SEEDS.into_iter().map(|seed| Scenario { seed, ..scenario.clone() }.run())
}

/// RFC 8867, section 5.1, at other rates and delays: the smallest that carries a call, and a wide one.
#[test]
fn what_a_link_carries_is_found_within_seconds_and_used_without_a_queue() {
    for (name, capacity, delay, wait) in [
        ("150 kbit/s", 0.15, 50, 150.0),
        ("300 kbit/s", 0.3, 20, 120.0),
        ("1 Mbit/s", 1.0, 50, 70.0),
        ("3 Mbit/s, 100 ms away", 3.0, 100, 60.0),
        ("10 Mbit/s", 10.0, 20, 60.0),
        ("2 Mbit/s, 400 ms away", 2.0, 400, 60.0),
    ] {
        for run in runs(&Scenario::new(name, &[(0, capacity * MEGABIT)]).delay(delay)) {
            let [found, used, waited, varies] = [
                run.reaches(0.8, 0.0),
                run.utilisation(SETTLED, 60.0),
                run.queue_p95(SETTLED, 60.0),
                run.estimate(SETTLED, 60.0).1,
            ];
            assert!(found <= 6.0, "{name}: found after {found} s");
            assert!(used >= 0.85, "{name}: uses {used}");
            assert!(waited <= wait, "{name}: {waited} ms");
            assert!(varies <= 0.1, "{name}: varies by {varies}");
            assert_eq!(run.dropped(SETTLED, 60.0), 0, "{name}");
        }
    }
}

/// RFC 8867, section 5.1: one flow, 1 Mbit/s times 1, 2.5, 0.6 and 1.
#[test]
fn a_capacity_that_changes_is_followed_up_and_down() {
    let steps = [(0, MEGABIT), (40, 2.5 * MEGABIT), (60, 0.6 * MEGABIT), (80, MEGABIT)];
    for run in runs(&Scenario::new("RFC 8867, section 5.1", &steps).seconds(100)) {
        let (up, again) = (run.reaches(0.8, 40.0), run.reaches(0.8, 80.0));
        let drained = run.drained(100.0, 60.0, 75.0);
        let used = [run.utilisation(50.0, 60.0), run.utilisation(65.0, 80.0), run.utilisation(90.0, 100.0)];
        assert!(up <= 8.0 && again <= 8.0, "found after {up} s and {again} s");
        assert!(drained <= 3.0, "drained after {drained} s");
        assert!(used.iter().all(|used| *used >= 0.8), "uses {used:?}");
    }
}

#[test]
fn ten_times_the_capacity_is_found_within_eight_seconds() {
    let steps = [(0, 0.3 * MEGABIT), (20, 3.0 * MEGABIT)];
    for run in runs(&Scenario::new("from 300 kbit/s to 3 Mbit/s", &steps).seconds(40)) {
        let found = run.reaches(0.8, SETTLED);
        assert!(found <= 8.0, "found after {found} s");
        assert!(run.utilisation(30.0, 40.0) >= 0.8, "and kept: {}", run.utilisation(30.0, 40.0));
    }
}

#[test]
fn a_sixth_of_the_capacity_is_kept_to_at_once_and_the_queue_drains() {
    let steps = [(0, 3.0 * MEGABIT), (20, 0.5 * MEGABIT), (40, 3.0 * MEGABIT)];
    for run in runs(&Scenario::new("from 3 Mbit/s to 500 kbit/s and back", &steps)) {
        let drained = run.drained(100.0, 20.0, 40.0);
        let lowest = run.between(20.0, 40.0).map(|sample| sample.estimate[0]).fold(f64::MAX, f64::min);
        let (used, back) = (run.utilisation(24.0, 40.0), run.reaches(0.8, 40.0));
        assert!(drained <= 3.0, "drained after {drained} s");
        assert!(lowest >= 0.1 * MEGABIT, "fell to {lowest}");
        assert!(used >= 0.8 && back <= 8.0, "uses {used}, back after {back} s");
    }
}

/// What is lost for the network's own reasons is no reason to send less.
#[test]
fn losses_that_sending_less_does_not_mend_take_little_of_a_link() {
    for (name, loss, share) in [
        ("2 % lost", Loss::Random(0.02), 0.8),
        ("5 % lost", Loss::Random(0.05), 0.8),
        ("10 % lost", Loss::Random(0.1), 0.75),
        ("10 % lost, five in a row", Loss::Bursts(0.1, 5.0), 0.7),
        ("20 % lost", Loss::Random(0.2), 0.65),
    ] {
        for run in runs(&Scenario::new(name, &[(0, 3.0 * MEGABIT)]).loss(loss)) {
            let estimate = run.estimate(SETTLED, 60.0).0;
            let lowest = run.between(SETTLED, 60.0).map(|sample| sample.estimate[0]).fold(f64::MAX, f64::min);
            assert!(estimate >= share * 3.0 * MEGABIT, "{name}: {estimate}");
            assert!(lowest >= 0.35 * 3.0 * MEGABIT, "{name}: fell to {lowest}");
        }
    }
}

/// A queue so short that no delay tells of it, as a policer has none: losses do.
#[test]
fn losses_that_sending_less_mends_are_mended() {
    let scenario = Scenario::new("a queue of 20 ms", &[(0, 2.0 * MEGABIT)]).queue(20.0, 2.0 * MEGABIT);
    for run in runs(&scenario) {
        let dropped = f64::from(run.dropped(SETTLED, 60.0));
        let sent: f64 = run.between(SETTLED, 60.0).map(|sample| sample.sent[0] / 10.0 / 8.0 / 1100.0).sum();
        let used = run.utilisation(SETTLED, 60.0);
        assert!(dropped / sent <= 0.07, "lost {dropped} of {sent}");
        assert!(used >= 0.85, "uses {used}");
    }
}

/// RFC 8867 has 30 ms of jitter at most.
#[test]
fn jitter_and_reordering_are_no_queue() {
    for (name, reorders) in [("30 ms of jitter", false), ("30 ms of jitter, reordered", true)] {
        for run in runs(&Scenario::new(name, &[(0, 2.0 * MEGABIT)]).jitter(30, reorders)) {
            let (found, used) = (run.reaches(0.8, 0.0), run.utilisation(SETTLED, 60.0));
            let (waited, varies) = (run.queue_p95(SETTLED, 60.0), run.estimate(SETTLED, 60.0).1);
            assert!(found <= 15.0 && used >= 0.8, "{name}: found after {found} s, uses {used}");
            assert!(waited <= 80.0 && varies <= 0.12, "{name}: {waited} ms, varies by {varies}");
        }
    }
}

/// What comes late because a machine has too much to do is no queue of the network's: who sends little of what a wide
/// link carries may go on.
#[test]
fn a_machine_that_is_held_up_is_no_narrow_link() {
    let milliseconds = Duration::from_millis;
    let media = Media { most: 0.8 * MEGABIT, ..Media::ELASTIC };
    let held_up = |runs, waits| Some(HoldUps { runs: milliseconds(runs), waits: milliseconds(waits) });
    for (name, [sender, receiver], least, mean) in [
        ("the receiver for half of the time", [None, held_up(60, 60)], 1.2, 1.3),
        ("both for half of the time", [held_up(60, 60); 2], 1.0, 1.3),
        ("the receiver for three quarters of the time", [None, held_up(40, 120)], 0.6, 1.2),
        ("both for three quarters of the time", [held_up(40, 120); 2], 0.35, 0.6),
        ("the receiver for six sevenths of the time", [None, held_up(40, 250)], 0.6, 1.1),
    ] {
        let scenario = Scenario::new(name, &[(0, 20.0 * MEGABIT)]).delay(1).media(&[media]);
        let scenario = Scenario { held_up: [sender, receiver], ..scenario };
        for run in runs(&scenario) {
            let lowest = run.between(SETTLED, 60.0).map(|sample| sample.estimate[0]).fold(f64::MAX, f64::min);
            let estimate = run.estimate(SETTLED, 60.0).0;
            assert!(estimate >= mean * MEGABIT, "{name}: {estimate}");
            assert!(lowest >= least * MEGABIT, "{name}: fell to {lowest}");
        }
    }
}

/// RFC 8867, section 5.4: who comes later gets a like share.
#[test]
fn two_flows_share_a_link() {
    let later = Media { begins: Duration::from_secs(20), ..Media::ELASTIC };
    let scenario =
        Scenario::new("two flows", &[(0, 2.0 * MEGABIT)]).media(&[Media::ELASTIC, later]).seconds(120);
    for run in runs(&scenario) {
        let shares = run.shares(70.0, 120.0);
        let ratio = shares[0].max(shares[1]) / shares[0].min(shares[1]);
        let (used, waited) = (run.utilisation(40.0, 120.0), run.queue_p95(40.0, 120.0));
        assert!(ratio <= 2.0, "{shares:?}");
        assert!(used >= 0.85 && waited <= 80.0, "use {used}, {waited} ms");
    }
}

/// RFC 8867, section 5.2 has such flows in its background.
#[test]
fn room_is_made_for_others_and_taken_back() {
    let others = vec![(Duration::from_secs(20), MEGABIT), (Duration::from_secs(40), 0.0)];
    let scenario = Scenario { others, ..Scenario::new("others take half for 20 s", &[(0, 2.0 * MEGABIT)]) };
    for run in runs(&scenario) {
        let (beside, drained) = (run.shares(26.0, 40.0)[0], run.drained(100.0, 20.0, 40.0));
        let back = run.reaches(0.8, 40.0);
        assert!((0.75 * MEGABIT..1.05 * MEGABIT).contains(&beside), "{beside}");
        assert!(drained <= 5.0 && back <= 15.0, "drained after {drained} s, back after {back} s");
    }
}

#[test]
fn without_feedback_less_is_sent_and_afterwards_as_much_as_before() {
    let feedback_lost = Duration::from_secs(20)..Duration::from_secs(22);
    let scenario =
        Scenario { feedback_lost, ..Scenario::new("no feedback for 2 s", &[(0, 2.0 * MEGABIT)]).seconds(40) };
    for run in runs(&scenario) {
        let before = run.estimate(19.0, 20.0).0;
        let during = run.estimate(21.8, 22.0).0;
        let back = run.reaches(0.8, 22.2);
        assert!(during <= 0.7 * before && during >= 0.2 * before, "{during} of {before}");
        assert!(back <= 5.0, "back after {back} s");
    }
}

/// Most of the time a subscriber's pictures need less than the network carries.
#[test]
fn who_sends_less_keeps_the_estimate_and_may_send_more_at_once() {
    let media = Media { most_before: (Duration::from_secs(30), 0.5 * MEGABIT), ..Media::ELASTIC };
    let scenario = Scenario::new("500 kbit/s of 4 Mbit/s, then all", &[(0, 4.0 * MEGABIT)]).media(&[media]);
    for run in runs(&scenario) {
        let (before, varies) = run.estimate(5.0, 30.0);
        let used = run.utilisation(31.0, 40.0);
        let waited = run.queue_p95(30.0, 60.0);
        assert!(before >= 3.0 * MEGABIT && varies <= 0.1, "{before}, varies by {varies}");
        assert!(used >= 0.7 && waited <= 80.0, "uses {used}, {waited} ms");
    }
}

/// A camera of 1 Mbit/s with key frames every four seconds, on a link that just carries it.
#[test]
fn key_frames_are_no_over_use_that_lasts() {
    let media = Media { most: MEGABIT, key_frames: Some(Duration::from_secs(4)), ..Media::ELASTIC };
    let scenario =
        Scenario::new("1 Mbit/s with key frames, of 1.2 Mbit/s", &[(0, 1.2 * MEGABIT)]).media(&[media]);
    for run in runs(&scenario) {
        let (sent, waited) = (run.shares(SETTLED, 60.0)[0], run.queue_p95(SETTLED, 60.0));
        assert!(sent >= 0.85 * MEGABIT, "{sent}");
        assert!(waited <= 150.0, "{waited} ms");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let scenario =
        Scenario::new("again", &[(0, MEGABIT)]).jitter(30, true).loss(Loss::Random(0.05)).seconds(20);
    let other = Scenario { seed: 2, ..scenario.clone() };
    assert_eq!(scenario.run(), scenario.run());
    assert_ne!(scenario.run().samples, other.run().samples, "and another seed another");
}
