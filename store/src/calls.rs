//! Calls as they are remembered: who, when, and how it ended. What an instance needs to run one is in [`tenure`].

mod tenure;

pub use tenure::{
    Open, OpenParty, OwnStanding, Standing, Tenure, Transfer, answer, end, invite, leave, move_to,
    note_transfer, notify_rung, standing, take_over,
};

use crate::{error::StoreError, mailbox::Delivered, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::call::{EndReason, Media},
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A call that begins to ring.
#[derive(Debug, Clone, Copy)]
pub struct NewCall {
    /// UUIDv7 of the moment at which it began to ring.
    pub id: CallId,
    /// Where the two will meet.
    pub room: RoomId,
    /// Who calls.
    pub caller: UserId,
    /// Who is called.
    pub callee: UserId,
    /// What the caller wants to send.
    pub media: Media,
    /// The caller's device.
    pub device: ConnectionId,
    /// The instance that runs it.
    pub runner: NodeId,
}

/// A user's part in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallParticipant {
    /// Who called, was called, or was rung into it later.
    pub user_id: UserId,
    /// Whether they began it.
    pub is_caller: bool,
    /// Who rang them; of the one who called, they themselves.
    pub invited_by: UserId,
    /// Since when they were in it; null if they never picked up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub joined_at: Option<OffsetDateTime>,
    /// When they were out of it; null while they are in it, and if they never picked up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub left_at: Option<OffsetDateTime>,
    /// How it ended for them, as `call.ended` says it; null while they are rung or in it.
    #[cfg_attr(feature = "openapi", schema(example = "missed"))]
    pub outcome: Option<String>,
    /// The room to which the call was handed over for them, if it was; of who handed it over, too. Null where it was
    /// handed over to a person.
    #[serde(default)]
    pub transferred_to: Option<RoomId>,
}

/// A call as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Call {
    /// UUIDv7: later ones sort later.
    pub id: CallId,
    /// Where the two met or would have met.
    pub room_id: RoomId,
    /// In the order in which they came to it; the first called.
    pub participants: Vec<CallParticipant>,
    /// When it began to ring.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it was picked up; null if nobody did.
    #[serde(with = "time::serde::rfc3339::option")]
    pub answered_at: Option<OffsetDateTime>,
    /// When it was over; null while it lasts.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// How it ended, as `call.ended` says it; null while it lasts.
    #[cfg_attr(feature = "openapi", schema(example = "hungUp"))]
    pub outcome: Option<String>,
}

struct Row {
    id: CallId,
    room_id: RoomId,
    started_at: OffsetDateTime,
    answered_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    outcome: Option<String>,
}

impl Row {
    fn with(self, participants: Vec<CallParticipant>) -> Call {
        let Self { id, room_id, started_at, answered_at, ended_at, outcome } = self;
        Call { id, room_id, participants, started_at, answered_at, ended_at, outcome }
    }
}

/// The calls with those who were part of them.
async fn complete(tx: &mut TenantTx, calls: Vec<Row>) -> Result<Vec<Call>, StoreError> {
    let ids: Vec<_> = calls.iter().map(|call| call.id.as_uuid()).collect();
    let rows = query!(
        "SELECT call_id, user_id, position, invited_by, joined_at, left_at, outcome,
             transferred_to FROM call_parties
         WHERE call_id = ANY ($1) ORDER BY call_id, position, user_id",
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    let mut parties: BTreeMap<CallId, Vec<CallParticipant>> = BTreeMap::new();
    for row in rows {
        let party = CallParticipant {
            user_id: UserId::from_uuid(row.user_id),
            is_caller: row.position == 0,
            invited_by: UserId::from_uuid(row.invited_by),
            joined_at: row.joined_at,
            left_at: row.left_at,
            outcome: row.outcome,
            transferred_to: row.transferred_to.map(RoomId::from_uuid),
        };
        parties.entry(CallId::from_uuid(row.call_id)).or_default().push(party);
    }
    let with = |call: Row| {
        let parties = parties.remove(&call.id).unwrap_or_default();
        call.with(parties)
    };
    Ok(calls.into_iter().map(with).collect())
}

/// Records that a call rings, in its first [`Tenure`]. Recording it again changes nothing. Whether there is such a room
/// is for the caller to know: calls stay on record when theirs is deleted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn start(tx: &mut TenantTx, call: &NewCall, clock: &dyn Clock) -> Result<Tenure, StoreError> {
    let account = tx.account_column();
    query!(
        "WITH started AS (
             INSERT INTO calls (account_id, id, room_id, caller_id, callee_id, started_at, media, runner)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $9) ON CONFLICT (account_id, id) DO NOTHING
             RETURNING account_id, id, caller_id, callee_id, started_at)
         INSERT INTO call_parties
             (account_id, call_id, user_id, position, invited_by, invited_at, joined_at, connection_id)
         SELECT account_id, id, caller_id, 0, caller_id, started_at, started_at, $8::uuid FROM started
         UNION ALL SELECT account_id, id, callee_id, 1, caller_id, started_at, NULL, NULL FROM started
         ON CONFLICT DO NOTHING",
        account,
        call.id.as_uuid(),
        call.room.as_uuid(),
        call.caller.as_uuid(),
        call.callee.as_uuid(),
        clock.utc(),
        call.media.as_str(),
        call.device.as_uuid(),
        call.runner.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(Tenure { call: call.id, epoch: 0 })
}

/// Records a call that found the other side busy: it was over at once, and never run. What that puts into mailboxes.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_busy(
    tx: &mut TenantTx,
    call: &NewCall,
    clock: &dyn Clock,
) -> Result<Vec<Delivered>, StoreError> {
    let tenure = start(tx, call, clock).await?;
    Ok(end(tx, tenure, EndReason::Busy, clock).await?.unwrap_or_default())
}

/// The call with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: CallId) -> Result<Option<Call>, StoreError> {
    let row = query_as!(
        Row,
        "SELECT id, room_id, started_at, answered_at, ended_at, outcome FROM calls WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// A page of [`list`], one statement for each index.
///
/// `CASE`, not `coalesce`: see [`crate::conversations`].
macro_rules! page {
    ($tx:expr, $before:expr, $limit:expr, $clause:literal, $driver:expr) => {
        query_as!(
            Row,
            "SELECT id, room_id, started_at, answered_at, ended_at, outcome FROM calls WHERE "
                + $clause
                + " AND (started_at, id) < (
                    CASE WHEN $1::timestamptz IS NULL THEN 'infinity' ELSE $1 END,
                    CASE WHEN $2::uuid IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE $2 END)
                  ORDER BY started_at DESC, id DESC LIMIT $3",
            $before.map(|(at, _): (OffsetDateTime, CallId)| at),
            $before.map(|(_, id): (OffsetDateTime, CallId)| id.as_uuid()),
            i64::from($limit),
            $driver
        )
        .fetch_all($tx.connection())
        .await?
    };
}

/// The account's calls, the latest first, those before `before`, at most `limit`; only those in
/// `room`, if one is given.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    room: Option<RoomId>,
    before: Option<(OffsetDateTime, CallId)>,
    limit: u16,
) -> Result<Vec<Call>, StoreError> {
    let rows = match room {
        Some(room) => page!(tx, before, limit, "room_id = $4", room.as_uuid()),
        None => page!(tx, before, limit, "$4", true),
    };
    complete(tx, rows).await
}
