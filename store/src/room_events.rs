//! Events of rooms, for webhooks: numbered without gaps per account, in a sequence apart from the inbox's.
//!
//! What media nodes say of their sessions is compared with what was [told](mod@told) already. Whatever is said twice,
//! late, or by the node that has a session next, becomes an event once.

mod told;

use crate::{column::to_seq, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{NodeId, RoomId},
    recording::Manifest,
    room_event::{EventRecording, EventRoom, RoomEvent},
    session_record::SessionReport,
};
use sqlx::{query, query_scalar, types::Json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use time::OffsetDateTime;
use told::{Teller, Told};

/// How long who was in a session has time to come back where it goes on, after its media node is gone.
///
/// Longer forgives clients that are slower to come back; shorter says sooner that they have not.
pub const GRACE: Duration = Duration::from_secs(30);

/// How long events of rooms are kept with their deliveries.
const KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Takes the account's sequence until the transaction ends, so that those who tell of its rooms queue.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO room_event_sequences AS s (account_id) VALUES ($1)
         ON CONFLICT (account_id) DO UPDATE SET last_seq = s.last_seq",
        account
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Writes down what a media node says of sessions of this account. Once for what is said twice.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn tell(
    tx: &mut TenantTx,
    node: NodeId,
    news: &[SessionReport],
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    lock(tx).await?;
    let wanted = wanted(tx).await?;
    if wanted.is_empty() {
        // Whoever asked has stopped meanwhile.
        return Ok(());
    }
    let now = clock.utc();
    let rooms: BTreeSet<RoomId> = news.iter().map(|one| one.room).collect();
    let names = names(tx, &rooms).await?;
    let mut events = Vec::new();
    let mut told = BTreeMap::new();
    for one in news {
        let mut of_room = match told.remove(&one.room) {
            Some(of_room) => of_room,
            None => read(tx, one.room).await?,
        };
        let mut teller = Teller::new(one.room, names.get(&one.room).cloned(), now, &mut events);
        teller.hear(&mut of_room, one, node);
        told.insert(one.room, of_room);
    }
    for (room, told) in told {
        write(tx, room, told).await?;
    }
    append(tx, &wanted, &events, clock).await
}

/// Ends what was told of a session and nobody has confirmed for [`GRACE`], unless another node than `node` tells of it by
/// now: all of it, or where the session goes on at that node, those who did not come there.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn expire(
    tx: &mut TenantTx,
    room: RoomId,
    node: NodeId,
    goes_on: bool,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    lock(tx).await?;
    let now = clock.utc();
    let mut told = read(tx, room).await?;
    if !told.as_ref().is_some_and(|told| told.node == node && told.node_since + GRACE <= now) {
        return Ok(());
    }
    let mut names = names(tx, &BTreeSet::from([room])).await?;
    let mut events = Vec::new();
    Teller::new(room, names.remove(&room), now, &mut events).expire(&mut told, goes_on);
    write(tx, room, told).await?;
    let wanted = wanted(tx).await?;
    append(tx, &wanted, &events, clock).await
}

/// Tells that a recording is stored.
pub(crate) async fn recording_ready(
    tx: &mut TenantTx,
    manifest: &Manifest,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let wanted = wanted(tx).await?;
    if !wanted.contains("recordingReady") {
        return Ok(());
    }
    lock(tx).await?;
    let id = manifest.room_id;
    let name = names(tx, &BTreeSet::from([id])).await?.remove(&id);
    let recording = EventRecording {
        id: manifest.recording_id,
        status: manifest.status,
        started_at: manifest.started_at,
        ended_at: manifest.ended_at,
        track_count: u32::try_from(manifest.tracks.len()).unwrap_or(u32::MAX),
    };
    let room = EventRoom { id, name, call_started_at: None };
    append(tx, &wanted, &[(clock.utc(), RoomEvent::RecordingReady { room, recording })], clock).await
}

/// Forgets what was told of sessions that go on, if nobody in the account is told of rooms any more: whoever is next is
/// told of them from their beginning.
pub(crate) async fn forget_unheard(tx: &mut TenantTx) -> Result<(), StoreError> {
    if wanted(tx).await?.is_empty() {
        query!("DELETE FROM told_sessions").execute(tx.connection()).await?;
    }
    Ok(())
}

