//! The engine's own packets over links that are narrow, change, lose and reorder: whether it finds what they carry,
//! keeps to it, and brings every voice over.
//!
//! What `bandwidth` judges of the estimator and the pacer alone, this judges of the way of a packet through the engine.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, bytes and milliseconds of a simulation fit whatever they are cast to"
)]

#[path = "adaptation/call.rs"]
mod call;
#[path = "adaptation/receiver.rs"]
mod receiver;

use crate::link::{LinkConfig, Loss};
use call::{Call, Camera, Report};
use std::time::Duration;

const MEGABIT: f64 = 1e6;

/// Where chance has a say: on a link that loses or reorders.
const SEEDS: [u64; 3] = [1, 7, 2026];

/// A link of this capacity, 30 ms away, whose queue holds 300 ms of the least of it.
fn link(capacity: &[(u64, f64)]) -> LinkConfig {
    let steps: Vec<_> = capacity.iter().map(|(at, rate)| (Duration::from_secs(*at), *rate)).collect();
    let least = steps.iter().map(|(_, rate)| *rate).fold(f64::MAX, f64::min);
    LinkConfig {
        capacity: steps,
        queue: least / 8.0 * 0.3,
        delay: Duration::from_millis(30),
        jitter: Duration::ZERO,
        reorders: false,
        loss: Loss::NONE,
    }
}

fn run(link: LinkConfig, camera: Camera, seconds: u64, seed: u64) -> Report {
    Call::new(link, camera, seed).run(Duration::from_secs(seconds))
}

/// The camera follows the estimate, as the choice of what is sent to whom does.
#[test]
fn every_voice_comes_through_a_narrow_link_and_the_picture_gets_the_rest() {
    let mut wrong = Vec::new();
    // The first estimate is 300 kbit/s: where that is twice the capacity, the queue is full before anybody knows.
    for (capacity, least, from) in [(0.15, 0.08, 5.0), (0.25, 0.16, 0.0), (1.0, 0.7, 0.0), (10.0, 6.0, 0.0)] {
        let report = run(link(&[(0, capacity * MEGABIT)]), Camera::Follows, 20, 1);
        let (lowest, highest) = report.estimates(10.0, 20.0);
        let (missing, wait) = (report.voices_missing(from), report.voice_wait_p95(from));
        // Above the capacity for moments: the camera uses 85 % of the estimate.
        let is_found = lowest >= least * MEGABIT && highest <= 1.4 * capacity * MEGABIT;
        if !is_found || missing > 0 || wait > 150.0 {
            wrong.push(format!(
                "{capacity} Mbit/s: {lowest} to {highest}, {missing} voices missing, {wait} ms, {:?}",
                report.stats
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_link_that_changes_is_followed() {
    let steps = [(0, 2.0 * MEGABIT), (10, 0.4 * MEGABIT), (20, 2.0 * MEGABIT)];
    let report = run(link(&steps), Camera::Follows, 35, 1);
    let [before, during, after] = [(5.0, 10.0), (14.0, 20.0), (30.0, 35.0)].map(|(from, to)| {
        let (lowest, highest) = report.estimates(from, to);
        (lowest / MEGABIT, highest / MEGABIT)
    });
    let name = format!("{before:?}, {during:?}, {after:?}");
    assert!(before.0 >= 1.2 && before.1 <= 2.6, "{name}");
    assert!(during.0 >= 0.15 && during.1 <= 0.55, "{name}");
    assert!(after.0 >= 1.2 && after.1 <= 2.6, "{name}");
}

/// Most of the time a camera sends less than a network carries: padding shows that there is room.
///
/// Passes for the wrong reason if nothing but the camera's own packets went out: padding is counted.
#[test]
fn room_that_nothing_needs_yet_is_found() {
    let camera = Camera::Constant(0.5 * MEGABIT);
    let report = run(link(&[(0, 5.0 * MEGABIT)]), camera, 20, 1);
    let (lowest, _) = report.estimates(10.0, 20.0);
    assert!(lowest >= 1.5 * MEGABIT, "{lowest}");
    assert!(report.stats.packets_padding > 20, "{:?}", report.stats);
    assert_eq!(report.stats.packets_overdue, 0);
    let sent = 20.0 * 0.5 * MEGABIT / 8.0;
    assert!((report.padding_bytes as f64) < 0.25 * sent, "{} bytes", report.padding_bytes);
}

/// What was lost is sent again past what waits, through the same queue.
#[test]
fn losses_and_reordering_are_made_up_for() {
    for seed in SEEDS {
        let (jitter, loss) = (Duration::from_millis(10), Loss::Random(0.03));
        let link = LinkConfig { jitter, reorders: true, loss, ..link(&[(0, 2.0 * MEGABIT)]) };
        let report = run(link, Camera::Follows, 20, seed);
        let (lowest, highest) = report.estimates(10.0, 20.0);
        assert!(lowest >= 0.7 * MEGABIT && highest <= 2.6 * MEGABIT, "seed {seed}: {lowest} to {highest}");
        assert!(report.stats.packets_resent > 50, "seed {seed}: {:?}", report.stats);
        let missing = report.pictures_missing();
        assert!(missing < 0.01, "seed {seed}: {missing} of the packets never came");
    }
}

/// Where nobody chooses less, what is too much is spread and waits, but never before a voice, and never for ever.
#[test]
fn a_camera_that_sends_twice_what_the_link_carries_keeps_no_voice_waiting_here() {
    let report = run(link(&[(0, 0.5 * MEGABIT)]), Camera::Constant(MEGABIT), 15, 1);
    assert!(report.stats.packets_forwarded > 1000, "{:?}", report.stats);
    assert!(report.held_longest <= 400.0, "a packet waited for {} ms", report.held_longest);
    assert!(report.voice_held_longest <= 1.0, "a voice waited for {} ms", report.voice_held_longest);
}

#[test]
fn the_same_seed_gives_the_same_call_byte_for_byte() {
    let run = |seed| {
        let (jitter, loss) = (Duration::from_millis(10), Loss::Random(0.03));
        let link = LinkConfig { jitter, reorders: true, loss, ..link(&[(0, MEGABIT)]) };
        run(link, Camera::Follows, 10, seed)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).trace, run(2).trace, "and another seed another");
}
