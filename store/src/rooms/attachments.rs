//! Files of messages: reserved while they come in, sent once, removed when their message goes. Their bytes are in the
//! storage of files, which knows them by account and id.
//!
//! A row is there before the first byte is in the storage and until the last one is out of it, so that nothing there
//! is without a row, whatever process dies when.

use crate::{
    column::{self, from_seq, to_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AttachmentId, ClientMessageId, RoomId, UserId},
    protocol::room::RoomAttachment,
};
use sqlx::{query, query_scalar};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use uuid::Uuid;

/// What is said of the file of a row.
macro_rules! about {
    ($row:ident) => {
        RoomAttachment {
            id: $row.id.into(),
            file_name: $row.file_name,
            mime_type: $row.mime_type,
            size_bytes: to_seq($row.size_bytes),
            width: $row.width.and_then(|side| u32::try_from(side).ok()),
            height: $row.height.and_then(|side| u32::try_from(side).ok()),
            has_thumbnail: $row.has_thumbnail,
        }
    };
}

/// How long a file is kept that is sent in no message.
pub const UNSENT_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A file that has come in and is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewAttachment<'a> {
    /// The room that it was uploaded to.
    pub room: RoomId,
    /// The user, guest or API key who uploaded it.
    pub user: UserId,
    /// What they call it.
    pub file_name: &'a str,
    /// What it is.
    pub mime_type: &'a str,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Their hash.
    pub sha256: &'a [u8; 32],
    /// A picture's width and height in pixels.
    pub size: Option<(u32, u32)>,
}

/// How much there may be.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Bytes of all files of the account together.
    pub bytes_max: u64,
    /// Files of one user or guest that are in no message.
    pub unsent_max: u16,
}

/// Why no place is reserved for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreserved {
    /// The account's files would have too many bytes together.
    QuotaExceeded,
    /// The user has uploaded as many as they may, and sent none of them.
    TooManyUnsent,
}

/// Files of a message that is to be sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uploads<'a> {
    /// The files, each once.
    pub ids: &'a [AttachmentId],
    /// Who must have uploaded them, if it is not the message's author.
    pub by: Option<UserId>,
}

/// A file that can be read from the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttachment {
    /// The room that it was uploaded to.
    pub room: RoomId,
    /// Who uploaded it.
    pub user: UserId,
    /// Whether it is in a message, and so for everybody who may read the room.
    pub is_sent: bool,
    /// What is said of it.
    pub about: RoomAttachment,
}

/// Reserves a place for a file, unless there is none. Until it is [`stored`], nobody sees it.
///
/// Holds the account's total until the transaction ends, so commit soon.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn reserve(
    tx: &mut TenantTx,
    new: &NewAttachment<'_>,
    quota: Quota,
    clock: &dyn Clock,
) -> Result<Result<AttachmentId, Unreserved>, StoreError> {
    let account = tx.account_column();
    // The first statement holds the total, so that those who come at the same time are counted one after the other.
    let total = query_scalar!(
        "INSERT INTO attachment_totals AS known (account_id, size_bytes) VALUES ($1, $2)
         ON CONFLICT (account_id) DO UPDATE SET size_bytes = known.size_bytes + excluded.size_bytes
         RETURNING size_bytes",
        account,
        from_seq(new.size_bytes)
    )
    .fetch_one(tx.connection())
    .await?;
    if to_seq(total) > quota.bytes_max {
        return Ok(Err(Unreserved::QuotaExceeded));
    }
    let unsent = query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT FROM room_attachments WHERE user_id = $1 AND message_seq IS NULL AND NOT is_removed LIMIT $2
           ) AS unsent"#,
        new.user.as_uuid(),
        i64::from(quota.unsent_max)
    )
    .fetch_one(tx.connection())
    .await?;
    if unsent >= i64::from(quota.unsent_max) {
        return Ok(Err(Unreserved::TooManyUnsent));
    }
    let (id, now) = (AttachmentId::generate(clock), clock.utc());
    let side = |side: Option<u32>| side.and_then(|side| i32::try_from(side).ok());
    query!(
        "INSERT INTO room_attachments
             (account_id, id, room_id, user_id, file_name, mime_type, size_bytes, sha256, width, height, created_at,
              remove_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        account,
        id.as_uuid(),
        new.room.as_uuid(),
        new.user.as_uuid(),
        &*column::text(new.file_name),
        new.mime_type,
        from_seq(new.size_bytes),
        new.sha256.as_slice(),
        side(new.size.map(|(width, _)| width)),
        side(new.size.map(|(_, height)| height)),
        now,
        now + UNSENT_KEPT_FOR
    )
    .execute(tx.connection())
    .await?;
    Ok(Ok(id))
}

/// All of a file is in the storage: its uploader may send it.
///
/// `None` if it took so long that it was removed meanwhile.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn stored(
    tx: &mut TenantTx,
    id: AttachmentId,
    has_thumbnail: bool,
) -> Result<Option<RoomAttachment>, StoreError> {
    let row = query!(
        "UPDATE room_attachments SET is_stored = true, has_thumbnail = $2
         WHERE id = $1 AND NOT is_removed
         RETURNING id, file_name, mime_type, size_bytes, width, height, has_thumbnail",
        id.as_uuid(),
        has_thumbnail
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| about!(row)))
}

