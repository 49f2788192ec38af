//! Forgetting in time: what accounts want to keep for a while only, and what only serves for a while.

use common::{clock::Clock, error::Chain, id::AccountId};
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError, privacy};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// How often there is a look.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Conversations that are forgotten in one transaction, which holds up the account's inbox.
const BATCH: u16 = 50;

/// Looks after all accounts until shutdown. Several instances may do so at once: whoever comes second
/// finds nothing left to do.
pub(crate) fn start(store: Store, clock: Arc<dyn Clock>, shutdown: &Shutdown) {
    let token = shutdown.token.clone();
    shutdown.tasks.spawn(async move {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while token.run_until_cancelled(tick.tick()).await.is_some() {
            let round = token.run_until_cancelled(look_after(&store, &*clock)).await;
            if let Some(Err(error)) = round {
                warn!(error = %Chain(&error), "Housekeeping was cut short; the next round goes on");
            }
        }
    });
}

/// Forgets what is due in every account.
///
/// # Errors
/// [`StoreError`]; accounts that were looked after before it stay looked after.
pub async fn look_after(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    for (account, days) in store.system().retentions().await? {
        let mut tx = store.tenant(account).await?;
        privacy::prune(&mut tx, clock).await?;
        tx.commit().await?;
        if let Some(days) = days {
            let keep = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
            expire(store, account, keep, clock).await?;
        }
    }
    Ok(())
}

async fn expire(
    store: &Store,
    account: AccountId,
    keep: Duration,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let mut forgotten = 0;
    loop {
        let mut tx = store.tenant(account).await?;
        let count = privacy::expire_conversations(&mut tx, keep, BATCH, clock).await?;
        tx.commit().await?;
        forgotten += count;
        if count < usize::from(BATCH) {
            break;
        }
    }
    if forgotten > 0 {
        info!(account.id = %account, forgotten, "Conversations older than the account keeps them were forgotten");
    }
    Ok(())
}
