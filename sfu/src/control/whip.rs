//! Clients over HTTP: participants who publish (WHIP, RFC 9725), with a seat like any other and no hub that answers for
//! it, and players (WHEP, draft-ietf-wish-whep-03), who have none.
//!
//! Their session ends when they say so, when nothing is heard from them, when their token ends, and when the api role
//! says that they may not stay. Until then it is here, whichever instances come and go.

mod offer;
mod play;
mod publish;
mod stays;

pub(super) use offer::WhipOfferError;

use super::{Control, failure};
use bus::Replier;
use common::{
    error::Chain,
    id::{AccountId, ConnectionId, RoomId, UserId},
    protocol::{
        Failure,
        media::{Participant, TrackSource},
    },
    subject::{
        hub::ConnectionSelector,
        media::MediaRights,
        whip::{Direction, IfMatch, Pass, PassHolder, WhipAction, WhipReply, WhipRequest, WhipService},
    },
    token::Standing,
};
use futures_util::{FutureExt, future::BoxFuture};
use sfu_core::sdp::{
    fragment::{self, Fragment, FragmentCredentials},
    parse::Remote,
};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tracing::{debug, info};

/// WHIP sessions of one account on a node at most.
///
/// More lets an account bring more cameras; fewer leaves more of the node to the others.
pub(crate) const PUBLISHERS_PER_ACCOUNT_MAX: usize = 500;

/// WHEP sessions of one account on a node at most.
///
/// More lets an account have more or larger audiences; fewer leaves more of the node to the others.
pub(crate) const PLAYERS_PER_ACCOUNT_MAX: usize = 3_000;

/// News that may wait. Whoever has more waits beside, and their clients with them.
const NEWS_MAX: usize = 64;

type WhipAnswer = Result<WhipReply, Failure>;

/// Who publishes or plays over HTTP, by the ids of their sessions.
pub(super) struct Clients {
    by_session: BTreeMap<ConnectionId, Client>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// One round of questions at a time is under way.
    is_asking: bool,
}

struct Client {
    account: AccountId,
    room: RoomId,
    user: UserId,
    direction: Direction,
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

/// Somebody who would publish or play.
pub(super) struct Arrival {
    account: AccountId,
    room: RoomId,
    pass: Pass,
    purpose: Purpose,
    reply: Replier<WhipService>,
}

/// What for.
enum Purpose {
    Publish { participant: Participant, rights: MediaRights, picture: TrackSource },
    Play { session: ConnectionId, user: UserId, of: Option<UserId> },
}

impl Purpose {
    const fn session(&self) -> ConnectionId {
        match self {
            Self::Publish { participant, .. } => participant.connection_id,
            Self::Play { session, .. } => *session,
        }
    }

    const fn user(&self) -> UserId {
        match self {
            Self::Publish { participant, .. } => participant.user_id,
            Self::Play { user, .. } => *user,
        }
    }

    const fn direction(&self) -> Direction {
        match self {
            Self::Publish { .. } => Direction::Publishes,
            Self::Play { .. } => Direction::Plays,
        }
    }
}

/// Which session over HTTP a request is about, and who asks.
#[derive(Clone, Copy)]
struct Asked {
    room: RoomId,
    session: ConnectionId,
    direction: Direction,
    user: UserId,
}

impl Default for Clients {
    fn default() -> Self {
        Self { by_session: BTreeMap::new(), news: mpsc::channel(NEWS_MAX), is_asking: false }
    }
}

impl Clients {
    pub(super) async fn next_news(&mut self) -> Option<News> {
        self.news.1.recv().await
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: ConnectionId) {
        self.by_session.remove(&session);
    }

    /// How many an account has.
    fn count(&self, account: AccountId, direction: Direction) -> usize {
        let all = self.by_session.values();
        all.filter(|known| (known.account, known.direction) == (account, direction)).count()
    }

