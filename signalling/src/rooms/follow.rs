//! What other instances and the media servers say about a room that somebody here is in, and what the room wants
//! read, compared and told.

use super::{
    kept,
    live::{LiveRoom, Locked},
    slots::Slot,
};
use crate::{
    failure::published,
    frame::Frame,
    hub::Hub,
    media,
    pace::{self, RETRY},
    until::until,
};
use bus::{Bus, BusError, Delivery, Link, Place, Subscription};
use common::{
    chance,
    error::Chain,
    id::{AccountId, ConnectionId, RoomId},
    protocol::{
        Event,
        room::{Member, RoomClass},
    },
    room::RoomEntry,
    subject::{
        hub::{RoomHistory, RoomMembers, RoomNews, RoomTopic},
        media::{SessionNews, SessionTopic},
    },
};
use futures_util::future::{BoxFuture, FutureExt};
use signalling_core::room::Recalled;
use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};
use store::{Store, StoreError, rooms};
use tokio::time::sleep;
use tracing::{debug, warn};

/// News that is under way to the bus at once: it leaves in one piece.
const NEWS_AT_ONCE: usize = 64;

/// How often what could not be said is said again: each after a second.
///
/// While the link is down that is of no use, and once it is up again others look who is there.
const SAID_AGAIN: u32 = 20;

/// Messages that are read at once.
const MESSAGES_AT_ONCE: u16 = 128;

/// Opens a room on this instance: listens first, so that nothing is missed, and knows then who is elsewhere.
pub(super) async fn open(
    hub: &Hub,
    account: AccountId,
    (id, class): (RoomId, RoomClass),
    slot: Slot,
) -> Result<Arc<LiveRoom>, BusError> {
    let (topic, sessions) = (RoomTopic(id), SessionTopic(id));
    let (news, session) = tokio::try_join!(hub.bus().subscribe(&topic), hub.bus().subscribe(&sessions))?;
    let ground = (Arc::clone(&hub.0.deps.clock), !hub.bus().is_alone());
    let room = Arc::new(LiveRoom::new((id, class), account, ground, slot));
    let follower = Follower {
        hub: hub.clone(),
        room: Arc::clone(&room),
        rest: Default::default(),
        pauses: false,
        unsaid: 0,
        news,
        session,
    };
    room.act(|room, now, effects| room.handle_deadline(now, effects));
    room.lock().todo().compare = false;
    follower.compared(compare(hub.bus().clone(), id).await);
    // Not only until the hub drains: that the last one has left is news, too.
    hub.finish(follower.run());
    Ok(room)
}

struct Follower {
    hub: Hub,
    room: Arc<LiveRoom>,
    /// Messages that were read and not handed out yet, and whether there may be more in the store.
    rest: (Vec<RoomEntry>, bool),
    /// Something was handed out of a backlog that goes on: those who read slowly have a moment to take it.
    pauses: bool,
    /// How often in a row news could not be said.
    unsaid: u32,
    news: Subscription<RoomNews>,
    session: Subscription<SessionNews>,
}

/// Messages in order, and whether there may be more.
type Read = Result<(Vec<RoomEntry>, bool), StoreError>;

/// Where a recent room was when its history was asked for, and what that is.
type History = (Option<Box<str>>, u64, Result<Recalled, BusError>);

/// Who is elsewhere, and whether other instances are within reach.
type Compared = Result<(Vec<Member>, bool), BusError>;

/// What is under way for the room. Each is small while nothing is: a room that nothing happens to costs little.
#[derive(Default)]
struct Work {
    /// Whether others were told, or will look.
    publish: Option<BoxFuture<'static, bool>>,
    read: Option<BoxFuture<'static, Read>>,
    recall: Option<BoxFuture<'static, History>>,
    compare: Option<BoxFuture<'static, Compared>>,
    sync: Option<BoxFuture<'static, ()>>,
}

/// The outcome of what is under way, which it then is no more; never, if nothing is.
async fn outcome<T>(work: &mut Option<BoxFuture<'static, T>>) -> T {
    let outcome = match work {
        Some(work) => work.await,
        None => pending().await,
    };
    *work = None;
    outcome
}

