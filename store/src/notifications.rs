//! What people are notified of while none of their devices is connected.
//!
//! A [`Notice`] is queued in the transaction that causes it, once for each of the user's [subscriptions](mod@subscriptions)
//! and for each webhook that asks for it. Of each topic the latest alone is kept: a room's messages gather, and a
//! call's end takes the place of its ringing. [`crate::system::System::claim_notifications`] hands it to a sender.

mod sending;
mod subscriptions;

pub use sending::{Outgoing, Target, finish, forget_target, open, postpone};
pub use subscriptions::{
    NewSubscription, PushKeys, PushSubscription, SUBSCRIPTIONS_MAX, delete, insert_keys, keys, list,
    subscribe,
};

pub(crate) use subscriptions::{place, place_of_key};

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{CallId, RoomId, UserId},
    token::REFRESH_TOKEN_TIME,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_scalar};
use std::{collections::BTreeMap, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a notification is of use to somebody who was away.
///
/// Longer tells those who were away for longer; push services hold it for as long.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How long is waited before somebody is notified of a message: who reads on another device meanwhile is not.
///
/// Longer notifies of more at once; shorter sooner.
const GATHER: Duration = Duration::from_secs(3);

/// How soon a device that was notified of a room's messages is notified of later ones.
///
/// Longer disturbs less while somebody writes line by line.
const QUIET: Duration = Duration::from_secs(30);

/// What somebody is notified of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
pub enum NoticeKind {
    /// They are called.
    CallIncoming,
    /// The call rings no longer, and they have not missed it.
    CallEnded,
    /// They have missed a call.
    CallMissed,
    /// A message mentions them.
    Mention,
    /// A message came in a room of two.
    Message,
}

/// What somebody is to be notified of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whom it is for.
    pub user: UserId,
    /// What happened.
    pub about: About,
    /// Who wrote or called.
    pub from: UserId,
    /// Their name at this time.
    pub name: String,
    /// In which room.
    pub room: RoomId,
}

/// What a [`Notice`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// It rings, for so long.
    Ring(CallId, Duration),
    /// A call was missed.
    Missed(CallId),
    /// The message with this number mentions them.
    Mention(u64),
    /// The message with this number is for them alone.
    Message(u64),
}

impl About {
    const fn kind(self) -> NoticeKind {
        match self {
            Self::Ring(..) => NoticeKind::CallIncoming,
            Self::Missed(_) => NoticeKind::CallMissed,
            Self::Mention(_) => NoticeKind::Mention,
            Self::Message(_) => NoticeKind::Message,
        }
    }

    const fn call(self) -> Option<CallId> {
        match self {
            Self::Ring(call, _) | Self::Missed(call) => Some(call),
            Self::Mention(_) | Self::Message(_) => None,
        }
    }

    fn message_seq(self) -> Option<i64> {
        match self {
            Self::Mention(seq) | Self::Message(seq) => Some(column::from_seq(seq)),
            Self::Ring(..) | Self::Missed(_) => None,
        }
    }

    const fn waits(self) -> Duration {
        match self {
            Self::Ring(..) | Self::Missed(_) => Duration::ZERO,
            Self::Mention(_) | Self::Message(_) => GATHER,
        }
    }

    const fn serves_for(self) -> Duration {
        match self {
            Self::Ring(_, ring_time) => ring_time,
            Self::Missed(_) | Self::Mention(_) | Self::Message(_) => KEPT_FOR,
        }
    }
}

/// Notices as columns.
#[derive(Default)]
struct Batch {
    users: Vec<Uuid>,
    topics: Vec<Uuid>,
    kinds: Vec<NoticeKind>,
    from_ids: Vec<Uuid>,
    from_names: Vec<String>,
    rooms: Vec<Uuid>,
    message_seqs: Vec<Option<i64>>,
    calls: Vec<Option<Uuid>>,
    due: Vec<OffsetDateTime>,
    expire: Vec<OffsetDateTime>,
}

