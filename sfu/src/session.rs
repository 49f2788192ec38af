//! Who is in a room's media session and which way media travels. The only authority on both.
//!
//! Owns no socket and reads no clock: requests come in through the methods,
//! everything to be done goes out through `effects`, in order.

use common::{
    id::{ConnectionId, NodeId},
    protocol::media::{Participant, Route, State},
    subject::media::MediaRights,
};

/// The most participants who exchange media directly. One more, and a mesh
/// would make each of them encode and send everything several times.
const PEER_TO_PEER_MAX: usize = 2;

/// One room's session, from the first participant to the last.
#[derive(Debug)]
pub(crate) struct Session {
    seats: Vec<Seat>,
    /// Sticky: once media went through the server it does so until the session
    /// is empty, because switching back would interrupt those who stayed.
    route: Route,
    revision: u64,
    participants_max: usize,
}

#[derive(Debug)]
struct Seat {
    participant: Participant,
    home: NodeId,
    rights: MediaRights,
}

/// What a session asks its shell to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// This participant's media goes through the server from now on, as far as it may.
    Enter(ConnectionId, MediaRights),
    /// This participant's media goes through the server no longer.
    Exit(ConnectionId),
    /// Everybody in the room is told the new state.
    Announce(State),
}

/// As many participants as are allowed are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Session {
    /// An empty session that counts its changes up from `revision`.
    ///
    /// A later session of the same room, on whichever node, must start higher,
    /// or clients would take its first events for late ones of this session.
    pub(crate) fn new(revision: u64, participants_max: usize) -> Self {
        Self { seats: Vec::new(), route: Route::PeerToPeer, revision, participants_max }
    }

    /// Seats `participant`. Once more for one who is seated changes nothing
    /// that others could see. What peers send each other nobody could hold to
    /// anybody's rights: one who may not do all takes everybody to the server.
    ///
    /// # Errors
    /// [`Full`]; the session is as before.
    pub(crate) fn join(
        &mut self,
        participant: Participant,
        home: NodeId,
        rights: MediaRights,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Full> {
        let connection = participant.connection_id;
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.is(connection)) {
            seat.home = home;
            return Ok(());
        }
        if self.seats.len() >= self.participants_max {
            return Err(Full);
        }
        self.seats.push(Seat { participant, home, rights });
        match self.route {
            Route::Server => effects.push(Effect::Enter(connection, rights)),
            Route::PeerToPeer if self.seats.len() > PEER_TO_PEER_MAX || rights != MediaRights::default() => {
                self.route = Route::Server;
                effects.extend(self.seats.iter().map(|seat| Effect::Enter(seat.connection(), seat.rights)));
            }
            Route::PeerToPeer => {}
        }
        self.announce(effects);
        Ok(())
    }

    /// Takes `connection`'s seat away. Does nothing if it has none.
    pub(crate) fn leave(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        self.remove(|seat| seat.is(connection), effects);
    }

    /// Takes the seats of all whose hub instance is gone.
    pub(crate) fn leave_home(&mut self, home: NodeId, effects: &mut Vec<Effect>) {
        self.remove(|seat| seat.home == home, effects);
    }

    /// Takes everybody's seat away.
    pub(crate) fn end(&mut self, effects: &mut Vec<Effect>) {
        self.remove(|_| true, effects);
    }

    /// Whether `connection` has a seat and its media goes through the server.
    pub(crate) fn is_served(&self, connection: ConnectionId) -> bool {
        self.route == Route::Server && self.seats.iter().any(|seat| seat.is(connection))
    }

    /// Whether `connection` may be seen and heard.
    pub(crate) fn may_send(&self, connection: ConnectionId) -> bool {
        self.seats.iter().any(|seat| seat.is(connection) && seat.rights.send)
    }

    /// Whether nobody is there: the session is over.
    pub(crate) const fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// The session as clients see it.
    pub(crate) fn state(&self) -> State {
        State {
            route: self.route,
            participants: self.seats.iter().map(|seat| seat.participant.clone()).collect(),
            revision: self.revision,
        }
    }

    fn remove(&mut self, is_leaving: impl Fn(&Seat) -> bool, effects: &mut Vec<Effect>) {
        let seated = self.seats.len();
        let was_served = self.route == Route::Server;
        self.seats.retain(|seat| {
            let leaves = is_leaving(seat);
            if leaves && was_served {
                effects.push(Effect::Exit(seat.connection()));
            }
            !leaves
        });
        if self.seats.is_empty() {
            self.route = Route::PeerToPeer;
        }
        if self.seats.len() < seated {
            self.announce(effects);
        }
    }

    fn announce(&mut self, effects: &mut Vec<Effect>) {
        self.revision = self.revision.saturating_add(1);
        effects.push(Effect::Announce(self.state()));
    }
}

impl Seat {
    const fn connection(&self) -> ConnectionId {
        self.participant.connection_id
    }

    fn is(&self, connection: ConnectionId) -> bool {
        self.connection() == connection
    }
}

#[cfg(test)]
mod tests;
