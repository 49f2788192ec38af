//! `room.edit`, `room.delete` and `room.react`. They are stored with what is said.

use super::{
    group::Judges,
    post::{check_edited, store_later},
    waiting::{Post, What},
};
use crate::{
    client::{Client, forbidden},
    failure::{not_found, store_failed},
    hub::Hub,
    rooms::admit::refused,
};
use common::{
    emoji::is_emoji,
    error::{ErrorCode, Fault},
    id::RoomId,
    protocol::{
        Failure, RequestId,
        room::{Delete, EMOJI_BYTES_MAX, Edit, React, RoomMessage},
    },
    room::RoomEntry,
    text::TextError,
};
use signalling_core::{
    admission::{Action, Refusal},
    revision::{Change, Draft, Unchanged},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use store::{
    TenantTx,
    rooms::{self, Reactor, Revised},
};
use time::OffsetDateTime;

/// `room.edit`.
pub(crate) async fn edit(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, edit: Edit) {
    let room = hub.0.rooms.joined_durable(client, Action::Edit, edit.room_id);
    let room = room.and_then(|room| check_edited(&edit.text).map(|()| room));
    let what = What::Changed { message_seq: edit.message_seq, change: Change::Edit { text: edit.text } };
    store_later(hub, client, id, room, what).await;
}

/// `room.delete`.
pub(crate) async fn delete(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, delete: Delete) {
    // Whose message it is, and so what is needed, is known when it is read.
    let room = hub.0.rooms.joined_durable(client, Action::Enter, delete.room_id);
    let what = What::Changed { message_seq: delete.message_seq, change: Change::Delete };
    store_later(hub, client, id, room, what).await;
}

/// `room.react`.
pub(crate) async fn react(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, react: React) {
    let room = hub.0.rooms.joined_durable(client, Action::React, react.room_id);
    let room = room.and_then(|room| check_emoji(&react.emoji).map(|()| room));
    let React { message_seq, emoji, on, .. } = react;
    store_later(hub, client, id, room, What::Changed { message_seq, change: Change::React { emoji, on } })
        .await;
}

fn check_emoji(emoji: &str) -> Result<(), Failure> {
    if emoji.len() <= EMOJI_BYTES_MAX && is_emoji(emoji) {
        return Ok(());
    }
    Err(Failure::of(ErrorCode::INVALID_BODY, Fault::Caller, "a reaction is one emoji"))
}

/// One of a group that changes a message.
struct Asked<'a> {
    at: usize,
    room: RoomId,
    seq: u64,
    client: &'a Client,
    change: &'a Change,
}

/// Stores what a group changes, and adds what became of each; what is to be told, and who has asked for it first.
pub(super) async fn store(
    tx: &mut TenantTx,
    group: &[Post],
    judges: &Judges,
    open: &BTreeSet<RoomId>,
    now: OffsetDateTime,
    outcomes: &mut BTreeMap<usize, Result<RoomMessage, Failure>>,
) -> Result<Vec<(usize, RoomEntry)>, Failure> {
    let asked: Vec<Asked<'_>> = group.iter().enumerate().filter_map(asked).collect();
    let mut drafts = drafts(tx, &asked).await?;
    let mut accepted = Vec::new();
    for change in &asked {
        match apply(change, &mut drafts, judges, open, now) {
            Ok(()) => accepted.push(change),
            Err(failure) => drop(outcomes.insert(change.at, Err(failure))),
        }
    }
    let mut first_of: BTreeMap<(RoomId, u64), usize> = BTreeMap::new();
    for Asked { at, room, seq, .. } in accepted {
        let Some(draft) = drafts.get(&(*room, *seq)) else { continue };
        outcomes.insert(*at, Ok(draft.message().clone()));
        first_of.entry((*room, *seq)).or_insert(*at);
    }
    let revised = drafts.into_iter().filter_map(|((room, _), draft)| {
        let revision = draft.finish()?;
        Some(Revised {
            room,
            message: revision.message,
            added: revision.added,
            removed: revision.removed,
            unmentioned: revision.unmentioned,
        })
    });
    let revised: Vec<Revised> = revised.collect();
    let entries = rooms::revise(tx, &revised).await.map_err(|error| store_failed(&error))?;
    let told = revised
        .iter()
        .zip(entries)
        .filter_map(|(revised, entry)| Some((*first_of.get(&(revised.room, revised.message.seq))?, entry)));
    Ok(told.collect())
}

fn asked((at, post): (usize, &Post)) -> Option<Asked<'_>> {
    let What::Changed { message_seq, change } = &post.what else { return None };
    Some(Asked { at, room: post.room.id, seq: *message_seq, client: &post.client, change })
}

/// The messages as they are stored.
async fn drafts(tx: &mut TenantTx, asked: &[Asked<'_>]) -> Result<BTreeMap<(RoomId, u64), Draft>, Failure> {
    let failed = |error| store_failed(&error);
    let wanted = asked.iter().map(|asked| (asked.room, asked.seq)).collect();
    let found = rooms::find_messages(tx, &wanted).await.map_err(failed)?;
    let reactors = asked.iter().filter_map(|asked| {
        let Change::React { emoji, .. } = asked.change else { return None };
        Some(Reactor { room: asked.room, seq: asked.seq, emoji: emoji.clone(), user: asked.client.user })
    });
    let mut reacted: BTreeMap<(RoomId, u64), Vec<_>> = BTreeMap::new();
    for Reactor { room, seq, emoji, user } in rooms::reacted(tx, &reactors.collect()).await.map_err(failed)? {
        reacted.entry((room, seq)).or_default().push((emoji, user));
    }
    let draft = |(key, message)| (key, Draft::new(message, reacted.remove(&key).unwrap_or_default()));
    Ok(found.into_iter().map(draft).collect())
}

fn apply(
    asked: &Asked<'_>,
    drafts: &mut BTreeMap<(RoomId, u64), Draft>,
    judges: &Judges,
    open: &BTreeSet<RoomId>,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    judges.may(asked.at, Action::Enter)?;
    let draft = drafts.get_mut(&(asked.room, asked.seq)).ok_or_else(|| not_found("message"))?;
    let is_own = draft.message().user_id == asked.client.user;
    let action = asked.change.action(is_own).ok_or_else(|| forbidden("only its author edits a message"))?;
    judges.may(asked.at, action)?;
    // It may have been closed since that was read.
    if !open.contains(&asked.room) {
        return Err(refused(Refusal::Closed));
    }
    draft.apply(asked.client.user, asked.change, now).map_err(unchanged)
}

fn unchanged(why: Unchanged) -> Failure {
    match why {
        Unchanged::Deleted => not_found("message"),
        Unchanged::Empty => {
            let why = TextError::Empty.to_string();
            Failure::of(ErrorCode::INVALID_BODY, Fault::Caller, why)
        }
        Unchanged::TooManyReactions => {
            let why = "people have reacted to the message with too many different emojis";
            Failure::of(ErrorCode::TOO_MANY, Fault::Caller, why)
        }
    }
}

#[cfg(test)]
mod tests;
