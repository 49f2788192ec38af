use super::*;
use common::{
    clock::{Clock as _, ManualClock},
    id::{AccountId, UserId},
    protocol::media::TrackSource,
    room_event::EventTrack,
};
use std::time::Duration;

/// What was told of a room, by media nodes of the test's choice.
struct Stage {
    clock: ManualClock,
    account: AccountId,
    room: RoomId,
    told: Option<Told>,
    events: Vec<(OffsetDateTime, RoomEvent)>,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::default();
        let (account, room) = (AccountId::generate(&clock), RoomId::generate(&clock));
        Self { clock, account, room, told: None, events: Vec::new() }
    }

    fn node(&self) -> NodeId {
        NodeId::generate(&self.clock)
    }

    fn someone(&self) -> (ConnectionId, ParticipantRecord) {
        let (user_id, joined_at) = (UserId::generate(&self.clock), self.clock.utc());
        let record = ParticipantRecord { user_id, name: "Ada".to_owned(), joined_at, tracks: Vec::new() };
        (ConnectionId::generate(&self.clock), record)
    }

    fn voice(&self) -> TrackRecord {
        let source = TrackSource::Microphone;
        let track = EventTrack { track_id: TrackId::generate(&self.clock), kind: source.kind(), source };
        TrackRecord { track, published_at: self.clock.utc() }
    }

    fn with(&self, people: &[&(ConnectionId, ParticipantRecord)]) -> SessionStanding {
        let participants = people.iter().map(|one| (*one).clone()).collect();
        SessionStanding::GoesOn(SessionRecord { started_at: self.clock.utc(), participants })
    }

    /// The names of the events that follow.
    fn hear(&mut self, node: NodeId, facts: &[SessionFact], standing: SessionStanding) -> Vec<&'static str> {
        let (account, room, started_at) = (self.account, self.room, self.clock.utc());
        let news = SessionReport { account, room, started_at, facts: facts.to_vec(), standing };
        let before = self.events.len();
        let name = Some("Lobby".to_owned());
        let now = self.clock.utc();
        Teller::new(room, name, now, &mut self.events).hear(&mut self.told, &news, node);
        self.events.iter().skip(before).map(|(_, event)| event.name()).collect()
    }

    fn expire(&mut self, goes_on: bool) -> Vec<&'static str> {
        let before = self.events.len();
        let now = self.clock.utc();
        Teller::new(self.room, None, now, &mut self.events).expire(&mut self.told, goes_on);
        self.events.iter().skip(before).map(|(_, event)| event.name()).collect()
    }
}

#[test]
fn what_happens_in_a_call_is_told_in_order_and_once_however_often_it_is_said() {
    let mut stage = Stage::new();
    let (node, ada, voice) = (stage.node(), stage.someone(), stage.voice());
    let joined = SessionFact::Joined(ada.0, ada.1.clone());
    let published = SessionFact::Published(ada.0, voice);
    let mut sending = ada.clone();
    sending.1.tracks.push(voice);
    let standing = stage.with(&[&sending]);
    let facts = [joined, published];
    let told = stage.hear(node, &facts, standing.clone());
    assert_eq!(told, ["roomStarted", "participantJoined", "trackPublished"]);
    assert!(stage.hear(node, &facts, standing).is_empty(), "it was said again");
    let at = stage.clock.utc();
    let left = [SessionFact::Left(ada.0, LeaveReason::Removed, at)];
    let told = stage.hear(node, &left, SessionStanding::Over(at));
    assert_eq!(told, ["trackUnpublished", "participantLeft", "roomEnded"]);
    let reason = stage.events.iter().find_map(|(_, event)| {
        let RoomEvent::ParticipantLeft { reason, .. } = event else { return None };
        Some(*reason)
    });
    assert_eq!(reason, Some(LeaveReason::Removed));
    assert!(stage.hear(node, &left, SessionStanding::Over(at)).is_empty());
}

