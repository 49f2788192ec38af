//! Players: who sees and hears what the others send without being one of them, one participant at a time.
//!
//! To the others they are not there: they take no seat, nobody is told of them, and however many they are, what changes
//! for them is told the media plane once. They keep a session open, so that they are there before who sends comes, and
//! after it has gone.

use super::{Effect, JoinError, Seat, Session};
use common::{
    id::{ConnectionId, UserId},
    protocol::media::{Route, TrackSource},
    subject::media::MediaRights,
};
use sfu_core::Cast;
use std::collections::BTreeMap;

/// Players of one session at most.
///
/// Each costs its shard what a participant costs that receives two tracks. More lets more people watch one room of one
/// machine; fewer leaves more of the machine to other rooms.
pub(crate) const PLAYERS_MAX: usize = 1_000;

/// What a player is to the media plane: what it receives it says by an offer of its own.
const RIGHTS: MediaRights = MediaRights { send: false, receive: false, data: false };

#[derive(Debug, Default)]
pub(super) struct Players {
    by_connection: BTreeMap<ConnectionId, Player>,
    /// Who is shown to those who have named nobody.
    featured: Option<ConnectionId>,
}

#[derive(Debug)]
struct Player {
    /// Whom it wants to see and hear, by whichever connection; whoever is featured if it has named nobody.
    of: Option<UserId>,
    /// What it is shown.
    cast: Cast,
}

impl Players {
    pub(super) fn len(&self) -> usize {
        self.by_connection.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_connection.is_empty()
    }

    fn take(&mut self, connection: ConnectionId) -> bool {
        self.by_connection.remove(&connection).is_some()
    }
}

impl Session {
    /// `connection` of `user` plays from now on, what user `of` sends or whoever is featured. What peers send each other
    /// nobody could play, so media goes through the server.
    ///
    /// # Errors
    /// [`JoinError`]; the session is as before.
    pub(crate) fn play(
        &mut self,
        connection: ConnectionId,
        user: UserId,
        of: Option<UserId>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), JoinError> {
        if self.players.len() >= PLAYERS_MAX {
            return Err(JoinError::Full);
        }
        if self.let_in.as_ref().is_some_and(|let_in| !let_in.contains(&user)) {
            return Err(JoinError::Locked);
        }
        self.players.by_connection.insert(connection, Player { of, cast: Cast::default() });
        effects.push(Effect::Enter(connection, RIGHTS));
        if self.route == Route::PeerToPeer {
            self.serve(effects);
            if !self.seats.is_empty() {
                self.announce(effects);
            }
        }
        self.cast_players(effects);
        Ok(())
    }

    /// `connection` plays no more. Does nothing if it does not.
    pub(crate) fn end_playing(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        if self.players.take(connection) {
            effects.push(Effect::Exit(connection));
            if self.is_empty() {
                self.route = Route::PeerToPeer;
            }
        }
    }

    /// Nobody plays any more.
    pub(super) fn end_players(&mut self, effects: &mut Vec<Effect>) {
        let players = std::mem::take(&mut self.players.by_connection);
        effects.extend(players.into_keys().map(Effect::Exit));
    }

    /// Whether `connection` plays.
    pub(crate) fn plays(&self, connection: ConnectionId) -> bool {
        self.players.by_connection.contains_key(&connection)
    }

    /// Shows every player what it is to be shown now, those together who are shown the same.
    pub(super) fn cast_players(&mut self, effects: &mut Vec<Effect>) {
        if self.players.is_empty() {
            return;
        }
        let featured = self.featured();
        self.players.featured = featured;
        let shown = |seats: &[Seat], of: Option<UserId>| match of {
            Some(user) => sending(seats).rfind(|seat| seat.participant.user_id == user).map(cast),
            None => featured.and_then(|shown| seats.iter().find(|seat| seat.is(shown))).map(|seat| {
                let Cast { sound, picture } = cast(seat);
                // Nobody's last picture stands where there is one that moves; who is heard stays the same, or the
                // beginning of what they say next would be lost. An encoder without pictures is meant to be without.
                let other = || seat.hub.and_then(|_| sending(seats).find_map(|other| cast(other).picture));
                Cast { sound, picture: picture.or_else(other) }
            }),
        };
        let mut known: BTreeMap<Option<UserId>, Cast> = BTreeMap::new();
        let mut changed: BTreeMap<Cast, Vec<ConnectionId>> = BTreeMap::new();
        for (connection, player) in &mut self.players.by_connection {
            let cast =
                *known.entry(player.of).or_insert_with(|| shown(&self.seats, player.of).unwrap_or_default());
            if std::mem::replace(&mut player.cast, cast) != cast {
                changed.entry(cast).or_default().push(*connection);
            }
        }
        effects.extend(changed.into_iter().map(|(cast, players)| Effect::Cast(players, cast)));
    }

    /// Who is shown to those who have named nobody: who publishes over HTTP, the one that came last, for an encoder that
    /// comes back is not to wait until its former session is found to be dead; else who speaks, or has spoken last; else
    /// who came first, with pictures before who has none. Two who speak at once do not take turns.
    fn featured(&self) -> Option<ConnectionId> {
        let speaks = |seat: &&Seat| seat.participant.state.speaking;
        let was_shown = |seat: &&Seat| self.players.featured == Some(seat.connection());
        let shows = |seat: &&Seat| cast(seat).picture.is_some();
        let found = sending(&self.seats)
            .rfind(|seat| seat.hub.is_none())
            .or_else(|| sending(&self.seats).find(|seat| speaks(seat) && was_shown(seat)))
            .or_else(|| sending(&self.seats).find(speaks))
            .or_else(|| sending(&self.seats).find(was_shown))
            .or_else(|| sending(&self.seats).find(shows))
            .or_else(|| sending(&self.seats).next());
        found.map(Seat::connection)
    }
}

/// Those who send anything that can be shown, in the order in which they came.
fn sending(seats: &[Seat]) -> impl DoubleEndedIterator<Item = &Seat> {
    seats.iter().filter(|seat| cast(seat) != Cast::default())
}

/// What is shown of a participant: a screen rather than its camera, and its voice rather than what sounds on the screen;
/// nothing that is muted.
fn cast(seat: &Seat) -> Cast {
    let first = |sources: [TrackSource; 2]| {
        let tracks = &seat.participant.tracks;
        let sent = |source: &TrackSource| tracks.iter().find(|it| it.source == *source && !it.muted);
        sources.iter().find_map(sent).map(|track| track.track_id)
    };
    Cast {
        sound: first([TrackSource::Microphone, TrackSource::ScreenAudio]),
        picture: first([TrackSource::Screen, TrackSource::Camera]),
    }
}

#[cfg(test)]
mod tests;
