//! What other instances and the media servers say about a room that somebody here is in.

use super::{live::LiveRoom, slots::Slot};
use crate::{hub::Hub, media, pace::Pace};
use bus::{BusError, Delivery, Link, Subscription};
use common::{
    error::Chain,
    id::{AccountId, RoomId},
    protocol::{
        Event,
        room::{MESSAGES_MAX, Member},
    },
    subject::{
        hub::{RoomMembers, RoomNews, RoomTopic},
        media::{SessionNews, SessionTopic},
    },
};
use signalling_core::roster::{Change, Trust};
use std::{
    future::pending,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use store::{StoreError, rooms};
use tokio::time::{MissedTickBehavior, Sleep, interval, sleep};
use tracing::{debug, warn};

/// How often the members are compared with what the bus says.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);

/// How long changes of who is in a room that many are in are gathered before they are told.
///
/// Longer is fewer events when many come and go at once; shorter shows each sooner.
const GATHER_TIME: Duration = Duration::from_millis(250);

/// How long after an outage other instances may take to say again who is with them.
const SETTLING_TIME: Duration = Duration::from_secs(10);

/// Opens a room on this instance: listens first, so that nothing is missed.
pub(super) async fn open(
    hub: &Hub,
    account: AccountId,
    id: RoomId,
    slot: Slot,
) -> Result<Arc<LiveRoom>, BusError> {
    let news = hub.bus().subscribe(&RoomTopic(id)).await?;
    let session = hub.bus().subscribe(&SessionTopic(id)).await?;
    let room = Arc::new(LiveRoom::new(id, account, slot));
    let follower =
        Follower { hub: hub.clone(), room: Arc::clone(&room), news, session, settled_at: hub.clock().now() };
    follower.reconcile().await;
    let over = room.over.clone();
    hub.spawn(async move {
        over.run_until_cancelled(follower.run()).await;
    });
    Ok(room)
}

struct Follower {
    hub: Hub,
    room: Arc<LiveRoom>,
    news: Subscription<RoomNews>,
    session: Subscription<SessionNews>,
    /// From then on the bus's word on members is taken as whole.
    settled_at: Instant,
}

/// When the time has come; never if none is set.
async fn due(at: &mut Option<Pin<Box<Sleep>>>) {
    match at {
        Some(sleep) => sleep.as_mut().await,
        None => pending().await,
    }
}

impl Follower {
    async fn run(mut self) {
        let mut tick = interval(RECONCILE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut link = self.hub.bus().link();
        let mut tell = None;
        loop {
            tokio::select! {
                Some(delivery) = self.news.next() => match delivery {
                    Delivery::Message(news) => self.hear(news),
                    Delivery::Lost => {
                        self.settled_at = self.hub.clock().now() + SETTLING_TIME;
                        self.resync().await;
                        self.reconcile().await;
                    }
                },
                Some(delivery) = self.session.next() => match delivery {
                    Delivery::Message(news) => self.hear_session(news),
                    Delivery::Lost => media::sync(&self.hub, &self.room).await,
                },
                () = self.room.gap.notified() => self.resync().await,
                () = self.room.gathered.notified(), if tell.is_none() => {
                    tell = Some(Box::pin(sleep(GATHER_TIME)));
                }
                () = due(&mut tell) => {
                    tell = None;
                    self.room.tell_gathered();
                }
                Ok(()) = link.changed() => self.settled_at = self.hub.clock().now() + SETTLING_TIME,
                _ = tick.tick() => self.reconcile().await,
            }
        }
    }

    fn hear(&self, news: RoomNews) {
        if news.from == self.hub.bus().node() {
            return;
        }
        let is_news = match &news.event {
            Event::RoomMessage(posted) => return self.room.arrive(&posted.message),
            Event::RoomMemberJoined(joined) => {
                let is_news = self.room.state().elsewhere.join(joined.member.clone());
                return self.tell(is_news.then(|| Change::Joined(joined.member.clone())));
            }
            Event::RoomMemberLeft(left) => {
                let gone = self.room.state().elsewhere.leave(left.connection_id);
                return self.tell(gone.map(Change::Left));
            }
            // Each instance gathers for those who are with it.
            Event::RoomMembersChanged(_) => false,
            Event::RoomTyping(_)
            | Event::RoomRemoved(_)
            | Event::RoomEvent(_)
            | Event::PresenceChanged(_)
            | Event::CallIncoming(_)
            | Event::CallAnswered(_)
            | Event::CallEnded(_)
            | Event::MediaChanged(_)
            | Event::MediaSignal(_)
            | Event::MediaOffer(_)
            | Event::InboxEvent(_)
            | Event::FeedChanged(_)
            | Event::FeedEnded(_)
            | Event::ConnectionReload(_)
            | Event::ConnectionMoving(_) => true,
        };
        if is_news {
            self.room.push(&news.event);
        }
    }

    fn tell(&self, change: Option<Change>) {
        self.room.changed(change.into_iter().collect());
    }

    fn hear_session(&self, news: SessionNews) {
        match news {
            SessionNews::Changed(changed) => self.room.push(&Event::MediaChanged(changed)),
            SessionNews::Offer { to, offer } => {
                if let Some(client) = self.hub.client(to) {
                    client.push(crate::hub::frame(&Event::MediaOffer(offer)));
                }
            }
        }
    }

    /// Hands out what the store has and this instance has not.
    async fn resync(&self) {
        if let Err(error) = self.read_missing().await {
            warn!(room.id = %self.room.id, error = %Chain(&error), "Room {} cannot be healed yet; will retry", self.room.id);
            // The next tick finds the permit.
            self.room.gap.notify_one();
            tokio::time::sleep(crate::changes::RETRY.delay(1, common::chance::fraction())).await;
        }
    }

    async fn read_missing(&self) -> Result<(), StoreError> {
        let mut pace = Pace::default();
        loop {
            let Some(position) = self.room.state().sequence.position() else { return Ok(()) };
            let mut tx = self.hub.store().tenant(self.room.account).await?;
            let missing = rooms::after(&mut tx, self.room.id, position, MESSAGES_MAX).await?;
            drop(tx);
            for message in &missing {
                self.room.arrive(message);
                pace.passed(message.text.len()).await;
            }
            if missing.len() < usize::from(MESSAGES_MAX) {
                return Ok(());
            }
        }
    }

    /// Compares who is elsewhere with what the bus says.
    async fn reconcile(&self) {
        let is_up = matches!(*self.hub.bus().link().borrow(), Link::Up { .. });
        let trust =
            if is_up && self.hub.clock().now() >= self.settled_at { Trust::Whole } else { Trust::Partial };
        let entries = match self.hub.bus().entries(&RoomMembers(self.room.id)).await {
            Ok(entries) => entries,
            Err(error) => {
                debug!(room.id = %self.room.id, error = %Chain(&error), "The members of {} cannot be compared", self.room.id);
                return;
            }
        };
        let changes = {
            let mut state = self.room.state();
            let elsewhere: Vec<Member> = entries
                .into_iter()
                .map(|(_, member)| member)
                .filter(|member| state.sequence.reader(member.connection_id).is_none())
                .filter(|member| self.hub.client(member.connection_id).is_none())
                .collect();
            state.elsewhere.reconcile(elsewhere, trust)
        };
        self.room.changed(changes);
    }
}
