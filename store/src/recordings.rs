//! Recordings of media sessions. Their files are in the storage of files, which knows them by account, recording and
//! the names that they have in the manifest.
//!
//! A row is there before the first byte is in the storage and until the last one is out of it. Until a recording is
//! stored, its files are with the media node that records. A removed one is remembered until the node has
//! [nothing of it any more](collected): were it forgotten before, the node would bring it back.

use crate::{
    column::{Named, OptionalSeq, from_seq},
    error::StoreError,
    room_events,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{NodeId, RecordingId, RoomId, UserId},
    recording::{Manifest, RecordingEnd, RecordingStatus},
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar, types::Json};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long it is remembered that a recording was removed whose files may still come, from when it was.
///
/// Longer outlasts media servers that are away for longer; shorter keeps fewer rows of what nobody sees.
const REMEMBERED_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recording {
    /// UUIDv7: later ones sort later.
    pub id: RecordingId,
    /// The room whose call is recorded.
    pub room_id: RoomId,
    /// How far it has come. Once it is not `recording`, its files are stored, unless its media server is gone.
    pub status: RecordingStatus,
    /// The user or API key that began it.
    pub started_by: UserId,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended; null while it goes on, and where nobody saw its end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Why it ended.
    pub end_reason: Option<RecordingEnd>,
    /// How large its files are together; null until they are stored.
    pub size_bytes: Option<u64>,
}

/// A recording that has begun.
#[derive(Debug, Clone, Copy)]
pub struct NewRecording {
    /// What it is called.
    pub id: RecordingId,
    /// The room whose call is recorded.
    pub room: RoomId,
    /// The media node that records.
    pub node: NodeId,
    /// Who began it.
    pub by: UserId,
    /// When it began.
    pub at: OffsetDateTime,
}

/// What is to become of the files of a recording that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// They are to be stored.
    Wanted,
    /// They are stored already.
    Stored,
    /// Nobody wants them: the recording was removed, or its room deleted.
    Unwanted,
}

/// Why a recording is not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unremoved {
    /// There is none.
    NotFound,
    /// It goes on.
    GoesOn,
}

/// Notes that a recording has begun, unless that is known; `None` if there is no such room (any more), or the
/// recording was removed. The room is not deleted before this is committed, and then with the recording.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn begin(tx: &mut TenantTx, new: &NewRecording) -> Result<Option<Recording>, StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO recordings (account_id, id, room_id, node_id, started_by, started_at, status)
         SELECT $1, $2, id, $4, $5, $6, 'recording' FROM rooms WHERE id = $3 FOR KEY SHARE
         ON CONFLICT DO NOTHING",
        account,
        new.id.as_uuid(),
        new.room.as_uuid(),
        new.node.as_uuid(),
        new.by.as_uuid(),
        new.at
    )
    .execute(tx.connection())
    .await?;
    find(tx, new.room, new.id).await
}

