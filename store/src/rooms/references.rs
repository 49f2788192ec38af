//! Whom and what new messages refer to. Of those that refer to nothing, which most are, nothing is asked.

use super::{
    attachments::{self, Sender, StoredAttachment},
    messages::{NewRoomMessage, Pair, Sent},
};
use crate::{
    column::{Seq, from_seq},
    error::StoreError,
    mailbox::{self, Cause, Delivered, NewEntry},
    notifications::{self, About, Notice},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AttachmentId, RoomId, UserId},
    protocol::room::RoomAttachment,
};
use sqlx::query;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What there is of what some messages refer to.
#[derive(Default)]
pub(super) struct References {
    messages: BTreeSet<(RoomId, u64)>,
    people: BTreeSet<(RoomId, UserId)>,
    files: BTreeMap<AttachmentId, StoredAttachment>,
    /// The one message that gets each file, of several that want it.
    takers: BTreeMap<AttachmentId, Sender>,
    /// Messages with files that were stored before.
    known: BTreeSet<Sender>,
}

impl References {
    /// Whether there is the message that this one answers, or it answers none.
    pub(super) fn answers(&self, message: &NewRoomMessage<'_>) -> bool {
        message.reply_to.is_none_or(|seq| self.messages.contains(&(message.room, seq)))
    }

    /// Whether all its files are there, uploaded to the room by who sends them, and in no other message. Those of a
    /// message that is sent again are in that message.
    pub(super) fn attaches(&self, message: &NewRoomMessage<'_>) -> bool {
        let sender = sender(message);
        let is_its_own = |id: &AttachmentId| {
            let by = message.attachments.by.unwrap_or(message.user);
            self.takers.get(id) == Some(&sender)
                && self.files.get(id).is_some_and(|file| file.room == message.room && file.user == by)
        };
        message.attachments.ids.iter().all(is_its_own) || self.known.contains(&sender)
    }

    /// What is said of its files.
    pub(super) fn attached(&self, message: &NewRoomMessage<'_>) -> Vec<RoomAttachment> {
        let files = message.attachments.ids.iter().filter_map(|id| self.files.get(id));
        files.map(|file| file.about.clone()).collect()
    }

    /// Those it mentions who may enter its room, each once.
    pub(super) fn mentioned(&self, message: &NewRoomMessage<'_>) -> impl Iterator<Item = UserId> {
        let mut seen = BTreeSet::new();
        let room = message.room;
        let users = message.mentions.iter().copied();
        users.filter(move |user| self.people.contains(&(room, *user)) && seen.insert(*user))
    }
}

