//! Load tools, one per path. They print; they judge nothing: a noisy machine is no failure.
//!
//! [`engine`] is the media engine without sockets, [`seal`] its encryption alone, [`media`] the media server
//! with sockets, in a process of its own. [`hub`], [`rest`] and [`webhook`] drive the real binary, started by
//! [`server`], through sockets.

mod allocations;
mod cpu;
mod engine;
mod hub;
mod media;
mod percentiles;
mod rest;
mod seal;
mod server;
mod stamp;
mod webhook;

use clap::{Parser, Subcommand};
use std::{error::Error, path::PathBuf};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

#[derive(Parser)]
#[command(about = "What Switchboard costs")]
struct Arguments {
    /// The server's binary [default: `switchboard` beside this one]
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// One packet's way through the media engine, without sockets
    Engine(engine::Options),
    /// What each profile of SRTP costs per packet
    Seal,
    /// Cameras and meetings through sockets: CPU per packet, latency; beside Janus with --vs janus
    Media(media::Options),
    /// The media server that `media` measures, in a process of its own
    #[command(hide = true)]
    MediaNode(media::NodeOptions),
    /// The hub: fan-out, idle connections, stored messages, storms; beside socket.io and ws with --vs
    Hub(hub::Options),
    /// REST with 1,000 accounts and a million messages: list, read, search, create
    Rest(rest::Options),
    /// Signed WhatsApp webhooks: time to 200, and to an agent's socket
    Webhook(webhook::Options),
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { binary, tool } = Arguments::parse();
    let binary = match binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("switchboard"),
    };
    match tool {
        Tool::Engine(options) => engine::run(&options),
        Tool::Seal => seal::run(),
        // One thread: the client must not take the server's.
        Tool::Media(options) => single()?.block_on(media::run(&options)),
        Tool::MediaNode(options) => single()?.block_on(media::run_node(&options)),
        Tool::Hub(options) => runtime()?.block_on(hub::run(&binary, &options)),
        Tool::Rest(options) => runtime()?.block_on(rest::run(&binary, &options)),
        Tool::Webhook(options) => runtime()?.block_on(webhook::run(&binary, &options)),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn single() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
