//! The media sessions of an account's rooms, as the nodes that own them tell.

use common::{id::RoomId, protocol::rooms::RoomCall, subject::media::SessionSummary};
use std::collections::{BTreeMap, BTreeSet};

/// Sessions that end before all are read, and those that are over forgotten, though nothing else gives reason to.
///
/// More is more memory for what is over; fewer has all sessions read more often where many are short.
pub(super) const OVER_MAX: usize = 1000;

/// Those that go on, and those that are over and may still be read.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: BTreeMap<RoomId, SessionSummary>,
    /// While they are read: of which there was news meanwhile.
    touched: Option<BTreeSet<RoomId>>,
    /// They are to be read once more, for what has happened meanwhile.
    is_late: bool,
    /// How many have ended since it was begun to read them.
    over: usize,
}

impl Sessions {
    /// The session that goes on in a room.
    pub(super) fn get(&self, room: RoomId) -> Option<&SessionSummary> {
        self.known.get(&room).filter(|session| session.call.participant_count > 0)
    }

    /// The rooms in which one goes on.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        let going_on = self.known.iter().filter(|(_, session)| session.call.participant_count > 0);
        going_on.map(|(room, _)| *room)
    }

    /// A node says how a session is; whether that is news.
    pub(super) fn hear(&mut self, session: SessionSummary) -> bool {
        let room = session.call.room_id;
        if let Some(touched) = &mut self.touched {
            touched.insert(room);
        }
        self.take(session)
    }

    fn take(&mut self, session: SessionSummary) -> bool {
        let room = session.call.room_id;
        let known = self.known.get(&room);
        if known.is_some_and(|known| known.revision >= session.revision) {
            return false;
        }
        let is_over = session.call.participant_count == 0;
        let was_over = known.is_none_or(|known| known.call.participant_count == 0);
        self.over += usize::from(is_over);
        self.known.insert(room, session);
        // Of what was not known to go on it is no news that it is over.
        !(is_over && was_over)
    }

    /// Whether so many have ended that it is time to forget them.
    pub(super) const fn has_many_over(&self) -> bool {
        self.over >= OVER_MAX && self.touched.is_none()
    }

    /// Whether all are to be read now. If they are being read already, they are once more afterwards.
    pub(super) fn begin(&mut self) -> bool {
        self.over = 0;
        self.is_late = self.touched.is_some();
        if !self.is_late {
            self.touched = Some(BTreeSet::new());
        }
        !self.is_late
    }

    /// All were read. `is_fresh` says whether those of other nodes were within reach: if not, none is over for not being
    /// there. Returns the rooms of which there is news.
    pub(super) fn end(&mut self, all: Vec<SessionSummary>, is_fresh: bool) -> Vec<RoomId> {
        let touched = self.touched.take().unwrap_or_default();
        let mut there = BTreeSet::new();
        let mut news = Vec::new();
        for session in all {
            let room = session.call.room_id;
            there.insert(room);
            if self.take(session) {
                news.push(room);
            }
        }
        if is_fresh {
            let mut over = Vec::new();
            self.known.retain(|room, session| {
                let stays = there.contains(room) || touched.contains(room);
                if !stays && session.call.participant_count > 0 {
                    over.push(*room);
                }
                stays
            });
            news.append(&mut over);
        }
        news
    }

    /// They could not be read.
    pub(super) fn fail(&mut self) {
        self.touched = None;
    }

    /// Whether they are to be read once more; asked once.
    pub(super) fn take_late(&mut self) -> bool {
        std::mem::take(&mut self.is_late)
    }

    /// How many are remembered, over or not.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.known.len()
    }

    /// What is told of a room: the call that goes on in it, or that none does.
    pub(super) fn call(&self, room: RoomId, is_shown: bool) -> RoomCall {
        let shown = self.get(room).filter(|_| is_shown);
        let over = || RoomCall { room_id: room, participant_count: 0, participants: Vec::new() };
        shown.map_or_else(over, |session| session.call.clone())
    }
}
