//! What is noted of one session: its facts, how it stands, and what has changed between two of its states.

use common::{
    id::{AccountId, ConnectionId, RoomId},
    protocol::media::{Participant, State, Track},
    room_event::{EventTrack, LeaveReason},
    session_record::{
        ParticipantRecord, SessionFact, SessionRecord, SessionReport, SessionStanding, TrackRecord,
    },
};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What is noted of a session.
pub(super) struct Page {
    pub(super) account: AccountId,
    pub(super) session: SessionRecord,
    pub(super) facts: Vec<SessionFact>,
    /// Whether something has happened that was not taken.
    pub(super) is_changed: bool,
    pub(super) ended: Option<Ended>,
    /// Why who is to leave next does.
    pub(super) reasons: BTreeMap<ConnectionId, LeaveReason>,
}

/// How a session has ended at this node.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ended {
    At(OffsetDateTime),
    Elsewhere,
}

impl Page {
    pub(super) fn new(account: AccountId, started_at: OffsetDateTime) -> Self {
        let session = SessionRecord { started_at, participants: BTreeMap::new() };
        let (facts, reasons) = (Vec::new(), BTreeMap::new());
        Self { account, session, facts, is_changed: false, ended: None, reasons }
    }

    /// Takes what has happened, with how the session stands.
    pub(super) fn news(&mut self, room: RoomId) -> SessionReport {
        let standing = match self.ended {
            None => SessionStanding::GoesOn(self.session.clone()),
            Some(Ended::At(at)) => SessionStanding::Over(at),
            Some(Ended::Elsewhere) => SessionStanding::Elsewhere,
        };
        SessionReport {
            account: self.account,
            room,
            started_at: self.session.started_at,
            facts: std::mem::take(&mut self.facts),
            standing,
        }
    }

    /// The session is like this from now on; adds what has happened to `facts`.
    pub(super) fn compare(&mut self, state: &State, now: OffsetDateTime, facts: &mut Vec<SessionFact>) {
        let there: BTreeSet<_> = state.participants.iter().map(|one| one.connection_id).collect();
        let reasons = std::mem::take(&mut self.reasons);
        self.session.participants.retain(|id, _| {
            let stays = there.contains(id);
            if !stays {
                let reason = reasons.get(id).copied().unwrap_or(LeaveReason::Left);
                facts.push(SessionFact::Left(*id, reason, now));
            }
            stays
        });
        for Participant { connection_id, user_id, name, tracks, .. } in &state.participants {
            let id = *connection_id;
            let known = self.session.participants.entry(id).or_insert_with(|| {
                let record = ParticipantRecord {
                    user_id: *user_id,
                    name: name.clone(),
                    joined_at: now,
                    tracks: Vec::new(),
                };
                facts.push(SessionFact::Joined(id, record.clone()));
                record
            });
            compare_tracks(id, known, tracks, now, facts);
        }
    }
}

/// A participant sends these tracks from now on; adds what has happened to `facts`.
pub(super) fn compare_tracks(
    connection: ConnectionId,
    known: &mut ParticipantRecord,
    tracks: &[Track],
    now: OffsetDateTime,
    facts: &mut Vec<SessionFact>,
) {
    known.tracks.retain(|old| {
        let id = old.track.track_id;
        let stays = tracks.iter().any(|track| track.track_id == id);
        if !stays {
            facts.push(SessionFact::Unpublished(connection, id, now));
        }
        stays
    });
    for Track { track_id, kind, source, .. } in tracks {
        if known.tracks.iter().any(|old| old.track.track_id == *track_id) {
            continue;
        }
        let track = EventTrack { track_id: *track_id, kind: *kind, source: *source };
        let record = TrackRecord { track, published_at: now };
        known.tracks.push(record);
        facts.push(SessionFact::Published(connection, record));
    }
}
