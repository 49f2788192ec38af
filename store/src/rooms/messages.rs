//! Messages of rooms, numbered without gaps.

use crate::{
    column::{self, Seq, from_seq, to_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ClientMessageId, RoomId, RoomMessageId, UserId},
    protocol::room::RoomMessage,
};
use sqlx::{query, query_as};

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
/// Sent again with the same client id by the same user, it is the message that
/// was stored then, whatever the text says now. Holds the room until the
/// transaction ends, so commit soon.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn send(
    tx: &mut TenantTx,
    new: &NewRoomMessage<'_>,
    clock: &dyn Clock,
) -> Result<Option<Sent>, StoreError> {
    // A statement of its own: the next one must see what whoever held the room before has stored.
    let held =
        query!("SELECT FROM rooms WHERE id = $1 AND closed_at IS NULL FOR NO KEY UPDATE", new.room.as_uuid())
            .fetch_optional(tx.connection())
            .await?;
    if held.is_none() {
        return Ok(None);
    }
    let account = tx.account_column();
    // The number is taken only if the message is new: with ON CONFLICT it would be taken first, and a repeated message
    // would leave a gap, which clients take for something missed.
    let row = query!(
        r#"WITH existing AS (
               SELECT id, seq, user_id, user_name, text, created_at FROM room_messages
               WHERE room_id = $2 AND user_id = $4 AND client_id = $6
           ), numbered AS (
               UPDATE rooms SET last_seq = last_seq + 1
               WHERE id = $2 AND NOT EXISTS (SELECT FROM existing)
               RETURNING last_seq
           ), inserted AS (
               INSERT INTO room_messages
                   (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
               SELECT $1, $2, last_seq, $3, $4, $5, $6, $7, $8 FROM numbered
               RETURNING id, seq, user_id, user_name, text, created_at
           )
           SELECT id AS "id!", seq AS "seq!", user_id AS "user_id!", user_name AS "user_name!", text AS "text!",
                  created_at AS "created_at!", true AS "new!" FROM inserted
           UNION ALL
           SELECT id, seq, user_id, user_name, text, created_at, false FROM existing"#,
        account,
        new.room.as_uuid(),
        RoomMessageId::generate(clock).as_uuid(),
        new.user.as_uuid(),
        &*column::text(new.name),
        new.client_id.as_uuid(),
        &*column::text(new.text),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    let message = RoomMessage {
        id: row.id.into(),
        seq: to_seq(row.seq),
        user_id: row.user_id.into(),
        name: row.user_name,
        text: row.text,
        created_at: row.created_at,
    };
    Ok(Some(Sent { message, new: row.new }))
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