impl Follower {
    async fn run(mut self) {
        let mut link = self.hub.bus().link();
        let mut work = Work::default();
        while self.begin(&mut work) {
            let due = self.room.lock().room().next_deadline();
            tokio::select! {
                Some(delivery) = self.news.next() => match delivery {
                    Delivery::Message(news) => {
                        self.room.act(|room, now, effects| room.handle_news(news, now, effects));
                    }
                    Delivery::Lost => self.room.act(|room, now, effects| room.handle_lost(now, effects)),
                },
                Some(delivery) = self.session.next() => match delivery {
                    Delivery::Message(news) => self.hear_session(news),
                    Delivery::Lost => {
                        let (hub, room) = (self.hub.clone(), Arc::clone(&self.room));
                        work.sync = Some(async move { media::sync(&hub, &room).await }.boxed());
                    }
                },
                Ok(()) = link.changed() => self.room.act(|room, now, _| room.unsettle(now)),
                () = self.room.work.notified() => {}
                () = until(due, self.hub.clock()) => self.room.act(|room, now, effects| room.handle_deadline(now, effects)),
                is_said = outcome(&mut work.publish) => self.published(is_said),
                () = outcome(&mut work.sync) => {}
                read = outcome(&mut work.read) => self.read(read),
                recalled = outcome(&mut work.recall) => self.recalled(recalled),
                compared = outcome(&mut work.compare) => self.compared(compared),
            }
        }
    }

    /// Begins what the room wants done; false once it is closed and has nothing more to say.
    fn begin(&mut self, work: &mut Work) -> bool {
        let (bus, id) = (self.hub.bus(), self.room.id);
        let mut locked = self.room.lock();
        if work.publish.is_none() {
            work.publish = publish(bus, id, &mut locked);
        }
        if locked.room().is_closed() {
            return work.publish.is_some();
        }
        if work.recall.is_none() && self.room.class == RoomClass::Recent {
            work.recall = recall(&self.hub, id, &mut locked);
        }
        let todo = locked.todo();
        if work.read.is_none()
            && let Some(after) = todo.read.take()
        {
            let pause = if std::mem::take(&mut self.pauses) { pace::PAUSE } else { Duration::ZERO };
            let (rest, more) = std::mem::take(&mut self.rest);
            let (store, account) = (self.hub.store().clone(), self.room.account);
            let next = async move {
                sleep(pause).await;
                // Unless others were told meanwhile, what was read goes on where the room is.
                let goes_on = rest.first().is_some_and(|next| next.seq == after + 1);
                if goes_on { Ok((rest, more)) } else { read(store, account, id, after).await }
            };
            work.read = Some(next.boxed());
        }
        if work.compare.is_none() && std::mem::take(&mut todo.compare) {
            work.compare = Some(compare(bus.clone(), id).boxed());
        }
        true
    }

    fn published(&mut self, is_said: bool) {
        self.unsaid = if is_said { 0 } else { self.unsaid + 1 };
        if (1..=SAID_AGAIN).contains(&self.unsaid) {
            self.room.lock().todo().is_untold = true;
        }
    }

    fn read(&mut self, outcome: Read) {
        match outcome {
            Ok((mut messages, more)) => {
                let kept = pace::in_a_row(messages.iter().map(|entry| entry.message.text.len()));
                let rest = messages.split_off(kept);
                let is_more = more || !rest.is_empty();
                self.rest = (rest, more);
                self.pauses = is_more;
                self.room.act(|room, _, effects| room.handle_messages(&messages, is_more, effects));
            }
            Err(error) => {
                warn!(room.id = %self.room.id, error = %Chain(&error), "Room {} cannot be healed yet; will retry", self.room.id);
                let wait = RETRY.delay(1, chance::fraction());
                self.room.act(|room, now, _| room.handle_unreadable(now + wait));
            }
        }
    }

    fn recalled(&self, (epoch, after, outcome): History) {
        match outcome {
            Ok(read) => {
                self.room.act(|room, _, effects| room.handle_history(epoch.as_deref(), after, read, effects));
            }
            Err(error) => {
                debug!(room.id = %self.room.id, error = %Chain(&error), "The history of {} cannot be read yet; will retry", self.room.id);
                let wait = RETRY.delay(1, chance::fraction());
                self.room.act(|room, now, _| room.handle_unreadable(now + wait));
            }
        }
    }