/// A room's recordings in the order of their beginning, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<RecordingId>,
    limit: u16,
) -> Result<Vec<Recording>, StoreError> {
    let found = query_as!(
        Recording,
        r#"SELECT id, room_id, status AS "status: Named<RecordingStatus>", started_by, started_at, ended_at,
                  end_reason AS "end_reason!: OptionalEnd", size_bytes AS "size_bytes!: OptionalSeq"
           FROM recordings WHERE room_id = $1 AND id > $2 AND NOT is_removed ORDER BY id LIMIT $3"#,
        room.as_uuid(),
        after.map_or(Uuid::nil(), RecordingId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
}

/// A recording of a room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, room: RoomId, id: RecordingId) -> Result<Option<Recording>, StoreError> {
    let found = query_as!(
        Recording,
        r#"SELECT id, room_id, status AS "status: Named<RecordingStatus>", started_by, started_at, ended_at,
                  end_reason AS "end_reason!: OptionalEnd", size_bytes AS "size_bytes!: OptionalSeq"
           FROM recordings WHERE room_id = $1 AND id = $2 AND NOT is_removed"#,
        room.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// What was recorded, of a recording that is stored; `None` of one that is not, or not any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn manifest(
    tx: &mut TenantTx,
    room: RoomId,
    id: RecordingId,
) -> Result<Option<Manifest>, StoreError> {
    let found = query_scalar!(
        r#"SELECT manifest AS "manifest: Json<Manifest>" FROM recordings
           WHERE room_id = $1 AND id = $2 AND NOT is_removed"#,
        room.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.flatten().map(|Json(manifest)| manifest))
}

/// Notes that a recording has ended, and says whether its files are to be stored.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn receive(tx: &mut TenantTx, manifest: &Manifest) -> Result<Reception, StoreError> {
    let new = NewRecording {
        id: manifest.recording_id,
        room: manifest.room_id,
        node: manifest.node_id,
        by: manifest.started_by,
        at: manifest.started_at,
    };
    if begin(tx, &new).await?.is_none() {
        return Ok(Reception::Unwanted);
    }
    let is_stored = self::manifest(tx, new.room, new.id).await?.is_some();
    Ok(if is_stored { Reception::Stored } else { Reception::Wanted })
}

/// All files of a recording are in the storage, and whoever asked for that is told. False if it was removed meanwhile.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn stored(tx: &mut TenantTx, manifest: &Manifest, clock: &dyn Clock) -> Result<bool, StoreError> {
    let is_new = query_scalar!(
        r#"SELECT manifest IS NULL AS "is_new!" FROM recordings WHERE id = $1 AND NOT is_removed FOR NO KEY UPDATE"#,
        manifest.recording_id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(is_new) = is_new else { return Ok(false) };
    let size: u64 = manifest.tracks.iter().filter_map(|track| track.size_bytes).sum();
    query!(
        "UPDATE recordings SET status = $2, ended_at = $3, end_reason = $4, size_bytes = $5, manifest = $6
         WHERE id = $1",
        manifest.recording_id.as_uuid(),
        manifest.status.as_str(),
        manifest.ended_at,
        manifest.end_reason.map(RecordingEnd::as_str),
        from_seq(size),
        Json(manifest) as _
    )
    .execute(tx.connection())
    .await?;
    if is_new {
        room_events::recording_ready(tx, manifest, clock).await?;
    }
    Ok(true)
}

/// Removes a recording of a room that has ended: its files are removed from the storage at the next look, or not taken
/// any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(
    tx: &mut TenantTx,
    room: RoomId,
    id: RecordingId,
) -> Result<Result<(), Unremoved>, StoreError> {
    let status = query_scalar!(
        r#"SELECT status AS "status: Named<RecordingStatus>" FROM recordings
           WHERE room_id = $1 AND id = $2 AND NOT is_removed FOR UPDATE"#,
        room.as_uuid(),
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    match status.map(RecordingStatus::from) {
        None => return Ok(Err(Unremoved::NotFound)),
        Some(RecordingStatus::Recording) => return Ok(Err(Unremoved::GoesOn)),
        Some(RecordingStatus::Ended | RecordingStatus::Interrupted) => {}
    }
    query!(
        "UPDATE recordings SET is_removed = true, remove_at = CASE WHEN manifest IS NOT NULL THEN started_at END
         WHERE id = $1",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(Ok(()))
}

/// The recordings of a deleted room are to be removed.
pub(crate) async fn remove_of_room(tx: &mut TenantTx, room: RoomId) -> Result<(), StoreError> {
    query!(
        "UPDATE recordings SET is_removed = true, remove_at = CASE WHEN manifest IS NOT NULL THEN started_at END
         WHERE room_id = $1 AND NOT is_removed",
        room.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The names of the files of a removed recording.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn removed_files(tx: &mut TenantTx, id: RecordingId) -> Result<Vec<String>, StoreError> {
    let found = query_scalar!(
        r#"SELECT manifest AS "manifest: Json<Manifest>" FROM recordings WHERE id = $1 AND is_removed"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let tracks = found.flatten().map(|Json(manifest)| manifest.tracks).unwrap_or_default();
    Ok(tracks.into_iter().filter_map(|track| track.file).collect())
}

/// The files of a removed recording are out of the storage: it is forgotten, unless the media node may bring them again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget(tx: &mut TenantTx, id: RecordingId) -> Result<(), StoreError> {
    query!("DELETE FROM recordings WHERE id = $1 AND is_removed AND is_collected", id.as_uuid())
        .execute(tx.connection())
        .await?;
    query!(
        "UPDATE recordings SET manifest = NULL, size_bytes = NULL, remove_at = NULL WHERE id = $1 AND is_removed",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The media node has nothing of a recording any more. One that was removed before its files were stored is forgotten.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn collected(tx: &mut TenantTx, id: RecordingId) -> Result<(), StoreError> {
    query!("DELETE FROM recordings WHERE id = $1 AND is_removed AND remove_at IS NULL", id.as_uuid())
        .execute(tx.connection())
        .await?;
    query!("UPDATE recordings SET is_collected = true WHERE id = $1", id.as_uuid())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Forgets removed recordings whose files have not come for long.
pub(crate) async fn prune(tx: &mut TenantTx, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.utc();
    query!(
        "UPDATE recordings SET removed_at = $1 WHERE is_removed AND remove_at IS NULL AND removed_at IS NULL",
        now
    )
    .execute(tx.connection())
    .await?;
    query!(
        "DELETE FROM recordings WHERE is_removed AND remove_at IS NULL AND removed_at < $1",
        now - REMEMBERED_FOR
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The name of an end or null.
#[derive(Debug, sqlx::Type)]
#[sqlx(transparent)]
struct OptionalEnd(Option<String>);

impl From<OptionalEnd> for Option<RecordingEnd> {
    /// A reason that a later version has written is none here.
    fn from(column: OptionalEnd) -> Self {
        column.0.and_then(|name| RecordingEnd::parse(&name))
    }
}
