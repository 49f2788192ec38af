//! No file descriptors left.

use crate::stage::{Stage, a_while, durable_postgres, left_out, rounds};
use local_services::scratch::Scratch;
use std::{fs, process::Command};
use switchboard_tests::{installation::Installation, rest::client};

/// Fewer than the server has open: it gets no other one, whatever it is for.
const NEXT_TO_NONE: u64 = 16;

/// Sets how many descriptors a process may have, within what it may allow itself.
fn allow(process: u32, descriptors: u64) -> bool {
    let limit = format!("--nofile={descriptors}:");
    let mut command = Command::new("/usr/bin/prlimit");
    command.args(["--pid", &process.to_string(), &limit]).status().is_ok_and(|status| status.success())
}

/// How many it may have (proc(5), `limits`).
fn allowed(process: u32) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_descriptors_is_well_again_when_they_are_back() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    let (server, url) = (stage.servers[0].id(), format!("{}/health", stage.servers[0].base));
    if !cfg!(target_os = "linux") {
        return left_out("no descriptors", "only Linux changes the limit of a process that runs");
    }
    let before = allowed(server);
    for _ in 0..rounds() {
        if !allow(server, NEXT_TO_NONE) {
            return left_out("no descriptors", "prlimit is not there, or may not");
        }
        let answer = client().get(&url).timeout(a_while()).send().await;
        assert!(answer.is_err(), "nobody can be let in: {answer:?}");
        assert!(allow(server, before), "the limit can be lifted");
        stage.is_back().await;
    }
    stage.balances().await;
}