    fn compared(&self, outcome: Compared) {
        match outcome {
            Ok((members, is_linked)) => {
                self.room.act(|room, now, effects| room.handle_members(members, is_linked, now, effects));
            }
            Err(error) => {
                debug!(room.id = %self.room.id, error = %Chain(&error), "The members of {} cannot be compared", self.room.id);
                self.room.act(|room, now, _| room.handle_unknown_members(now));
            }
        }
    }

    /// Tells one of the room's members something, if it is connected here.
    fn tell(&self, to: ConnectionId, event: &Event) {
        if let Some(client) = self.hub.client(to) {
            client.push(Frame::event(event));
        }
    }

    fn hear_session(&self, news: SessionNews) {
        match news {
            SessionNews::Changed(changed) => self.room.push(&Event::MediaChanged(changed)),
            SessionNews::Updated(updated) => self.room.push(&Event::MediaUpdated(updated)),
            SessionNews::Moved { owner } => media::hear_moved(&self.hub, &self.room, owner),
            SessionNews::Offer { to, offer } => self.tell(to, &Event::MediaOffer(offer)),
            SessionNews::Subscriptions { to, subscriptions } => {
                self.tell(to, &Event::MediaSubscriptions(subscriptions));
            }
            SessionNews::Layers { to, layers } => self.tell(to, &Event::MediaLayers(layers)),
            SessionNews::Muted { to, muted } => media::hear_muted(&self.hub, to, muted),
            SessionNews::Removed { to, removed } => media::hear_removed(&self.hub, to, removed),
        }
    }
}

/// Tells other instances what waits, in its order; whether they were told, or will look by themselves.
fn publish(bus: &Bus, id: RoomId, locked: &mut Locked<'_>) -> Option<BoxFuture<'static, bool>> {
    let todo = locked.todo();
    let count = todo.news.len().min(NEWS_AT_ONCE);
    let mut some: Vec<RoomNews> = todo.news.drain(..count).collect();
    if todo.news.is_empty() {
        // Whoever comes into a room of their own says that once: it keeps no place for more.
        todo.news = VecDeque::new();
    }
    if todo.news.is_empty() && std::mem::take(&mut todo.is_untold) {
        some.push(RoomNews::MembersChanged {});
    }
    if some.is_empty() {
        return None;
    }
    let bus = bus.clone();
    let work = async move {
        let outcome = bus.publish_to_others(&RoomTopic(id), &some).await;
        let is_refused = matches!(outcome, Err(BusError::Redis(_)));
        if outcome.is_err() {
            // Whatever is kept somewhere is found there.
            let lost = some.iter().filter(|news| matches!(news, RoomNews::Event { .. })).count();
            metrics::counter!("hub_ephemeral_dropped_total")
                .increment(u64::try_from(lost).unwrap_or(u64::MAX));
        }
        published(outcome);
        if is_refused {
            sleep(RETRY.delay(1, chance::fraction())).await;
        }
        !is_refused
    };
    Some(work.boxed())
}

/// Reads what a recent room has kept, if it wants that.
fn recall(hub: &Hub, id: RoomId, locked: &mut Locked<'_>) -> Option<BoxFuture<'static, History>> {
    let after = locked.todo().read.take()?;
    let epoch: Option<Box<str>> = locked.room().epoch().map(Into::into);
    let place = epoch.as_ref().map(|epoch| Place { epoch: epoch.to_string(), seq: after });
    let hub = hub.clone();
    let work = async move { (epoch, after, kept::recall(&hub, RoomHistory(id), place).await) };
    Some(work.boxed())
}

/// The messages after a number.
async fn read(store: Store, account: AccountId, id: RoomId, after: u64) -> Read {
    let mut tx = store.tenant(account).await?;
    let messages = rooms::after(&mut tx, id, after, MESSAGES_AT_ONCE).await?;
    let more = messages.len() == usize::from(MESSAGES_AT_ONCE);
    Ok((messages, more))
}

/// The room's members as the bus has them.
async fn compare(bus: Bus, id: RoomId) -> Compared {
    let is_linked = matches!(*bus.link().borrow(), Link::Up { .. });
    let entries = bus.entries(&RoomMembers(id)).await?;
    let elsewhere = entries.into_iter().filter(|(_, entry)| entry.node != bus.node());
    Ok((elsewhere.map(|(_, entry)| entry.member).collect(), is_linked))
}
