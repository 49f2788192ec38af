//! The media core in a world of its own: a publisher, the engine and two
//! subscribers, joined by a seeded network, under virtual time.
//!
//! Nothing here reads a clock or draws unseeded randomness: the same seed gives
//! the same run, byte for byte. A seed that found a bug is added to `SEEDS`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: whatever is not as expected is a failure"
)]

#[path = "sim/adaptation.rs"]
mod adaptation;
#[path = "sim/bandwidth.rs"]
mod bandwidth;
#[path = "sim/meeting/device.rs"]
mod device;
#[path = "sim/link.rs"]
mod link;
#[path = "sim/meeting.rs"]
mod meeting;
#[path = "sim/network.rs"]
mod network;
#[path = "sim/publisher.rs"]
mod publisher;
#[path = "sim/subscriber.rs"]
mod subscriber;
#[path = "sim/voices.rs"]
mod voices;
#[path = "sim/watch.rs"]
mod watch;
#[path = "sim/world.rs"]
mod world;

use meeting::Meeting;
use network::Weather;
use std::time::Duration;
use world::{Report, World};

const SEEDS: [u64; 6] = [1, 2, 3, 7, 2026, 65_535];

fn run(seed: u64, weather: Weather) -> Report {
    World::new(seed, weather).run(Duration::from_secs(10))
}

const CALM: Weather = Weather { loss: 0.0, delay: Duration::from_millis(20), jitter: Duration::ZERO };
const ROUGH: Weather =
    Weather { loss: 0.05, delay: Duration::from_millis(20), jitter: Duration::from_millis(15) };

#[test]
fn without_loss_every_frame_arrives_and_nothing_is_asked_for_again() {
    let report = run(1, CALM);
    assert!(report.frames_sent > 290, "{report:?}");
    assert_eq!(report.frames_complete, [report.frames_due; 2]);
    assert_eq!(report.resent, 0);
}

/// Passes for the wrong reason if nothing was lost: counted.
#[test]
fn every_frame_arrives_through_loss_and_reordering() {
    for seed in SEEDS {
        let report = run(seed, ROUGH);
        assert!(report.lost > 100 && report.resent > 50, "seed {seed}: {report:?}");
        assert_eq!(report.frames_complete, [report.frames_due; 2], "seed {seed}: {report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_byte_for_byte() {
    for seed in SEEDS {
        assert_eq!(run(seed, ROUGH), run(seed, ROUGH), "seed {seed}");
    }
    assert_ne!(run(1, ROUGH).trace, run(2, ROUGH).trace, "and another seed another");
}

/// Everything at once: tracks, answers, comings and goings, storms of requests, checks from many ports,
/// strangers. What must always hold is checked for every datagram and after every step (`watch`).
///
/// Passes for the wrong reason if little happened: counted.
#[test]
fn nothing_that_participants_do_breaks_what_must_always_hold() {
    for seed in SEEDS {
        let report = Meeting::new(seed, ROUGH).run(Duration::from_secs(12));
        let happened =
            [report.joined, report.left, report.published, report.answered, report.refused_sections];
        assert!(happened.iter().all(|count| *count > 5), "seed {seed}: {report:?}");
        assert!(report.forwarded > 1000 && report.resent > 100, "seed {seed}: {report:?}");
        assert!(report.resends_refused > 100, "seed {seed}: {report:?}");
        assert!(report.refused_offers > 0 && report.packets_refused > 0, "seed {seed}: {report:?}");
        assert!(report.moved > 0 && report.sender_moves > 2, "seed {seed}: {report:?}");
        assert!(report.stale_answers > 0 && report.turns > 2, "seed {seed}: {report:?}");
        assert!(report.targets > 50 && report.switches > 3, "seed {seed}: {report:?}");
        assert!(report.encoding_turns > 0, "seed {seed}: {report:?}");
        assert!(report.longest_round_trip > Duration::from_millis(100), "seed {seed}: {report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_meeting_byte_for_byte() {
    let run = |seed| Meeting::new(seed, ROUGH).run(Duration::from_secs(5));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).trace, run(8).trace, "and another seed another");
}
