//! The hub under load: fan-out, idle connections, sign-ins, stored messages, storms; beside socket.io and ws.
//!
//! One load client speaks to all of them by the sockets of `signalling_client`: a [`voice`] says the same in three
//! protocols, a [`crowd`] listens. What is measured is in [`scenarios`], what comes of it in [`figures`].

mod crowd;
mod fan_out;
mod figures;
mod files;
mod idle;
mod peers;
mod scenarios;
mod stored;
mod storms;
mod target;
mod voice;

use figures::Figures;
use peers::Peers;
use std::{
    error::Error,
    io::{self, Write},
    path::Path,
};
use target::Target;
use voice::Protocol;

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// One room and a hundred
    FanOut,
    /// Connections a second, memory and CPU of idle ones, and one room of all of them
    Idle,
    /// Stored messages a second
    Stored,
    /// All join one room; all come back after a kill
    Storms,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measures socket.io and ws too, which npm installs into a temporary directory
    #[arg(long)]
    vs: bool,
    /// Only these
    #[arg(long, value_enum)]
    only: Vec<Scenario>,
    /// Connections of the idle scenario and of the resume storm
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Seconds that idle connections are watched; two intervals of pings
    #[arg(long, default_value_t = 50)]
    idle_seconds: u32,
    /// Seconds of each of the three windows of fan-out, and of stored messages
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

pub(crate) async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let files = files::raise_limit()?;
    writeln!(io::stdout(), "{files} file descriptors, {} connections", options.connections)?;
    // A room and a person for each connection, and for those who speak.
    let count = options.connections.max(2000) + 100;
    let mut figures = Figures::default();
    let mut names = Vec::new();
    let mut target = Target::switchboard(binary, count).await?;
    names.push(target.name());
    scenarios::run(&mut target, options, &mut figures).await?;
    drop(target);
    if options.vs {
        let peers = Peers::install()?;
        for protocol in [Protocol::SocketIo, Protocol::Ws] {
            let mut target = Target::node(&peers, protocol, count)?;
            names.push(target.name());
            scenarios::run(&mut target, options, &mut figures).await?;
        }
    }
    Ok(figures.print(&names)?)
}
