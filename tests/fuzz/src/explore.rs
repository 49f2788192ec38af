//! The explorer: libFuzzer on the target that `SWITCHBOARD_FUZZ_TARGET` names.
//!
//! With `SWITCHBOARD_FUZZ_UNPACK` or `SWITCHBOARD_FUZZ_PACK` it only turns the target's corpus into files
//! in that directory, or the files there into the corpus.

#![no_main]
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a tool for developers: whatever is not as expected is a failure"
)]

use libfuzzer_sys::fuzz_target;
use std::{env, path::PathBuf, sync::LazyLock};
use switchboard_fuzz::{Target, corpus, target};

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = env::var("SWITCHBOARD_FUZZ_TARGET").expect("SWITCHBOARD_FUZZ_TARGET names a target");
    target(&name).expect("there is such a target")
});

fn only_the_corpus() -> bool {
    let directory = |name| env::var_os(name).map(PathBuf::from);
    if let Some(directory) = directory("SWITCHBOARD_FUZZ_UNPACK") {
        corpus::unpack(*TARGET, &directory).expect("the corpus can be written");
        return true;
    }
    if let Some(directory) = directory("SWITCHBOARD_FUZZ_PACK") {
        let count = corpus::pack(TARGET.name, &directory).expect("the corpus can be read");
        eprintln!("{}: {count} inputs kept", TARGET.name);
        return true;
    }
    false
}

fuzz_target!(
    init: {
        if only_the_corpus() {
            std::process::exit(0);
        }
    },
    |bytes: &[u8]| (TARGET.run)(bytes)
);
