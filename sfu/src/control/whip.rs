//! Participants who publish over HTTP (WHIP, RFC 9725): they have a seat like any other, and no hub that answers for it.
//!
//! Their session ends when they say so, when nothing is heard from them, when their token ends, and when the api role
//! says that they may not stay. Until then it is here, whichever instances come and go.

mod offer;

pub(super) use offer::WhipOfferError;

use super::{Control, failure};
use bus::{Bus, Replier};
use common::{
    error::Chain,
    id::{AccountId, ConnectionId, RoomId, UserId},
    protocol::{
        Failure,
        media::{Participant, PublishTrack, StateChange, TrackSource},
    },
    subject::{
        hub::ConnectionSelector,
        media::{MediaReply, MediaRights},
        whip::{
            IfMatch, Pass, PassHolder, Stay, StayService, WhipAction, WhipReply, WhipRequest, WhipService,
        },
    },
    token::Standing,
};
use futures_util::{FutureExt, future::BoxFuture};
use sfu_core::sdp::{
    fragment::{self, Fragment, FragmentCredentials},
    parse::Remote,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;
use tracing::{debug, info};

/// WHIP sessions of one account on a node at most.
///
/// More lets an account bring more cameras; fewer leaves more of the node to the others.
pub(crate) const PUBLISHERS_PER_ACCOUNT_MAX: usize = 500;

/// News that may wait. Whoever has more waits beside, and their clients with them.
const NEWS_MAX: usize = 64;

/// WHIP sessions that one question is about.
const ASKED_MAX: usize = 500;

/// How long an instance of the api role may take to look them up.
const ANSWER_TIME: Duration = Duration::from_secs(5);

type WhipAnswer = Result<WhipReply, Failure>;

/// Who publishes over HTTP, by the ids of their sessions.
pub(super) struct Publishers {
    by_session: BTreeMap<ConnectionId, Publisher>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// One round of questions at a time is under way.
    is_asking: bool,
}

struct Publisher {
    account: AccountId,
    room: RoomId,
    user: UserId,
    pass: Pass,
    /// What was offered last: with other credentials it is offered anew.
    offer: Remote,
    /// Counts the ICE sessions, which tells them apart.
    ice_session: u64,
}

/// What was found out beside the control part.
pub(super) enum News {
    /// Somebody's offer can be taken.
    Arrived(Box<Arrival>, Remote),
    /// The shard took nothing of it.
    NotTaken(RoomId, ConnectionId),
    /// These sessions must end.
    MustEnd(Vec<ConnectionId>),
}

/// Somebody who would publish.
pub(super) struct Arrival {
    account: AccountId,
    room: RoomId,
    participant: Participant,
    rights: MediaRights,
    pass: Pass,
    picture: TrackSource,
    reply: Replier<WhipService>,
}

impl Default for Publishers {
    fn default() -> Self {
        Self { by_session: BTreeMap::new(), news: mpsc::channel(NEWS_MAX), is_asking: false }
    }
}

impl Publishers {
    pub(super) async fn next_news(&mut self) -> Option<News> {
        self.news.1.recv().await
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: ConnectionId) {
        self.by_session.remove(&session);
    }

    fn find(&mut self, room: RoomId, session: ConnectionId, user: UserId) -> Option<&mut Publisher> {
        let is_theirs = |known: &&mut Publisher| (known.room, known.user) == (room, user);
        self.by_session.get_mut(&session).filter(is_theirs)
    }
}

impl Publisher {
    /// The tag of the present ICE session, unlike that of any other of this publisher.
    fn tag(&self) -> String {
        format!("ice-{}", self.ice_session)
    }

    fn is_meant(&self, if_match: &IfMatch) -> bool {
        match if_match {
            IfMatch::Any => true,
            IfMatch::Tags(tags) => tags.contains(&self.tag()),
        }
    }

    fn is_among(&self, session: ConnectionId, whom: ConnectionSelector) -> bool {
        match whom {
            ConnectionSelector::Everybody => true,
            ConnectionSelector::User(user) => self.user == user,
            ConnectionSelector::Connection(connection) => session == connection,
            ConnectionSelector::SignIn(sign_in) => match self.pass.holder {
                PassHolder::Person(Standing { sign_in: own, .. }) => own == Some(sign_in),
                PassHolder::Guest { .. } => false,
            },
        }
    }

    /// The offer that begins ICE anew with these credentials; `None` if they are those that there are.
    fn restarted(&self, credentials: Option<FragmentCredentials>) -> Option<Remote> {
        let FragmentCredentials { ufrag, pwd } = credentials?;
        // A restart is told by this alone (RFC 8839, section 4.4.3.1): there are clients that name no ICE session
        // when they trickle, either.
        (ufrag != self.offer.ufrag).then(|| {
            let mut offer = self.offer.clone();
            (offer.ufrag, offer.pwd) = (ufrag, pwd);
            offer
        })
    }
}

impl Control {
    pub(super) async fn handle_whip(&mut self, request: WhipRequest, reply: Replier<WhipService>) {
        let WhipRequest { account, room, action } = request;
        if self.sessions.get(&room).is_some_and(|owned| owned.account != account) {
            return reply.send(&Err(failure::not_found()));
        }
        if self.moves.is_under_way(room) {
            return reply.send(&Err(failure::unavailable()));
        }
        match action {
            WhipAction::Publish { participant, rights, pass, sdp, picture } => {
                self.read_beside(sdp, Arrival { account, room, participant, rights, pass, picture, reply });
            }
            WhipAction::Patch { session, user, if_match, fragment } => {
                match self.patch(room, session, user, &if_match, &fragment) {
                    Ok(Patched::Now(answer)) => reply.send(&Ok(answer)),
                    Ok(Patched::Restarting(answer)) => {
                        self.shutdown.tasks.spawn(async move { reply.send(&answer.await) });
                    }
                    Err(failure) => reply.send(&Err(failure)),
                }
            }
            WhipAction::End { session, user } => {
                let outcome = match self.publishers.find(room, session, user) {
                    Some(_) => {
                        self.end_publisher(room, session, "it has ended its WHIP session").await;
                        Ok(WhipReply::Done)
                    }
                    None => Err(failure::no_whip_session()),
                };
                reply.send(&outcome);
            }
            WhipAction::Remove { whom } => {
                let all = self.publishers.by_session.iter();
                let theirs = all.filter(|(id, known)| known.room == room && known.is_among(**id, whom));
                let sessions: Vec<ConnectionId> = theirs.map(|(session, _)| *session).collect();
                for &session in &sessions {
                    self.end_publisher(room, session, "it was taken out of the room").await;
                }
                reply.send(&Ok(WhipReply::Removed(u32::try_from(sessions.len()).unwrap_or(u32::MAX))));
            }
        }
    }

    pub(super) async fn handle_whip_news(&mut self, news: News) {
        match news {
            News::Arrived(arrival, offer) => self.admit_publisher(*arrival, offer).await,
            News::NotTaken(room, session) => {
                self.end_publisher(room, session, "its offer was not taken").await;
            }
            News::MustEnd(sessions) => {
                self.publishers.is_asking = false;
                for session in sessions {
                    let room = self.publishers.by_session.get(&session).map(|publisher| publisher.room);
                    if let Some(room) = room {
                        self.end_publisher(room, session, "it may not be in the room any more").await;
                    }
                }
            }
        }
    }

    /// Reading takes longer than all else, and holds up nobody. Who offers what cannot be taken enters nothing.
    fn read_beside(&self, sdp: String, arrival: Arrival) {
        let news = self.publishers.news.0.clone();
        self.shutdown.tasks.spawn(async move {
            let (room, session) = (arrival.room, arrival.participant.connection_id);
            let offer = Remote::parse(&sdp).map_err(WhipOfferError::from);
            let offer = match offer.and_then(|offer| offer::check(&offer).map(|()| offer)) {
                Ok(offer) => offer,
                Err(error) => {
                    info!(room.id = %room, conn.id = %session, error = %Chain(&error), "What WHIP session {session} offers to send is not taken");
                    return arrival.reply.send(&Err(failure::whip_offer(&error)));
                }
            };
            let arrived = news.send(News::Arrived(Box::new(arrival), offer)).await;
            if let Err(mpsc::error::SendError(News::Arrived(arrival, _))) = arrived {
                arrival.reply.send(&Err(failure::unavailable()));
            }
        });
    }

    /// Seats a publisher, names its tracks and has the shard take them.
    async fn admit_publisher(&mut self, arrival: Arrival, mut offer: Remote) {
        let Arrival { account, room, participant, rights, pass, picture, reply } = arrival;
        let (session, user) = (participant.connection_id, participant.user_id);
        let theirs = self.publishers.by_session.values().filter(|known| known.account == account);
        if theirs.count() >= PUBLISHERS_PER_ACCOUNT_MAX {
            return reply.send(&Err(failure::too_many_publishers()));
        }
        if self.moves.is_under_way(room) {
            return reply.send(&Err(failure::unavailable()));
        }
        match self.join(account, room, participant, None, rights).await {
            Ok(()) => {}
            Err(Ok(MediaReply::Moved { owner })) => return reply.send(&Ok(WhipReply::Moved { owner })),
            Err(Err(failure)) => return reply.send(&Err(failure)),
            Err(Ok(_)) => return reply.send(&Err(failure::unavailable())),
        }
        let sections = offer.sections.iter();
        let tracks: Vec<PublishTrack> = sections.filter_map(|it| offer::named(it, picture)).collect();
        let has = |source| tracks.iter().any(|track| track.source == source);
        let state = StateChange {
            muted: Some(!has(TrackSource::Microphone)),
            camera_off: Some(!has(TrackSource::Camera)),
            sharing: Some(has(TrackSource::Screen)),
            ..StateChange::default()
        };
        // It has just been seated, and no track is spoken of.
        let _never_fails = self.update(room, session, state, &[]).await;
        let published = self.publish_described(room, session, &mut offer, &tracks).await;
        let answer = match published {
            Ok((_named, answer)) => answer,
            Err(failure) => {
                self.end_publisher(room, session, "its offer was not taken").await;
                return reply.send(&Err(failure));
            }
        };
        let publisher = Publisher { account, room, user, pass, offer, ice_session: 1 };
        let tag = publisher.tag();
        self.publishers.by_session.insert(session, publisher);
        info!(room.id = %room, conn.id = %session, user.id = %user, "WHIP session {session} begins");
        let news = self.publishers.news.0.clone();
        self.shutdown.tasks.spawn(async move {
            let answer = answer.await.map(|sdp| WhipReply::Published { sdp, tag });
            if answer.is_err() {
                // Nobody listens any more once this node ends.
                let _ended = news.send(News::NotTaken(room, session)).await;
            }
            reply.send(&answer);
        });
    }

    /// What a client says of its candidates is not needed: it comes to us. New credentials begin ICE anew.
    fn patch(
        &mut self,
        room: RoomId,
        session: ConnectionId,
        user: UserId,
        if_match: &IfMatch,
        fragment: &str,
    ) -> Result<Patched, Failure> {
        let publisher = self.publishers.find(room, session, user).ok_or_else(failure::no_whip_session)?;
        let Fragment { credentials } = Fragment::parse(fragment).map_err(|error| failure::sdp(&error))?;
        if !publisher.is_meant(if_match) {
            return Ok(Patched::Now(WhipReply::OtherIceSession));
        }
        let Some(offer) = publisher.restarted(credentials) else {
            return Ok(Patched::Now(WhipReply::Done));
        };
        let shard = self.served(room, session)?;
        let answered = shard.publish(session, offer.clone()).map_err(|_| failure::unavailable())?;
        let publisher = self.publishers.find(room, session, user).ok_or_else(failure::no_whip_session)?;
        publisher.offer = offer;
        publisher.ice_session = publisher.ice_session.saturating_add(1);
        debug!(room.id = %room, conn.id = %session, "WHIP session {session} begins ICE anew");
        let tag = publisher.tag();
        Ok(Patched::Restarting(
            async move {
                let answer = answered.await.map_err(|_| failure::unavailable())?;
                let answer = answer.map_err(|error| failure::sdp(&error))?;
                Ok(WhipReply::Restarted { fragment: fragment::of_answer(&answer), tag })
            }
            .boxed(),
        ))
    }

    /// Ends the sessions whose tokens have ended, and has the api role asked who else may not stay.
    pub(super) async fn look_after_publishers(&mut self) {
        let now = self.deps.clock.utc();
        let ended = |known: &Publisher| known.pass.expires_at <= now;
        let all = self.publishers.by_session.iter();
        let ended: Vec<_> =
            all.filter(|(_, known)| ended(known)).map(|(&session, known)| (known.room, session)).collect();
        for (room, session) in ended {
            self.end_publisher(room, session, "its token has ended").await;
        }
        let stays: Vec<Stay> =
            self.publishers.by_session.iter().map(|(&session, known)| stay(session, known)).collect();
        if stays.is_empty() || std::mem::replace(&mut self.publishers.is_asking, true) {
            return;
        }
        let (bus, news) = (self.deps.bus.clone(), self.publishers.news.0.clone());
        self.shutdown.tasks.spawn(async move {
            let _ended = news.send(News::MustEnd(who_must_end(&bus, &stays).await)).await;
        });
    }

    /// Ends the WHIP sessions of a room.
    pub(super) async fn end_publishers(&mut self, room: RoomId, why: &str) {
        let all = self.publishers.by_session.iter();
        let theirs = all.filter(|(_, known)| known.room == room).map(|(session, _)| *session);
        for session in theirs.collect::<Vec<_>>() {
            self.end_publisher(room, session, why).await;
        }
    }

    async fn end_publisher(&mut self, room: RoomId, session: ConnectionId, why: &str) {
        info!(room.id = %room, conn.id = %session, "WHIP session {session} ends: {why}");
        self.publishers.forget(session);
        self.change(room, |state, effects| state.leave(session, effects)).await;
    }
}

/// What becomes of a PATCH.
enum Patched {
    Now(WhipReply),
    Restarting(BoxFuture<'static, WhipAnswer>),
}

fn stay(session: ConnectionId, publisher: &Publisher) -> Stay {
    let Publisher { account, room, user, ref pass, .. } = *publisher;
    Stay { account, room, session, user, pass: pass.clone() }
}

/// Asks the api role. Whom nobody speaks of stays: their tokens end by themselves.
async fn who_must_end(bus: &Bus, stays: &[Stay]) -> Vec<ConnectionId> {
    let mut all = Vec::new();
    for page in stays.chunks(ASKED_MAX) {
        match bus.request(&StayService, &page.to_vec(), ANSWER_TIME).await {
            Ok(ended) => all.extend(ended),
            Err(error) => {
                debug!(error = %Chain(&error), "Nobody says who may not stay; will ask again");
                break;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
