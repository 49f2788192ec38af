//! What participants wish of the tracks that others send.

use super::{Effect, Session};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{Route, Selection, TrackWish},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a participant wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wishes {
    /// By track; none for a track of which it has said nothing.
    tracks: BTreeMap<TrackId, TrackWish>,
    /// Of all others.
    pub(super) selection: Selection,
}

impl Wishes {
    /// All there is.
    pub(super) const fn new() -> Self {
        Self { tracks: BTreeMap::new(), selection: Selection::ALL }
    }

    /// These.
    pub(super) fn of(tracks: &[TrackWish], selection: Selection) -> Self {
        Self { tracks: tracks.iter().map(|wish| (wish.track_id, *wish)).collect(), selection }
    }

    /// Of the tracks of which something was said.
    pub(super) fn named(&self) -> Vec<TrackWish> {
        self.tracks.values().copied().collect()
    }
}

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
        selection: Option<Selection>,
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
        let wishes = &mut seat.wishes;
        wishes.selection = selection.unwrap_or(wishes.selection);
        wishes.tracks.extend(tracks.iter().map(|wish| (wish.track_id, *wish)));
        // What is sent no more does not come back under its id.
        wishes.tracks.retain(|track, _| sent.contains(track));
        if self.route == Route::Server {
            effects.push(seat.wish());
        }
        Ok(())
    }
}

impl super::Seat {
    /// The effect by which all that is wished comes to the media plane.
    fn wish(&self) -> Effect {
        Effect::Wish(self.connection(), self.wishes.named(), self.wishes.selection)
    }

    /// The same for a media plane that has heard of nothing; `None` where all there is is wished.
    pub(super) fn first_wish(&self) -> Option<Effect> {
        (self.wishes != Wishes::new()).then(|| self.wish())
    }
}
