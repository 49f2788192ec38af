//! What is unread in the rooms of an account, for those who follow the list of them on one instance.
//!
//! News say where something is new. What that is to whom is asked of the store for many rooms and all who follow at
//! once, in rounds that are a second apart, and told to those to whom it is other than they were told last: a room in
//! which a hundred messages are said in a second costs one question and a frame for each follower, and none any more for
//! those of whom the count has reached its end.

use crate::admission::{Action, Visitor};
use common::{
    id::{ConnectionId, RoomId, UserId},
    permission::{Permission, Permissions},
    protocol::{
        room::Unread,
        rooms::{ROOMS_TOLD_MAX, UnreadChanged, UnreadRoom},
    },
    room::FollowedRoom,
    subject::room_list::RoomListNews,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// How often at most a room is asked about, and told.
///
/// Longer costs less where much is said; shorter shows sooner what is said right after something else was.
pub const ROUND_TIME: Duration = Duration::from_secs(1);

/// Rooms of which it is remembered what a user was told. Beyond that all is forgotten, and may be told them once more.
const TOLD_MAX: usize = 256;

/// What everybody who follows may do, else they would not.
const FOLLOWER: Visitor<'_> = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));

/// What a list asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Push this to all devices of a user, before they are pushed anything else.
    Tell(UserId, UnreadChanged),
    /// Read the last numbers of all rooms and [hand them over](RoomList::handle_last_seqs).
    Compare,
}

/// The last one who followed has gone, and this list is not kept any more: open it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// What is to be read in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Of which rooms.
    pub rooms: Vec<RoomId>,
    /// For which users.
    pub users: Vec<UserId>,
}

/// Whom something in a room concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    All,
    /// Those who have read further.
    Readers(BTreeSet<UserId>),
}

/// A user who follows, with all of their devices here.
#[derive(Debug)]
struct Follower<D> {
    devices: BTreeMap<ConnectionId, D>,
    /// What they were told last, of rooms of which they were told anything.
    told: BTreeMap<RoomId, Unread>,
}

/// The rooms of one account on one instance. Owns no socket and reads no clock.
#[derive(Debug)]
pub struct RoomList<D> {
    followers: BTreeMap<UserId, Follower<D>>,
    /// The last number of each room, as far as it was read.
    last_seqs: BTreeMap<RoomId, u64>,
    /// Where something is new that was not asked about yet.
    moved: BTreeMap<RoomId, Whom>,
    /// What is left of the round.
    round: VecDeque<(RoomId, Whom)>,
    /// When the next one may begin.
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
            last_seqs: last_seqs.into_iter().collect(),
            moved: BTreeMap::new(),
            round: VecDeque::new(),
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
        let new = || Follower { devices: BTreeMap::new(), told: BTreeMap::new() };
        self.followers.entry(user).or_insert_with(new).devices.insert(connection, device);
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
        for (room, user) in &news.read {
            if self.followers.contains_key(user) {
                self.note(*room, Whom::Readers([*user].into()));
            }
        }
    }

    /// Something is new in a room.
    fn note(&mut self, room: RoomId, whom: Whom) {
        match (self.moved.entry(room).or_insert_with(|| Whom::Readers(BTreeSet::new())), whom) {
            (Whom::Readers(known), Whom::Readers(more)) => known.extend(more),
            (known, Whom::All) => *known = Whom::All,
            (Whom::All, Whom::Readers(_)) => {}
        }
    }

    /// What other instances said may have been lost.
    pub fn handle_lost(&mut self, effects: &mut Vec<Effect>) {
        self.is_lost = true;
        effects.push(Effect::Compare);
    }

    /// What was said somewhere may have been told nobody.
    pub fn doubt(&self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Compare);
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
            self.round_at = now + ROUND_TIME;
        }
        let is_for_all = self.round.front().is_some_and(|(_, whom)| *whom == Whom::All);
        let (mut rooms, mut readers) = (Vec::new(), BTreeSet::new());
        while rooms.len() < ROOMS_TOLD_MAX
            && self.round.front().is_some_and(|(_, whom)| (*whom == Whom::All) == is_for_all)
            && let Some((room, whom)) = self.round.pop_front()
        {
            rooms.push(room);
            if let Whom::Readers(some) = whom {
                readers.extend(some);
            }
        }
        self.is_asking = true;
        let users =
            if is_for_all { self.followers.keys().copied().collect() } else { readers.into_iter().collect() };
        Some(Question { rooms, users })
    }

    /// The answer to a [question](Self::question).
    pub fn handle_rooms(&mut self, rooms: &[FollowedRoom], effects: &mut Vec<Effect>) {
        self.is_asking = false;
        let mut changed: BTreeMap<UserId, Vec<UnreadRoom>> = BTreeMap::new();
        for room in rooms {
            self.last_seqs.insert(room.id, room.last_seq);
            for (user, connected) in &room.users {
                let (Some(read), Some(follower)) = (connected.unread, self.followers.get_mut(user)) else {
                    continue;
                };
                if FOLLOWER.may(Action::ReadMessages, room.id, Some(&connected.facts)).is_err() {
                    continue;
                }
                if follower.told.len() >= TOLD_MAX && !follower.told.contains_key(&room.id) {
                    follower.told.clear();
                }
                if follower.told.insert(room.id, read) != Some(read) {
                    let unread = UnreadRoom { room_id: room.id, last_seq: room.last_seq, read };
                    changed.entry(*user).or_default().push(unread);
                }
            }
        }
        effects.extend(changed.into_iter().map(|(user, rooms)| Effect::Tell(user, UnreadChanged { rooms })));
    }

    /// A [question](Self::question) could not be answered: it is asked again then.
    pub fn handle_unanswered(&mut self, question: &Question, again_at: Instant) {
        self.is_asking = false;
        for (room, whom) in std::mem::take(&mut self.round) {
            self.note(room, whom);
        }
        for room in &question.rooms {
            self.note(*room, Whom::All);
        }
        self.round_at = again_at;
    }
}

#[cfg(test)]
mod tests;
