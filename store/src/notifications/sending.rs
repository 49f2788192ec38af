//! One notification on its way: what is sent, and what became of it.

use super::{NoticeKind, place};
use crate::{column::Seq, error::StoreError, system::ClaimedNotification, tenant::TenantTx, webhooks};
use common::{
    clock::Clock,
    id::{CallId, PushSubscriptionId, RoomId, UserId, WebhookId},
    secret::Secret,
    token::REFRESH_TOKEN_TIME,
};
use sqlx::query;
use time::OffsetDateTime;
use uuid::Uuid;

/// Everything that sending one takes.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Whom it is for.
    pub user: UserId,
    /// What happened.
    pub kind: NoticeKind,
    /// The room or call by which what is shown is replaced.
    pub topic: Uuid,
    /// Who wrote or called.
    pub from: UserId,
    /// Their name at that time.
    pub name: String,
    /// In which room.
    pub room: RoomId,
    /// The number of the message.
    pub message_seq: Option<u64>,
    /// What the message says; `None` of a call.
    pub text: Option<String>,
    /// The call.
    pub call: Option<CallId>,
    /// When it happened.
    pub created_at: OffsetDateTime,
    /// Until when it is of use.
    pub expires_at: OffsetDateTime,
    /// Whether something that it replaces may be shown, so that it is of use to somebody who is connected, too.
    pub is_shown: bool,
    /// Where it goes.
    pub target: Target,
}

/// Where a notification goes.
#[derive(Debug, Clone)]
pub enum Target {
    /// To a device: endpoint and keys, as they were kept.
    Push(Secret),
    /// To a program of the account.
    Webhook {
        /// Which.
        id: WebhookId,
        /// Its address.
        url: String,
        /// What it is signed with.
        secret: Secret,
    },
}

/// Reads what is to be sent: of messages the last that is still there, unless the device already shows an earlier one.
/// `None` if that is of no use any more: somebody has read it, may not know of it any more, or its target is gone.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn open(
    tx: &mut TenantTx,
    claim: &ClaimedNotification,
    clock: &dyn Clock,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(row) = query!(
        r#"SELECT n.kind AS "kind: NoticeKind", n.from_id, n.from_name, n.room_id, n.message_seq, n.call_id, n.created_at,
                  n.expires_at, n.is_shown, s.sealed AS "sealed?", w.url AS "url?", w.secret AS "secret?"
           FROM notifications n
           JOIN users u ON u.id = n.user_id AND u.deactivated_at IS NULL
           JOIN rooms r ON r.id = n.room_id
           LEFT JOIN push_subscriptions s ON s.id = n.target_id AND s.user_id = n.user_id
               AND (s.sign_in_id IS NULL
                    OR EXISTS (SELECT FROM sign_ins i
                               WHERE i.id = s.sign_in_id AND i.revoked_at IS NULL AND i.last_used_at > $6))
           LEFT JOIN webhooks w ON w.id = n.target_id AND w.disabled_at IS NULL
           WHERE n.user_id = $1 AND n.topic = $2 AND n.target_id = $3 AND n.version = $4 AND n.done_at IS NULL
             AND n.expires_at > $5
             AND (NOT r.is_private OR EXISTS (SELECT FROM room_members member
                                              WHERE member.room_id = r.id AND member.user_id = n.user_id))
             AND NOT EXISTS (SELECT FROM room_bans ban WHERE ban.room_id = r.id AND ban.user_id = n.user_id)"#,
        claim.user.as_uuid(),
        claim.topic,
        claim.target,
        claim.version,
        clock.utc(),
        clock.utc() - REFRESH_TOKEN_TIME
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(None);
    };
    let target = match (row.sealed, row.url, row.secret) {
        (Some(sealed), ..) => push(tx, claim, &sealed)?,
        (None, Some(url), Some(secret)) => webhook(tx, claim, url, &secret)?,
        (None, ..) => return Ok(None),
    };
    let mut outgoing = Outgoing {
        user: claim.user,
        kind: row.kind,
        topic: claim.topic,
        from: row.from_id.into(),
        name: row.from_name,
        room: row.room_id.into(),
        message_seq: None,
        text: None,
        call: row.call_id.map(CallId::from_uuid),
        created_at: row.created_at,
        expires_at: row.expires_at,
        is_shown: row.is_shown,
        target,
    };
    let Some(seq) = row.message_seq else { return Ok(Some(outgoing)) };
    Ok(tell_of(tx, seq, &mut outgoing).await?.then_some(outgoing))
}