/// A file is not wanted: it is removed from the storage at the next look.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn discard(tx: &mut TenantTx, id: AttachmentId) -> Result<(), StoreError> {
    // Said as `IS NULL`, a planner without statistics would go through all that are in no message.
    query!(
        "UPDATE room_attachments SET is_removed = true, remove_at = created_at
         WHERE id = $1 AND coalesce(message_seq, 0) = 0",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A file, if all of it is in the storage and it is not to be removed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn attachment(tx: &mut TenantTx, id: AttachmentId) -> Result<Option<StoredAttachment>, StoreError> {
    let row = query!(
        r#"SELECT id, room_id, user_id, file_name, mime_type, size_bytes, width, height, has_thumbnail,
                  message_seq IS NOT NULL AS "is_sent!"
           FROM room_attachments WHERE id = $1 AND is_stored AND NOT is_removed"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| StoredAttachment {
        room: row.room_id.into(),
        user: row.user_id.into(),
        is_sent: row.is_sent,
        about: about!(row),
    }))
}

/// A file is out of the storage: it is forgotten, and counts no more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_attachment(tx: &mut TenantTx, id: AttachmentId) -> Result<(), StoreError> {
    query!(
        "WITH gone AS (DELETE FROM room_attachments WHERE id = $1 AND is_removed RETURNING account_id, size_bytes)
         UPDATE attachment_totals AS total SET size_bytes = greatest(total.size_bytes - gone.size_bytes, 0)
         FROM gone WHERE total.account_id = gone.account_id",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The files of a deleted room are to be removed.
pub(super) async fn discard_of_room(tx: &mut TenantTx, room: RoomId) -> Result<(), StoreError> {
    query!(
        "UPDATE room_attachments SET is_removed = true, remove_at = created_at
         WHERE room_id = $1 AND message_seq IS NOT NULL",
        room.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The files of deleted messages are to be removed.
pub(super) async fn discard_of_messages(
    tx: &mut TenantTx,
    rooms: &[Uuid],
    seqs: &[i64],
) -> Result<(), StoreError> {
    query!(
        "UPDATE room_attachments AS a SET is_removed = true, remove_at = created_at
         FROM unnest($1::uuid[], $2::bigint[]) AS gone (room_id, seq)
         WHERE a.room_id = gone.room_id AND a.message_seq = gone.seq",
        rooms,
        seqs
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A message to be sent, as it concerns its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sender {
    pub(super) room: RoomId,
    pub(super) user: UserId,
    pub(super) client_id: ClientMessageId,
}

/// Files that may be sent, each by the one who uploaded it to one room. Held until the transaction ends.
pub(super) async fn unsent(
    tx: &mut TenantTx,
    ids: &BTreeSet<AttachmentId>,
) -> Result<BTreeMap<AttachmentId, StoredAttachment>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    // Held, so that none is removed between here and its message; without `IS NULL`, as when one is discarded.
    let rows = query!(
        r#"SELECT a.id, a.room_id, a.user_id, a.file_name, a.mime_type, a.size_bytes, a.width, a.height,
                  a.has_thumbnail
           FROM room_attachments AS a
           WHERE a.id = ANY ($1) AND a.is_stored AND NOT a.is_removed AND coalesce(a.message_seq, 0) = 0
           ORDER BY a.id FOR UPDATE"#,
        &ids
    )
    .fetch_all(tx.connection())
    .await?;
    let found = rows.into_iter().map(|row| {
        let (room, user) = (row.room_id.into(), row.user_id.into());
        let about = about!(row);
        (about.id, StoredAttachment { room, user, is_sent: false, about })
    });
    Ok(found.collect())
}

/// Those of these messages that are stored already.
pub(super) async fn already_sent(
    tx: &mut TenantTx,
    senders: &BTreeSet<Sender>,
) -> Result<BTreeSet<Sender>, StoreError> {
    let (mut rooms, mut users, mut client_ids) = (Vec::new(), Vec::new(), Vec::new());
    for sender in senders {
        rooms.push(sender.room.as_uuid());
        users.push(sender.user.as_uuid());
        client_ids.push(sender.client_id.as_uuid());
    }
    let rows = query!(
        r#"SELECT m.room_id, m.user_id, m.client_id
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS said (room_id, user_id, client_id)
           CROSS JOIN LATERAL (
               SELECT room_id, user_id, client_id FROM room_messages WHERE room_id = said.room_id
                   AND user_id = said.user_id AND client_id = said.client_id LIMIT 1) AS m"#,
        &rooms,
        &users,
        &client_ids
    )
    .fetch_all(tx.connection())
    .await?;
    let known = rows.into_iter().map(|row| Sender {
        room: row.room_id.into(),
        user: row.user_id.into(),
        client_id: row.client_id.into(),
    });
    Ok(known.collect())
}

/// Files are in the messages of these numbers.
pub(super) async fn note_sent(tx: &mut TenantTx, sent: &[(AttachmentId, u64)]) -> Result<(), StoreError> {
    if sent.is_empty() {
        return Ok(());
    }
    let (ids, seqs): (Vec<Uuid>, Vec<i64>) =
        sent.iter().map(|(id, seq)| (id.as_uuid(), from_seq(*seq))).unzip();
    query!(
        "UPDATE room_attachments AS a SET message_seq = sent.seq, remove_at = NULL
         FROM unnest($1::uuid[], $2::bigint[]) AS sent (id, seq) WHERE a.id = sent.id",
        &ids,
        &seqs
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
