//! `cargo xtask`: everything a developer does with Switchboard, in one command each.
//!
//! It needs nothing but cargo: no dependency outside of this workspace, and
//! what a machine lacks it fetches ([`setup`]). Each step is printed with the
//! time it took; the first that fails ends the run.

mod advisories;
mod console;
mod fuzz;
mod generate;
mod progress;
mod run;
mod services;
mod setup;
mod shell;
mod test;
mod tidy;

use setup::Tool;
use shell::{Failure, say};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask run [arguments of `switchboard serve`]   start Switchboard with everything embedded
cargo xtask demo [text]                              play a customer who writes to it by WhatsApp
cargo xtask test                                     everything that a change must pass
cargo xtask test long [faults|fuzz] [name]           what takes hours: longer faults, exploring
cargo xtask services                                 a private Postgres and Redis, until Ctrl-C
cargo xtask generate [documents]                     write what is made from the code: store/.sqlx, documents, types
cargo xtask fuzz [--runs=N] [target]…                explore what strangers can send, and keep what is new
cargo xtask console                                  the console's types, rules and unit tests alone
cargo xtask tidy                                     the rules about files and crates alone
cargo xtask advisories                               known faults of the crates in Cargo.lock alone
cargo xtask setup [postgres|redis|coturn|chromium|schemathesis|node|firefox|aiortc|libdatachannel]…
                                                     fetch what is missing, all by default";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "run" => run::run(&rest),
        "demo" => run::demo(&rest),
        "test" => test::test(&rest),
        "services" => services::until_interrupted(),
        "fuzz" => fuzz::fuzz(&rest),
        "generate" => generate::generate(&rest),
        "console" => setup::setup(&[Tool::Node]).and_then(|()| console::check()),
        "tidy" => tidy::tidy(),
        "advisories" => advisories::check(),
        "setup" => Tool::parse(&rest).and_then(|tools| setup::setup(&tools)),
        _ => Err(Failure::new(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("\n{failure}"));
            ExitCode::FAILURE
        }
    }
}
