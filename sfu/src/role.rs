//! The role: what it is built from, and what it runs.

use crate::{
    Config,
    addresses::Addresses,
    config::RecordingConfig,
    control::{Control, FINISHED_MAX, Recordings},
    ledger::Ledger,
    recording::{Bounds, Feed, FinishedRecording, Recorder, RefusedByDisk},
    shard::{Shard, ShardHandle, ShardStartError},
    socket,
    tcp::{
        Admission,
        door::{self, Door},
    },
};
use bus::{Bus, BusError};
use common::clock::Clock;
use futures_util::future::select_all;
use shutdown::Shutdown;
use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What the media server is built from.
#[derive(Clone)]
pub struct Deps {
    /// How the hub asks it.
    pub bus: Bus,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// A media server that is bound and not yet running.
pub struct Media {
    config: Config,
    deps: Deps,
    shards: Vec<(Shard, ShardHandle)>,
    candidates: Vec<SocketAddr>,
    /// Where connections come, and where clients are told that they do.
    listener: Option<TcpListener>,
    recordings: Recordings,
    finished: mpsc::Receiver<FinishedRecording>,
    ledger: Ledger,
    /// Dropped once others find it.
    listed: oneshot::Sender<Infallible>,
    is_listed: oneshot::Receiver<Infallible>,
}

/// Why the media server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is taken or not one of this machine's.
    #[error("the media address {address} cannot be used")]
    Bind {
        /// The address of the configuration that was tried.
        address: SocketAddr,
        /// The system's refusal.
        source: io::Error,
    },
    /// The TCP address is taken or not one of this machine's.
    #[error("the TCP address {address} cannot be used for media")]
    Listen {
        /// The address of the configuration that was tried.
        address: SocketAddr,
        /// The system's refusal.
        source: io::Error,
    },
    /// A shard cannot be set up.
    #[error("a media shard cannot be set up")]
    Shard(#[from] ShardStartError),
    /// There is no place for recordings.
    #[error("the folder {} cannot be used for recordings", path.display())]
    Recorder {
        /// The folder of the configuration.
        path: PathBuf,
        /// The system's refusal.
        source: io::Error,
    },
}

/// Why the media server ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The bus refused.
    #[error("the bus refused")]
    Bus(#[from] BusError),
    /// A shard could not go on.
    #[error("a media shard cannot go on")]
    Shard(#[from] io::Error),
}

impl Media {
    /// Binds the sockets, and makes a place for recordings if there is to be one.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(config: Config, deps: Deps) -> Result<Self, StartError> {
        let recorder = start_recorder(&config.recording, &deps)?;
        let listener = listen(&config)?;
        let tcp_port = listener.as_ref().and_then(|listener| listener.local_addr().ok()).map(|it| it.port());
        let mut shards = Vec::new();
        let mut candidates = Vec::new();
        for index in 0..config.shards.max(1) {
            let mut address = config.listen;
            if address.port() != 0 {
                address.set_port(address.port().saturating_add(index));
            }
            let failed = |source| StartError::Bind { address, source };
            let socket = socket::bind(address).map_err(failed)?;
            let local = socket.local_addr().map_err(failed)?;
            let addresses = Addresses::of(&config, local).map_err(failed)?.with_tcp(tcp_port);
            candidates.extend(addresses.candidates.iter().copied());
            let feed = recorder.as_ref().map_or_else(Feed::default, |(recorder, _)| recorder.feed());
            shards.push(Shard::new(index, Arc::clone(&deps.clock), socket, addresses, feed)?);
        }
        let (sender, finished) = mpsc::channel(FINISHED_MAX);
        let recordings = Recordings::new(&config.recording, recorder, sender);
        let ledger = Ledger::new(Arc::clone(&deps.clock));
        let (listed, is_listed) = oneshot::channel();
        Ok(Self {
            config,
            deps,
            shards,
            candidates,
            listener,
            recordings,
            finished,
            ledger,
            listed,
            is_listed,
        })
    }

    /// Where recordings come that have ended, those of killed processes too: for who stores them. Once; nothing comes
    /// the second time.
    pub fn take_finished(&mut self) -> mpsc::Receiver<FinishedRecording> {
        std::mem::replace(&mut self.finished, mpsc::channel(1).1)
    }

    /// What happens in its sessions from now on: for who writes it down.
    pub fn follow(&self) -> Ledger {
        self.ledger.follow();
        self.ledger.clone()
    }

    /// Resolves once it runs and others find it: from then on sessions of other media nodes may move here. While the bus is
    /// away it resolves, too, and others find it once that is back. Or once it has ended. Once; the second one resolves at once.
    pub fn listed(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let is_listed = std::mem::replace(&mut self.is_listed, oneshot::channel().1);
        async move {
            let _dropped = is_listed.await;
        }
    }

    /// Where clients are told to send media to.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }
}

/// Binds the TCP port, if there is to be one.
fn listen(config: &Config) -> Result<Option<TcpListener>, StartError> {
    if !config.tcp.enabled {
        return Ok(None);
    }
    let address = SocketAddr::new(config.listen.ip(), config.tcp.port.unwrap_or(config.listen.port()));
    door::bind(address).map(Some).map_err(|source| StartError::Listen { address, source })
}

/// The recorder, and whose recordings the disk ends.
type StartedRecorder = (Recorder, mpsc::Receiver<RefusedByDisk>);

fn start_recorder(config: &RecordingConfig, deps: &Deps) -> Result<Option<StartedRecorder>, StartError> {
    let Some(directory) = &config.directory else { return Ok(None) };
    let bounds = Bounds { file_bytes_max: config.track_bytes_max, free_bytes_min: config.free_bytes_min };
    let started = Recorder::start(directory, deps.bus.node(), bounds, Arc::clone(&deps.clock));
    started.map(Some).map_err(|source| StartError::Recorder { path: directory.clone(), source })
}

/// Runs the media server until shutdown.
///
/// # Errors
/// [`RunError`].
pub async fn run(media: Media, shutdown: Shutdown) -> Result<(), RunError> {
    info!(candidates = ?media.candidates, "Media is received");
    let ledger = media.ledger.clone();
    let outcome = serve(media, shutdown).await;
    ledger.close();
    outcome
}

async fn serve(media: Media, shutdown: Shutdown) -> Result<(), RunError> {
    let mut handles = Vec::new();
    let mut ends = Vec::new();
    for (shard, handle) in media.shards {
        handles.push(handle);
        ends.push(shard.start()?);
    }
    // Open for as long as the shards forward: who is still here while the node drains may lose a connection, too.
    let closed = CancellationToken::new();
    let _closes = closed.clone().drop_guard();
    if let Some(listener) = media.listener {
        let tcp = &media.config.tcp;
        let admission = Admission::new(tcp.connections_max, tcp.connections_per_network_max);
        let door = Door::new(listener, admission, handles.clone())?;
        shutdown.tasks.spawn(door.run(closed, shutdown.tasks.clone()));
    }
    media.recordings.find_left_behind(&shutdown);
    let control =
        Control::new(media.config, media.deps, shutdown, handles.clone(), (media.recordings, media.ledger));
    let outcome = tokio::select! {
        served = control.run(media.listed) => served.map_err(RunError::from),
        (ended, ..) = select_all(ends.iter_mut()) => match ended {
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) | Err(_) => Ok(()),
        },
    };
    for handle in &handles {
        // A shard that does not answer ends with the process.
        let _unresponsive = handle.stop().await;
    }
    outcome
}
