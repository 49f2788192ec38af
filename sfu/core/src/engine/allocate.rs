//! Who gets which layer: what participants wish of the tracks that they receive.

use super::Engine;
use common::{id::ConnectionId, protocol::media::TrackWish};

impl Engine {
    /// A participant wishes this of tracks of others, and nothing of those that are not named, whatever it wished
    /// before. Does nothing if it is in no session.
    pub fn set_wishes(&mut self, participant: ConnectionId, wishes: &[TrackWish]) {
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get_mut(id));
        if let Some(known) = known {
            known.wishes = wishes.iter().map(|wish| (wish.track_id, wish.into())).collect();
        }
    }
}
