//! Messages of rooms, numbered without gaps.

use super::{
    attachments::{self, Uploads},
    references::{self, References},
};
use crate::{
    column::{self, Seq, from_seq},
    error::StoreError,
    mailbox::Delivered,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ClientMessageId, RoomId, RoomMessageId, UserId},
    protocol::room::{Reaction, RoomAttachment, RoomMessage},
    room::RoomEntry,
};
use sqlx::{query, query_as, types::Json};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// The message of a row that has other columns, too.
macro_rules! message_of {
    ($row:ident) => {
        common::protocol::room::RoomMessage::from(MessageRow {
            id: $row.id,
            seq: $row.seq,
            user_id: $row.user_id,
            name: $row.name,
            text: $row.text,
            created_at: $row.created_at,
            reply_to: $row.reply_to,
            mentions: $row.mentions,
            attachments: $row.attachments,
            edited_at: $row.edited_at,
            deleted_at: $row.deleted_at,
            reactions: $row.reactions,
        })
    };
}
pub(super) use message_of;

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
    /// The number of the message that it answers.
    pub reply_to: Option<u64>,
    /// Users whose attention it wants; of whom those are kept who may enter the room.
    pub mentions: &'a [UserId],
    /// Its files.
    pub attachments: Uploads<'a>,
}

/// Why a message is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// There is no such room, or it is closed.
    NoRoom,
    /// It answers a message that is not there.
    NoSuchMessage,
    /// A file of it is not there, of somebody else or another room, or in a message already.
    NoSuchAttachment,
}

/// A message that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// As everybody sees it.
    pub message: RoomMessage,
    /// False if it was stored before, when the client sent it the first time.
    pub new: bool,
    /// What it has put into the mailboxes of those whom it mentions.
    pub entries: Vec<Delivered>,
}

/// Stores a message under the room's next number, unless it cannot be.
///
/// # Errors
/// As for [`post`].
pub async fn send(
    tx: &mut TenantTx,
    new: &NewRoomMessage<'_>,
    clock: &dyn Clock,
) -> Result<Result<Sent, Unsent>, StoreError> {
    let posted = post(tx, std::slice::from_ref(new), Repeats::LookedFor, clock).await?;
    posted.and_then(|mut posted| posted.pop()).ok_or(StoreError::Contradiction)
}

/// What is done about messages that were stored before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// They are found.
    LookedFor,
    /// It is noticed that there are some.
    NotExpected,
}

/// Stores messages, each under its room's next number, in their order; says of each whether it could be.
///
/// Sent again with the same client id by the same user, also within `new`, it is the message that was stored then,
/// whatever the text says now. If that is [not expected](Repeats::NotExpected) and yet so of some, there is no answer:
/// nothing of the transaction may be committed, and all is to be done again where they are looked for. Holds the rooms
/// until the transaction ends, so commit soon.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn post(
    tx: &mut TenantTx,
    new: &[NewRoomMessage<'_>],
    repeats: Repeats,
    clock: &dyn Clock,
) -> Result<Option<Vec<Result<Sent, Unsent>>>, StoreError> {
    let rooms: BTreeSet<RoomId> = new.iter().map(|message| message.room).collect();
    let open = hold(tx, &rooms).await?;
    let references = references::find(tx, new).await?;
    // Of what is said twice at once the first is stored.
    let mut firsts = BTreeMap::new();
    let mut batch = Batch::default();
    let judge = |message: &NewRoomMessage<'_>| {
        if !open.contains_key(&message.room) {
            return Err(Unsent::NoRoom);
        }
        if !references.answers(message) {
            return Err(Unsent::NoSuchMessage);
        }
        if references.attaches(message) { Ok(()) } else { Err(Unsent::NoSuchAttachment) }
    };
    for message in new.iter().filter(|message| judge(message).is_ok()) {
        let entry = firsts.entry((message.room, message.user, message.client_id));
        entry.or_insert_with(|| batch.push(message, &references, clock));
    }
    let mut stored =
        if batch.ids.is_empty() { BTreeMap::new() } else { insert(tx, &batch, repeats, clock).await? };
    if stored.len() < batch.ids.len() {
        return Ok(None);
    }
    let new_messages = stored.values().filter(|sent| sent.new).map(|sent| &sent.message);
    let attached = new_messages.flat_map(|message| message.attachments.iter().map(|it| (it.id, message.seq)));
    attachments::note_sent(tx, &attached.collect::<Vec<_>>()).await?;
    references::note_mentions(tx, &batch.rooms, &mut stored, clock).await?;
    references::notify(tx, &batch.rooms, &stored, &open, clock).await?;
    let sent = new.iter().map(|message| {
        judge(message)?;
        let at = firsts.get(&(message.room, message.user, message.client_id)).ok_or(Unsent::NoRoom)?;
        let sent = stored.get_mut(at).ok_or(Unsent::NoRoom)?;
        let first = sent.clone();
        sent.new = false;
        sent.entries.clear();
        Ok(first)
    });
    Ok(Some(sent.collect()))
}

