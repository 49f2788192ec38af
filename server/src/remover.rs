//! Removes files that nobody wants any more from their storage: of deleted messages, recordings and rooms, and those
//! that were sent in no message.

use common::{clock::Clock, error::Chain};
use files::Files;
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError, recordings, rooms};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often there is a look for files to remove.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long files belong to who removes them. Those whose storage is away are tried again after this.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// Files that are taken at once.
const BATCH: u16 = 50;

/// How often there is a look for what killed processes have left behind.
const TIDY_EVERY: u32 = 720;

/// How long nothing has been added to what is left behind: longer than a connection that stands still lives.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);

/// Works until shutdown.
pub(crate) fn start(store: Store, files: Files, clock: Arc<dyn Clock>, shutdown: &Shutdown) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks: u32 = 0;
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            if looks.is_multiple_of(TIDY_EVERY)
                && let Err(error) = files.tidy(clock.utc() - LEFT_BEHIND).await
            {
                warn!(error = %Chain(&error), "What was left behind of files was not removed");
            }
            looks = looks.wrapping_add(1);
            if let Some(Err(error)) = token.run_until_cancelled(work_off(&store, &files, &*clock)).await {
                warn!(error = %Chain(&error), "Files were not removed; they will be later");
            }
        }
    });
}

/// Removes what is due until nothing is.
///
/// # Errors
/// [`StoreError`]; what was removed stays so.
pub async fn work_off(store: &Store, files: &Files, clock: &dyn Clock) -> Result<(), StoreError> {
    work_off_recordings(store, files, clock).await?;
    loop {
        let due = store.system().claim_attachments(BATCH, LEASE, clock).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (account, id) in due {
            if let Err(error) = files.remove(account, id).await {
                warn!(account.id = %account, attachment.id = %id, error = %Chain(&error), "File {id} could not be removed; will retry");
                continue;
            }
            let mut tx = store.tenant(account).await?;
            rooms::forget_attachment(&mut tx, id).await?;
            tx.commit().await?;
        }
    }
}

/// The same for recordings.
async fn work_off_recordings(store: &Store, files: &Files, clock: &dyn Clock) -> Result<(), StoreError> {
    loop {
        let due = store.system().claim_recordings(BATCH, LEASE, clock).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (account, id) in due {
            let mut tx = store.tenant(account).await?;
            let names = recordings::removed_files(&mut tx, id).await?;
            tx.commit().await?;
            let mut removed = Ok(());
            for name in &names {
                removed = removed.and(files.remove_recorded(account, id, name).await);
            }
            if let Err(error) = removed {
                warn!(account.id = %account, recording.id = %id, error = %Chain(&error), "Recording {id} could not be removed; will retry");
                continue;
            }
            let mut tx = store.tenant(account).await?;
            recordings::forget(&mut tx, id).await?;
            tx.commit().await?;
        }
    }
}
