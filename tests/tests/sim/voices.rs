//! Voices over links that lose packets, both to the server and from it: how much of them has to be made up by who hears
//! them, and what it costs that it is so little.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, bytes and milliseconds of a simulation fit whatever they are cast to"
)]

#[path = "voices/listener.rs"]
mod listener;
#[path = "voices/speaker.rs"]
mod speaker;
#[path = "voices/talk.rs"]
mod talk;

use crate::link::{LinkConfig, Loss};
use std::time::Duration;
use talk::{Report, Talk, TalkConfig};

const SEEDS: [u64; 3] = [1, 7, 2026];

/// One leg, so far away, that loses so much.
fn leg(delay: u64, loss: Loss) -> LinkConfig {
    LinkConfig {
        capacity: Vec::new(),
        queue: 0.0,
        delay: Duration::from_millis(delay),
        jitter: Duration::ZERO,
        reorders: false,
        loss,
    }
}

/// One voice over two legs that are alike, to somebody who takes all that there is.
fn alike(delay: u64, loss: Loss) -> TalkConfig {
    let leg = leg(delay, loss);
    TalkConfig {
        voices: 1,
        up: leg.clone(),
        down: leg,
        sends_again: true,
        sends_red: false,
        takes_red: true,
        has_camera: false,
    }
}

fn run(config: &TalkConfig, seed: u64) -> Report {
    Talk::new(config, seed).run(Duration::from_secs(120))
}

/// Passes for the wrong reason if little was lost on the way: without all that, it is a tenth.
#[test]
fn of_a_voice_that_loses_five_percent_twice_at_most_two_percent_are_concealed() {
    let mut wrong = Vec::new();
    for seed in SEEDS {
        let all = alike(20, Loss::Random(0.05));
        let by_red = TalkConfig { sends_again: false, sends_red: true, ..all.clone() };
        let far = TalkConfig { sends_red: true, ..alike(100, Loss::Random(0.05)) };
        let deaf = TalkConfig { takes_red: false, ..all.clone() };
        let nothing = TalkConfig { sends_again: false, takes_red: false, ..all.clone() };
        let rows = [
            ("asked for again, and sent twice", &all, 0.0..0.02),
            ("sent twice both times", &by_red, 0.0..0.02),
            ("far away, sent twice both times", &far, 0.0..0.02),
            ("asked for again alone", &deaf, 0.03..0.07),
            ("nothing", &nothing, 0.08..0.12),
        ];
        for (name, config, bounds) in rows {
            let report = run(config, seed);
            let concealed = report.concealed();
            if !bounds.contains(&concealed) {
                wrong.push(format!("seed {seed}, {name}: {concealed:.4}, {report:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Losses come in a row: what goes with the next packet is lost with it.
#[test]
fn losses_in_a_row_leave_less_than_half_of_what_they_took() {
    for seed in SEEDS {
        let all = alike(20, Loss::Bursts(0.05, 2.0));
        let nothing = TalkConfig { sends_again: false, takes_red: false, ..all.clone() };
        let (report, nothing) = (run(&all, seed), run(&nothing, seed));
        let (concealed, before) = (report.concealed(), nothing.concealed());
        assert!(concealed < before / 2.0, "seed {seed}: {concealed} of {before}");
    }
}

#[test]
fn where_nothing_is_lost_nothing_is_sent_twice() {
    let report = run(&alike(20, Loss::NONE), 1);
    assert_eq!((report.concealed(), report.red_bytes, report.asked), (0.0, 0, 0), "{report:?}");
}

/// A call of three on a line that carries its voices and one small picture, and loses packets by itself: voices are not
/// sent twice there, so that they wait for nothing and the picture keeps moving.
#[test]
fn a_line_of_250_kbit_s_carries_a_call_of_three_also_where_it_loses() {
    for seed in SEEDS {
        let down = LinkConfig {
            capacity: vec![(Duration::ZERO, 250_000.0)],
            queue: 9_400.0,
            ..leg(30, Loss::Random(0.05))
        };
        let config = TalkConfig { voices: 2, down, has_camera: true, ..alike(30, Loss::Random(0.05)) };
        let report = run(&config, seed);
        let concealed = report.concealed();
        assert_eq!(report.red_bytes, 0, "seed {seed}: {report:?}");
        assert!(concealed < 0.07, "seed {seed}: {concealed}, {report:?}");
        assert!(report.picture_bytes > 100_000, "seed {seed}: {report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_talk_byte_for_byte() {
    let config = alike(20, Loss::Random(0.05));
    let run = |seed| Talk::new(&config, seed).run(Duration::from_secs(10));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).trace, run(2).trace, "and another seed another");
}
