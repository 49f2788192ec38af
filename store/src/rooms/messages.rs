//! Messages of rooms, numbered without gaps.

use crate::{
    column::{self, Seq, from_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ClientMessageId, RoomId, RoomMessageId, UserId},
    protocol::room::RoomMessage,
};
use sqlx::{query, query_as, query_scalar};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A message to be posted in a room.
#[derive(Debug, Clone, Copy)]
pub struct NewRoomMessage<'a> {
    /// The room in which it is said.
    pub room: RoomId,
    /// Who says it.
    pub user: UserId,
    /// Their name at this time.
    pub name: &'a str,
    /// Chosen by the client, once per message.
    pub client_id: ClientMessageId,
    /// What is said.
    pub text: &'a str,
}

/// A message that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// As everybody sees it.
    pub message: RoomMessage,
    /// False if it was stored before, when the client sent it the first time.
    pub new: bool,
}

/// Stores a message under the room's next number; `None` if there is no such room, or it is closed.
///
/// # Errors
/// As for [`post`].
pub async fn send(
    tx: &mut TenantTx,
    new: &NewRoomMessage<'_>,
    clock: &dyn Clock,
) -> Result<Option<Sent>, StoreError> {
    Ok(post(tx, std::slice::from_ref(new), clock).await?.pop().flatten())
}

/// Stores messages, each under its room's next number, in their order; `None` for those of which there is no such
/// room, or it is closed.
///
/// Sent again with the same client id by the same user, also within `new`, it is the message that was stored then,
/// whatever the text says now. Holds the rooms until the transaction ends, so commit soon.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn post(
    tx: &mut TenantTx,
    new: &[NewRoomMessage<'_>],
    clock: &dyn Clock,
) -> Result<Vec<Option<Sent>>, StoreError> {
    let open = hold_open(tx, new).await?;
    // Of what is said twice at once the first is stored.
    let mut firsts = BTreeMap::new();
    let mut batch = Batch::default();
    for message in new.iter().filter(|message| open.contains(&message.room)) {
        let entry = firsts.entry((message.room, message.user, message.client_id));
        entry.or_insert_with(|| batch.push(message, clock));
    }
    if batch.ids.is_empty() {
        return Ok(new.iter().map(|_| None).collect());
    }
    let mut stored = insert(tx, &batch, clock).await?;
    let sent = new.iter().map(|message| {
        let at = firsts.get(&(message.room, message.user, message.client_id))?;
        let sent = stored.get_mut(at)?;
        let first = sent.clone();
        sent.new = false;
        Some(first)
    });
    Ok(sent.collect())
}

