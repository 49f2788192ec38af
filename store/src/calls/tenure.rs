//! Which instance runs a call, and what it needs to: the fence between one that runs it and those that did.

use crate::{
    column::{Named, Seq, from_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::call::{EndReason, Media},
};
use sqlx::query;
use time::OffsetDateTime;
use uuid::Uuid;

/// An instance's time as the runner of a call, from its beginning or from when the instance took it over.
///
/// What is written in it is refused once another has taken the call over: an instance that stood still meanwhile
/// finds out by that, and must tell nobody what it wanted to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenure {
    /// What is run.
    pub call: CallId,
    /// Grows with each that takes it over.
    pub epoch: u64,
}

/// A call that was taken over, as it stood then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// In which it is run from now on.
    pub tenure: Tenure,
    /// Where the two meet.
    pub room: RoomId,
    /// Who called.
    pub caller: UserId,
    /// Who was called.
    pub callee: UserId,
    /// What the caller wanted to send.
    pub media: Media,
    /// When it began to ring.
    pub started_at: OffsetDateTime,
    /// When it was picked up, if it was.
    pub answered_at: Option<OffsetDateTime>,
    /// The caller's device.
    pub caller_device: Option<ConnectionId>,
    /// The device that picked up.
    pub callee_device: Option<ConnectionId>,
}

/// Who runs a call, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The instance that runs it, or ran it; `None` if an earlier version's does.
    pub runner: Option<NodeId>,
    /// That instance's tenure.
    pub tenure: Tenure,
    /// Who called.
    pub caller: UserId,
    /// Who was called.
    pub callee: UserId,
    /// The device that picked up.
    pub callee_device: Option<ConnectionId>,
    /// How it ended, if it has.
    pub outcome: Option<EndReason>,
}

/// Records that a call was picked up by a device; recording it again changes nothing. False if the tenure is over, or
/// the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn answer(
    tx: &mut TenantTx,
    tenure: Tenure,
    by: ConnectionId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let done = query!(
        "UPDATE calls SET answered_at = CASE WHEN answered_at IS NULL THEN $3 ELSE answered_at END,
             callee_connection = $4
         WHERE id = $1 AND epoch = $2 AND ended_at IS NULL",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        clock.utc(),
        by.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records which devices the two talk on. False if the tenure is over, or the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn move_to(
    tx: &mut TenantTx,
    tenure: Tenure,
    caller: ConnectionId,
    callee: Option<ConnectionId>,
) -> Result<bool, StoreError> {
    let done = query!(
        "UPDATE calls SET caller_connection = $3, callee_connection = $4
         WHERE id = $1 AND epoch = $2 AND ended_at IS NULL",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        caller.as_uuid(),
        callee.map(ConnectionId::as_uuid)
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records how a call ended. The first outcome stays. False if the tenure is over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end(
    tx: &mut TenantTx,
    tenure: Tenure,
    outcome: EndReason,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let done = query!(
        "UPDATE calls SET ended_at = CASE WHEN ended_at IS NULL THEN $3 ELSE ended_at END,
             outcome = CASE WHEN ended_at IS NULL THEN $4 ELSE outcome END
         WHERE id = $1 AND epoch = $2",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        clock.utc(),
        outcome.as_str()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes `runner` the one that runs the call, unless it is over or somebody has taken it over since that tenure: of
/// several who try, one does.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_over(tx: &mut TenantTx, from: Tenure, runner: NodeId) -> Result<Option<Open>, StoreError> {
    let row = query!(
        r#"UPDATE calls SET epoch = epoch + 1, runner = $3
           WHERE id = $1 AND epoch = $2 AND ended_at IS NULL
           RETURNING epoch AS "epoch: Seq", room_id, caller_id, callee_id, media AS "media: Named<Media>", started_at,
               answered_at, caller_connection, callee_connection"#,
        from.call.as_uuid(),
        from_seq(from.epoch),
        runner.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Open {
        tenure: Tenure { call: from.call, epoch: row.epoch.into() },
        room: RoomId::from_uuid(row.room_id),
        caller: UserId::from_uuid(row.caller_id),
        callee: UserId::from_uuid(row.callee_id),
        media: row.media.into(),
        started_at: row.started_at,
        answered_at: row.answered_at,
        caller_device: row.caller_connection.map(ConnectionId::from_uuid),
        callee_device: row.callee_connection.map(ConnectionId::from_uuid),
    }))
}

/// Who runs a call, or how it ended.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn standing(tx: &mut TenantTx, id: CallId) -> Result<Option<Standing>, StoreError> {
    let row = query!(
        r#"SELECT runner, epoch AS "epoch: Seq", caller_id, callee_id, callee_connection,
               outcome AS "outcome: Named<EndReason>"
           FROM calls WHERE id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let device = |id: Option<Uuid>| id.map(ConnectionId::from_uuid);
    Ok(row.map(|row| Standing {
        runner: row.runner.map(NodeId::from_uuid),
        tenure: Tenure { call: id, epoch: row.epoch.into() },
        caller: UserId::from_uuid(row.caller_id),
        callee: UserId::from_uuid(row.callee_id),
        callee_device: device(row.callee_connection),
        outcome: row.outcome.map(Into::into),
    }))
}
