//! Rooms in which it has to be looked at again who may stay.

use super::System;
use crate::error::StoreError;
use common::id::{AccountId, RoomId};
use sqlx::query;
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;

/// How long it is kept that a room has to be looked at.
pub(crate) const REVIEWS_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a mark counts: shorter than what came after it is kept.
const MARK_KEPT_FOR: Duration = Duration::from_secs(12 * 60 * 60);

/// Rooms that one reading names. Beyond that it is cheaper to look at all of them.
const REVIEWS_MAX: i64 = 10_000;

/// Where somebody has to look who may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reviews {
    /// In these rooms something has changed.
    Of(BTreeSet<(AccountId, RoomId)>),
    /// In all rooms: what has changed is not known.
    All,
}

/// Up to where [`System::reviews`] has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewMark {
    /// In whose life the transactions count: a database that took the place of another has others.
    database_started_at: OffsetDateTime,
    read_at: OffsetDateTime,
    /// The oldest transaction that was open: none that is older writes anything more.
    horizon: i64,
    /// What was read of that one and those after it.
    seen: BTreeSet<(RoomId, i64)>,
}

impl ReviewMark {
    /// Whether all that was written after `before` can be told from what it has seen.
    fn follows(&self, before: &Self) -> bool {
        before.database_started_at == self.database_started_at
            && before.horizon <= self.horizon
            && self.read_at - before.read_at < MARK_KEPT_FOR
    }
}

impl System {
    /// Where something has changed since `before` that may keep out who is in a room, in whichever account; and up to
    /// where that is known by now. In one statement, whose cost is that of what has changed.
    ///
    /// Without `before`, or where what came after it cannot be told, these are all rooms.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reviews(&self, before: Option<&ReviewMark>) -> Result<(Reviews, ReviewMark), StoreError> {
        let rows = query!(
            r#"SELECT pg_postmaster_start_time() AS "database_started_at!", clock_timestamp() AS "read_at!",
                      pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "horizon!",
                      new.account_id AS "account_id?", new.room_id AS "room_id?", new.xact::text::bigint AS "xact?"
               FROM (SELECT 1) AS one
               LEFT JOIN LATERAL (SELECT account_id, room_id, xact FROM room_reviews
                                  WHERE xact >= $1::text::xid8 ORDER BY xact LIMIT $2) AS new ON true"#,
            before.map_or(i64::MAX, |before| before.horizon).to_string(),
            REVIEWS_MAX + 1
        )
        .fetch_all(&self.pool)
        .await?;
        let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let mut mark = ReviewMark {
            database_started_at: first.database_started_at,
            read_at: first.read_at,
            horizon: first.horizon,
            seen: BTreeSet::new(),
        };
        let mut new = BTreeSet::new();
        let is_all = i64::try_from(rows.len()).unwrap_or(i64::MAX) > REVIEWS_MAX;
        for row in rows {
            let (Some(account), Some(room), Some(xact)) = (row.account_id, row.room_id, row.xact) else {
                continue;
            };
            let (account, room) = (AccountId::from_uuid(account), RoomId::from_uuid(room));
            if !before.is_some_and(|before| before.seen.contains(&(room, xact))) {
                new.insert((account, room));
            }
            if xact >= mark.horizon {
                mark.seen.insert((room, xact));
            }
        }
        let is_known = before.is_some_and(|before| mark.follows(before)) && !is_all;
        Ok((if is_known { Reviews::Of(new) } else { Reviews::All }, mark))
    }
}
