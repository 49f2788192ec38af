//! Says what happens in this node's sessions to whoever writes it down: who comes and goes, and what they send.
//!
//! The control part notes it here in passing, in memory alone: however slow whoever follows is, and whether there is
//! anybody at all, no call waits for it. What has not been taken has a bound. Beyond it facts are left out, and how each
//! session stands is right all the same.

mod page;

use common::{
    clock::Clock,
    id::{AccountId, ConnectionId, RoomId},
    protocol::media::{State, Track},
    room_event::LeaveReason,
    session_record::{SessionFact, SessionReport, SessionStanding},
};
use page::{Ended, Page, compare_tracks};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use time::OffsetDateTime;
use tokio::sync::Notify;

/// Facts of all sessions that may wait.
///
/// More outlasts a longer outage of the database with nothing left out; fewer takes less memory meanwhile, up to a
/// kilobyte for each.
pub(crate) const FACTS_MAX: usize = 20_000;

/// Sessions that are over, or have gone to another node, and may wait. Of others it is found out later that they are
/// not there any more.
pub(crate) const ENDED_MAX: usize = 2_000;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
    changed: Notify,
}

#[derive(Default)]
struct Books {
    /// Whether anybody takes what is noted.
    is_followed: bool,
    is_closed: bool,
    going: BTreeMap<RoomId, Page>,
    /// In the order in which they ended: several of one room, if it is called in again before anybody takes them.
    ended: VecDeque<(RoomId, Page)>,
    /// Of all pages.
    facts: usize,
    /// Facts for which there was no room.
    left_out: u64,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { clock, books: Mutex::default(), changed: Notify::new() }))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To the millisecond: a moment is the same one everywhere, also where it is kept less precisely.
    fn now(&self) -> OffsetDateTime {
        self.0.clock.utc().truncate_to_millisecond()
    }

    /// From now on what happens is kept for whoever asks.
    pub(crate) fn follow(&self) {
        self.books().is_followed = true;
    }

    /// Waits until something has happened. False once the media server has ended and everything was taken.
    pub async fn changed(&self) -> bool {
        loop {
            let (has_news, is_closed) = {
                let books = self.books();
                (books.has_news(), books.is_closed)
            };
            if has_news || is_closed {
                return has_news;
            }
            self.0.changed.notified().await;
        }
    }

    /// The accounts in whose rooms something has happened.
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        self.books().changed().map(|page| page.account).collect()
    }

    /// Takes what has happened in rooms of the accounts that were `asked` about, of those that want to know; what has
    /// happened in rooms of the others by now nobody does.
    pub fn take(&self, asked: &BTreeSet<AccountId>, wanted: &BTreeSet<AccountId>) -> Vec<SessionReport> {
        let mut books = self.books();
        let Books { going, ended, facts, .. } = &mut *books;
        let mut taken = Vec::new();
        let mut turn = |room: RoomId, page: &mut Page| {
            *facts = facts.saturating_sub(page.facts.len());
            if wanted.contains(&page.account) {
                taken.push(page.news(room));
            }
            page.facts.clear();
            page.is_changed = false;
        };
        for (room, mut page) in std::mem::take(ended) {
            if asked.contains(&page.account) {
                turn(room, &mut page);
            } else {
                ended.push_back((room, page));
            }
        }
        for (room, page) in going.iter_mut().filter(|(_, page)| page.is_changed) {
            if asked.contains(&page.account) {
                turn(*room, page);
            }
        }
        taken
    }

    /// Gives back what was taken and could not be written down: as if it had not been taken, but for what there is no
    /// room for any more.
    pub fn put_back(&self, news: Vec<SessionReport>) {
        let mut books = self.books();
        // The last first, each before what is there already.
        for SessionReport { account, room, started_at, facts, standing } in news.into_iter().rev() {
            match standing {
                SessionStanding::GoesOn(_) => books.put_back_facts(room, facts),
                SessionStanding::Over(at) => {
                    books.put_back_ended(room, (account, started_at), facts, Ended::At(at));
                }
                SessionStanding::Elsewhere => {
                    books.put_back_ended(room, (account, started_at), facts, Ended::Elsewhere);
                }
            }
        }
        drop(books);
        self.0.changed.notify_one();
    }

    /// The rooms whose sessions go on here, or have ended and were not taken.
    pub fn rooms(&self) -> BTreeSet<RoomId> {
        let books = self.books();
        books.going.keys().copied().chain(books.ended.iter().map(|(room, _)| *room)).collect()
    }

    /// The sessions that go on here.
    pub fn going(&self) -> Vec<(AccountId, RoomId)> {
        self.books().going.iter().map(|(room, page)| (page.account, *room)).collect()
    }

    /// How these sessions stand is to be taken, whether something happens in them or not.
    pub fn repeat(&self, rooms: &BTreeSet<RoomId>) {
        for (_, page) in self.books().going.iter_mut().filter(|(room, _)| rooms.contains(room)) {
            page.is_changed = true;
        }
        self.0.changed.notify_one();
    }

    /// How many facts there was no room for since this was asked last.
    pub fn left_out(&self) -> u64 {
        std::mem::take(&mut self.books().left_out)
    }

    /// Whether nothing more happens: the media server has ended.
    pub fn is_closed(&self) -> bool {
        self.books().is_closed
    }

    /// Nothing more happens.
    pub(crate) fn close(&self) {
        self.books().is_closed = true;
        self.0.changed.notify_one();
    }

    /// Who leaves next does so for this reason.
    pub(crate) fn note_reason(&self, room: RoomId, connection: ConnectionId, reason: LeaveReason) {
        if let Some(page) = self.books().going.get_mut(&room) {
            page.reasons.insert(connection, reason);
        }
    }

    /// They do not leave after all.
    pub(crate) fn forget_reason(&self, room: RoomId, connection: ConnectionId) {
        if let Some(page) = self.books().going.get_mut(&room) {
            page.reasons.remove(&connection);
        }
    }

    /// A session is like this from now on.
    pub(crate) fn note_state(&self, account: AccountId, room: RoomId, state: &State) {
        let now = self.now();
        let mut books = self.books();
        if !books.is_followed || (state.participants.is_empty() && !books.going.contains_key(&room)) {
            return;
        }
        let mut facts = Vec::new();
        let page = books.going.entry(room).or_insert_with(|| Page::new(account, now));
        page.compare(state, now, &mut facts);
        self.note(books, room, facts);
    }

    /// A participant sends these tracks from now on.
    pub(crate) fn note_tracks(&self, room: RoomId, connection: ConnectionId, tracks: &[Track]) {
        let now = self.now();
        let mut books = self.books();
        let Some(page) = books.going.get_mut(&room) else { return };
        let Some(participant) = page.session.participants.get_mut(&connection) else { return };
        let mut facts = Vec::new();
        compare_tracks(connection, participant, tracks, now, &mut facts);
        self.note(books, room, facts);
    }

    /// Everybody has left.
    pub(crate) fn note_over(&self, room: RoomId) {
        let now = self.now();
        self.end(room, Ended::At(now));
    }

    /// The session goes on at another node, or may, once clients have found one.
    pub(crate) fn note_elsewhere(&self, room: RoomId) {
        self.end(room, Ended::Elsewhere);
    }

    fn note(&self, mut books: MutexGuard<'_, Books>, room: RoomId, facts: Vec<SessionFact>) {
        if facts.is_empty() {
            return;
        }
        let facts = books.admit(facts);
        let Some(page) = books.going.get_mut(&room) else { return };
        page.is_changed = true;
        page.facts.extend(facts);
        drop(books);
        self.0.changed.notify_one();
    }

    fn end(&self, room: RoomId, ended: Ended) {
        let mut books = self.books();
        let Some(mut page) = books.going.remove(&room) else { return };
        page.ended = Some(ended);
        if books.ended.len() < ENDED_MAX {
            books.ended.push_back((room, page));
        } else {
            books.facts = books.facts.saturating_sub(page.facts.len());
            books.leave_out(page.facts.len().saturating_add(1));
        }
        drop(books);
        self.0.changed.notify_one();
    }
}

