//! `room.send`: stored, then told.
//!
//! What is said in an account gathers while what was said before is stored, and is then stored together, in one
//! transaction: a busy room costs the store little more than a quiet one, and never more than one connection.

use super::{
    admit::{identity, refused, visitor},
    live::LiveRoom,
    waiting::{Post, Posts},
};
use crate::{
    client::{Access, Client},
    failure::{published, store_failed},
    hub::Hub,
    standing,
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, RoomId},
    protocol::{
        Failure, RequestId,
        room::{RoomMessage, Send, Sent, TEXT_BYTES_MAX},
    },
    subject::hub::{RoomNews, RoomTopic},
    text::{self, TextError},
    token::Standing,
};
use signalling_core::admission::{Action, Refusal};
use std::{collections::BTreeMap, sync::Arc};
use store::{
    rooms::{self, NewRoomMessage, Visitor},
    standing as standings,
};

/// Has something stored. Whether and how is answered when that has happened; until then more may be sent.
pub(crate) async fn send(hub: &Hub, client: &Arc<Client>, id: Option<RequestId>, said: Send) {
    let room = match checked(hub, client, &said) {
        Ok(room) => room,
        Err(failure) => return client.answer::<Sent>(id.as_ref(), &Err(failure)),
    };
    let permit = client.post().await;
    let post = Post { client: Arc::clone(client), id, room, said, outcome: None, _permit: permit };
    if hub.0.posts.push(client.account, post) {
        hub.finish(store_all(hub.clone(), client.account));
    }
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
    let room = hub.0.rooms.joined(client, Action::Send, said.room_id)?;
    text::checked_text(&said.text, TEXT_BYTES_MAX).map_err(unsaid)?;
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

async fn store_all(hub: Hub, account: AccountId) {
    let _storing = Storing { posts: &hub.0.posts, account };
    while let Some(mut group) = hub.0.posts.take(account) {
        let stored = store(&hub, account, &group).await;
        for (at, post) in group.iter_mut().enumerate() {
            let outcome = match &stored {
                Ok(stored) => stored.get(at).cloned().unwrap_or_else(|| Err(Failure::internal())),
                Err(failure) => Err(failure.clone()),
            };
            if let Ok(message) = &outcome {
                tell(&hub, &post.room, message);
            }
            post.outcome = Some(outcome.map(|message| Sent { message }));
        }
    }
}

/// Stores what may be stored, and says of each what became of it.
async fn store(
    hub: &Hub,
    account: AccountId,
    group: &[Post],
) -> Result<Vec<Result<RoomMessage, Failure>>, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(account).await.map_err(failed)?;
    let access: Vec<Access> = group.iter().map(|post| post.client.access()).collect();
    let people: BTreeMap<usize, Standing> =
        access.iter().enumerate().filter_map(|(at, access)| Some((at, *access.standing()?))).collect();
    let held: Vec<Standing> = people.values().copied().collect();
    let hold = standings::hold(&mut tx, &held, hub.clock()).await.map_err(failed)?;
    let ended: Vec<usize> = people.keys().zip(hold).filter(|(_, holds)| !holds).map(|(at, _)| *at).collect();
    // Whoever was removed is in the room until this instance has heard of it.
    let visitors: Vec<Visitor> = group
        .iter()
        .zip(&access)
        .map(|(post, access)| Visitor { room: post.said.room_id, who: identity(&post.client, access) })
        .collect();
    let doubtful = rooms::doubtful(&mut tx, &visitors).await.map_err(failed)?;
    let judged = |(at, access): (usize, &Access)| {
        if ended.contains(&at) {
            return Err(standing::ended());
        }
        let visitor = visitor(access);
        let Some(own) = visitors.get(at) else { return Err(Failure::internal()) };
        match doubtful.iter().find(|(doubted, _)| doubted == own) {
            Some((_, facts)) => visitor.may_still(Action::Send, own.room, facts.as_ref()),
            None => visitor.may_inside(Action::Send, true),
        }
        .map_err(refused)
    };
    let judged: Vec<Result<(), Failure>> = access.iter().enumerate().map(judged).collect();
    let admitted = group.iter().zip(&judged).filter(|(_, judged)| judged.is_ok());
    let new: Vec<NewRoomMessage<'_>> = admitted.map(|(post, _)| post.as_new()).collect();
    let mut posted = rooms::post(&mut tx, &new, hub.clock()).await.map_err(failed)?.into_iter();
    tx.commit().await.map_err(failed)?;
    let outcomes = judged.into_iter().map(|judged| {
        judged?;
        let sent = posted.next().flatten().ok_or_else(|| refused(Refusal::Closed))?;
        Ok(sent.message)
    });
    Ok(outcomes.collect())
}

/// Also what was stored before: that time it may not have been told.
fn tell(hub: &Hub, room: &LiveRoom, message: &RoomMessage) {
    let is_closed = room.act(|room, _, effects| {
        room.post(message, effects);
        room.is_closed()
    });
    if is_closed {
        tell_anyway(hub, room.id, message);
    }
}

/// The last one here has left while the message was stored: this room tells nobody any more.
fn tell_anyway(hub: &Hub, id: RoomId, message: &RoomMessage) {
    let news = RoomNews::Posted(message.clone());
    if let Some(room) = hub.0.rooms.get(id) {
        let news = news.clone();
        room.act(|room, now, effects| room.handle_news(news, now, effects));
    }
    let bus = hub.bus().clone();
    hub.finish(async move { published(bus.publish_to_others(&RoomTopic(id), &[news]).await) });
}

#[cfg(test)]
mod tests;
