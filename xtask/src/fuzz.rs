//! Exploring the fuzz targets: what reaches new code is kept in their corpora, which the tests replay.

use crate::shell::{Failure, cargo, root, run, say, step};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Inputs that each target is given unless asked otherwise.
const RUNS_DEFAULT: &str = "1000000";

/// The longest input, in bytes: more than a datagram, and enough for a body with several items.
const INPUT_BYTES_MAX: &str = "4096";

/// How long one input may take, in seconds. What takes longer is a failure: strangers would send it on purpose.
const INPUT_SECONDS_MAX: &str = "5";

/// Memory that the explorer may take, in MiB.
const MEMORY_MIB_MAX: &str = "2048";

/// What the compiler has to add, so that libFuzzer sees which code an input reaches and what it is compared
/// with: the flags of cargo-fuzz without a sanitizer, which work on the stable toolchain.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=yes -Coverflow-checks=yes";

/// Explores the named targets, or all. Needs a C++ compiler for libFuzzer.
///
/// # Errors
/// If a target fails; its input is left in `target/fuzz`.
pub(crate) fn fuzz(arguments: &[String]) -> Result<(), Failure> {
    let runs = arguments.iter().find_map(|argument| argument.strip_prefix("--runs=")).unwrap_or(RUNS_DEFAULT);
    let mut targets: Vec<String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).cloned().collect();
    if targets.is_empty() {
        targets = all()?;
    }
    let explorer = step("build the explorer", build)?;
    for target in targets {
        step(&format!("explore {target}, {runs} inputs"), || explore(&explorer, &target, runs))?;
    }
    Ok(())
}

/// Every target, by the names of the corpora.
fn all() -> Result<Vec<String>, Failure> {
    let files = fs::read_dir(root().join("tests/fuzz/corpus"))?;
    let paths = files.map(|file| file.map(|file| file.path())).collect::<Result<Vec<PathBuf>, _>>()?;
    let mut names: Vec<String> =
        paths.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort_unstable();
    Ok(names)
}

fn build() -> Result<PathBuf, Failure> {
    let host = crate::shell::output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let host = host.trim();
    let directory = root().join("target/fuzz");
    let mut command =
        cargo(&["build", "--locked", "--release", "--target", host, "--package", "switchboard-fuzz"]);
    command.args(["--features", "explore", "--bin", "explore", "--config", "profile.release.lto=false"]);
    // With `--target` the flags are for the explorer alone, not for build scripts.
    run(command.arg("--target-dir").arg(&directory).env("RUSTFLAGS", COVERAGE))?;
    Ok(directory.join(host).join("release/explore"))
}

fn explore(explorer: &Path, target: &str, runs: &str) -> Result<(), Failure> {
    let directory = root().join("target/fuzz/corpora").join(target);
    let (all, least) = (directory.join("all"), directory.join("least"));
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&least)?;
    let explorer = || {
        let mut command = Command::new(explorer);
        command.current_dir(&directory).env("SWITCHBOARD_FUZZ_TARGET", target);
        command
    };
    run(explorer().env("SWITCHBOARD_FUZZ_UNPACK", &all))?;
    let limits = [
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    run(explorer().args(&limits).arg(format!("-runs={runs}")).arg(&all)).inspect_err(|_| {
        say(&format!("    the input is in {}: mend the fault, add it to the corpus", directory.display()));
    })?;
    run(explorer().args(&limits).arg("-merge=1").args([&least, &all]))?;
    run(explorer().env("SWITCHBOARD_FUZZ_PACK", &least))
}
