//! Which instance runs a call, and what it needs to: the fence between one that runs it and those that did.

use crate::{
    column::{Named, Seq, from_seq},
    error::StoreError,
    mailbox::{self, Cause, Delivered, NewEntry},
    notifications::{self, About, Notice},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{CallId, ConnectionId, NodeId, RoomId, UserId},
    protocol::call::{EndReason, Media},
};
use sqlx::{query, query_as};
use std::time::Duration;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// In which it is run from now on.
    pub tenure: Tenure,
    /// Where they meet.
    pub room: RoomId,
    /// Who called.
    pub caller: UserId,
    /// What the caller wanted to send.
    pub media: Media,
    /// When it began to ring.
    pub started_at: OffsetDateTime,
    /// When it was picked up first, if it was.
    pub answered_at: Option<OffsetDateTime>,
    /// To which room it is being handed over, while that is under way.
    pub transfer: Option<Transfer>,
    /// Everybody who is or was part of it, in the order in which they came; the first called.
    pub parties: Vec<OpenParty>,
}

/// A call's way to another room, while it is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who hands it over.
    pub by: UserId,
    /// Where to.
    pub room: RoomId,
    /// Who has yet to say what came of it.
    pub awaited: Vec<UserId>,
    /// Until when they have time to.
    pub until: OffsetDateTime,
}

/// One who is or was part of a call that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenParty {
    /// Who.
    pub user: UserId,
    /// Who rang them; of the one who called, they themselves.
    pub invited_by: UserId,
    /// Whether that one is out of it once this one is in it.
    pub is_transfer: bool,
    /// When they were rung.
    pub invited_at: OffsetDateTime,
    /// On which device they are in it, or were last; `None` if they are rung.
    pub device: Option<ConnectionId>,
    /// How it ended for them, if it has.
    pub outcome: Option<EndReason>,
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
    /// Who was called first.
    pub callee: UserId,
    /// How it ended, if it has.
    pub outcome: Option<EndReason>,
    /// How far the user is in it who was asked about; `None` if they are no part of it.
    pub own: Option<OwnStanding>,
}

/// How far one user is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnStanding {
    /// On which device they are in it, or were last.
    pub device: Option<ConnectionId>,
    /// How it ended for them, if it has.
    pub outcome: Option<EndReason>,
}

/// Records that a call was picked up by a user on a device; recording it again changes nothing. False if the tenure is
/// over, or the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn answer(
    tx: &mut TenantTx,
    tenure: Tenure,
    user: UserId,
    by: ConnectionId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let done = query!(
        "WITH held AS (
             UPDATE calls SET answered_at = CASE WHEN answered_at IS NULL THEN $4 ELSE answered_at END
             WHERE id = $1 AND epoch = $2 AND ended_at IS NULL RETURNING id)
         UPDATE call_parties p SET joined_at = CASE WHEN p.joined_at IS NULL THEN $4 ELSE p.joined_at END,
             left_at = NULL, connection_id = $5
         FROM held WHERE p.call_id = $1 AND p.user_id = $3",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        user.as_uuid(),
        clock.utc(),
        by.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    let is_ours = done.rows_affected() > 0;
    if is_ours {
        notifications::end_ringing(tx, tenure.call, &[user], clock).await?;
    }
    Ok(is_ours)
}

/// Has a user notified who is rung into a call, for as long as it rings.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn notify_rung(
    tx: &mut TenantTx,
    call: CallId,
    user: UserId,
    ring_time: Duration,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let row = query!(
        r#"SELECT c.room_id, p.invited_by, inviter.name AS "name?"
           FROM call_parties p JOIN calls c ON c.account_id = p.account_id AND c.id = p.call_id
           LEFT JOIN LATERAL (SELECT name FROM users WHERE id = p.invited_by LIMIT 1) AS inviter ON true
           WHERE p.call_id = $1 AND p.user_id = $2 AND p.outcome IS NULL"#,
        call.as_uuid(),
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let notice = row.map(|row| Notice {
        user,
        about: About::Ring(call, ring_time),
        from: row.invited_by.into(),
        name: row.name.unwrap_or_default(),
        room: row.room_id.into(),
    });
    notifications::queue(tx, notice.as_slice(), clock).await
}

