//! What participants wish of the tracks that others send.

use super::{Effect, Session};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{Route, TrackWish},
};
use std::collections::{BTreeMap, BTreeSet};

/// Of a participant, by track; none for a track of which it has said nothing.
pub(super) type Wishes = BTreeMap<TrackId, TrackWish>;

/// Why what a participant wishes stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubscribeError {
    /// It has no seat.
    NotSeated,
    /// Nobody else sends this track.
    UnknownTrack(TrackId),
}

impl Session {
    /// `connection` wishes this of tracks that others send. It is kept for as long as they are published, whichever way
    /// media travels.
    ///
    /// # Errors
    /// [`SubscribeError`]; then nothing has changed.
    pub(crate) fn subscribe(
        &mut self,
        connection: ConnectionId,
        tracks: &[TrackWish],
        effects: &mut Vec<Effect>,
    ) -> Result<(), SubscribeError> {
        let others = self.seats.iter().filter(|seat| !seat.is(connection));
        let sent: BTreeSet<TrackId> =
            others.flat_map(|seat| &seat.participant.tracks).map(|track| track.track_id).collect();
        let seat = self.seats.iter_mut().find(|seat| seat.is(connection));
        let seat = seat.ok_or(SubscribeError::NotSeated)?;
        if let Some(unknown) = tracks.iter().find(|wish| !sent.contains(&wish.track_id)) {
            return Err(SubscribeError::UnknownTrack(unknown.track_id));
        }
        seat.wishes.extend(tracks.iter().map(|wish| (wish.track_id, *wish)));
        // What is sent no more does not come back under its id.
        seat.wishes.retain(|track, _| sent.contains(track));
        if self.route == Route::Server {
            effects.extend(seat.wish());
        }
        Ok(())
    }
}

impl super::Seat {
    /// The effect by which all that is wished comes to the media plane; `None` of nothing.
    pub(super) fn wish(&self) -> Option<Effect> {
        let wishes: Vec<TrackWish> = self.wishes.values().copied().collect();
        (!wishes.is_empty()).then(|| Effect::Wish(self.connection(), wishes))
    }
}
