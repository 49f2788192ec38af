//! Stores what media servers have recorded: the files where those of messages are, and in the database what they are.
//!
//! A row is there before the first byte is in the storage, and the directory until all is there and committed: whatever
//! process dies when, the next that starts where the directory lies goes on.

use crate::{config::Config, embedded};
use bus::Bus;
use common::{clock::Clock, error::Chain, id::NodeId, recording::Manifest, subject::media::MediaNodes};
use files::{FileError, Files};
use sfu::FinishedRecording;
use shutdown::Shutdown;
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use store::{Store, StoreError, recordings};
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

/// How often what could not be stored is tried again, and recordings are looked for whose node is gone.
const TICK: Duration = Duration::from_secs(30);

/// Recordings that could not be stored and are tried again. Others wait where they are for the next start.
const WAITING_MAX: usize = 1_000;

/// Why a recording is not stored.
#[derive(Debug, thiserror::Error)]
enum Unstored {
    #[error("the store cannot note it")]
    Store(#[from] StoreError),
    #[error("its files cannot be kept")]
    Files(#[from] FileError),
    #[error("its directory cannot be removed")]
    Directory(#[from] io::Error),
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
        loop {
            tokio::select! {
                next = finished.recv() => match next {
                    Some(recording) => waiting.push(recording),
                    None => return,
                },
                _ = tick.tick(), if !token.is_cancelled() => {
                    token.run_until_cancelled(miss_nodes(&store, &bus, &*clock)).await;
                }
            }
            let mut failed = Vec::new();
            for recording in waiting {
                let id = recording.manifest().recording_id;
                if let Err(error) = keep(&store, &files, &recording).await {
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
async fn miss_nodes(store: &Store, bus: &Bus, clock: &dyn Clock) {
    let living: Vec<NodeId> = match bus.snapshot(&MediaNodes).await {
        Ok(seen) if seen.is_fresh => seen.entries.into_iter().map(|(_, node)| node.node).collect(),
        Ok(_) | Err(_) => return,
    };
    match store.system().interrupt_recordings(&living, clock).await {
        Ok(0) => {}
        Ok(count) => warn!(count, "Recordings were interrupted: their media servers are gone"),
        Err(error) => {
            warn!(error = %Chain(&error), "Recordings whose media servers are gone were not looked for")
        }
    }
}

/// Stores a recording and removes its directory.
async fn keep(store: &Store, files: &Files, recording: &FinishedRecording) -> Result<(), Unstored> {
    let manifest = recording.manifest();
    let mut tx = store.tenant(manifest.account_id).await?;
    let is_wanted = recordings::receive(&mut tx, manifest).await?;
    tx.commit().await?;
    let is_stored = is_wanted && put(store, files, recording).await?;
    if !is_stored {
        discard(store, files, manifest).await?;
    }
    let directory = recording.clone();
    spawn_blocking(move || directory.discard()).await??;
    let id = manifest.recording_id;
    if is_stored {
        metrics::counter!("recordings_stored_total").increment(1);
        info!(recording.id = %id, room.id = %manifest.room_id, tracks = manifest.tracks.len(), "Recording {id} is stored");
    } else {
        info!(recording.id = %id, "Recording {id} was removed before it was stored");
    }
    Ok(())
}

/// Puts the files of a recording into the storage. False if it was removed meanwhile.
async fn put(store: &Store, files: &Files, recording: &FinishedRecording) -> Result<bool, Unstored> {
    let manifest = recording.manifest();
    for (name, path) in recording.files() {
        files.keep_recorded(manifest.account_id, manifest.recording_id, (name, &path)).await?;
    }
    let mut tx = store.tenant(manifest.account_id).await?;
    let is_stored = recordings::stored(&mut tx, manifest).await?;
    tx.commit().await?;
    Ok(is_stored)
}

/// Takes what there may be of a removed recording out of the storage, and forgets it.
async fn discard(store: &Store, files: &Files, manifest: &Manifest) -> Result<(), Unstored> {
    let (account, id) = (manifest.account_id, manifest.recording_id);
    for name in manifest.tracks.iter().filter_map(|track| track.file.as_deref()) {
        files.remove_recorded(account, id, name).await?;
    }
    let mut tx = store.tenant(account).await?;
    recordings::forget(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}
