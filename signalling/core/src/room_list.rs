//! What is unread in the rooms of an account, and who is in a call where, for those who follow the list of them on one
//! instance.
//!
//! News say where something is new. What that is to whom is asked of the store for many rooms and all who follow at
//! once, in rounds that are a second apart, and told to those to whom it is other than they were told last: a room in
//! which a hundred messages are said in a second costs one question and a frame for each follower, and none any more for
//! those of whom the count has reached its end. Who is in a call is told by the nodes that own the [`sessions`]; the store
//! is asked who sees their rooms.

mod follower;
mod sessions;

use crate::admission::{Action, Visitor};
use common::{
    id::{ConnectionId, RoomId, UserId},
    permission::{Permission, Permissions},
    protocol::{
        room::Unread,
        rooms::{CallsChanged, ROOMS_TOLD_MAX, UnreadChanged, UnreadRoom},
    },
    room::{FollowedRoom, RoomFacts},
    subject::{media::SessionSummary, room_list::RoomListNews},
};
use follower::Follower;
use sessions::Sessions;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// How often at most a room is asked about, and told.
///
/// Longer costs less where much is said; shorter shows sooner what is said right after something else was.
pub const ROUND_TIME: Duration = Duration::from_secs(1);

/// Users for whom a room is asked about one by one. For more, it is for all.
const SOME_MAX: usize = 64;

/// What everybody who follows may do, else they would not.
const FOLLOWER: Visitor<'_> = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));

/// What a list asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Push this to all devices of these users, before they are pushed anything else.
    Tell(Vec<UserId>, UnreadChanged),
    /// Push this to all devices of these users, before they are pushed anything else.
    TellCalls(Vec<UserId>, CallsChanged),
    /// Read the last numbers of all rooms and [hand them over](RoomList::handle_last_seqs).
    Compare,
    /// Read all media sessions of the account and [hand them over](RoomList::handle_sessions).
    CompareSessions,
}

/// The last one who followed has gone, and this list is not kept any more: open it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// What is to be read in the store: of these rooms what concerns whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(pub Vec<(RoomId, Whom)>);

/// Whom something in a room concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Everybody whom something connects with it, and of a call everybody.
    All,
    /// Everybody: it is for all since a short while ago, and they may not know of it.
    Strangers,
    /// These users: they have read further, or begin to follow.
    Some(BTreeSet<UserId>),
}

/// The rooms of one account on one instance. Owns no socket and reads no clock.
#[derive(Debug)]
pub struct RoomList<D> {
    followers: BTreeMap<UserId, Follower<D>>,
    sessions: Sessions,
    /// The rooms in which a call goes on for all that anybody was told.
    calls: BTreeSet<RoomId>,
    /// The last number of each room, as far as it was read.
    last_seqs: BTreeMap<RoomId, u64>,
    /// Where something is new that was not asked about yet.
    moved: BTreeMap<RoomId, Whom>,
    /// What is left of the round.
    round: VecDeque<(RoomId, Whom)>,
    /// When it began, and when the next one may.
    round_began: Instant,
    round_at: Instant,
    is_asking: bool,
    /// Something may not have been heard: with the next comparison everything is new.
    is_lost: bool,
    is_closed: bool,
}

impl<D> RoomList<D> {
    /// The list of an account whose rooms have these last numbers.
    pub fn new(last_seqs: impl IntoIterator<Item = (RoomId, u64)>, now: Instant) -> Self {
        Self {
            followers: BTreeMap::new(),
            sessions: Sessions::default(),
            calls: BTreeSet::new(),
            last_seqs: last_seqs.into_iter().collect(),
            moved: BTreeMap::new(),
            round: VecDeque::new(),
            round_began: now,
            round_at: now,
            is_asking: false,
            is_lost: false,
            is_closed: false,
        }
    }