/// Keeps everybody else from writing to these rooms; those of them that are there and open.
///
/// A statement of its own: the next one must see what whoever held a room before has stored. In the order of their
/// ids, so that no two wait for each other.
async fn hold_open(tx: &mut TenantTx, new: &[NewRoomMessage<'_>]) -> Result<BTreeSet<RoomId>, StoreError> {
    let rooms: BTreeSet<Uuid> = new.iter().map(|message| message.room.as_uuid()).collect();
    let rooms: Vec<Uuid> = rooms.into_iter().collect();
    let open = query_scalar!(
        "SELECT id FROM rooms WHERE id = ANY ($1) AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE",
        &rooms
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(open.into_iter().map(RoomId::from_uuid).collect())
}

/// Messages as columns.
#[derive(Default)]
struct Batch {
    rooms: Vec<Uuid>,
    ids: Vec<Uuid>,
    users: Vec<Uuid>,
    names: Vec<String>,
    client_ids: Vec<Uuid>,
    texts: Vec<String>,
}

impl Batch {
    /// Appends a message; which one it is, counted from 1.
    fn push(&mut self, message: &NewRoomMessage<'_>, clock: &dyn Clock) -> i64 {
        self.rooms.push(message.room.as_uuid());
        self.ids.push(RoomMessageId::generate(clock).as_uuid());
        self.users.push(message.user.as_uuid());
        self.names.push(column::text(message.name).into_owned());
        self.client_ids.push(message.client_id.as_uuid());
        self.texts.push(column::text(message.text).into_owned());
        i64::try_from(self.ids.len()).unwrap_or(i64::MAX)
    }
}

/// Stores those that are new, and returns all as they are stored, by their place.
async fn insert(
    tx: &mut TenantTx,
    batch: &Batch,
    clock: &dyn Clock,
) -> Result<BTreeMap<i64, Sent>, StoreError> {
    let account = tx.account_column();
    // LIMIT has each message looked up by itself, whatever Postgres takes the table for. A number is taken only if the message is new: with ON CONFLICT it would be taken first, and a repeated message
    // would leave a gap, which clients take for something missed.
    let rows = query!(
        r#"WITH said AS (
               SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[])
                   WITH ORDINALITY AS said (room_id, id, user_id, user_name, client_id, text, place)
           ), existing AS (
               SELECT said.place, m.id, m.seq, m.user_id, m.user_name, m.text, m.created_at
               FROM said CROSS JOIN LATERAL (
                   SELECT * FROM room_messages WHERE room_id = said.room_id AND user_id = said.user_id
                       AND client_id = said.client_id LIMIT 1) AS m
           ), new AS (
               SELECT said.*, row_number() OVER (PARTITION BY room_id ORDER BY place) AS number
               FROM said WHERE NOT EXISTS (SELECT FROM existing WHERE existing.place = said.place)
           ), numbered AS (
               UPDATE rooms SET last_seq = last_seq + counts.count
               FROM (SELECT room_id, count(*) FROM new GROUP BY room_id) AS counts
               WHERE rooms.id = counts.room_id
               RETURNING rooms.id, rooms.last_seq - counts.count AS before
           ), inserted AS (
               INSERT INTO room_messages
                   (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
               SELECT $1, new.room_id, numbered.before + new.number, new.id, new.user_id, new.user_name,
                      new.client_id, new.text, $8
               FROM new JOIN numbered ON numbered.id = new.room_id
               RETURNING id, seq, user_id, user_name, text, created_at
           )
           SELECT new.place AS "place!", inserted.id AS "id!", inserted.seq AS "seq!: Seq",
                  inserted.user_id AS "user_id!", inserted.user_name AS "name!", inserted.text AS "text!",
                  inserted.created_at AS "created_at!", true AS "new!"
           FROM inserted JOIN new ON new.id = inserted.id
           UNION ALL
           SELECT place, id, seq, user_id, user_name, text, created_at, false FROM existing"#,
        account,
        &batch.rooms,
        &batch.ids,
        &batch.users,
        &batch.names,
        &batch.client_ids,
        &batch.texts,
        clock.utc()
    )
    .fetch_all(tx.connection())
    .await?;
    let sent = rows.into_iter().map(|row| {
        let message = RoomMessage {
            id: row.id.into(),
            seq: row.seq.into(),
            user_id: row.user_id.into(),
            name: row.name,
            text: row.text,
            created_at: row.created_at,
        };
        (row.place, Sent { message, new: row.new })
    });
    Ok(sent.collect())
}

/// The messages that follow number `seq`, oldest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn after(
    tx: &mut TenantTx,
    room: RoomId,
    seq: u64,
    limit: u16,
) -> Result<Vec<RoomMessage>, StoreError> {
    let rows = query_as!(
        RoomMessage,
        r#"SELECT id, seq AS "seq: Seq", user_id, user_name AS name, text, created_at FROM room_messages
         WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"#,
        room.as_uuid(),
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// The latest messages, oldest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn latest(tx: &mut TenantTx, room: RoomId, limit: u16) -> Result<Vec<RoomMessage>, StoreError> {
    before(tx, room, u64::MAX, limit).await
}

/// The messages just before number `seq`, oldest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn before(
    tx: &mut TenantTx,
    room: RoomId,
    seq: u64,
    limit: u16,
) -> Result<Vec<RoomMessage>, StoreError> {
    // Read backwards to find the nearest ones, and returned in reading order.
    let mut rows = query_as!(
        RoomMessage,
        r#"SELECT id, seq AS "seq: Seq", user_id, user_name AS name, text, created_at FROM room_messages
         WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"#,
        room.as_uuid(),
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    rows.reverse();
    Ok(rows)
}