/// Keeps everybody else from writing to these rooms; those of them that are there and open.
///
/// A statement of its own: the next one must see what whoever held a room before has stored. In the order of their
/// ids, so that no two wait for each other; who writes to more rooms than one holds all of them at once.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hold_open(tx: &mut TenantTx, rooms: &BTreeSet<RoomId>) -> Result<BTreeSet<RoomId>, StoreError> {
    Ok(hold(tx, rooms).await?.into_keys().collect())
}

/// The two whose room it is, if it is for two.
pub(super) type Pair = Option<[UserId; 2]>;

async fn hold(tx: &mut TenantTx, rooms: &BTreeSet<RoomId>) -> Result<BTreeMap<RoomId, Pair>, StoreError> {
    let rooms: Vec<Uuid> = rooms.iter().map(|room| room.as_uuid()).collect();
    let held = query!(
        r#"SELECT id, closed_at IS NULL AS "is_open!", direct_low, direct_high
           FROM rooms WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE"#,
        &rooms
    )
    .fetch_all(tx.connection())
    .await?;
    let open = held.into_iter().filter(|room| room.is_open).map(|room| {
        let pair = room.direct_low.zip(room.direct_high);
        (RoomId::from_uuid(room.id), pair.map(|(low, high)| [low.into(), high.into()]))
    });
    Ok(open.collect())
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
    replies_to: Vec<Option<i64>>,
    /// Ids with commas between them: Postgres unfolds an array of arrays into its innermost elements.
    mentions: Vec<Option<String>>,
    attachments: Vec<Option<Json<Vec<RoomAttachment>>>>,
}

impl Batch {
    /// Appends a message; which one it is, counted from 1.
    fn push(&mut self, message: &NewRoomMessage<'_>, references: &References, clock: &dyn Clock) -> i64 {
        self.rooms.push(message.room.as_uuid());
        self.ids.push(RoomMessageId::generate(clock).as_uuid());
        self.users.push(message.user.as_uuid());
        self.names.push(column::text(message.name).into_owned());
        self.client_ids.push(message.client_id.as_uuid());
        self.texts.push(column::text(message.text).into_owned());
        self.replies_to.push(message.reply_to.map(from_seq));
        let mentions: Vec<_> = references.mentioned(message).map(|user| user.as_uuid().to_string()).collect();
        self.mentions.push((!mentions.is_empty()).then(|| mentions.join(",")));
        let attachments = references.attached(message);
        self.attachments.push((!attachments.is_empty()).then_some(Json(attachments)));
        i64::try_from(self.ids.len()).unwrap_or(i64::MAX)
    }
}

/// Stores those that are new, and returns all as they are stored, by their place.
///
/// Without those that were stored before, unless they are looked for: each has then taken a number that nobody has,
/// a gap, which clients would take for something missed.
async fn insert(
    tx: &mut TenantTx,
    batch: &Batch,
    repeats: Repeats,
    clock: &dyn Clock,
) -> Result<BTreeMap<i64, Sent>, StoreError> {
    let account = tx.account_column();
    // LIMIT has each message looked up by itself, whatever Postgres takes the table for. Until it has counted the rows,
    // it takes the index by number for as good as that by client id, and reads the whole room for each; whether there
    // is a conflict it finds by the right one, whatever it knows.
    let rows = query!(
        r#"WITH said AS (
               SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[],
                                    $9::bigint[], $10::text[], $11::jsonb[])
                   WITH ORDINALITY
                   AS said (room_id, id, user_id, user_name, client_id, text, reply_to, mentions, attachments, place)
           ), existing AS (
               SELECT said.place, m.*
               FROM said CROSS JOIN LATERAL (
                   SELECT * FROM room_messages WHERE $12 AND room_id = said.room_id AND user_id = said.user_id
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
                   (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at, reply_to, mentions,
                    attachments)
               SELECT $1, new.room_id, numbered.before + new.number, new.id, new.user_id, new.user_name,
                      new.client_id, new.text, $8, new.reply_to, string_to_array(new.mentions, ',')::uuid[],
                      new.attachments
               FROM new JOIN numbered ON numbered.id = new.room_id
               ON CONFLICT (account_id, room_id, user_id, client_id) DO NOTHING
               RETURNING id, seq, user_id, user_name, text, created_at, reply_to, mentions, attachments
           )
           SELECT new.place AS "place!", inserted.id AS "id!", inserted.seq AS "seq!: Seq",
                  inserted.user_id AS "user_id!", inserted.user_name AS "name!", inserted.text AS "text!",
                  inserted.created_at AS "created_at!", inserted.reply_to AS "reply_to?: Seq",
                  inserted.mentions AS "mentions?",
                  inserted.attachments AS "attachments?: Json<Vec<RoomAttachment>>", NULL::timestamptz AS edited_at,
                  NULL::timestamptz AS deleted_at, NULL::jsonb AS "reactions?: Json<Vec<Reaction>>", true AS "new!"
           FROM inserted JOIN new ON new.id = inserted.id
           UNION ALL
           SELECT place, id, seq, user_id, user_name, text, created_at, reply_to, mentions, attachments, edited_at,
                  deleted_at, reactions, false
           FROM existing"#,
        account,
        &batch.rooms,
        &batch.ids,
        &batch.users,
        &batch.names,
        &batch.client_ids,
        &batch.texts,
        clock.utc(),
        &batch.replies_to as &[Option<i64>],
        &batch.mentions as &[Option<String>],
        &batch.attachments as &[Option<Json<Vec<RoomAttachment>>>],
        repeats == Repeats::LookedFor
    )
    .fetch_all(tx.connection())
    .await?;
    let sent = rows.into_iter().map(|row| {
        let sent = Sent { message: message_of!(row), new: row.new, entries: Vec::new() };
        (row.place, sent)
    });
    Ok(sent.collect())
}

