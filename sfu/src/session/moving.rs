//! A session as it goes from one media node to another.

use super::{Effect, Seat, SeatLimits, Session, subscribing::Wishes};
use common::{
    protocol::media::{Route, StateChange},
    subject::media_move::{MovedSeat, MovedSession},
};
use std::collections::BTreeSet;

/// A session that cannot be gone on with: there is nobody in it, more than may be, or somebody twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfit;

impl Session {
    /// What goes with it to another node: everybody for whom a hub instance answers.
    pub(crate) fn to_move(&self) -> MovedSession {
        let seats = self.seats.iter().filter_map(|seat| {
            Some(MovedSeat {
                participant: seat.participant.clone(),
                hub: seat.hub?,
                rights: seat.rights,
                wishes: seat.wishes.named(),
                selection: seat.wishes.selection,
                entry: seat.entry,
            })
        });
        MovedSession {
            seats: seats.collect(),
            route: self.route,
            revision: self.revision,
            entries: self.entries,
            let_in: self.let_in.clone(),
        }
    }

    /// Goes on with a session of another node. Its participants stay who they are, with the tracks that they have, which
    /// they have yet to publish here; everybody is told the state as it goes on from there.
    ///
    /// # Errors
    /// [`Unfit`].
    pub(crate) fn moved(
        session: MovedSession,
        limits: SeatLimits,
        effects: &mut Vec<Effect>,
    ) -> Result<Self, Unfit> {
        let MovedSession { seats, route, revision, entries, let_in } = session;
        let connections: BTreeSet<_> = seats.iter().map(|seat| seat.participant.connection_id).collect();
        if seats.is_empty() || seats.len() > limits.session || connections.len() < seats.len() {
            return Err(Unfit);
        }
        let mut moved = Self::new(revision, limits);
        (moved.route, moved.entries, moved.let_in) = (route, entries, let_in);
        for MovedSeat { mut participant, hub, rights, wishes, selection, entry } in seats {
            // Who speaks is found out anew.
            let quiet = StateChange { speaking: Some(false), ..StateChange::default() };
            participant.state = participant.state.after(quiet, rights.send);
            let wishes = Wishes::of(&wishes, selection);
            moved.seats.push(Seat { wishes, ..Seat::new(participant, Some(hub), rights, entry) });
        }
        moved.announce(effects);
        if route == Route::Server {
            moved.serve(effects);
        }
        Ok(moved)
    }
}
