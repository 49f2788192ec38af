//! Works on imports in the background, batch by batch. One that is cut short goes on at the next batch,
//! here or at another instance.

use common::{
    clock::Clock,
    error::Chain,
    id::{AccountId, ImportId},
};
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use store::{
    Store, StoreError,
    imports::{self, Progress},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

/// How often there is a look for new imports.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long an import belongs to who works on it. A batch takes a fraction of a second; whoever is
/// killed keeps it from the others for this long.
const LEASE: Duration = Duration::from_secs(30);

/// Works until shutdown.
pub(crate) fn start(store: Store, clock: Arc<dyn Clock>, shutdown: &Shutdown) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            if let Some(Err(error)) = token.run_until_cancelled(work_off(&store, &*clock)).await {
                warn!(error = %Chain(&error), "An import was cut short; it goes on later");
            }
        }
    });
}

/// Works on what is due until nothing is.
///
/// # Errors
/// [`StoreError`]; what was done stays done.
pub async fn work_off(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    while let Some((account, import)) = store.system().claim_import(LEASE, clock).await? {
        finish(store, account, import, clock).await?;
        debug!(account.id = %account, import.id = %import, "Import {import} is done");
    }
    Ok(())
}

async fn finish(
    store: &Store,
    account: AccountId,
    import: ImportId,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    loop {
        let mut tx = store.tenant(account).await?;
        let progress = imports::work(&mut tx, import, LEASE, clock).await?;
        tx.commit().await?;
        if progress == Progress::Finished {
            return Ok(());
        }
    }
}