    /// A device of a user follows, who may read in rooms.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn follow(&mut self, user: UserId, connection: ConnectionId, device: D) -> Result<(), Closed> {
        if self.is_closed {
            return Err(Closed);
        }
        self.followers.entry(user).or_default().add(connection, device);
        let rooms: Vec<RoomId> = self.sessions.rooms().collect();
        for room in rooms {
            self.note(room, Whom::Some([user].into()));
        }
        Ok(())
    }

    /// It does no longer.
    pub fn leave(&mut self, user: UserId, connection: ConnectionId) {
        if let Some(follower) = self.followers.get_mut(&user) {
            follower.devices.remove(&connection);
            if follower.devices.is_empty() {
                self.followers.remove(&user);
            }
        }
    }

    /// The devices of a user that follow here.
    pub fn devices(&self, user: UserId) -> impl Iterator<Item = &D> {
        self.followers.get(&user).into_iter().flat_map(|follower| follower.devices.values())
    }

    /// Lets nobody follow any more if nobody does; whether that is so.
    pub fn close_if_empty(&mut self) -> bool {
        self.is_closed |= self.followers.is_empty();
        self.is_closed
    }

    /// Whether nobody follows any more.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// An instance, perhaps this one, says where something is new.
    pub fn handle_news(&mut self, news: &RoomListNews) {
        for room in &news.moved {
            self.note(*room, Whom::All);
        }
        for room in &news.opened {
            self.note(*room, Whom::Strangers);
        }
        for (room, user) in &news.read {
            if self.followers.contains_key(user) {
                self.note(*room, Whom::Some([*user].into()));
            }
        }
    }

    /// Something is new in a room.
    fn note(&mut self, room: RoomId, whom: Whom) {
        let known = self.moved.entry(room).or_insert_with(|| Whom::Some(BTreeSet::new()));
        match (&mut *known, whom) {
            (Whom::Some(users), Whom::Some(more)) => {
                users.extend(more);
                if users.len() > SOME_MAX {
                    *known = Whom::All;
                }
            }
            (_, Whom::Strangers) => *known = Whom::Strangers,
            (Whom::Some(_), Whom::All) => *known = Whom::All,
            (Whom::All | Whom::Strangers, Whom::Some(_) | Whom::All) => {}
        }
    }

    /// What other instances said may have been lost.
    pub fn handle_lost(&mut self, effects: &mut Vec<Effect>) {
        self.is_lost = true;
        effects.push(Effect::Compare);
    }

    /// What was said somewhere may have been told nobody.
    pub fn doubt(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Compare);
        self.doubt_sessions(effects);
    }

    /// A media node says who is in one of its sessions.
    pub fn handle_session(&mut self, session: SessionSummary, effects: &mut Vec<Effect>) {
        let room = session.call.room_id;
        if self.sessions.hear(session) {
            self.note(room, Whom::All);
        }
        if self.sessions.has_many_over() {
            self.doubt_sessions(effects);
        }
    }

    /// What media nodes said may have been lost, or some have come or gone.
    pub fn doubt_sessions(&mut self, effects: &mut Vec<Effect>) {
        if self.sessions.begin() {
            effects.push(Effect::CompareSessions);
        }
    }

    /// The answer to [`Effect::CompareSessions`]: all of the account, and whether other nodes were within reach.
    pub fn handle_sessions(&mut self, all: Vec<SessionSummary>, is_fresh: bool, effects: &mut Vec<Effect>) {
        for room in self.sessions.end(all, is_fresh) {
            self.note(room, Whom::All);
        }
        if self.sessions.take_late() {
            self.doubt_sessions(effects);
        }
    }

    /// The sessions cannot be read now.
    pub fn handle_unknown_sessions(&mut self) {
        self.sessions.fail();
    }

    /// Who sees which room may have changed in any: those are looked at in which there is something to see.
    pub fn review(&mut self) {
        let rooms: Vec<RoomId> = self.sessions.rooms().collect();
        for room in rooms {
            self.note(room, Whom::All);
        }
    }

    /// The answer to [`Effect::Compare`]: the last numbers of all rooms.
    pub fn handle_last_seqs(&mut self, last_seqs: impl IntoIterator<Item = (RoomId, u64)>) {
        let is_lost = std::mem::take(&mut self.is_lost);
        let known = std::mem::take(&mut self.last_seqs);
        for (room, seq) in last_seqs {
            let before = known.get(&room).copied().unwrap_or_default();
            // Who has read where nothing was said since is not told by any number.
            if before != seq || (is_lost && seq > 0) {
                self.note(room, Whom::All);
            }
            self.last_seqs.insert(room, seq);
        }
    }

    /// When there is something to [ask](Self::question).
    pub fn next_deadline(&self) -> Option<Instant> {
        let is_waiting = !self.round.is_empty() || !self.moved.is_empty();
        (is_waiting && !self.is_asking && !self.is_closed).then_some(self.round_at)
    }

    /// What is to be asked now, and then [answered](Self::handle_rooms) before anything else is.
    pub fn question(&mut self, now: Instant) -> Option<Question> {
        if self.next_deadline().is_none_or(|at| at > now && self.round.is_empty()) {
            return None;
        }
        if self.round.is_empty() {
            self.round = std::mem::take(&mut self.moved).into_iter().collect();
            (self.round_began, self.round_at) = (now, now + ROUND_TIME);
        }
        self.is_asking = true;
        let some = self.round.len().min(ROOMS_TOLD_MAX);
        Some(Question(self.round.drain(..some).collect()))
    }

    /// The answer to a [question](Self::question).
    pub fn handle_rooms(
        &mut self,
        question: &Question,
        rooms: &[FollowedRoom],
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.is_asking = false;
        // A store that is slow is left alone for as long as it took.
        self.round_at = self.round_at.max(now + now.saturating_duration_since(self.round_began));
        let mut unread: BTreeMap<UserId, Vec<UnreadRoom>> = BTreeMap::new();
        for room in rooms {
            self.last_seqs.insert(room.id, room.last_seq);
            let mut tell = |user: &UserId, follower: &mut Follower<D>, facts: &RoomFacts, read: Unread| {
                if FOLLOWER.may(Action::ReadMessages, room.id, Some(facts)).is_ok()
                    && follower.is_news_of_unread(room.id, room.last_seq, read)
                {
                    let of = UnreadRoom { room_id: room.id, last_seq: room.last_seq, read };
                    unread.entry(*user).or_default().push(of);
                }
            };
            for (user, connected) in &room.users {
                if let (Some(read), Some(follower)) = (connected.unread, self.followers.get_mut(user)) {
                    tell(user, follower, &connected.facts, read);
                }
            }
            if question.0.iter().any(|(id, whom)| *id == room.id && *whom == Whom::Strangers) {
                let strangers = self.followers.iter_mut().filter(|(user, _)| !room.users.contains_key(user));
                strangers.for_each(|(user, follower)| tell(user, follower, &room.facts, Unread::default()));
            }
        }
        effects.extend(
            together(unread).into_iter().map(|(rooms, users)| Effect::Tell(users, UnreadChanged { rooms })),
        );
        self.tell_calls(question, rooms, effects);
    }

    /// Tells those of whom something is known by now who is in a call where they see it, each what is news to them, and
    /// together those to whom the same is.
    fn tell_calls(&mut self, question: &Question, rooms: &[FollowedRoom], effects: &mut Vec<Effect>) {
        let found: BTreeMap<RoomId, &FollowedRoom> = rooms.iter().map(|room| (room.id, room)).collect();
        let mut told: BTreeMap<UserId, Vec<(RoomId, bool)>> = BTreeMap::new();
        for (id, whom) in &question.0 {
            let revision = self.sessions.get(*id).map(|session| session.revision);
            let is_known = match (revision, whom) {
                (Some(_), _) => !self.calls.insert(*id),
                (None, Whom::All | Whom::Strangers) => self.calls.remove(id),
                (None, Whom::Some(_)) => self.calls.contains(id),
            };
            if revision.is_none() && !is_known {
                continue;
            }
            let room = found.get(id);
            let users: Vec<UserId> = match whom {
                Whom::All | Whom::Strangers => self.followers.keys().copied().collect(),
                Whom::Some(users) => users.iter().copied().collect(),
            };
            for user in users {
                let Some(follower) = self.followers.get_mut(&user) else { continue };
                let connected = room.and_then(|room| room.users.get(&user)).map(|connected| &connected.facts);
                let facts: Option<&RoomFacts> = connected.or(room.map(|room| &room.facts));
                let shown = revision.filter(|_| FOLLOWER.may(Action::ReadMembers, *id, facts).is_ok());
                if follower.is_news_of_call(*id, shown) {
                    told.entry(user).or_default().push((*id, shown.is_some()));
                }
            }
        }
        for (rooms, users) in together(told) {
            let rooms =
                rooms.into_iter().map(|(room, is_shown)| self.sessions.call(room, is_shown)).collect();
            effects.push(Effect::TellCalls(users, CallsChanged { rooms }));
        }
    }

    /// A [question](Self::question) could not be answered: it is asked again then.
    pub fn handle_unanswered(&mut self, question: Question, again_at: Instant) {
        self.is_asking = false;
        for (room, whom) in question.0.into_iter().chain(std::mem::take(&mut self.round)) {
            self.note(room, whom);
        }
        self.round_at = again_at;
    }
}

/// Those together to whom the same is told: it is encoded once for all of them.
fn together<T: Ord>(told: BTreeMap<UserId, T>) -> BTreeMap<T, Vec<UserId>> {
    let mut together: BTreeMap<T, Vec<UserId>> = BTreeMap::new();
    for (user, what) in told {
        together.entry(what).or_default().push(user);
    }
    together
}

#[cfg(test)]
mod tests;