/// Writes events under the account's next numbers, those that are `wanted`, with the deliveries they cause.
async fn append(
    tx: &mut TenantTx,
    wanted: &BTreeSet<String>,
    events: &[(OffsetDateTime, RoomEvent)],
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let wanted = events.iter().filter(|(_, event)| wanted.contains(event.name()));
    let (times, events): (Vec<_>, Vec<_>) = wanted.map(|(at, event)| (*at, Json(event))).unzip();
    if events.is_empty() {
        return Ok(());
    }
    let account = tx.account_column();
    query!(
        "WITH said AS (
             SELECT * FROM unnest($2::jsonb[], $3::timestamptz[]) WITH ORDINALITY AS s (event, at, number)
         ), numbered AS (
             UPDATE room_event_sequences SET last_seq = last_seq + $5 RETURNING last_seq - $5 AS before
         ), event AS (
             INSERT INTO room_events (account_id, seq, event, created_at)
             SELECT $1, before + number, said.event, at FROM numbered, said
             RETURNING seq, event ->> 'type' AS name
         )
         INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, wanted_at)
         SELECT $1, webhooks.id, event.seq, $4, $4 FROM event, webhooks
         WHERE disabled_at IS NULL AND subject = 'rooms' AND event.name = ANY (events)",
        account,
        &events as _,
        &times,
        clock.utc(),
        i64::try_from(events.len()).unwrap_or(i64::MAX)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The names of the events that any webhook asks for.
async fn wanted(tx: &mut TenantTx) -> Result<BTreeSet<String>, StoreError> {
    let names = query_scalar!(
        r#"SELECT DISTINCT unnest(events) AS "name!" FROM webhooks WHERE disabled_at IS NULL AND subject = 'rooms'"#
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(names.into_iter().collect())
}

async fn names(tx: &mut TenantTx, rooms: &BTreeSet<RoomId>) -> Result<BTreeMap<RoomId, String>, StoreError> {
    let ids: Vec<_> = rooms.iter().map(|room| room.as_uuid()).collect();
    let rows =
        query!("SELECT id, name FROM rooms WHERE id = ANY ($1)", &ids).fetch_all(tx.connection()).await?;
    Ok(rows.into_iter().map(|row| (RoomId::from_uuid(row.id), row.name)).collect())
}

async fn read(tx: &mut TenantTx, room: RoomId) -> Result<Option<Told>, StoreError> {
    let row = query!(
        r#"SELECT node_id, node_since, started_at, participants AS "participants: Json<told::Participants>"
           FROM told_sessions WHERE room_id = $1"#,
        room.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| Told {
        node: NodeId::from_uuid(row.node_id),
        node_since: row.node_since,
        started_at: row.started_at,
        participants: row.participants.0,
    }))
}

async fn write(tx: &mut TenantTx, room: RoomId, told: Option<Told>) -> Result<(), StoreError> {
    let Some(Told { node, node_since, started_at, participants }) = told else {
        query!("DELETE FROM told_sessions WHERE room_id = $1", room.as_uuid())
            .execute(tx.connection())
            .await?;
        return Ok(());
    };
    let account = tx.account_column();
    let is_confirmed = participants.values().all(|one| one.node == node);
    query!(
        "INSERT INTO told_sessions (account_id, room_id, node_id, node_since, started_at, participants, is_confirmed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (account_id, room_id) DO UPDATE SET node_id = excluded.node_id,
             node_since = excluded.node_since, participants = excluded.participants,
             is_confirmed = excluded.is_confirmed",
        account,
        room.as_uuid(),
        node.as_uuid(),
        node_since,
        started_at,
        Json(participants) as _,
        is_confirmed
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Forgets events that are kept no longer, with their deliveries.
pub(crate) async fn prune(tx: &mut TenantTx, now: OffsetDateTime) -> Result<(), StoreError> {
    let last = query_scalar!(
        "SELECT seq FROM room_events WHERE created_at < $1 ORDER BY created_at DESC LIMIT 1",
        now - KEEP
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(last) = last else { return Ok(()) };
    query!(
        "DELETE FROM webhook_deliveries WHERE webhook_id IN (SELECT id FROM webhooks WHERE subject = 'rooms') AND seq <= $1",
        last
    )
    .execute(tx.connection())
    .await?;
    query!("DELETE FROM room_events WHERE seq <= $1", last).execute(tx.connection()).await?;
    tracing::debug!(account.id = %tx.account(), seq = to_seq(last), "Old events of rooms are forgotten");
    Ok(())
}
