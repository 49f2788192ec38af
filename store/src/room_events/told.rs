//! What was told of a session, and what is to be told of it after what a media node says.
//!
//! Pure: facts, how the session stands, and the time go in, events come out. Each participant is confirmed by one node:
//! what another node says of them, which had the session before, is late and counts for nothing.

use super::GRACE;
use common::{
    id::{ConnectionId, NodeId, RoomId, TrackId},
    identity::Identity,
    room_event::{EventParticipant, EventRoom, LeaveReason, RoomEvent},
    session_record::{
        ParticipantRecord, SessionFact, SessionRecord, SessionReport, SessionStanding, TrackRecord,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Who was told to be in a session.
pub(super) type Participants = BTreeMap<ConnectionId, ToldParticipant>;

/// What was told of a session that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// The media node that has it, as far as is known.
    pub(super) node: NodeId,
    /// Since when.
    pub(super) node_since: OffsetDateTime,
    pub(super) started_at: OffsetDateTime,
    pub(super) participants: Participants,
}

/// A participant who was told to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToldParticipant {
    record: ParticipantRecord,
    /// The node that has said last that they are there.
    pub(super) node: NodeId,
}

/// Makes events of what is new about a room.
pub(super) struct Teller<'a> {
    room: RoomId,
    name: Option<String>,
    now: OffsetDateTime,
    events: &'a mut Vec<(OffsetDateTime, RoomEvent)>,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(
        room: RoomId,
        name: Option<String>,
        now: OffsetDateTime,
        events: &'a mut Vec<(OffsetDateTime, RoomEvent)>,
    ) -> Self {
        Self { room, name, now, events }
    }

    /// The node says this of the session.
    pub(super) fn hear(&mut self, told: &mut Option<Told>, news: &SessionReport, node: NodeId) {
        let is_gone = news.standing == SessionStanding::Elsewhere;
        if is_gone && told.is_none() {
            // Whoever has it tells all of it; or it is over there, too.
            return;
        }
        for fact in &news.facts {
            let is_known = |told: &Told, id| told.participants.contains_key(id);
            match (fact, told.as_ref()) {
                // The node that has it now has said so already.
                (SessionFact::Joined(id, _), Some(told)) if is_gone && is_known(told, id) => {}
                _ => self.note(told, news.started_at, fact, node),
            }
        }
        match &news.standing {
            SessionStanding::GoesOn(record) => {
                let told = self.begun(told, record.started_at, node);
                self.compare(told, record, node);
            }
            SessionStanding::Over(at) => self.end_at(told, node, *at),
            // From now on the other one has the time to say so.
            SessionStanding::Elsewhere => {
                if let Some(told) = told.as_mut().filter(|told| told.node == node) {
                    told.node_since = self.now;
                }
            }
        }
    }

    /// Nobody has confirmed for [`GRACE`] those who are there, or if the session goes on, those whom its node does not
    /// know.
    pub(super) fn expire(&mut self, told: &mut Option<Told>, goes_on: bool) {
        let Some(of_room) = told.as_mut() else { return };
        let node = of_room.node;
        self.leave_all(of_room, self.now, LeaveReason::ServerLost, |one| !goes_on || one.node != node);
        self.end_if_empty(told, self.now);
    }

    fn note(
        &mut self,
        told: &mut Option<Told>,
        started_at: OffsetDateTime,
        fact: &SessionFact,
        node: NodeId,
    ) {
        if let SessionFact::Joined(connection, record) = fact {
            let told = self.begun(told, started_at, node);
            return self.join(told, *connection, record, node);
        }
        let Some(told) = told else { return };
        match fact {
            SessionFact::Joined(..) => {}
            SessionFact::Left(connection, reason, at) => {
                self.leave(told, *connection, *at, *reason, |one| one.node == node);
            }
            SessionFact::Published(connection, track) => self.publish(told, *connection, track, node),
            SessionFact::Unpublished(connection, track, at) => {
                self.unpublish(told, *connection, *track, (node, *at));
            }
        }
    }

    /// What was told of the session, and that it began if nothing was.
    fn begun<'t>(
        &mut self,
        told: &'t mut Option<Told>,
        started_at: OffsetDateTime,
        node: NodeId,
    ) -> &'t mut Told {
        told.get_or_insert_with(|| {
            let room = self.room(started_at);
            self.events.push((started_at, RoomEvent::RoomStarted { room }));
            Told { node, node_since: self.now, started_at, participants: BTreeMap::new() }
        })
    }

    /// Tells what of the session as it is was not told, and of what was told is not so any more.
    fn compare(&mut self, told: &mut Told, record: &SessionRecord, node: NodeId) {
        self.move_to(told, node);
        let is_late = told.node_since + GRACE <= self.now;
        self.leave_all(told, self.now, LeaveReason::ServerLost, |one| is_late && one.node != node);
        let known = told.participants.iter();
        let gone = known.filter(|(id, one)| one.node == node && !record.participants.contains_key(id));
        for connection in gone.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.leave(told, connection, self.now, LeaveReason::Left, |_| true);
        }
        for (&connection, seen) in &record.participants {
            self.join(told, connection, seen, node);
            let sent = told.participants.get(&connection).map(|one| one.record.tracks.clone());
            let is_sent = |id: TrackId| seen.tracks.iter().any(|one| one.track.track_id == id);
            for old in sent.into_iter().flatten().filter(|old| !is_sent(old.track.track_id)) {
                self.unpublish(told, connection, old.track.track_id, (node, self.now));
            }
            for track in &seen.tracks {
                self.publish(told, connection, track, node);
            }
        }
    }

    fn move_to(&self, told: &mut Told, node: NodeId) {
        if told.node != node {
            (told.node, told.node_since) = (node, self.now);
        }
    }

    /// The session is over at this node. Those whom another one had, which is gone, may still come back.
    fn end_at(&mut self, told: &mut Option<Told>, node: NodeId, at: OffsetDateTime) {
        let Some(of_room) = told.as_mut() else { return };
        self.leave_all(of_room, at, LeaveReason::Left, |one| one.node == node);
        self.end_if_empty(told, at);
    }

    fn end_if_empty(&mut self, told: &mut Option<Told>, at: OffsetDateTime) {
        if let Some(ended) = told.take_if(|told| told.participants.is_empty()) {
            let room = self.room(ended.started_at);
            self.events.push((at, RoomEvent::RoomEnded { room }));
        }
    }

    fn join(&mut self, told: &mut Told, connection: ConnectionId, record: &ParticipantRecord, node: NodeId) {
        if let Some(known) = told.participants.get_mut(&connection) {
            known.node = node;
            return;
        }
        let record = ParticipantRecord { tracks: Vec::new(), ..record.clone() };
        let (room, participant) = (self.room(told.started_at), participant(connection, &record));
        self.events.push((record.joined_at, RoomEvent::ParticipantJoined { room, participant }));
        told.participants.insert(connection, ToldParticipant { record, node });
    }

    fn leave_all(
        &mut self,
        told: &mut Told,
        at: OffsetDateTime,
        reason: LeaveReason,
        which: impl Fn(&ToldParticipant) -> bool,
    ) {
        let theirs = told.participants.iter().filter(|(_, one)| which(one));
        for connection in theirs.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.leave(told, connection, at, reason, |_| true);
        }
    }

    fn leave(
        &mut self,
        told: &mut Told,
        connection: ConnectionId,
        at: OffsetDateTime,
        reason: LeaveReason,
        counts: impl Fn(&ToldParticipant) -> bool,
    ) {
        if !told.participants.get(&connection).is_some_and(counts) {
            return;
        }
        let Some(ToldParticipant { record, .. }) = told.participants.remove(&connection) else { return };
        let room = self.room(told.started_at);
        let participant = participant(connection, &record);
        for TrackRecord { track, .. } in record.tracks {
            let (room, participant) = (room.clone(), participant.clone());
            self.events.push((at, RoomEvent::TrackUnpublished { room, participant, track }));
        }
        self.events.push((at, RoomEvent::ParticipantLeft { room, participant, reason }));
    }

    fn publish(&mut self, told: &mut Told, connection: ConnectionId, track: &TrackRecord, node: NodeId) {
        let room = self.room(told.started_at);
        let one = told.participants.get_mut(&connection).filter(|one| one.node == node);
        let Some(ToldParticipant { record, .. }) = one else { return };
        if record.tracks.iter().any(|known| known.track.track_id == track.track.track_id) {
            return;
        }
        record.tracks.push(*track);
        let participant = participant(connection, record);
        let event = RoomEvent::TrackPublished { room, participant, track: track.track };
        self.events.push((track.published_at, event));
    }

    fn unpublish(
        &mut self,
        told: &mut Told,
        connection: ConnectionId,
        track: TrackId,
        (node, at): (NodeId, OffsetDateTime),
    ) {
        let room = self.room(told.started_at);
        let one = told.participants.get_mut(&connection).filter(|one| one.node == node);
        let Some(ToldParticipant { record, .. }) = one else { return };
        let Some(known) = record.tracks.iter().position(|known| known.track.track_id == track) else {
            return;
        };
        let TrackRecord { track, .. } = record.tracks.remove(known);
        let participant = participant(connection, record);
        self.events.push((at, RoomEvent::TrackUnpublished { room, participant, track }));
    }

    fn room(&self, call_started_at: OffsetDateTime) -> EventRoom {
        EventRoom { id: self.room, name: self.name.clone(), call_started_at: Some(call_started_at) }
    }
}

fn participant(connection_id: ConnectionId, record: &ParticipantRecord) -> EventParticipant {
    EventParticipant {
        connection_id,
        user_id: record.user_id,
        name: record.name.clone(),
        is_guest: matches!(Identity::of(record.user_id), Identity::Guest(_)),
        joined_at: record.joined_at,
    }
}

#[cfg(test)]
mod tests;
