//! Stores what media servers have recorded: the files where those of messages are, and in the database what they are.
//!
//! A row is there before the first byte is in the storage, and the directory until all is there and committed: whatever
//! process dies when, the next that starts where the directory lies goes on. What is stored is not stored again, however
//! often its directory cannot be removed, and that it was deleted is forgotten only when the directory is gone.

use crate::{config::Config, embedded, living::Living};
use bus::Bus;
use common::{clock::Clock, error::Chain, recording::Manifest};
use files::{FileError, Files};
use sfu::FinishedRecording;
use shutdown::Shutdown;
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use store::{
    Store, StoreError,
    recordings::{self, Reception},
};
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

/// How often what could not be stored is tried again, and recordings are looked for whose node is gone.
const TICK: Duration = Duration::from_secs(30);

/// How long a media server must not have been there before its recordings count as interrupted: one that is being shut
/// down is not among the others any more and still stores what has just ended well.
const SILENCE: Duration = Duration::from_secs(2 * 60);

/// Recordings that could not be stored and are tried again. Others wait where they are for the next start.
const WAITING_MAX: usize = 1_000;

/// Why a recording is not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unstored {
    /// Postgres.
    #[error("the store cannot note it")]
    Store(#[from] StoreError),
    /// The storage of files.
    #[error("its files cannot be kept")]
    Files(#[from] FileError),
    /// The disk of the media server.
    #[error("its directory cannot be removed")]
    Directory(#[from] io::Error),
    /// The thread that removes the directory.
    #[error("removing its directory failed")]
    Task(#[from] JoinError),
}

/// Where the media server records; `None` if it has no place for it. A folder that nobody asked for may be one that
/// cannot be had: then nothing is recorded.
pub(crate) fn directory(config: &Config, files: Option<&Files>) -> Option<PathBuf> {
    let chosen = config.sfu.recording.directory.clone();
    if files.is_none() {
        if chosen.is_some() {
            warn!("Calls cannot be recorded without files; set files.directory or files.s3");
        }
        return None;
    }
    if chosen.is_some() {
        return chosen;
    }
    let usual =
        config.database.data_dir.clone().unwrap_or_else(embedded::default_data_dir).join("recordings");
    match std::fs::create_dir_all(&usual) {
        Ok(()) => Some(usual),
        Err(error) => {
            warn!(error = %Chain(&error), "Calls cannot be recorded; set sfu.recording.directory");
            None
        }
    }
}

/// Works until the media server has ended, and with it the last recording: what has just been recorded is stored before
/// the process ends, if there is the time.
pub(crate) fn start(
    (store, files, bus, clock): (Store, Files, Bus, Arc<dyn Clock>),
    mut finished: mpsc::Receiver<FinishedRecording>,
    shutdown: &Shutdown,
) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting: Vec<FinishedRecording> = Vec::new();
        let mut nodes = Living::new(clock.now(), SILENCE);
        loop {
            tokio::select! {
                next = finished.recv() => match next {
                    Some(recording) => waiting.push(recording),
                    None => return,
                },
                _ = tick.tick(), if !token.is_cancelled() => {
                    token.run_until_cancelled(miss_nodes(&store, &bus, (&*clock, &mut nodes))).await;
                }
            }
            let mut failed = Vec::new();
            for recording in waiting {
                let id = recording.manifest().recording_id;
                if let Err(error) = keep(&store, &files, &recording, &*clock).await {
                    warn!(recording.id = %id, error = %Chain(&error), "Recording {id} is not stored; will try again");
                    failed.push(recording);
                }
            }
            failed.truncate(WAITING_MAX);
            waiting = failed;
        }
    });
}

/// Recordings that go on at no living node were interrupted.
async fn miss_nodes(store: &Store, bus: &Bus, (clock, nodes): (&dyn Clock, &mut Living)) {
    let Some(living) = nodes.look(bus, clock.now()).await else { return };
    match store.system().interrupt_recordings(&living, clock).await {
        Ok(0) => {}
        Ok(count) => warn!(count, "Recordings were interrupted: their media servers are gone"),
        Err(error) => {
            warn!(error = %Chain(&error), "Recordings whose media servers are gone were not looked for")
        }
    }
}

/// Stores a recording, unless that is done or nobody wants it, and removes its directory. To be tried again as a whole
/// if it fails.
///
/// # Errors
/// [`Unstored`].
pub async fn keep(
    store: &Store,
    files: &Files,
    recording: &FinishedRecording,
    clock: &dyn Clock,
) -> Result<(), Unstored> {
    let manifest = recording.manifest();
    let (account, id) = (manifest.account_id, manifest.recording_id);
    let mut tx = store.tenant(account).await?;
    let reception = recordings::receive(&mut tx, manifest).await?;
    tx.commit().await?;
    let is_stored = match reception {
        Reception::Wanted => put(store, files, recording, clock).await?,
        Reception::Stored => true,
        Reception::Unwanted => false,
    };
    if reception == Reception::Wanted && is_stored {
        metrics::counter!("recordings_stored_total").increment(1);
        info!(recording.id = %id, room.id = %manifest.room_id, tracks = manifest.tracks.len(), "Recording {id} is stored");
    }
    if !is_stored {
        discard(files, manifest).await?;
        info!(recording.id = %id, "Recording {id} was removed before it was stored");
    }
    let directory = recording.clone();
    spawn_blocking(move || directory.discard()).await??;
    let mut tx = store.tenant(account).await?;
    recordings::collected(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Puts the files of a recording into the storage. False if it was removed meanwhile.
async fn put(
    store: &Store,
    files: &Files,
    recording: &FinishedRecording,
    clock: &dyn Clock,
) -> Result<bool, Unstored> {
    let manifest = recording.manifest();
    for (name, path) in recording.files() {
        files.keep_recorded(manifest.account_id, manifest.recording_id, (name, &path)).await?;
    }
    let mut tx = store.tenant(manifest.account_id).await?;
    let is_stored = recordings::stored(&mut tx, manifest, clock).await?;
    tx.commit().await?;
    Ok(is_stored)
}

/// Takes what there may be of a removed recording out of the storage.
async fn discard(files: &Files, manifest: &Manifest) -> Result<(), Unstored> {
    for name in manifest.tracks.iter().filter_map(|track| track.file.as_deref()) {
        files.remove_recorded(manifest.account_id, manifest.recording_id, name).await?;
    }
    Ok(())
}
