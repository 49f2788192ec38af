//! Postgres killed, frozen, restarted, and short of memory.

use crate::stage::{
    BACK_WITHIN, Signal, Stage, a_while, children, durable_postgres, left_out, options, rounds, send, signal,
};
use local_services::{child, postgres::Postgres, scratch::Scratch};
use std::path::Path;
use switchboard_tests::installation::Installation;

/// All of its processes at once, as when a machine's power is cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_killed_at_load_costs_nothing_that_was_acknowledged() {
    let directory = Scratch::new().expect("a directory");
    let mut postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    for _ in 0..rounds() {
        signal(postgres.id().expect("we started it"), Signal::Kill);
        drop(postgres);
        tokio::time::sleep(a_while() / 3).await;
        postgres = Postgres::start(&options(directory.path())).expect("Postgres starts again");
        stage.is_back().await;
    }
    stage.balances().await;
}

/// A frozen disk, a machine that is moved: it answers nobody, and then goes on as if nothing had been.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_freezes_and_thaws_costs_nothing_that_was_acknowledged() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    let id = postgres.id().expect("we started it");
    for _ in 0..rounds() {
        signal(id, Signal::Stop);
        tokio::time::sleep(a_while()).await;
        signal(id, Signal::Continue);
        stage.is_back().await;
    }
    stage.balances().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_restarted_costs_nothing_that_was_acknowledged() {
    let directory = Scratch::new().expect("a directory");
    let mut postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    for _ in 0..rounds() {
        drop(postgres);
        postgres = Postgres::start(&options(directory.path())).expect("Postgres starts again");
        stage.is_back().await;
    }
    stage.balances().await;
}

/// What the kernel does when memory is short: it kills one of Postgres's processes, and Postgres then
/// throws out all others and recovers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_killed_process_of_postgres_costs_nothing_that_was_acknowledged() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    for _ in 0..rounds() {
        let ours = children(postgres.id().expect("we started it"));
        let busy = ours.into_iter().rfind(|id| {
            std::fs::read_to_string(format!("/proc/{id}/cmdline"))
                .is_ok_and(|line| line.contains("switchboard_app"))
        });
        send(busy.expect("the server is connected"), Signal::Kill);
        stage.is_back().await;
    }
    stage.balances().await;
}

/// Every connection's process may take no more memory than it has: what it asks for is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_without_memory_refuses_and_is_well_again_with_it() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    let id = postgres.id().expect("we started it");
    let limit = |bytes: &str| {
        // The first first: what it starts from now on is as it is.
        let mut processes = vec![id];
        processes.extend(children(id));
        processes.into_iter().all(|process| {
            let limit = format!("--as={bytes}:unlimited");
            // As the user that Postgres runs as: limits of others take a capability that even root may lack.
            let mut command = child::command(Path::new("/usr/bin/prlimit"), child::unprivileged());
            let done = command.args(["--pid", &process.to_string(), &limit]).status();
            // A process that has just ended has no limits.
            done.is_ok_and(|status| status.success()) || !Path::new(&format!("/proc/{process}")).exists()
        })
    };
    if !limit("1000000") {
        return left_out("Postgres without memory", "prlimit is not there, or may not");
    }
    tokio::time::sleep(a_while()).await;
    assert!(limit("unlimited"), "the limit can be lifted");
    stage.load.ledger.works_again(BACK_WITHIN).await;
    stage.balances().await;
}