/// Looks for what these messages refer to.
pub(super) async fn find(tx: &mut TenantTx, new: &[NewRoomMessage<'_>]) -> Result<References, StoreError> {
    let mut references = References::default();
    let answered = new.iter().filter_map(|message| Some((message.room, message.reply_to?)));
    let answered: BTreeSet<(RoomId, u64)> = answered.collect();
    if !answered.is_empty() {
        references.messages = messages(tx, &answered).await?;
    }
    let mentioned = new.iter().flat_map(|new| new.mentions.iter().map(|user| (new.room, *user)));
    let mentioned: BTreeSet<(RoomId, UserId)> = mentioned.collect();
    if !mentioned.is_empty() {
        references.people = people(tx, &mentioned).await?;
    }
    let mut senders = BTreeSet::new();
    for message in new {
        for id in message.attachments.ids {
            senders.insert(sender(message));
            references.takers.entry(*id).or_insert_with(|| sender(message));
        }
    }
    if !senders.is_empty() {
        references.files = attachments::unsent(tx, &references.takers.keys().copied().collect()).await?;
        references.known = attachments::already_sent(tx, &senders).await?;
    }
    Ok(references)
}

fn sender(message: &NewRoomMessage<'_>) -> Sender {
    Sender { room: message.room, user: message.user, client_id: message.client_id }
}

async fn messages(
    tx: &mut TenantTx,
    answered: &BTreeSet<(RoomId, u64)>,
) -> Result<BTreeSet<(RoomId, u64)>, StoreError> {
    let rooms: Vec<Uuid> = answered.iter().map(|(room, _)| room.as_uuid()).collect();
    let seqs: Vec<i64> = answered.iter().map(|(_, seq)| from_seq(*seq)).collect();
    // The next one from there on, in the order of the numbers: of the two indexes that begin with the room, Postgres
    // would otherwise take the one without the number.
    let found = query!(
        r#"SELECT m.room_id, m.seq AS "seq: Seq"
           FROM unnest($1::uuid[], $2::bigint[]) AS answered (room_id, seq)
           CROSS JOIN LATERAL (SELECT room_id, seq FROM room_messages
                               WHERE room_id = answered.room_id AND seq >= answered.seq ORDER BY seq LIMIT 1) AS m
           WHERE m.seq = answered.seq"#,
        &rooms,
        &seqs
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(|row| (row.room_id.into(), row.seq.into())).collect())
}

/// Those of these users who are with the account and may enter the room, as far as the room has a say in it.
async fn people(
    tx: &mut TenantTx,
    mentioned: &BTreeSet<(RoomId, UserId)>,
) -> Result<BTreeSet<(RoomId, UserId)>, StoreError> {
    let rooms: Vec<Uuid> = mentioned.iter().map(|(room, _)| room.as_uuid()).collect();
    let users: Vec<Uuid> = mentioned.iter().map(|(_, user)| user.as_uuid()).collect();
    let found = query!(
        r#"SELECT room.id AS room_id, u.id AS user_id
           FROM unnest($1::uuid[], $2::uuid[]) AS mentioned (room_id, user_id)
           CROSS JOIN LATERAL (SELECT id, is_private FROM rooms WHERE id = mentioned.room_id LIMIT 1) AS room
           CROSS JOIN LATERAL (SELECT id FROM users
                               WHERE id = mentioned.user_id AND deactivated_at IS NULL LIMIT 1) AS u
           WHERE (NOT room.is_private OR EXISTS (SELECT FROM room_members AS member
                                                 WHERE member.room_id = room.id AND member.user_id = u.id))
             AND NOT EXISTS (SELECT FROM room_bans AS ban WHERE ban.room_id = room.id AND ban.user_id = u.id)"#,
        &rooms,
        &users
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(|row| (row.room_id.into(), row.user_id.into())).collect())
}

/// Notes who is yet to read that they are mentioned, in messages that are new, and tells their mailboxes. `rooms` has
/// the room of each by its place, counted from 1.
pub(super) async fn note_mentions(
    tx: &mut TenantTx,
    rooms: &[Uuid],
    stored: &mut BTreeMap<i64, Sent>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for (place, Sent { message, .. }) in stored.iter().filter(|(_, sent)| sent.new) {
        let room = usize::try_from(*place).ok().and_then(|place| rooms.get(place.checked_sub(1)?));
        let Some(room) = room else { continue };
        let mentioned = message.mentions.iter().filter(|user| **user != message.user_id);
        new.extend(mentioned.map(|user| NewEntry {
            user: *user,
            cause: Cause::Mention(message.seq),
            from: message.user_id,
            name: message.name.clone(),
            room: RoomId::from_uuid(*room),
        }));
    }
    if new.is_empty() {
        return Ok(());
    }
    note_unread(tx, &new).await?;
    let mut entries: BTreeMap<(RoomId, Option<u64>), Vec<Delivered>> = BTreeMap::new();
    for delivered in mailbox::add(tx, &new, clock).await? {
        let Delivered { entry, .. } = &delivered;
        entries.entry((entry.room_id, entry.message_seq)).or_default().push(delivered);
    }
    for (place, sent) in stored.iter_mut().filter(|(_, sent)| sent.new) {
        let room = usize::try_from(*place).ok().and_then(|place| rooms.get(place.checked_sub(1)?));
        let caused =
            room.and_then(|room| entries.remove(&(RoomId::from_uuid(*room), Some(sent.message.seq))));
        sent.entries = caused.unwrap_or_default();
    }
    Ok(())
}

async fn note_unread(tx: &mut TenantTx, new: &[NewEntry]) -> Result<(), StoreError> {
    let (mut rooms, mut users, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for entry in new {
        let Cause::Mention(seq) = entry.cause else { continue };
        rooms.push(entry.room.as_uuid());
        users.push(entry.user.as_uuid());
        seqs.push(from_seq(seq));
    }
    let account = tx.account_column();
    query!(
        "INSERT INTO unread_mentions (account_id, room_id, user_id, seq)
         SELECT $1, new.room_id, new.user_id, new.seq
         FROM unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS new (room_id, user_id, seq)",
        account,
        &rooms,
        &users,
        &seqs
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Has those notified whom new messages mention, and of those in rooms of two the other.
pub(super) async fn notify(
    tx: &mut TenantTx,
    rooms: &[Uuid],
    stored: &BTreeMap<i64, Sent>,
    open: &BTreeMap<RoomId, Pair>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let mut notices = Vec::new();
    for (place, Sent { message, entries, .. }) in stored.iter().filter(|(_, sent)| sent.new) {
        let room = usize::try_from(*place).ok().and_then(|place| rooms.get(place.checked_sub(1)?));
        let Some(room) = room.map(|room| RoomId::from_uuid(*room)) else { continue };
        let notice = |user, about| {
            let (from, name) = (message.user_id, message.name.clone());
            Notice { user, about, from, name, room }
        };
        let others = open.get(&room).copied().flatten().into_iter().flatten();
        let others = others.filter(|user| *user != message.user_id);
        notices.extend(others.map(|user| notice(user, About::Message(message.seq))));
        // Last: of two notices of a room the later is told.
        notices.extend(entries.iter().map(|told| notice(told.user, About::Mention(message.seq))));
    }
    notifications::queue(tx, &notices, clock).await
}