/// Puts in what is said in the message with this number, or, if that is deleted and the device shows nothing of the room
/// yet, in the last before it that it would have been notified of. Whether there is one that the user has not read.
async fn tell_of(tx: &mut TenantTx, seq: i64, outgoing: &mut Outgoing) -> Result<bool, StoreError> {
    let found = query!(
        r#"WITH read AS (
               SELECT coalesce((SELECT seq FROM room_reads WHERE room_id = $1 AND user_id = $2 LIMIT 1), 0) AS seq
           ), named AS (
               SELECT seq, text, user_id, user_name, deleted_at FROM room_messages
               WHERE room_id = $1 AND seq >= $3 ORDER BY seq LIMIT 1
           ), earlier AS (
               SELECT seq, text, user_id, user_name, deleted_at FROM room_messages
               WHERE $4 AND room_id = $1 AND seq < $3 ORDER BY seq DESC LIMIT 20
           ), mentioning AS (
               SELECT m.* FROM (SELECT seq FROM unread_mentions
                                WHERE $5 AND room_id = $1 AND user_id = $2 AND seq < $3 ORDER BY seq DESC LIMIT 1) u
               CROSS JOIN LATERAL (SELECT seq, text, user_id, user_name, deleted_at FROM room_messages
                                   WHERE room_id = $1 AND seq >= u.seq ORDER BY seq LIMIT 1) AS m
           )
           SELECT m.seq AS "seq!: Seq", m.text AS "text!", m.user_id AS "user_id!", m.user_name AS "user_name!"
           FROM (SELECT * FROM named
                 UNION ALL SELECT * FROM earlier WHERE user_id <> $2
                 UNION ALL SELECT * FROM mentioning) AS m, read
           WHERE m.deleted_at IS NULL AND m.seq > read.seq
           ORDER BY m.seq DESC LIMIT 1"#,
        outgoing.room.as_uuid(),
        outgoing.user.as_uuid(),
        seq,
        outgoing.kind == NoticeKind::Message && !outgoing.is_shown,
        outgoing.kind == NoticeKind::Mention && !outgoing.is_shown
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(found) = found else { return Ok(false) };
    outgoing.message_seq = Some(found.seq.into());
    outgoing.text = Some(found.text);
    outgoing.from = found.user_id.into();
    outgoing.name = found.user_name;
    Ok(true)
}

fn push(tx: &TenantTx, claim: &ClaimedNotification, sealed: &[u8]) -> Result<Target, StoreError> {
    let place = place(tx.account(), PushSubscriptionId::from_uuid(claim.target));
    Ok(Target::Push(tx.keyring().open(place, sealed)?))
}

fn webhook(
    tx: &TenantTx,
    claim: &ClaimedNotification,
    url: String,
    secret: &[u8],
) -> Result<Target, StoreError> {
    let id = WebhookId::from_uuid(claim.target);
    Ok(Target::Webhook { id, url, secret: tx.keyring().open(webhooks::place(tx.account(), id), secret)? })
}

/// It is done: sent, or of no use. What has taken its place meanwhile waits on.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish(
    tx: &mut TenantTx,
    claim: &ClaimedNotification,
    was_sent: bool,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    query!(
        "UPDATE notifications SET is_shown = is_shown OR $5,
                attempts = CASE WHEN version = $4 THEN 0 ELSE attempts END,
                done_at = CASE WHEN version = $4 THEN coalesce(done_at, $6) ELSE done_at END
         WHERE user_id = $1 AND topic = $2 AND target_id = $3",
        claim.user.as_uuid(),
        claim.topic,
        claim.target,
        claim.version,
        was_sent,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// It could not be sent, or is not to be yet, and is looked at again at `due_at`, unless something has taken its place.
/// Of the attempts at sending it `attempts` have been made.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn postpone(
    tx: &mut TenantTx,
    claim: &ClaimedNotification,
    attempts: u32,
    due_at: OffsetDateTime,
) -> Result<(), StoreError> {
    query!(
        "UPDATE notifications SET due_at = $5, attempts = $6
         WHERE user_id = $1 AND topic = $2 AND target_id = $3 AND version = $4",
        claim.user.as_uuid(),
        claim.topic,
        claim.target,
        claim.version,
        due_at,
        i32::try_from(attempts).unwrap_or(i32::MAX)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The push service says that there is no such subscription any more: nothing goes there. What waits for it is found to
/// be of no use when it is due.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_target(tx: &mut TenantTx, claim: &ClaimedNotification) -> Result<(), StoreError> {
    query!("DELETE FROM push_subscriptions WHERE id = $1", claim.target).execute(tx.connection()).await?;
    Ok(())
}
