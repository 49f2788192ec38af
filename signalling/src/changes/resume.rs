//! What a client missed that comes back to a feed.

use crate::hub::Hub;
use common::{
    id::AccountId,
    protocol::{
        feed::{CHANGES_MAX, Changed, REPLAYED_MAX, Subscribed, Table},
        page::{PAGE_BYTES_MAX, Page},
    },
};
use store::{
    StoreError,
    changes::{self, Change},
};

/// Changes that are read at once.
///
/// More is fewer questions to the store; each costs as much memory as the row had bytes, before and after.
pub(super) const BATCH: u32 = 64;

/// What a client missed.
pub(super) struct Missed {
    /// The latest change that was looked at.
    pub(super) seq: u64,
    changes: Vec<Changed>,
    /// Whether what came after that must be asked for.
    pub(super) more: bool,
    /// Whether it can be told at all.
    recovered: bool,
}

impl Missed {
    pub(super) fn answer(self, feed: String) -> Subscribed {
        let Self { seq, changes, more, recovered } = self;
        Subscribed { feed, seq, changes, more, recovered }
    }
}

/// What happened in a table after change number `after`, as `seen` by who asks.
pub(super) async fn missed(
    hub: &Hub,
    account: AccountId,
    after: Option<u64>,
    table: Table,
    seen: impl Fn(&Change) -> Option<Changed>,
) -> Result<Missed, StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    let latest = changes::last_seq(&mut tx).await?;
    drop(tx);
    let lost = Missed { seq: latest, changes: Vec::new(), more: false, recovered: false };
    let Some(after) = after else { return Ok(Missed { recovered: true, ..lost }) };
    if after > latest || latest - after > REPLAYED_MAX {
        return Ok(lost);
    }
    let (mut seq, mut page) = (after, Page::new(CHANGES_MAX, PAGE_BYTES_MAX));
    loop {
        // A transaction of its own: nothing in the store waits for the whole of a long way back.
        let mut tx = hub.store().tenant(account).await?;
        let batch = changes::after_in(&mut tx, seq, BATCH, |of| of == table).await?;
        drop(tx);
        for change in &batch {
            if change.seq != seq + 1 {
                // Some were not recorded, or are not kept any more.
                return Ok(lost);
            }
            let changed = if change.table == table { seen(change) } else { None };
            if changed.is_some_and(|changed| page.push(changed).is_err()) {
                return Ok(Missed { seq, changes: page.into_items(), more: true, recovered: true });
            }
            seq = change.seq;
        }
        if batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    if seq < latest {
        return Ok(lost);
    }
    Ok(Missed { seq, changes: page.into_items(), more: false, recovered: true })
}
