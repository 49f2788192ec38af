//! A room as one instance has it: who is in it here and elsewhere, what they are told, and what has to be read
//! again because something was missed.
//!
//! What other instances say arrives late, twice, in parts or never. Messages are put right by their numbers: a
//! gap is read from the store. Members are put right by comparing with the presence set of the bus, when there is
//! reason to doubt: one room in a thousand changes in a second.

mod kept;

pub use kept::Recalled;

use crate::{
    comparison::{Compared, Comparison, DOUBT_TIME},
    departed::Departed,
    gathering::{GATHER_TIME, Gathering},
    pages::Pages,
    roster::{self, Change, Roster},
    sequence::{Arrival, Joined, Sequence},
    typing::Typing,
};
use common::{
    id::{ConnectionId, RoomId, UserId},
    protocol::{
        Event,
        room::{
            Member, MemberJoined, MemberLeft, MembersChanged, MessageChanged, MessagePosted, Published,
            READERS_TOLD_MAX, ReadTo, RoomClass, RoomMessage, TypingChanged,
        },
    },
    room::RoomEntry,
    subject::hub::RoomNews,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long somebody who has left is remembered, who may come back: longer than their entry takes to be removed where
/// the bus is there, and shorter than there is [doubt](DOUBT_TIME) where their coming back may not have been heard.
const DEPARTED_TIME: Duration = Duration::from_secs(10);

/// Somebody on this instance who is in the room.
pub trait Reader {
    /// As the others see them.
    fn member(&self) -> Member;
    /// Whose device it is.
    fn user(&self) -> UserId;
    /// Whether what is said is for them; what happens always is.
    fn reads_messages(&self) -> bool;
}

/// Some of those who are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everybody,
    /// All but the one who caused it.
    Except(ConnectionId),
    /// Those who read messages and have not read the one with this number.
    Behind(u64),
    /// The devices of a user.
    User(UserId),
    /// These.
    These(BTreeSet<ConnectionId>),
}

/// What a room asks its shell to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Push an event to some of those who are here, before anybody else comes or goes.
    Tell {
        /// To whom; see [`Room::audience`].
        audience: Audience,
        /// What happened.
        event: Event,
    },
    /// Tell the other instances. They have to hear one room's news in the order of the effects.
    Publish(RoomNews),
    /// Read the messages after this number and [hand them over](Room::handle_messages); in a recent room the
    /// [history](Room::handle_history).
    Read {
        /// The last number that was handed out.
        after: u64,
    },
    /// Read who is elsewhere and [hand that over](Room::handle_members).
    Compare,
}

/// Why nobody can join like this. The room is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The last one has left meanwhile, and this room is not followed any more: open it anew.
    Closed,
    /// Messages were handed out that are not among those that were read: read again.
    Behind,
}

/// Whether messages are being read from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Nothing is known to be missing.
    Idle,
    /// They are; and once more afterwards, if something was found missing meanwhile.
    Underway { again: bool },
    /// They could not be; then it is tried again.
    Waiting { until: Instant },
}

/// One room on one instance. Owns no socket and reads no clock.
#[derive(Debug)]
pub struct Room<R> {
    id: RoomId,
    class: RoomClass,
    /// Of a recent room's history, that those here go by.
    epoch: Option<Box<str>>,
    sequence: Sequence<R>,
    elsewhere: Roster,
    /// Who was elsewhere, and may still be read to be.
    departed: Departed,
    gathering: Gathering,
    /// While somebody here follows one.
    pages: Option<Box<Pages>>,
    reading: Reading,
    typing: Typing,
    comparison: Comparison,
    is_closed: bool,
}

impl<R: Reader> Room<R> {
    /// A room that this instance has just begun to listen to. It wants to know who is elsewhere.
    pub fn new(id: RoomId, now: Instant) -> Self {
        Self {
            id,
            class: RoomClass::Durable,
            epoch: None,
            sequence: Sequence::default(),
            elsewhere: Roster::default(),
            departed: Departed::new(DEPARTED_TIME),
            gathering: Gathering::default(),
            pages: None,
            reading: Reading::Idle,
            typing: Typing::default(),
            comparison: Comparison::new(now),
            is_closed: false,
        }
    }

