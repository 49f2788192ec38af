//! A clock that is put forward and back.

use crate::stage::{Stage, a_while, durable_postgres, left_out};
use local_services::scratch::Scratch;
use std::{fs, os::unix::fs::FileExt, process::Command};
use switchboard_tests::{installation::Installation, rest::client, server::Server};

/// Adds to the time of day what a file says, in seconds. It is loaded into the server, whose steady clock
/// and all other processes are left alone.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile long *step;

__attribute__((constructor)) static void open_step(void) {
    int file = open(getenv("CLOCK_STEP_FILE"), O_RDONLY);
    void *page = file < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    step = page == MAP_FAILED ? 0 : page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int outcome = real(clock, now);
    if (outcome == 0 && clock == CLOCK_REALTIME && step) now->tv_sec += *step;
    return outcome;
}
"#;

/// The minute of the hour, as the server's answers say it (RFC 9110, section 5.6.7).
async fn minute(server: &Server) -> u32 {
    let answer = client().get(format!("{}/health", server.base)).send().await.expect("the server answers");
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).expect("a date");
    let time = date.split(' ').nth(4).expect("a time");
    time.split(':').nth(1).and_then(|minute| minute.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ten_minutes_ahead_and_back_costs_nothing_that_was_acknowledged() {
    let directory = Scratch::new().expect("a directory");
    let (source, shim, step) =
        (directory.path().join("s.c"), directory.path().join("s.so"), directory.path().join("step"));
    fs::write(&source, SHIM).expect("a file");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).arg("-ldl").status();
    if !cfg!(target_os = "linux") || !compiled.is_ok_and(|status| status.success()) {
        return left_out("steps of the clock", "they are made by a library that Linux loads first");
    }
    fs::write(&step, 0_i64.to_ne_bytes()).expect("a file");
    // In place: the server has the file in its memory.
    let file = fs::File::options().write(true).open(&step).expect("it is ours");
    let set = |seconds: i64| file.write_all_at(&seconds.to_ne_bytes(), 0).expect("it can be written");
    let postgres = durable_postgres(directory.path());
    let mut installation = Installation::with_own_postgres(&postgres).await;
    installation.set("LD_PRELOAD", &shim.display().to_string());
    installation.set("CLOCK_STEP_FILE", &step.display().to_string());
    let stage = Stage::one(installation).await;
    // Less than a token lives: a longer step signs everybody out, as it must.
    let before = minute(&stage.servers[0]).await;
    for seconds in [600, 0, -600] {
        set(seconds);
        if seconds == 600 {
            let passed = (minute(&stage.servers[0]).await + 60 - before) % 60;
            assert!((10..=11).contains(&passed), "the server's clock is put forward: {passed}");
        }
        stage.is_back().await;
        tokio::time::sleep(a_while() / 3).await;
    }
    stage.balances().await;
}
