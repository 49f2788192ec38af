//! Who is in a room's media session and which way media travels. The only authority on both.
//!
//! Owns no socket and reads no clock: requests come in through the methods,
//! everything to be done goes out through `effects`, in order.

mod moderating;
mod moving;
mod playing;
mod publishing;
mod subscribing;

use common::{
    id::{ConnectionId, NodeId, TrackId, UserId},
    protocol::media::{
        Participant, ParticipantState, PublishTrack, PublishedTrack, Route, Selection, State, StateChange,
        Track, TrackMute, TrackSource, TrackWish,
    },
    subject::media::MediaRights,
};
pub(crate) use moderating::ModerateError;
pub(crate) use playing::PLAYERS_MAX;
use playing::Players;
pub(crate) use publishing::{PublishError, SendingSection};
use sfu_core::Cast;
use std::collections::BTreeSet;
pub(crate) use subscribing::SubscribeError;
use subscribing::Wishes;

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
    is_recorded: bool,
    revision: u64,
    /// Counts how often seats were taken, by whomever.
    entries: u64,
    /// While the session is locked, who may come in all the same: those who were in it, and were not taken out. Until
    /// it is empty.
    let_in: Option<BTreeSet<UserId>>,
    /// Who only looks on, from outside.
    players: Players,
    limits: SeatLimits,
}

/// How many may be there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatLimits {
    /// Participants.
    pub(crate) session: usize,
    /// Of these, of one user.
    pub(crate) user: usize,
}

#[derive(Debug)]
struct Seat {
    participant: Participant,
    /// The hub instance that answers for its life; none for who came over HTTP.
    hub: Option<NodeId>,
    rights: MediaRights,
    /// Whether it speaks, where its packets say how loud they are: then it is not asked.
    measured: Option<bool>,
    /// Which media section of the last description carries what of its tracks.
    carried: Vec<(String, TrackSource)>,
    /// What it wishes of the tracks of others.
    wishes: Wishes,
    /// The session's count when the seat was last taken.
    entry: u64,
}

/// What a session asks its shell to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// This participant's media goes through the server from now on, as far as it may.
    Enter(ConnectionId, MediaRights),
    /// This participant's media goes through the server no longer.
    Exit(ConnectionId),
    /// This participant's media goes through the server, and it wishes this of what others send, and of all else what the
    /// selection says.
    Wish(ConnectionId, Vec<TrackWish>, Selection),
    /// These players are shown this from now on.
    Cast(Vec<ConnectionId>, Cast),
    /// This participant's media goes through the server, and it speaks now, or does no longer.
    Speak(ConnectionId, bool),
    /// Everybody in the room is told the new state.
    Announce(State),
    /// Everybody in the room is told what one participant says of itself, and what it sends.
    AnnounceUpdate {
        /// Whose state it is.
        connection: ConnectionId,
        state: ParticipantState,
        tracks: Vec<Track>,
        /// Of the session from then on.
        revision: u64,
    },
    /// A participant is told that a moderator has muted it.
    Muted {
        /// Who is.
        connection: ConnectionId,
        /// Which of its tracks.
        source: TrackSource,
        /// Who did it.
        by: UserId,
    },
    /// A participant is told that a moderator has taken its seat away.
    Removed {
        /// Whose seat it was.
        connection: ConnectionId,
        /// Who did it.
        by: UserId,
    },
}

/// Why nothing of a participant changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateError {
    /// It has no seat.
    NotSeated,
    /// It sends nothing from this source.
    UnknownTrack(TrackSource),
}

/// Why somebody gets no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinError {
    /// As many participants as are allowed are there.
    Full,
    /// As many devices of this user as are allowed are there.
    UserFull,
    /// A moderator lets nobody else in.
    Locked,
}