    /// Somebody here comes in, or back in, who has read everything up to number `seen`. `reader` makes what is
    /// kept of them, given what was kept before.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn join(
        &mut self,
        connection: ConnectionId,
        seen: u64,
        reader: impl FnOnce(Option<R>) -> R,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        if self.is_closed {
            return Err(Refused::Closed);
        }
        if self.sequence.has_passed(seen) {
            return Err(Refused::Behind);
        }
        let before = self.sequence.leave(connection);
        let is_new = before.is_none();
        let reader = reader(before);
        let member = reader.member();
        match self.sequence.join(connection, seen, reader) {
            Ok(Joined::First) => self.miss(effects),
            Ok(Joined::Further) => {}
            Err(_) => return Err(Refused::Behind),
        }
        if is_new {
            effects.push(Effect::Publish(RoomNews::Joined(member.clone())));
            self.come_and_go(vec![Change::Joined(member)], now, effects);
        }
        Ok(())
    }

    /// Somebody here leaves, or their connection is gone: what was kept of them.
    pub fn leave(&mut self, connection: ConnectionId, now: Instant, effects: &mut Vec<Effect>) -> Option<R> {
        let gone = self.sequence.leave(connection)?;
        self.unfollow(connection);
        effects.push(Effect::Publish(RoomNews::Left(connection)));
        self.come_and_go(vec![Change::Left(gone.member())], now, effects);
        Some(gone)
    }

    /// A message that is stored now, or was before: those who sent it cannot tell.
    pub fn post(&mut self, message: &RoomMessage, effects: &mut Vec<Effect>) {
        self.arrive(message.seq, message, effects);
        effects.push(Effect::Publish(RoomNews::Posted(message.clone())));
    }

    /// A change of a message that is stored now.
    pub fn change(&mut self, changed: &RoomEntry, effects: &mut Vec<Effect>) {
        self.arrive(changed.seq, &changed.message, effects);
        effects.push(Effect::Publish(RoomNews::Changed(changed.clone())));
    }

    /// Somebody here has read up to a number, further than before.
    pub fn read(&mut self, user: UserId, seq: u64, effects: &mut Vec<Effect>) {
        self.tell_read(user, seq, effects);
        effects.push(Effect::Publish(RoomNews::Read { user, seq }));
    }

    /// Somebody here types, or does no longer.
    pub fn set_typing(&mut self, changed: TypingChanged, now: Instant, effects: &mut Vec<Effect>) {
        self.typing.note(changed.connection_id, changed.user_id, changed.typing, now);
        let news = RoomNews::Typing {
            connection: changed.connection_id,
            user: changed.user_id,
            typing: changed.typing,
        };
        let audience = Audience::Except(changed.connection_id);
        effects.push(Effect::Tell { audience, event: Event::RoomTyping(changed) });
        effects.push(Effect::Publish(news));
    }

    /// Another instance says something.
    pub fn handle_news(&mut self, news: RoomNews, now: Instant, effects: &mut Vec<Effect>) {
        let room_id = self.id;
        let event = match news {
            RoomNews::Posted(message) => return self.arrive(message.seq, &message, effects),
            RoomNews::Changed(RoomEntry { seq, message }) => return self.arrive(seq, &message, effects),
            RoomNews::Read { user, seq } => return self.tell_read(user, seq, effects),
            RoomNews::Joined(member) => {
                self.comparison.touch(member.connection_id);
                self.departed.remove(member.connection_id);
                let is_news = self.elsewhere.join(member.clone());
                return self.come_and_go(
                    is_news.then_some(Change::Joined(member)).into_iter().collect(),
                    now,
                    effects,
                );
            }
            RoomNews::Left(connection) => {
                self.comparison.touch(connection);
                self.departed.insert(connection, now);
                let gone = self.elsewhere.leave(connection).map(Change::Left);
                return self.come_and_go(gone.into_iter().collect(), now, effects);
            }
            RoomNews::MembersChanged {} => {
                self.comparison.doubt(now, DOUBT_TIME);
                return self.comparison.expect_by(now + GATHER_TIME);
            }
            RoomNews::Typing { connection: connection_id, user: user_id, typing } => {
                self.typing.note(connection_id, user_id, typing, now);
                Event::RoomTyping(TypingChanged { room_id, connection_id, user_id, typing })
            }
            RoomNews::Renamed(renamed) => Event::RoomRenamed(renamed),
            RoomNews::MemberChanged(changed) => Event::RoomMemberChanged(changed),
            RoomNews::Restricted(restricted) => Event::RoomRestricted(restricted),
            RoomNews::Kept { epoch, event } => return self.arrive_kept(&epoch, event, effects),
            RoomNews::Event { name, data, from } => {
                Event::RoomEvent(Published { room_id, name, data, from, seq: None, epoch: None })
            }
        };
        effects.push(Effect::Tell { audience: Audience::Everybody, event });
    }

    /// What other instances said may have been lost.
    pub fn handle_lost(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.unsettle(now);
        self.comparison.doubt(now, DOUBT_TIME);
        self.miss(effects);
        self.compare(now, effects);
    }

    /// Instances have come or gone, or are within reach again, and with them perhaps some of those who are or were
    /// elsewhere.
    pub fn handle_instances_changed(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.comparison.doubt(now, DOUBT_TIME);
        self.compare(now, effects);
        // Whoever has gone may have had no time to say what it had kept. Messages are found by the store's numbers.
        if self.class == RoomClass::Recent {
            self.miss(effects);
        }
    }

    /// Instances had come or gone when this one began to listen to the room, perhaps, and it is not known yet until
    /// then who went with them.
    pub fn doubt_until(&mut self, until: Instant, now: Instant) {
        self.comparison.doubt_until(until, now);
    }

    /// Other instances have ceased or begun to be within reach.
    pub fn unsettle(&mut self, now: Instant) {
        self.comparison.unsettle(now);
    }

    /// The store has messages up to number `seq`.
    pub fn handle_latest(&mut self, seq: u64, effects: &mut Vec<Effect>) {
        if self.sequence.lags(seq) {
            self.miss(effects);
        }
    }

    /// The answer to [`Effect::Read`]: messages and changes in order, and whether there may be more.
    pub fn handle_messages(&mut self, entries: &[RoomEntry], more: bool, effects: &mut Vec<Effect>) {
        let again = self.end_reading();
        for entry in entries {
            self.arrive(entry.seq, &entry.message, effects);
        }
        if more || again {
            self.miss(effects);
        }
    }

    /// The messages cannot be read. They are asked for again `at` that time.
    pub fn handle_unreadable(&mut self, at: Instant) {
        self.reading = Reading::Waiting { until: at };
    }

    /// The answer to [`Effect::Compare`], without those whose connection is here; `is_linked` says whether
    /// other instances were within reach when it was read.
    pub fn handle_members(
        &mut self,
        elsewhere: impl IntoIterator<Item = Member>,
        is_linked: bool,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Compared { trust, touched, is_late } = self.comparison.end(is_linked, now);
        let elsewhere: Vec<Member> = elsewhere
            .into_iter()
            .filter(|member| self.sequence.reader(member.connection_id).is_none())
            .filter(|member| !self.departed.has(member.connection_id, now))
            .collect();
        let changes = self.elsewhere.reconcile(elsewhere, trust, &touched);
        self.come_and_go(changes, now, effects);
        if is_late {
            self.compare(now, effects);
        }
    }

    /// Who is elsewhere cannot be read now.
    pub fn handle_unknown_members(&mut self, now: Instant) {
        self.comparison.fail(now);
    }

    /// When the room next needs attention though nothing happens to it.
    pub fn next_deadline(&self) -> Option<Instant> {
        let read = match self.reading {
            Reading::Waiting { until } => Some(until),
            Reading::Idle | Reading::Underway { .. } => None,
        };
        let told = self
            .gathering
            .next_deadline()
            .into_iter()
            .chain(self.pages.as_ref().and_then(|pages| pages.next_deadline()));
        let others = [self.comparison.next_deadline(), read, self.typing.next_deadline()];
        told.chain(others.into_iter().flatten()).min()
    }

    /// Acts on deadlines that have passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.tell_gathered(now, effects);
        for (connection, user) in self.typing.expire(now) {
            self.tell_silent(connection, user, effects);
        }
        if matches!(self.reading, Reading::Waiting { until } if until <= now) {
            self.reading = Reading::Idle;
            self.miss(effects);
        }
        if self.comparison.next_deadline().is_some_and(|at| at <= now) {
            self.compare(now, effects);
        }
    }

    /// Those whom an effect means.
    pub fn audience(&self, audience: Audience) -> impl Iterator<Item = &R> {
        let is_meant = move |connection, seen, reader: &R| match &audience {
            Audience::Everybody => true,
            Audience::Except(cause) => connection != *cause,
            Audience::Behind(seq) => seen < *seq && reader.reads_messages(),
            Audience::User(user) => reader.user() == *user,
            Audience::These(those) => those.contains(&connection),
        };
        let all = self.sequence.readers();
        all.filter_map(move |(connection, seen, reader)| is_meant(connection, seen, reader).then_some(reader))
    }

    /// Has somebody here told, from now on, who comes onto a page of members and who goes; who is on it now, and
    /// whether there are more after it. They follow no other.
    pub fn follow(&mut self, connection: ConnectionId, after: Option<ConnectionId>) -> (Vec<Member>, bool) {
        let (members, more) = self.members_after(after);
        if self.sequence.reader(connection).is_some() {
            self.pages.get_or_insert_default().follow(connection, after, &members, more);
        }
        (members, more)
    }

    /// They follow no page any more.
    pub fn unfollow(&mut self, connection: ConnectionId) {
        if let Some(pages) = &mut self.pages {
            pages.unfollow(connection);
        }
        self.pages = self.pages.take().filter(|pages| !pages.is_empty());
    }

    /// Whether this connection is in the room here.
    pub fn reader(&self, connection: ConnectionId) -> Option<&R> {
        self.sequence.reader(connection)
    }

    /// Whether this one is in the room on another instance.
    pub fn is_elsewhere(&self, connection: ConnectionId) -> bool {
        self.elsewhere.has(connection)
    }

    /// The first after `connection` of everybody, here and elsewhere, and whether there are more.
    pub fn members_after(&self, connection: Option<ConnectionId>) -> (Vec<Member>, bool) {
        page_of(&self.sequence, &self.elsewhere, connection)
    }

    /// How many are in the room, here and elsewhere.
    pub fn count(&self) -> u32 {
        u32::try_from(self.sequence.len() + self.elsewhere.len()).unwrap_or(u32::MAX)
    }

    /// Lets nobody join any more if nobody is here; whether that is so.
    pub fn close_if_empty(&mut self) -> bool {
        self.is_closed |= self.sequence.is_empty();
        self.is_closed
    }

    /// Whether nobody can join any more.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// A number of the sequence, and the message that is new or has changed with it.
    fn arrive(&mut self, seq: u64, message: &RoomMessage, effects: &mut Vec<Effect>) {
        match self.sequence.arrive(seq) {
            Arrival::Next => {
                let (room_id, message) = (self.id, message.clone());
                let event = if message.seq == seq {
                    Event::RoomMessage(MessagePosted { room_id, message })
                } else {
                    Event::RoomMessageChanged(MessageChanged { room_id, seq, message })
                };
                effects.push(Effect::Tell { audience: Audience::Behind(seq), event });
            }
            Arrival::Duplicate | Arrival::Early => {}
            Arrival::Gap => self.miss(effects),
        }
    }

    /// Whether something was found missing while it was being read.
    fn end_reading(&mut self) -> bool {
        let reading = std::mem::replace(&mut self.reading, Reading::Idle);
        matches!(reading, Reading::Underway { again: true })
    }

    /// Messages, or what a recent room keeps, are missing.
    fn miss(&mut self, effects: &mut Vec<Effect>) {
        if self.class == RoomClass::Ephemeral {
            return;
        }
        let Some(after) = self.sequence.position() else { return };
        match &mut self.reading {
            Reading::Idle => {
                self.reading = Reading::Underway { again: false };
                effects.push(Effect::Read { after });
            }
            // What is being read may have been read before this was stored.
            Reading::Underway { again } => *again = true,
            Reading::Waiting { .. } => {}
        }
    }

    fn compare(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.comparison.begin(now) {
            effects.push(Effect::Compare);
        }
    }

    /// Has everybody here told who has come and gone: each at once where few are, else how many are there after what
    /// changes within a moment.
    fn come_and_go(&mut self, changes: Vec<Change>, now: Instant, effects: &mut Vec<Effect>) {
        for change in &changes {
            if let Change::Left(Member { connection_id, .. }) = *change
                && let Some(user) = self.typing.forget(connection_id)
            {
                self.tell_silent(connection_id, user, effects);
            }
        }
        let left = changes.iter().filter(|change| matches!(change, Change::Left(_))).count();
        let among = self.sequence.len() + self.elsewhere.len() + left;
        let is_change = !changes.is_empty();
        let singly = self.gathering.note(changes, among, now);
        if is_change
            && singly.is_empty()
            && let Some(pages) = &mut self.pages
        {
            pages.note_untold(now + GATHER_TIME);
        }
        for change in singly {
            if let Some(pages) = &mut self.pages {
                pages.note_told(&change);
            }
            let (Change::Joined(Member { connection_id, .. }) | Change::Left(Member { connection_id, .. })) =
                &change;
            let audience = Audience::Except(*connection_id);
            effects.push(Effect::Tell { audience, event: event_of(self.id, change) });
        }
    }

    /// Tells the user's own devices, and where few are, everybody.
    fn tell_read(&self, user_id: UserId, seq: u64, effects: &mut Vec<Effect>) {
        let audience =
            if self.count() <= READERS_TOLD_MAX { Audience::Everybody } else { Audience::User(user_id) };
        let event = Event::RoomRead(ReadTo { room_id: self.id, user_id, seq });
        effects.push(Effect::Tell { audience, event });
    }

    /// Somebody types no longer, who has not said so.
    fn tell_silent(&self, connection_id: ConnectionId, user_id: UserId, effects: &mut Vec<Effect>) {
        let changed = TypingChanged { room_id: self.id, connection_id, user_id, typing: false };
        let audience = Audience::Except(connection_id);
        effects.push(Effect::Tell { audience, event: Event::RoomTyping(changed) });
    }

    fn tell_gathered(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let room_id = self.id;
        if self.gathering.take(now) {
            let event = Event::RoomMembersChanged(MembersChanged { room_id, member_count: self.count() });
            effects.push(Effect::Tell { audience: Audience::Everybody, event });
        }
        let (sequence, elsewhere) = (&self.sequence, &self.elsewhere);
        let Some(pages) = &mut self.pages else { return };
        for told in pages.tell(now, |after| page_of(sequence, elsewhere, after)) {
            let (followers, changed) = told.into_event(room_id);
            let audience = Audience::These(followers);
            effects.push(Effect::Tell { audience, event: Event::RoomPageChanged(changed) });
        }
    }
}

/// The first members after `after`, and whether there are more.
fn page_of<R: Reader>(
    here: &Sequence<R>,
    elsewhere: &Roster,
    after: Option<ConnectionId>,
) -> (Vec<Member>, bool) {
    let here = here.readers_after(after).map(|(_, reader)| reader.member());
    roster::page(here, elsewhere.members_after(after))
}

/// A single change as it is told.
fn event_of(room_id: RoomId, change: Change) -> Event {
    match change {
        Change::Joined(member) => Event::RoomMemberJoined(MemberJoined { room_id, member }),
        Change::Left(Member { connection_id, user_id, .. }) => {
            Event::RoomMemberLeft(MemberLeft { room_id, connection_id, user_id })
        }
    }
}

#[cfg(test)]
mod tests;