impl Books {
    /// What has happened and was not taken.
    fn changed(&self) -> impl Iterator<Item = &Page> {
        self.going.values().filter(|page| page.is_changed).chain(self.ended.iter().map(|(_, page)| page))
    }

    fn has_news(&self) -> bool {
        self.changed().next().is_some()
    }

    /// These facts if there is room for all of them, or none.
    fn admit(&mut self, facts: Vec<SessionFact>) -> Vec<SessionFact> {
        let count = self.facts.saturating_add(facts.len());
        if count > FACTS_MAX {
            self.leave_out(facts.len());
            return Vec::new();
        }
        self.facts = count;
        facts
    }

    fn leave_out(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.left_out = self.left_out.saturating_add(count);
        metrics::counter!("sfu_room_facts_left_out_total").increment(count);
    }

    /// Facts of a session that went on when they were taken, and may have ended since.
    fn put_back_facts(&mut self, room: RoomId, facts: Vec<SessionFact>) {
        let mut facts = self.admit(facts);
        let ended = self.ended.iter_mut().find(|(of, _)| *of == room).map(|(_, page)| page);
        let Some(page) = ended.or_else(|| self.going.get_mut(&room)) else {
            // It has ended where there was no room for that.
            self.facts = self.facts.saturating_sub(facts.len());
            return self.leave_out(facts.len());
        };
        facts.append(&mut page.facts);
        page.facts = facts;
        page.is_changed = true;
    }

    fn put_back_ended(
        &mut self,
        room: RoomId,
        (account, started_at): (AccountId, OffsetDateTime),
        facts: Vec<SessionFact>,
        ended: Ended,
    ) {
        if self.ended.len() >= ENDED_MAX {
            return self.leave_out(facts.len().saturating_add(1));
        }
        let facts = self.admit(facts);
        let page = Page { facts, ended: Some(ended), ..Page::new(account, started_at) };
        self.ended.push_front((room, page));
    }
}

#[cfg(test)]
mod tests;