impl Session {
    /// An empty session that counts its changes up from `revision`.
    ///
    /// A later session of the same room, on whichever node, must start higher,
    /// or clients would take its first events for late ones of this session.
    pub(crate) fn new(revision: u64, limits: SeatLimits) -> Self {
        let route = Route::PeerToPeer;
        Self {
            seats: Vec::new(),
            route,
            is_recorded: false,
            revision,
            entries: 0,
            let_in: None,
            players: Players::default(),
            limits,
        }
    }

    /// Seats `participant`, for whose life `hub` answers, if any does. Once more for one who is seated changes
    /// nothing that others could see. What peers send each other nobody could hold to
    /// anybody's rights: one who may not do all takes everybody to the server.
    ///
    /// # Errors
    /// [`JoinError`]; the session is as before.
    pub(crate) fn join(
        &mut self,
        mut participant: Participant,
        hub: impl Into<Option<NodeId>>,
        rights: MediaRights,
        effects: &mut Vec<Effect>,
    ) -> Result<(), JoinError> {
        let hub = hub.into();
        let connection = participant.connection_id;
        self.entries = self.entries.saturating_add(1);
        let entry = self.entries;
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.is(connection)) {
            (seat.hub, seat.entry) = (hub, entry);
            return Ok(());
        }
        if self.seats.len() >= self.limits.session {
            return Err(JoinError::Full);
        }
        let user = participant.user_id;
        let devices = self.seats.iter().filter(|seat| seat.participant.user_id == user).count();
        if self.let_in.as_ref().is_some_and(|let_in| !let_in.contains(&user)) {
            return Err(JoinError::Locked);
        }
        if devices >= self.limits.user {
            return Err(JoinError::UserFull);
        }
        participant.state = participant.state.after(StateChange::default(), rights.send);
        participant.tracks.clear();
        self.seats.push(Seat::new(participant, hub, rights, entry));
        match self.route {
            Route::Server => effects.push(Effect::Enter(connection, rights)),
            Route::PeerToPeer if self.seats.len() > PEER_TO_PEER_MAX || rights != MediaRights::default() => {
                self.serve(effects);
            }
            Route::PeerToPeer => {}
        }
        self.announce(effects);
        Ok(())
    }

    /// What is sent is recorded from now on, or is no more; everybody is told. What goes past the server nobody there
    /// could record, so media goes through it. Who is not there is not recorded.
    pub(crate) fn record(&mut self, is_recorded: bool, effects: &mut Vec<Effect>) {
        if self.is_recorded == is_recorded || self.seats.is_empty() {
            return;
        }
        self.is_recorded = is_recorded;
        if is_recorded && self.route == Route::PeerToPeer {
            self.serve(effects);
        }
        self.announce(effects);
    }

    /// Everybody's media goes through the server from now on.
    fn serve(&mut self, effects: &mut Vec<Effect>) {
        self.route = Route::Server;
        effects.extend(self.seats.iter().map(|seat| Effect::Enter(seat.connection(), seat.rights)));
        effects.extend(self.seats.iter().filter_map(Seat::first_wish));
    }

    /// Gives the seat of `from` to `participant`, who is the same user by another connection: to others they are the
    /// same one in the same place. False, and nothing is changed, if there is no such seat, or one with other rights.
    pub(crate) fn replace(
        &mut self,
        from: ConnectionId,
        participant: &Participant,
        hub: NodeId,
        rights: MediaRights,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let connection = participant.connection_id;
        if self.seats.iter().any(|seat| seat.is(connection)) {
            return false;
        }
        let mut seats = self.seats.iter_mut();
        let is_theirs = |seat: &&mut Seat| {
            seat.is(from) && seat.participant.user_id == participant.user_id && seat.rights == rights
        };
        let Some(seat) = seats.find(is_theirs) else { return false };
        self.entries = self.entries.saturating_add(1);
        let tracks = std::mem::take(&mut seat.participant.tracks);
        let participant = Participant { state: seat.participant.state, tracks, ..participant.clone() };
        let wishes = std::mem::replace(&mut seat.wishes, Wishes::new());
        *seat = Seat { wishes, ..Seat::new(participant, Some(hub), rights, self.entries) };
        if self.route == Route::Server {
            // There streams are known by their connection.
            effects.extend([Effect::Exit(from), Effect::Enter(connection, rights)]);
            effects.extend(seat.first_wish());
        }
        self.announce(effects);
        true
    }

    /// `connection` says something of itself, and which of its tracks are muted. Others are told what is new.
    ///
    /// # Errors
    /// [`UpdateError`]; then nothing has changed.
    pub(crate) fn update(
        &mut self,
        connection: ConnectionId,
        change: StateChange,
        mutes: &[TrackMute],
        effects: &mut Vec<Effect>,
    ) -> Result<(), UpdateError> {
        let seat = self.seats.iter_mut().find(|seat| seat.is(connection)).ok_or(UpdateError::NotSeated)?;
        let speaking = seat.measured.or(change.speaking);
        let change = StateChange { speaking, ..change };
        let state = seat.participant.state.after(change, seat.rights.send);
        let mut tracks = seat.participant.tracks.clone();
        for TrackMute { source, muted } in mutes {
            let track = tracks.iter_mut().find(|track| track.source == *source);
            track.ok_or(UpdateError::UnknownTrack(*source))?.muted = *muted;
        }
        self.show(connection, state, tracks, effects);
        Ok(())
    }

    /// The packets of `connection` say that it speaks, or does not: that counts from now on, whatever it says itself.
    pub(crate) fn speaks(&mut self, connection: ConnectionId, is_speaking: bool, effects: &mut Vec<Effect>) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.is(connection)) else { return };
        seat.measured = Some(is_speaking);
        let change = StateChange { speaking: Some(is_speaking), ..StateChange::default() };
        let state = seat.participant.state.after(change, seat.rights.send);
        let tracks = seat.participant.tracks.clone();
        self.show(connection, state, tracks, effects);
    }

    /// `connection` publishes these tracks and no others, each as the source that it names or is taken for: in the
    /// `sections` of its description where its media goes through the server, and without any where it does not. A
    /// source that was published before keeps its track; a new one is named by `fresh`. Others are told what is new.
    ///
    /// # Errors
    /// [`PublishError`]; then nothing has changed.
    pub(crate) fn publish(
        &mut self,
        connection: ConnectionId,
        sections: Option<&[SendingSection]>,
        named: &[PublishTrack],
        fresh: impl Fn() -> TrackId,
        effects: &mut Vec<Effect>,
    ) -> Result<Vec<PublishedTrack>, PublishError> {
        let seat = self.seats.iter_mut().find(|seat| seat.is(connection)).ok_or(PublishError::NotSeated)?;
        let sends = match (sections, self.route) {
            (Some(sections), Route::Server) => publishing::described(sections, named, &seat.carried)?,
            (None, Route::PeerToPeer) => publishing::undescribed(named)?,
            (None, Route::Server) => return Err(PublishError::NoDescription),
            (Some(_), Route::PeerToPeer) => return Err(PublishError::NotSeated),
        };
        if let Some(forbidden) = sends.iter().find(|one| !seat.rights.may_publish(one.source)) {
            return Err(PublishError::Forbidden(forbidden.source));
        }
        let mut tracks = seat.participant.tracks.clone();
        tracks.retain(|track| sends.iter().any(|one| one.source == track.source));
        let mut published = Vec::with_capacity(sends.len());
        for one in &sends {
            let source = one.source;
            let known = tracks.iter_mut().find(|track| track.source == source);
            let track_id = known.as_ref().map_or_else(&fresh, |track| track.track_id);
            match known {
                Some(known) => known.muted = one.muted.unwrap_or(known.muted),
                None => {
                    let muted = one.muted.unwrap_or(false);
                    tracks.push(Track { track_id, kind: source.kind(), source, muted });
                }
            }
            published.push(PublishedTrack { mid: one.mid.clone(), track_id, source });
        }
        seat.carried = sends.into_iter().filter_map(|one| Some((one.mid?, one.source))).collect();
        let state = seat.participant.state;
        self.show(connection, state, tracks, effects);
        Ok(published)
    }

    /// Shows a participant so from now on, and tells everybody if that is new.
    fn show(
        &mut self,
        connection: ConnectionId,
        state: ParticipantState,
        tracks: Vec<Track>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.is(connection)) else { return };
        let shown = &mut seat.participant;
        if (shown.state, &shown.tracks) != (state, &tracks) {
            if self.route == Route::Server && shown.state.speaking != state.speaking {
                effects.push(Effect::Speak(connection, state.speaking));
            }
            (shown.state, shown.tracks) = (state, tracks.clone());
            self.revision = self.revision.saturating_add(1);
            effects.push(Effect::AnnounceUpdate { connection, state, tracks, revision: self.revision });
            self.cast_players(effects);
        }
    }

    /// Takes `connection`'s seat away. Does nothing if it has none.
    pub(crate) fn leave(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        self.remove(|seat| seat.is(connection), effects);
    }

    /// Takes `connection`'s seat away, unless it was taken again after that `entry`.
    pub(crate) fn leave_as_of(&mut self, connection: ConnectionId, entry: u64, effects: &mut Vec<Effect>) {
        self.remove(|seat| seat.is(connection) && seat.entry == entry, effects);
    }

    /// Every seat that a hub instance answers for: whose, that instance, and the entry with which it was last taken.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (ConnectionId, NodeId, u64)> {
        self.seats.iter().filter_map(|seat| Some((seat.connection(), seat.hub?, seat.entry)))
    }

    /// Takes the seats of all whose hub instance is gone.
    pub(crate) fn leave_hub(&mut self, hub: NodeId, effects: &mut Vec<Effect>) {
        self.remove(|seat| seat.hub == Some(hub), effects);
    }

    /// Takes everybody's seat away, and nobody plays any more.
    pub(crate) fn end(&mut self, effects: &mut Vec<Effect>) {
        self.end_players(effects);
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

    /// Whether nobody is there, nor plays: the session is over.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_deserted() && self.players.is_empty()
    }

    /// Whether nobody takes part in it: to everybody but who plays, there is none.
    pub(crate) const fn is_deserted(&self) -> bool {
        self.seats.is_empty()
    }

    /// How many are there, or play.
    pub(crate) fn len(&self) -> usize {
        self.seats.len().saturating_add(self.players.len())
    }

    /// The session as clients see it.
    pub(crate) fn state(&self) -> State {
        State {
            route: self.route,
            participants: self.seats.iter().map(|seat| seat.participant.clone()).collect(),
            revision: self.revision,
            locked: self.let_in.is_some(),
            recorded: self.is_recorded,
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
            (self.is_recorded, self.let_in) = (false, None);
            if self.players.is_empty() {
                self.route = Route::PeerToPeer;
            }
        }
        if self.seats.len() < seated {
            self.announce(effects);
        }
    }

    fn announce(&mut self, effects: &mut Vec<Effect>) {
        self.revision = self.revision.saturating_add(1);
        effects.push(Effect::Announce(self.state()));
        self.cast_players(effects);
    }
}

impl Seat {
    /// A seat that was just taken: nothing is carried from there, and nothing wished.
    const fn new(participant: Participant, hub: Option<NodeId>, rights: MediaRights, entry: u64) -> Self {
        Self { participant, hub, rights, measured: None, carried: Vec::new(), wishes: Wishes::new(), entry }
    }

    const fn connection(&self) -> ConnectionId {
        self.participant.connection_id
    }

    fn is(&self, connection: ConnectionId) -> bool {
        self.connection() == connection
    }
}

#[cfg(test)]
mod tests;
