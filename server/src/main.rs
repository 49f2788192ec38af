//! `switchboard`: serve, migrate, config, openapi, asyncapi, turn-config, demo.
//!
//! Everything is in the library, [`switchboard::command`] first: what it awaits would otherwise be compiled for this
//! file a second time.

use std::process::ExitCode;

fn main() -> ExitCode {
    switchboard::command::main()
}
