//! Who is in which session.

use crate::{
    allocation::Wish,
    id::{ParticipantId, PublicationId, SessionId, SubscriptionId, TransportId},
    sdp::play::PlayedSection,
};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{Selection, TrackKind},
};
use slotmap::SlotMap;
use std::collections::{BTreeMap, HashMap};

/// One device in a session.
pub(crate) struct Participant {
    pub(crate) connection: ConnectionId,
    pub(crate) session: SessionId,
    /// Whether it is offered what others send.
    pub(crate) receives: bool,
    /// Whether what it says in data channels is passed on.
    pub(crate) sends_data: bool,
    /// On which it sends.
    pub(crate) publish: Option<TransportId>,
    /// On which it receives.
    pub(crate) subscribe: Option<TransportId>,
    /// What it is shown, if it plays.
    pub(crate) cast: Cast,
    /// It receives by an offer of its own, sends nothing, and to others is not there.
    pub(crate) plays: Option<Playing>,
    /// What it sends, in the order in which it began.
    pub(crate) publications: Vec<PublicationId>,
    /// What it wishes of tracks of others, where it has said anything.
    pub(crate) wishes: BTreeMap<TrackId, Wish>,
    /// What it wishes of all others.
    pub(crate) selection: Selection,
    /// It speaks, as it is shown to people.
    pub(crate) speaks: bool,
    /// When it began last, counted in beginnings of anybody; 0 if it never has.
    pub(crate) spoke: u64,
}

/// What a player is shown: one track of each kind, or none for now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cast {
    /// What it hears.
    pub sound: Option<TrackId>,
    /// What it sees.
    pub picture: Option<TrackId>,
}

impl Cast {
    /// The track of a kind.
    pub(crate) const fn track(self, kind: TrackKind) -> Option<TrackId> {
        match kind {
            TrackKind::Audio => self.sound,
            TrackKind::Video => self.picture,
        }
    }
}

/// What was agreed on with a player.
pub(crate) struct Playing {
    /// Sections of its offer, with what goes out in each.
    pub(crate) sections: Vec<(PlayedSection, SubscriptionId)>,
}

impl Participant {
    /// What it wishes of a track of others.
    pub(crate) fn wish(&self, track: TrackId) -> Wish {
        let unnamed = Wish { is_enabled: self.selection.auto_subscribe, ..Wish::default() };
        self.wishes.get(&track).copied().unwrap_or(unnamed)
    }
}

/// Everybody in all sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    participants: SlotMap<ParticipantId, Participant>,
    by_connection: HashMap<ConnectionId, ParticipantId>,
    /// In the order in which they came.
    members: HashMap<SessionId, Vec<ParticipantId>>,
    /// Those who play, who are members of nothing.
    players: HashMap<SessionId, Vec<ParticipantId>>,
    /// How often anybody has begun to speak.
    spoken: u64,
}

impl Sessions {
    /// The stay of a device.
    pub(crate) fn find(&self, connection: ConnectionId) -> Option<ParticipantId> {
        self.by_connection.get(&connection).copied()
    }

    pub(crate) fn get(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: ParticipantId) -> Option<&mut Participant> {
        self.participants.get_mut(id)
    }

    /// A participant speaks, or does no longer.
    pub(crate) fn note_speaking(&mut self, id: ParticipantId, speaks: bool) {
        let Some(known) = self.participants.get_mut(id) else { return };
        if speaks && !known.speaks {
            self.spoken = self.spoken.saturating_add(1);
            known.spoke = self.spoken;
        }
        known.speaks = speaks;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.participants.len()
    }

    /// A device that is in no session begins a stay in one.
    pub(crate) fn join(
        &mut self,
        session: SessionId,
        connection: ConnectionId,
        receives: bool,
    ) -> ParticipantId {
        let new = Participant {
            connection,
            session,
            receives,
            sends_data: false,
            publish: None,
            subscribe: None,
            cast: Cast::default(),
            plays: None,
            publications: Vec::new(),
            wishes: BTreeMap::new(),
            selection: Selection::default(),
            speaks: false,
            spoke: 0,
        };
        let id = self.participants.insert(new);
        self.by_connection.insert(connection, id);
        self.members.entry(session).or_default().push(id);
        id
    }

    /// Ends a stay.
    pub(crate) fn leave(&mut self, id: ParticipantId) -> Option<Participant> {
        let gone = self.participants.remove(id)?;
        self.by_connection.remove(&gone.connection);
        forget(&mut self.members, gone.session, id);
        forget(&mut self.players, gone.session, id);
        Some(gone)
    }

    /// A member plays from now on, and is not there to others.
    pub(crate) fn play(&mut self, id: ParticipantId, playing: Playing) {
        let Some(known) = self.participants.get_mut(id) else { return };
        known.plays = Some(playing);
        forget(&mut self.members, known.session, id);
        self.players.entry(known.session).or_default().push(id);
    }

    /// Those who play in a session.
    pub(crate) fn players(&self, session: SessionId) -> &[ParticipantId] {
        self.players.get(&session).map_or(&[], Vec::as_slice)
    }

    /// Everybody in a session, in the order in which they came.
    pub(crate) fn members(&self, session: SessionId) -> &[ParticipantId] {
        self.members.get(&session).map_or(&[], Vec::as_slice)
    }

    /// Those who are in a session with somebody.
    pub(crate) fn others(&self, id: ParticipantId) -> impl Iterator<Item = (ParticipantId, &Participant)> {
        let session = self.participants.get(id).map(|known| known.session);
        let members = session.map_or(&[][..], |session| self.members(session));
        let others = members.iter().filter(move |member| **member != id);
        others.filter_map(|member| Some((*member, self.participants.get(*member)?)))
    }
}

/// Takes somebody out of a session's list, and the list away that is empty.
fn forget(lists: &mut HashMap<SessionId, Vec<ParticipantId>>, session: SessionId, id: ParticipantId) {
    if let Some(list) = lists.get_mut(&session) {
        list.retain(|member| *member != id);
        if list.is_empty() {
            lists.remove(&session);
        }
    }
}
