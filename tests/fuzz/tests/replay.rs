//! The corpora, replayed: what once reached new code, or was once a failure.

#![allow(clippy::expect_used, clippy::panic, reason = "test code: whatever is not as expected is a failure")]

use std::{collections::BTreeSet, fs, panic};
use switchboard_fuzz::{TARGETS, corpus};

#[test]
fn every_corpus_is_replayed() {
    for target in TARGETS {
        let inputs = corpus::read(target.name).expect("the corpus can be read");
        // Passes for the wrong reason if there is nothing to replay.
        assert!(inputs.len() >= 10, "{}: only {} inputs; run `cargo xtask fuzz`", target.name, inputs.len());
        for (number, input) in inputs.iter().enumerate() {
            panic::catch_unwind(|| (target.run)(input))
                .unwrap_or_else(|_| panic!("{}: line {} of its corpus fails", target.name, number + 1));
        }
    }
}

#[test]
fn every_target_takes_its_own_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no valid input to start from", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}

#[test]
fn every_corpus_has_a_target() {
    let directory = corpus::path("any").with_file_name("");
    let files = fs::read_dir(directory).expect("there are corpora");
    let names = files.map(|file| file.expect("a file").path());
    let names: BTreeSet<_> =
        names.filter_map(|path| path.file_stem().map(|name| name.to_string_lossy().into_owned())).collect();
    assert_eq!(names, TARGETS.iter().map(|target| target.name.to_owned()).collect());
}