#[test]
fn a_call_that_is_over_before_anybody_looks_is_told_all_the_same() {
    let mut stage = Stage::new();
    let (node, ada, at) = (stage.node(), stage.someone(), stage.clock.utc());
    let joined = SessionFact::Joined(ada.0, ada.1.clone());
    let facts = [joined, SessionFact::Left(ada.0, LeaveReason::Left, at)];
    let told = stage.hear(node, &facts, SessionStanding::Over(at));
    assert_eq!(told, ["roomStarted", "participantJoined", "participantLeft", "roomEnded"]);
    assert_eq!(stage.told, None);
}

#[test]
fn what_was_not_said_is_seen_from_how_the_session_stands() {
    let mut stage = Stage::new();
    let (node, ada, ben, voice) = (stage.node(), stage.someone(), stage.someone(), stage.voice());
    let standing = stage.with(&[&ada]);
    stage.hear(node, &[], standing);
    let mut sending = ben.clone();
    sending.1.tracks.push(voice);
    let standing = stage.with(&[&sending]);
    let told = stage.hear(node, &[], standing);
    assert_eq!(told, ["participantLeft", "participantJoined", "trackPublished"]);
    let standing = stage.with(&[&ben]);
    assert_eq!(stage.hear(node, &[], standing), ["trackUnpublished"]);
}

/// Whichever of the two nodes writes first.
#[test]
fn a_session_that_moves_neither_ends_nor_starts_and_nobody_leaves_or_joins() {
    for is_late in [false, true] {
        let mut stage = Stage::new();
        let (old, new) = (stage.node(), stage.node());
        let (ada, ben, guest) = (stage.someone(), stage.someone(), stage.someone());
        let standing = stage.with(&[&ada, &guest]);
        stage.hear(old, &[], standing);
        stage.clock.advance(Duration::from_secs(600));
        let at = stage.clock.utc();
        let last_words =
            [SessionFact::Left(guest.0, LeaveReason::Left, at), SessionFact::Joined(ben.0, ben.1.clone())];
        let standing = stage.with(&[&ada, &ben]);
        let mut told = Vec::new();
        if is_late {
            told.extend(stage.hear(new, &[], standing));
            told.extend(stage.hear(old, &last_words, SessionStanding::Elsewhere));
        } else {
            told.extend(stage.hear(old, &last_words, SessionStanding::Elsewhere));
            told.extend(stage.hear(new, &[], standing));
        }
        told.sort_unstable();
        assert_eq!(told, ["participantJoined", "participantLeft"], "late: {is_late}");
        assert!(stage.expire(true).is_empty());
        // What the old node says of those whom the new one has is late.
        let late = [SessionFact::Left(ada.0, LeaveReason::ConnectionLost, at)];
        assert!(stage.hear(old, &late, SessionStanding::Elsewhere).is_empty());
    }
}

#[test]
fn who_does_not_come_back_after_a_node_has_died_leaves_in_time_and_the_others_never_left() {
    let mut stage = Stage::new();
    let (dead, new, ada, ben) = (stage.node(), stage.node(), stage.someone(), stage.someone());
    let standing = stage.with(&[&ada, &ben]);
    stage.hear(dead, &[], standing);
    stage.clock.advance(Duration::from_secs(600));
    let back = [SessionFact::Joined(ada.0, ada.1.clone())];
    let standing = stage.with(&[&ada]);
    assert!(stage.hear(new, &back, standing.clone()).is_empty(), "there is still time");
    stage.clock.advance(GRACE);
    assert_eq!(stage.hear(new, &[], standing), ["participantLeft"]);
    assert_eq!(stage.told.as_ref().map(|told| told.participants.len()), Some(1));
}

#[test]
fn a_session_whose_node_has_died_and_that_goes_on_nowhere_ends_at_last() {
    let mut stage = Stage::new();
    let (dead, ada) = (stage.node(), stage.someone());
    let standing = stage.with(&[&ada]);
    stage.hear(dead, &[], standing);
    assert!(stage.expire(true).is_empty());
    assert_eq!(stage.expire(false), ["participantLeft", "roomEnded"]);
    assert!(stage.expire(false).is_empty());
}
