//! Switchboard's media server in a process of its own, asked line by line what the hub would ask over the bus.
//!
//! A hub, a database and everything else of the whole server have no part in what a packet costs, and take long
//! to build and to start.

use bus::{Bus, BusError};
use common::{
    clock::SystemClock,
    id::NodeId,
    protocol::Failure,
    subject::media::{HubNodes, MediaReply, MediaRequest, MediaService, SeatService},
};
use serde::{Deserialize, Serialize};
use sfu::{Config, Deps, Media};
use shutdown::Shutdown;
use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use uuid::Uuid;

/// How long the media server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to end.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// What is written once it can be asked.
pub(super) const READY: &str = "ready";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where it takes media
    #[arg(long)]
    listen: SocketAddr,
}

/// An answer, a line of JSON as the request is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer(pub(super) Result<MediaReply, Failure>);

/// The hub that whoever asks says it is.
pub(super) fn hub() -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(1))
}

/// Serves what comes in by the standard input until that ends.
pub(crate) async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (clock, shutdown) = (Arc::new(SystemClock), Shutdown::default());
    let bus = Bus::local(NodeId::generate(&*clock));
    let config = Config { listen: options.listen, announce: vec![options.listen.ip()], ..Config::default() };
    let media = Media::new(config, Deps { bus: bus.clone(), clock })?;
    let _presence = bus.present(&HubNodes, &hub().to_string(), &hub()).await?;
    let mut seats = bus.serve(&SeatService(hub())).await?;
    let lines = BufReader::new(tokio::io::stdin()).lines();
    // Nobody leaves a seat without saying so.
    let nobody_left = async {
        while let Some(asked) = seats.next().await {
            asked.reply.send(&Vec::new());
        }
    };
    tokio::select! {
        ended = sfu::run(media, shutdown.clone()) => ended?,
        answered = answer(&bus, lines) => answered?,
        () = nobody_left => {}
    }
    shutdown.drain(DRAIN_TIME).await;
    Ok(())
}

async fn answer(bus: &Bus, mut lines: Lines<BufReader<Stdin>>) -> Result<(), Box<dyn Error>> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{READY}\n").as_bytes()).await?;
    while let Some(line) = lines.next_line().await? {
        let request: MediaRequest = serde_json::from_str(&line)?;
        let reply = ask(bus, &request).await?;
        let mut text = serde_json::to_vec(&Answer(reply))?;
        text.push(b'\n');
        out.write_all(&text).await?;
    }
    Ok(())
}

/// Asks once more while the service is not there yet.
async fn ask(bus: &Bus, request: &MediaRequest) -> Result<Result<MediaReply, Failure>, BusError> {
    loop {
        match bus.request(&MediaService(bus.node()), request, PATIENCE).await {
            Err(BusError::Unanswered { .. }) => tokio::task::yield_now().await,
            answered => return answered,
        }
    }
}
