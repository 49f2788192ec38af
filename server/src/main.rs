//! `switchboard`: serve, migrate, config, openapi, asyncapi, turn-config, demo.
//!
//! Everything is in the library, [`switchboard::command`] first: what it awaits would otherwise be compiled for this
//! file a second time.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Keeps what is of one size together. The system's puts the state of a connection, which stays, into the hole that the
/// buffer of its handshake has left, so that the next buffer needs another: half of what an idle connection cost.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    switchboard::command::main()
}