/// Records on which device a user talks. False if the tenure is over, or the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn move_to(
    tx: &mut TenantTx,
    tenure: Tenure,
    user: UserId,
    device: ConnectionId,
) -> Result<bool, StoreError> {
    let done = query!(
        "WITH held AS (SELECT id FROM calls WHERE id = $1 AND epoch = $2 AND ended_at IS NULL FOR UPDATE)
         UPDATE call_parties p SET connection_id = $4 FROM held WHERE p.call_id = $1 AND p.user_id = $3",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        user.as_uuid(),
        device.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records that a user is rung into a call, perhaps once more. False if the tenure is over, or the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn invite(
    tx: &mut TenantTx,
    tenure: Tenure,
    user: UserId,
    (by, is_transfer): (UserId, bool),
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let account = tx.account_column();
    let done = query!(
        "WITH held AS (SELECT id FROM calls WHERE id = $1 AND epoch = $2 AND ended_at IS NULL FOR UPDATE)
         INSERT INTO call_parties (account_id, call_id, user_id, position, invited_by, is_transfer, invited_at)
         SELECT $7, held.id, $3, (SELECT count(*)::smallint FROM call_parties WHERE call_id = $1), $4, $5, $6 FROM held
         ON CONFLICT (account_id, call_id, user_id) DO UPDATE SET invited_by = $4, is_transfer = $5, invited_at = $6,
             connection_id = NULL, outcome = NULL, transferred_to = NULL",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        user.as_uuid(),
        by.as_uuid(),
        is_transfer,
        clock.utc(),
        account
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records how far a call is on its way to another room, or that it is so no more. False if the tenure is over, or the
/// call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_transfer(
    tx: &mut TenantTx,
    tenure: Tenure,
    transfer: Option<&Transfer>,
) -> Result<bool, StoreError> {
    let awaited: Option<Vec<Uuid>> =
        transfer.map(|transfer| transfer.awaited.iter().map(|user| user.as_uuid()).collect());
    let done = query!(
        "UPDATE calls SET transfer_by = $3, transfer_room_id = $4, transfer_awaited = $5, transfer_until = $6
         WHERE id = $1 AND epoch = $2 AND ended_at IS NULL",
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        transfer.map(|transfer| transfer.by.as_uuid()),
        transfer.map(|transfer| transfer.room.as_uuid()),
        awaited.as_deref(),
        transfer.map(|transfer| transfer.until)
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records that a user is out of a call that goes on: what that puts into their mailbox, or `None` if the tenure is
/// over, or the call.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn leave(
    tx: &mut TenantTx,
    tenure: Tenure,
    user: UserId,
    outcome: EndReason,
    clock: &dyn Clock,
) -> Result<Option<Vec<Delivered>>, StoreError> {
    let rows = query_as!(
        Out,
        r#"WITH held AS (
               SELECT id, room_id, transfer_room_id FROM calls
               WHERE id = $1 AND epoch = $2 AND ended_at IS NULL FOR UPDATE),
           party AS (
               UPDATE call_parties p SET left_at = CASE WHEN p.connection_id IS NULL THEN p.left_at ELSE $4 END, outcome = $5,
                   transferred_to = CASE WHEN $5 = 'transferred' THEN held.transfer_room_id END
               FROM held, call_parties AS before
               WHERE p.call_id = $1 AND p.user_id = $3
                   AND before.account_id = p.account_id AND before.call_id = p.call_id AND before.user_id = p.user_id
               RETURNING p.user_id, p.invited_by, p.connection_id IS NULL AND before.outcome IS NULL AS was_rung)
           SELECT held.room_id, party.user_id AS "user?", party.invited_by AS "by?", party.was_rung AS "was_rung?",
                  inviter.name AS "name?"
           FROM held CROSS JOIN party
           LEFT JOIN LATERAL (SELECT name FROM users WHERE id = party.invited_by LIMIT 1) AS inviter ON true"#,
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        user.as_uuid(),
        clock.utc(),
        outcome.as_str()
    )
    .fetch_all(tx.connection())
    .await?;
    note_missed(tx, tenure.call, rows, outcome, clock).await
}

/// Records how a call ended for all who were still part of it: what that puts into their mailboxes, or `None` if the
/// tenure is over. The first outcome stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end(
    tx: &mut TenantTx,
    tenure: Tenure,
    outcome: EndReason,
    clock: &dyn Clock,
) -> Result<Option<Vec<Delivered>>, StoreError> {
    // Whoever was still rung when the others stopped talking was not given the time to pick up.
    let of_rung = match outcome {
        EndReason::HungUp | EndReason::Lost | EndReason::Transferred => EndReason::Cancelled,
        EndReason::Rejected
        | EndReason::Cancelled
        | EndReason::Missed
        | EndReason::Busy
        | EndReason::AnsweredElsewhere => outcome,
    };
    let rows = query_as!(
        Out,
        r#"WITH held AS (
               UPDATE calls SET ended_at = CASE WHEN ended_at IS NULL THEN $3 ELSE ended_at END,
                   outcome = CASE WHEN ended_at IS NULL THEN $4 ELSE outcome END
               WHERE id = $1 AND epoch = $2 RETURNING id, room_id, transfer_room_id),
           parties AS (
               UPDATE call_parties p SET left_at = CASE WHEN p.connection_id IS NULL THEN p.left_at ELSE $3 END,
                   outcome = CASE WHEN p.connection_id IS NULL THEN $5 ELSE $4 END,
                   transferred_to = CASE WHEN p.connection_id IS NOT NULL AND $4 = 'transferred'
                       THEN held.transfer_room_id END
               FROM held WHERE p.call_id = $1 AND p.outcome IS NULL
               RETURNING p.user_id, p.invited_by, p.connection_id IS NULL AS was_rung)
           SELECT held.room_id, parties.user_id AS "user?", parties.invited_by AS "by?",
                  parties.was_rung AS "was_rung?", inviter.name AS "name?"
           FROM held LEFT JOIN parties ON true
           LEFT JOIN LATERAL (SELECT name FROM users WHERE id = parties.invited_by LIMIT 1) AS inviter ON true"#,
        tenure.call.as_uuid(),
        from_seq(tenure.epoch),
        clock.utc(),
        outcome.as_str(),
        of_rung.as_str()
    )
    .fetch_all(tx.connection())
    .await?;
    note_missed(tx, tenure.call, rows, of_rung, clock).await
}

/// Who is out of a call by what was just recorded.
struct Out {
    room_id: Uuid,
    user: Option<Uuid>,
    by: Option<Uuid>,
    was_rung: Option<bool>,
    name: Option<String>,
}

/// Tells those who were rung and did not pick up, unless they did not want to. `None` if nothing was recorded.
async fn note_missed(
    tx: &mut TenantTx,
    call: CallId,
    out: Vec<Out>,
    of_rung: EndReason,
    clock: &dyn Clock,
) -> Result<Option<Vec<Delivered>>, StoreError> {
    if out.is_empty() {
        return Ok(None);
    }
    let rung: Vec<Out> = out.into_iter().filter(|out| out.was_rung == Some(true)).collect();
    if !matches!(of_rung, EndReason::Missed | EndReason::Cancelled | EndReason::Busy) {
        let users: Vec<UserId> = rung.iter().filter_map(|out| out.user.map(Into::into)).collect();
        notifications::end_ringing(tx, call, &users, clock).await?;
        return Ok(Some(Vec::new()));
    }
    let missed = rung.into_iter().filter_map(|out| {
        Some(NewEntry {
            user: out.user?.into(),
            cause: Cause::CallMissed(call),
            from: out.by?.into(),
            name: out.name.unwrap_or_default(),
            room: out.room_id.into(),
        })
    });
    let missed: Vec<NewEntry> = missed.collect();
    let told = mailbox::add(tx, &missed, clock).await?;
    let notice = |NewEntry { user, from, name, room, .. }| Notice {
        user,
        about: About::Missed(call),
        from,
        name,
        room,
    };
    let notices: Vec<Notice> = missed.into_iter().map(notice).collect();
    notifications::queue(tx, &notices, clock).await?;
    Ok(Some(told))
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
           RETURNING epoch AS "epoch: Seq", room_id, caller_id, media AS "media: Named<Media>", started_at, answered_at,
               transfer_by, transfer_room_id, transfer_awaited, transfer_until"#,
        from.call.as_uuid(),
        from_seq(from.epoch),
        runner.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let transfer =
        row.transfer_by.zip(row.transfer_room_id).zip(row.transfer_awaited.zip(row.transfer_until));
    let transfer = transfer.map(|((by, room), (awaited, until))| Transfer {
        by: by.into(),
        room: room.into(),
        awaited: awaited.into_iter().map(UserId::from_uuid).collect(),
        until,
    });
    Ok(Some(Open {
        tenure: Tenure { call: from.call, epoch: row.epoch.into() },
        room: RoomId::from_uuid(row.room_id),
        caller: UserId::from_uuid(row.caller_id),
        media: row.media.into(),
        started_at: row.started_at,
        answered_at: row.answered_at,
        transfer,
        parties: open_parties(tx, from.call).await?,
    }))
}

async fn open_parties(tx: &mut TenantTx, call: CallId) -> Result<Vec<OpenParty>, StoreError> {
    let rows = query!(
        r#"SELECT user_id, invited_by, is_transfer, invited_at, connection_id,
               outcome AS "outcome: Named<EndReason>"
           FROM call_parties WHERE call_id = $1 ORDER BY position, user_id"#,
        call.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let party = rows.into_iter().map(|row| OpenParty {
        user: UserId::from_uuid(row.user_id),
        invited_by: UserId::from_uuid(row.invited_by),
        is_transfer: row.is_transfer,
        invited_at: row.invited_at,
        device: row.connection_id.map(ConnectionId::from_uuid),
        outcome: row.outcome.map(Into::into),
    });
    Ok(party.collect())
}

/// Who runs a call, or how it ended, and how far `user` is in it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn standing(tx: &mut TenantTx, id: CallId, user: UserId) -> Result<Option<Standing>, StoreError> {
    let row = query!(
        r#"SELECT c.runner, c.epoch AS "epoch: Seq", c.caller_id, c.callee_id,
               c.outcome AS "outcome: Named<EndReason>", p.user_id AS "own?", p.connection_id AS "device?",
               p.outcome AS "own_outcome?: Named<EndReason>"
           FROM calls c LEFT JOIN call_parties p
               ON p.account_id = c.account_id AND p.call_id = c.id AND p.user_id = $2
           WHERE c.id = $1"#,
        id.as_uuid(),
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Standing {
        runner: row.runner.map(NodeId::from_uuid),
        tenure: Tenure { call: id, epoch: row.epoch.into() },
        caller: UserId::from_uuid(row.caller_id),
        callee: UserId::from_uuid(row.callee_id),
        outcome: row.outcome.map(Into::into),
        own: row.own.map(|_| OwnStanding {
            device: row.device.map(ConnectionId::from_uuid),
            outcome: row.own_outcome.map(Into::into),
        }),
    }))
}