    fn find(&mut self, asked: Asked) -> Option<&mut Client> {
        let Asked { room, session, direction, user } = asked;
        let is_theirs =
            |known: &&mut Client| (known.room, known.direction, known.user) == (room, direction, user);
        self.by_session.get_mut(&session).filter(is_theirs)
    }
}

impl Client {
    /// The tag of the present ICE session, unlike that of any other of this client.
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
                let purpose = Purpose::Publish { participant, rights, picture };
                self.read_beside(sdp, Arrival { account, room, pass, purpose, reply });
            }
            WhipAction::Play { session, user, pass, sdp, of } => {
                let purpose = Purpose::Play { session, user, of };
                self.read_beside(sdp, Arrival { account, room, pass, purpose, reply });
            }
            WhipAction::Patch { session, direction, user, if_match, fragment } => {
                match self.patch(Asked { room, session, direction, user }, &if_match, &fragment) {
                    Ok(Patched::Now(answer)) => reply.send(&Ok(answer)),
                    Ok(Patched::Restarting(answer)) => {
                        self.shutdown.tasks.spawn(async move { reply.send(&answer.await) });
                    }
                    Err(failure) => reply.send(&Err(failure)),
                }
            }
            WhipAction::End { session, direction, user } => {
                let outcome = match self.clients.find(Asked { room, session, direction, user }) {
                    Some(_) => {
                        self.end_client(room, session, "it says so").await;
                        Ok(WhipReply::Done)
                    }
                    None => Err(failure::no_whip_session()),
                };
                reply.send(&outcome);
            }
            WhipAction::Remove { whom } => {
                let all = self.clients.by_session.iter();
                let theirs = all.filter(|(id, known)| known.room == room && known.is_among(**id, whom));
                let sessions: Vec<ConnectionId> = theirs.map(|(session, _)| *session).collect();
                for &session in &sessions {
                    self.end_client(room, session, "it was taken out of the room").await;
                }
                reply.send(&Ok(WhipReply::Removed(u32::try_from(sessions.len()).unwrap_or(u32::MAX))));
            }
        }
    }

    pub(super) async fn handle_whip_news(&mut self, news: News) {
        match news {
            News::Arrived(arrival, offer) => self.admit_client(*arrival, offer).await,
            News::NotTaken(room, session) => {
                self.end_client(room, session, "its offer was not taken").await;
            }
            News::MustEnd(sessions) => {
                self.clients.is_asking = false;
                for session in sessions {
                    let room = self.clients.by_session.get(&session).map(|client| client.room);
                    if let Some(room) = room {
                        self.end_client(room, session, "it may not be in the room any more").await;
                    }
                }
            }
        }
    }

    /// Reading takes longer than all else, and holds up nobody. Who offers what cannot be taken enters nothing.
    fn read_beside(&self, sdp: String, arrival: Arrival) {
        let news = self.clients.news.0.clone();
        self.shutdown.tasks.spawn(async move {
            let (room, session) = (arrival.room, arrival.purpose.session());
            let check = match arrival.purpose.direction() {
                Direction::Publishes => offer::check,
                Direction::Plays => offer::check_player,
            };
            let offer = Remote::parse(&sdp).map_err(WhipOfferError::from);
            let offer = match offer.and_then(|offer| check(&offer).map(|()| offer)) {
                Ok(offer) => offer,
                Err(error) => {
                    info!(room.id = %room, conn.id = %session, error = %Chain(&error), "What session {session} over HTTP offers is not taken");
                    return arrival.reply.send(&Err(failure::whip_offer(&error)));
                }
            };
            let arrived = news.send(News::Arrived(Box::new(arrival), offer)).await;
            if let Err(mpsc::error::SendError(News::Arrived(arrival, _))) = arrived {
                arrival.reply.send(&Err(failure::unavailable()));
            }
        });
    }

    /// Lets somebody in whose offer can be taken, unless the account has enough of them or the session is on its way to
    /// another node.
    async fn admit_client(&mut self, arrival: Arrival, offer: Remote) {
        let Arrival { account, room, pass, purpose, reply } = arrival;
        let direction = purpose.direction();
        let (most, too_many) = match direction {
            Direction::Publishes => (PUBLISHERS_PER_ACCOUNT_MAX, failure::too_many_publishers()),
            Direction::Plays => (PLAYERS_PER_ACCOUNT_MAX, failure::too_many_players()),
        };
        if self.clients.count(account, direction) >= most {
            return reply.send(&Err(too_many));
        }
        if self.moves.is_under_way(room) {
            return reply.send(&Err(failure::unavailable()));
        }
        let (session, user) = (purpose.session(), purpose.user());
        let entered = match purpose {
            Purpose::Publish { participant, rights, picture } => {
                self.admit_publisher((account, room), participant, rights, (offer, picture)).await
            }
            Purpose::Play { of, .. } => self.admit_player((account, room), (session, user), of, offer).await,
        };
        let (offer, answer) = match entered {
            Ok(entered) => entered,
            Err(refusal) => return reply.send(&refusal),
        };
        let client = Client { account, room, user, direction, pass, offer, ice_session: 1 };
        let tag = client.tag();
        self.clients.by_session.insert(session, client);
        info!(room.id = %room, conn.id = %session, user.id = %user, "Session {session} over HTTP begins");
        let news = self.clients.news.0.clone();
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
    fn patch(&mut self, asked: Asked, if_match: &IfMatch, fragment: &str) -> Result<Patched, Failure> {
        let Asked { room, session, direction, .. } = asked;
        let client = self.clients.find(asked).ok_or_else(failure::no_whip_session)?;
        let Fragment { credentials } = Fragment::parse(fragment).map_err(|error| failure::sdp(&error))?;
        if !client.is_meant(if_match) {
            return Ok(Patched::Now(WhipReply::OtherIceSession));
        }
        let Some(offer) = client.restarted(credentials) else {
            return Ok(Patched::Now(WhipReply::Done));
        };
        let shard = self.served(room, session)?;
        let answered = match direction {
            Direction::Publishes => shard.publish(session, offer.clone()).map(FutureExt::boxed),
            Direction::Plays => shard.play(session, offer.clone()).map(FutureExt::boxed),
        };
        let answered = answered.map_err(|_| failure::unavailable())?;
        let client = self.clients.find(asked).ok_or_else(failure::no_whip_session)?;
        client.offer = offer;
        client.ice_session = client.ice_session.saturating_add(1);
        debug!(room.id = %room, conn.id = %session, "Session {session} over HTTP begins ICE anew");
        let tag = client.tag();
        Ok(Patched::Restarting(
            async move {
                let answer = answered.await.map_err(|_| failure::unavailable())?;
                let answer = answer.map_err(|error| failure::sdp(&error))?;
                Ok(WhipReply::Restarted { fragment: fragment::of_answer(&answer), tag })
            }
            .boxed(),
        ))
    }

    /// Ends the sessions over HTTP of a room.
    pub(super) async fn end_clients(&mut self, room: RoomId, why: &str) {
        let all = self.clients.by_session.iter();
        let theirs = all.filter(|(_, known)| known.room == room).map(|(session, _)| *session);
        for session in theirs.collect::<Vec<_>>() {
            self.end_client(room, session, why).await;
        }
    }

    async fn end_client(&mut self, room: RoomId, session: ConnectionId, why: &str) {
        info!(room.id = %room, conn.id = %session, "Session {session} over HTTP ends: {why}");
        self.clients.forget(session);
        self.change(room, |state, effects| {
            state.leave(session, effects);
            state.end_playing(session, effects);
        })
        .await;
    }
}

/// What was offered, and the answer to come; or what else the api role is answered.
type Entered = Result<(Remote, BoxFuture<'static, Result<String, Failure>>), WhipAnswer>;

/// What becomes of a PATCH.
enum Patched {
    Now(WhipReply),
    Restarting(BoxFuture<'static, WhipAnswer>),
}

#[cfg(test)]
mod tests;
