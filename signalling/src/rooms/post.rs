//! `room.send`, and what [changes](super::change) messages: stored, then told.
//!
//! What is said and changed in an account gathers while what was before is stored, and is then stored together, in one
//! transaction ([`super::group`]): a busy room costs the store little more than a quiet one, and never more than
//! one connection.

use super::{
    group,
    live::LiveRoom,
    waiting::{Post, Posts, What},
};
use crate::{client::Client, failure::published, hub::Hub, mailbox, room_list};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, AttachmentId, RoomId},
    protocol::{
        Failure, RequestId,
        room::{ATTACHMENTS_MAX, MENTIONS_MAX, Send, Sent, TEXT_BYTES_MAX},
    },
    room::RoomEntry,
    subject::hub::{RoomNews, RoomTopic},
    text::{self, TextError},
};
use signalling_core::admission::Action;
use std::{collections::BTreeSet, sync::Arc};

/// Has a message stored.
pub(crate) async fn send(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, said: Send) {
    let room = checked(hub, client, &said);
    store_later(hub, client, id, room, What::Said(said)).await;
}

/// Has something stored in a room, if it may be. Whether and how is answered when that has happened; until then more
/// may be sent.
pub(super) async fn store_later(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<RequestId>,
    room: Result<Arc<LiveRoom>, Failure>,
    what: What,
) {
    let room = match room {
        Ok(room) => room,
        Err(failure) => return client.answer::<Sent>(id.as_ref(), &Err(failure)),
    };
    let permit = client.post().await;
    let post = Post { client: Arc::clone(client), id, room, what, outcome: None, _permit: permit };
    if hub.0.posts.push(client.account, post) {
        hub.finish(store_all(hub.clone(), client.account));
    }
}

/// Refuses a text that breaks a rule. With attachments, none is needed.
fn check_text(said: &Send) -> Result<(), Failure> {
    let rule = if said.attachments.is_empty() { text::checked_text } else { text::checked_caption };
    rule(&said.text, TEXT_BYTES_MAX).map_err(unsaid).map(drop)
}

/// Refuses a text that breaks a rule for whichever message.
pub(super) fn check_edited(text: &str) -> Result<(), Failure> {
    text::checked_caption(text, TEXT_BYTES_MAX).map_err(unsaid).map(drop)
}

/// Refuses files that are too many, or named twice.
fn check_attachments(ids: &[AttachmentId]) -> Result<(), Failure> {
    if ids.len() > ATTACHMENTS_MAX {
        return Err(Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the message has too many attachments"));
    }
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        let why = "an attachment is in a message once";
        return Err(Failure::of(ErrorCode::INVALID_BODY, Fault::Caller, why));
    }
    Ok(())
}

fn unsaid(error: TextError) -> Failure {
    let code = match error {
        TextError::TooLong => ErrorCode::TOO_LARGE,
        TextError::Empty | TextError::Control => ErrorCode::INVALID_BODY,
    };
    Failure::of(code, Fault::Caller, error.to_string())
}

/// The room, if the client is in it and may say this there.
fn checked(hub: &Hub, client: &Client, said: &Send) -> Result<Arc<LiveRoom>, Failure> {
    let room = hub.0.rooms.joined_durable(client, Action::Send, said.room_id)?;
    check_text(said)?;
    check_attachments(&said.attachments)?;
    if said.mentions.len() > MENTIONS_MAX {
        return Err(Failure::of(ErrorCode::TOO_MANY, Fault::Caller, "the message mentions too many users"));
    }
    Ok(room)
}

/// Forgets what waits if storing panics, which is a bug: else nobody in the account could say anything any more.
struct Storing<'a> {
    posts: &'a Posts,
    account: AccountId,
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.posts.forget(self.account);
        }
    }
}

pub(super) async fn store_all(hub: Hub, account: AccountId) {
    let _storing = Storing { posts: &hub.0.posts, account };
    while let Some(mut group) = hub.0.posts.take(account) {
        let stored = group::store(&hub, account, &group).await;
        let (outcomes, entries) = match stored {
            Ok(stored) => {
                mailbox::tell(&hub, account, stored.mailed);
                let moved = stored.entries.iter().filter_map(|(at, _)| Some(group.get(*at)?.room.id));
                room_list::moved(&hub, account, moved);
                (stored.outcomes, stored.entries)
            }
            Err(failure) => (vec![Err(failure); group.len()], Vec::new()),
        };
        for (at, entry) in &entries {
            if let Some(post) = group.get(*at) {
                tell(&hub, &post.room, entry);
            }
        }
        for (post, outcome) in group.iter_mut().zip(outcomes) {
            post.outcome = Some(outcome.map(|message| Sent { message }));
        }
    }
}

/// Also what was stored before: that time it may not have been told.
fn tell(hub: &Hub, room: &LiveRoom, entry: &RoomEntry) {
    let is_closed = room.act(|room, _, effects| {
        if entry.is_change() {
            room.change(entry, effects);
        } else {
            room.post(&entry.message, effects);
        }
        room.is_closed()
    });
    if is_closed {
        tell_anyway(hub, room.id, entry);
    }
}

/// The last one here has left while it was stored: this room tells nobody any more.
fn tell_anyway(hub: &Hub, id: RoomId, entry: &RoomEntry) {
    let news = if entry.is_change() {
        RoomNews::Changed(entry.clone())
    } else {
        RoomNews::Posted(entry.message.clone())
    };
    if let Some(room) = hub.0.rooms.get(id) {
        let news = news.clone();
        room.act(|room, now, effects| room.handle_news(news, now, effects));
    }
    let bus = hub.bus().clone();
    hub.finish(async move { published(bus.publish_to_others(&RoomTopic(id), &[news]).await) });
}

#[cfg(test)]
mod tests;