/// A message as a row.
pub(super) struct MessageRow {
    pub(super) id: Uuid,
    pub(super) seq: Seq,
    pub(super) user_id: Uuid,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) created_at: OffsetDateTime,
    pub(super) reply_to: Option<Seq>,
    pub(super) mentions: Option<Vec<Uuid>>,
    pub(super) attachments: Option<Json<Vec<RoomAttachment>>>,
    pub(super) edited_at: Option<OffsetDateTime>,
    pub(super) deleted_at: Option<OffsetDateTime>,
    pub(super) reactions: Option<Json<Vec<Reaction>>>,
}

impl From<MessageRow> for RoomMessage {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id.into(),
            seq: row.seq.into(),
            user_id: row.user_id.into(),
            name: row.name,
            text: row.text,
            created_at: row.created_at,
            reply_to: row.reply_to.map(Into::into),
            mentions: row.mentions.unwrap_or_default().into_iter().map(UserId::from_uuid).collect(),
            attachments: row.attachments.map(|Json(attachments)| attachments).unwrap_or_default(),
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
            reactions: row.reactions.map(|Json(reactions)| reactions).unwrap_or_default(),
        }
    }
}

/// The messages, and changes of messages, that follow number `seq`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn after(
    tx: &mut TenantTx,
    room: RoomId,
    seq: u64,
    limit: u16,
) -> Result<Vec<RoomEntry>, StoreError> {
    // Each message is the next one from its number on: of the two indexes that begin with the room, Postgres would
    // otherwise take the one without the number.
    let rows = query!(
        r#"SELECT entry.seq AS "entry!: Seq", m.id, m.seq AS "seq: Seq", m.user_id, m.user_name AS name, m.text,
                  m.created_at, m.reply_to AS "reply_to: Seq", m.mentions,
                  m.attachments AS "attachments: Json<Vec<RoomAttachment>>", m.edited_at, m.deleted_at,
                  m.reactions AS "reactions: Json<Vec<Reaction>>"
           FROM ((SELECT seq, seq AS message_seq FROM room_messages
                  WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3)
                 UNION ALL
                 (SELECT seq, message_seq FROM room_changes
                  WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3)
                 ORDER BY seq LIMIT $3) AS entry
           CROSS JOIN LATERAL (
               SELECT * FROM room_messages WHERE room_id = $1 AND seq >= entry.message_seq
               ORDER BY seq LIMIT 1) AS m
           ORDER BY entry.seq"#,
        room.as_uuid(),
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    let entries = rows.into_iter().map(|row| RoomEntry { seq: row.entry.into(), message: message_of!(row) });
    Ok(entries.collect())
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
        MessageRow,
        r#"SELECT id, seq AS "seq: Seq", user_id, user_name AS name, text, created_at, reply_to AS "reply_to: Seq",
                mentions, attachments AS "attachments: Json<Vec<RoomAttachment>>", edited_at, deleted_at, reactions AS "reactions: Json<Vec<Reaction>>"
         FROM room_messages WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"#,
        room.as_uuid(),
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    rows.reverse();
    Ok(rows.into_iter().map(Into::into).collect())
}