/// Queues notices for those whom something reaches. Of several under one topic the last is queued.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn queue(tx: &mut TenantTx, new: &[Notice], clock: &dyn Clock) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let (account, now) = (tx.account_column(), clock.utc());
    let topic = |notice: &Notice| notice.about.call().map_or(notice.room.as_uuid(), CallId::as_uuid);
    // In one order for everybody, so that no two wait for each other.
    let latest: BTreeMap<_, _> = new.iter().map(|notice| ((notice.user, topic(notice)), notice)).collect();
    let mut batch = Batch::default();
    for ((user, topic), notice) in latest {
        batch.users.push(user.as_uuid());
        batch.topics.push(topic);
        batch.kinds.push(notice.about.kind());
        batch.from_ids.push(notice.from.as_uuid());
        batch.from_names.push(column::text(&notice.name).into_owned());
        batch.rooms.push(notice.room.as_uuid());
        batch.message_seqs.push(notice.about.message_seq());
        batch.calls.push(notice.about.call().map(CallId::as_uuid));
        batch.due.push(now + notice.about.waits());
        batch.expire.push(now + notice.about.serves_for());
    }
    // What is under way, or was, may be shown by now. What waits goes on waiting no longer than it would have.
    query!(
        r#"INSERT INTO notifications AS known (account_id, user_id, topic, target_id, kind, from_id, from_name, room_id,
               message_seq, call_id, created_at, due_at, expires_at)
           SELECT $1, new.user_id, new.topic, target.id, new.kind, new.from_id, new.from_name, new.room_id,
                  new.message_seq, new.call_id, $2, new.due_at, new.expires_at
           FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::uuid[], $9::bigint[], $10::uuid[],
                       $11::timestamptz[], $12::timestamptz[]) WITH ORDINALITY
               AS new (user_id, topic, kind, from_id, from_name, room_id, message_seq, call_id, due_at, expires_at, place)
           CROSS JOIN LATERAL (
               SELECT s.id FROM push_subscriptions s
               WHERE s.user_id = new.user_id
                 AND (s.sign_in_id IS NULL
                      OR EXISTS (SELECT FROM sign_ins i
                                 WHERE i.id = s.sign_in_id AND i.revoked_at IS NULL AND i.last_used_at > $14))
               UNION ALL
               SELECT id FROM webhooks
               WHERE disabled_at IS NULL AND kind = 'standard' AND 'notificationCreated' = ANY (events)) AS target
           ORDER BY new.place, target.id
           ON CONFLICT (account_id, user_id, topic, target_id) DO UPDATE SET
               kind = excluded.kind, from_id = excluded.from_id, from_name = excluded.from_name,
               message_seq = excluded.message_seq, created_at = excluded.created_at, expires_at = excluded.expires_at,
               due_at = CASE WHEN excluded.call_id IS NOT NULL THEN excluded.due_at
                             WHEN known.done_at IS NULL AND known.attempts = 0 THEN known.due_at
                             ELSE greatest(excluded.due_at, known.done_at + $13::interval) END,
               is_shown = known.is_shown OR known.attempts > 0, done_at = NULL, attempts = 0, version = known.version + 1"#,
        account,
        now,
        &batch.users,
        &batch.topics,
        &batch.kinds as &[NoticeKind],
        &batch.from_ids,
        &batch.from_names,
        &batch.rooms,
        &batch.message_seqs as &[Option<i64>],
        &batch.calls as &[Option<Uuid>],
        &batch.due,
        &batch.expire,
        sqlx::postgres::types::PgInterval {
            months: 0,
            days: 0,
            microseconds: i64::try_from(QUIET.as_micros()).unwrap_or(i64::MAX)
        },
        now - REFRESH_TOKEN_TIME
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A call rings no longer for these users: where its ringing may be shown it is taken back, elsewhere nothing is said.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end_ringing(
    tx: &mut TenantTx,
    call: CallId,
    users: &[UserId],
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    // One by one: of several Postgres would rather look through all who were rung by it.
    for user in users {
        query!(
            "UPDATE notifications SET kind = 'callEnded', due_at = $3::timestamptz, expires_at = $4, attempts = 0,
                    version = version + 1, is_shown = is_shown OR attempts > 0,
                    done_at = CASE WHEN is_shown OR attempts > 0 THEN NULL ELSE $3::timestamptz END
             WHERE user_id = $1 AND topic = $2 AND kind = 'callIncoming'",
            user.as_uuid(),
            call.as_uuid(),
            clock.utc(),
            clock.utc() + KEPT_FOR
        )
        .execute(tx.connection())
        .await?;
    }
    Ok(())
}

/// Whether a user can be notified while no device of theirs is connected.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn reach(tx: &mut TenantTx, user: UserId, clock: &dyn Clock) -> Result<bool, StoreError> {
    let reached = query_scalar!(
        r#"SELECT EXISTS (SELECT FROM push_subscriptions s
                          WHERE s.user_id = $1
                            AND (s.sign_in_id IS NULL
                                 OR EXISTS (SELECT FROM sign_ins i
                                            WHERE i.id = s.sign_in_id AND i.revoked_at IS NULL
                                              AND i.last_used_at > $2)))
               OR EXISTS (SELECT FROM webhooks WHERE disabled_at IS NULL AND kind = 'standard'
                          AND 'notificationCreated' = ANY (events)) AS "reached!""#,
        user.as_uuid(),
        clock.utc() - REFRESH_TOKEN_TIME
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(reached)
}

/// Forgets what is of no use any more.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn prune(tx: &mut TenantTx, now: OffsetDateTime) -> Result<(), StoreError> {
    query!("DELETE FROM notifications WHERE expires_at < $1", now - KEPT_FOR)
        .execute(tx.connection())
        .await?;
    Ok(())
}
