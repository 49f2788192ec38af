//! What a client missed that comes back to a feed.

use super::BATCH;
use crate::hub::Hub;
use common::{
    id::AccountId,
    protocol::feed::{CHANGES_MAX, Changed},
};
use store::{
    StoreError,
    changes::{self, Change},
};

/// Changes of the account that are looked through for those of one feed. Whoever was away for longer
/// reads the rows again, which costs less.
const SCAN_MAX: u64 = 10_000;

/// How much the rows in an answer may be, in bytes of JSON: far less than may wait for a socket.
const BYTES_MAX: usize = 256 * 1024;

/// What a client missed.
pub(super) struct Missed {
    /// The latest change that was looked at.
    pub(super) seq: u64,
    pub(super) changes: Vec<Changed>,
    /// Whether that is everything.
    pub(super) recovered: bool,
}

/// What happened in a table after change number `after`, as `seen` by who asks.
pub(super) async fn missed(
    hub: &Hub,
    account: AccountId,
    after: Option<u64>,
    table: &str,
    seen: impl Fn(&Change) -> Option<Changed>,
) -> Result<Missed, StoreError> {
    let mut tx = hub.store().tenant(account).await?;
    let latest = changes::last_seq(&mut tx).await?;
    let lost = Missed { seq: latest, changes: Vec::new(), recovered: false };
    let Some(after) = after else { return Ok(Missed { recovered: true, ..lost }) };
    if after > latest || latest - after > SCAN_MAX {
        return Ok(lost);
    }
    let (mut seq, mut found, mut bytes) = (after, Vec::new(), 0);
    loop {
        let batch = changes::after(&mut tx, seq, BATCH).await?;
        for change in &batch {
            if change.seq != seq + 1 {
                // Some were not recorded, or are not kept any more.
                return Ok(lost);
            }
            seq = change.seq;
            if change.table == table {
                found.extend(seen(change).inspect(|changed| bytes += length(changed)));
            }
        }
        if found.len() > CHANGES_MAX || bytes > BYTES_MAX {
            return Ok(lost);
        }
        if batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    if seq < latest { Ok(lost) } else { Ok(Missed { seq, changes: found, recovered: true }) }
}

fn length(changed: &Changed) -> usize {
    serde_json::to_string(&changed.row).map_or(0, |json| json.len())
}
