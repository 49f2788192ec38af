use super::*;
use crate::{
    comparison::{COMPARE_EVERY, SETTLING_TIME},
    typing::TYPING_TIME,
};
use Effect::{Compare, Publish, Read, Tell};
use common::{
    id::{RoomMessageId, UserId},
    protocol::room::PageChanged,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// Somebody here, and whether messages are for them.
#[derive(Debug, PartialEq)]
pub(super) struct Here(pub(super) u128, pub(super) bool);

impl Reader for Here {
    fn member(&self) -> Member {
        member(self.0)
    }

    fn user(&self) -> UserId {
        member(self.0).user_id
    }

    fn reads_messages(&self) -> bool {
        self.1
    }
}

pub(super) fn connection(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn member(n: u128) -> Member {
    Member {
        connection_id: connection(n),
        user_id: UserId::from_uuid(Uuid::from_u128(n)),
        name: n.to_string(),
    }
}

fn message(seq: u64) -> RoomMessage {
    RoomMessage {
        id: RoomMessageId::from_uuid(Uuid::nil()),
        seq,
        user_id: UserId::from_uuid(Uuid::nil()),
        name: String::new(),
        text: String::new(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        reply_to: None,
        mentions: Vec::new(),
        attachments: Vec::new(),
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    }
}

fn said(seqs: &[u64]) -> Vec<RoomEntry> {
    seqs.iter().map(|seq| message(*seq).into()).collect()
}

/// A change of a message.
fn changed(seq: u64, of: u64) -> RoomEntry {
    RoomEntry { seq, message: message(of) }
}

/// What the event is called.
fn name(event: &Event) -> String {
    let event = serde_json::to_value(event).unwrap();
    event["method"].as_str().unwrap().to_owned()
}

/// A room, its time, and what it has asked for.
pub(super) struct Stage {
    pub(super) room: Room<Here>,
    pub(super) now: Instant,
    pub(super) effects: Vec<Effect>,
}

impl Stage {
    #[expect(clippy::disallowed_methods, reason = "a first instant, from which the test's time runs")]
    pub(super) fn start() -> Instant {
        Instant::now()
    }

    /// One that knows that nobody is elsewhere.
    fn new() -> Self {
        Self::of(Room::new(RoomId::from_uuid(Uuid::nil()), Self::start()))
    }

    pub(super) fn of(room: Room<Here>) -> Self {
        let mut stage = Self { room, now: Self::start(), effects: Vec::new() };
        stage.pass(Duration::ZERO);
        assert_eq!(stage.take(), [Compare]);
        stage.compared(&[]);
        stage
    }

    /// With those here, who have read nothing, and nothing left to do.
    fn with(here: impl IntoIterator<Item = u128>) -> Self {
        let mut stage = Self::new();
        for n in here {
            stage.join(n, 0).unwrap();
        }
        stage.room.handle_messages(&[], false, &mut stage.effects);
        stage.effects.clear();
        stage
    }

    pub(super) fn join(&mut self, n: u128, seen: u64) -> Result<(), Refused> {
        self.room.join(connection(n), seen, |_| Here(n, n < 100), self.now, &mut self.effects)
    }

    fn types(&mut self, n: u128, typing: bool) {
        let Member { connection_id, user_id, .. } = member(n);
        let changed = TypingChanged { room_id: self.room.id, connection_id, user_id, typing };
        self.room.set_typing(changed, self.now, &mut self.effects);
    }

    pub(super) fn hear(&mut self, news: RoomNews) {
        self.room.handle_news(news, self.now, &mut self.effects);
    }

    fn compared(&mut self, elsewhere: &[u128]) {
        let elsewhere = elsewhere.iter().map(|n| member(*n));
        self.room.handle_members(elsewhere, true, self.now, &mut self.effects);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.room.handle_deadline(self.now, &mut self.effects);
    }

    pub(super) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Those who are told, and of what.
    pub(super) fn told(&mut self) -> Vec<(Vec<u128>, String)> {
        let effects = self.take();
        let tells = effects.iter().filter_map(|effect| match effect {
            Tell { audience, event } => Some((audience, event)),
            Publish(_) | Read { .. } | Compare => None,
        });
        tells
            .map(|(audience, event)| {
                (self.room.audience(audience.clone()).map(|here| here.0).collect(), name(event))
            })
            .collect()
    }
}

#[test]
fn who_comes_and_goes_is_told_to_the_others_here_and_to_other_instances() {
    let mut stage = Stage::with([1, 2]);
    stage.join(3, 0).unwrap();
    assert_eq!(stage.effects.first(), Some(&Publish(RoomNews::Joined(member(3)))));
    assert_eq!(stage.told(), [(vec![1, 2], "room.memberJoined".to_owned())]);
    stage.join(3, 0).unwrap();
    assert_eq!(stage.take(), [], "back in is no news");
    assert_eq!(stage.room.leave(connection(3), stage.now, &mut stage.effects), Some(Here(3, true)));
    assert_eq!(stage.effects.first(), Some(&Publish(RoomNews::Left(connection(3)))));
    assert_eq!(stage.told(), [(vec![1, 2], "room.memberLeft".to_owned())]);
    assert_eq!(stage.room.leave(connection(3), stage.now, &mut stage.effects), None);
    assert_eq!(stage.take(), []);
}

#[test]
fn a_message_is_told_to_those_who_read_and_have_not_read_it() {
    let mut stage = Stage::with([1, 100]);
    stage.join(2, 1).unwrap();
    stage.take();
    stage.room.post(&message(1), &mut stage.effects);
    assert_eq!(stage.effects.last(), Some(&Publish(RoomNews::Posted(message(1)))));
    assert_eq!(stage.told(), [(vec![1], "room.message".to_owned())]);
    stage.room.post(&message(1), &mut stage.effects);
    assert_eq!(
        stage.take(),
        [Publish(RoomNews::Posted(message(1)))],
        "sent again: others may have missed it"
    );
    stage.hear(RoomNews::Posted(message(2)));
    assert_eq!(stage.told(), [(vec![1, 2], "room.message".to_owned())]);
}

#[test]
fn what_is_missing_is_read_once_at_a_time_and_again_for_what_was_missed_meanwhile() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Posted(message(3)));
    assert_eq!(stage.take(), [Read { after: 0 }]);
    stage.hear(RoomNews::Posted(message(5)));
    assert_eq!(stage.take(), [], "it is being read");
    stage.room.handle_messages(&said(&[1, 2, 3]), false, &mut stage.effects);
    assert_eq!(stage.effects.last(), Some(&Read { after: 3 }), "5 came after it was read");
    assert_eq!(stage.told().len(), 3);
    stage.room.handle_messages(&said(&[4, 5]), true, &mut stage.effects);
    assert_eq!(stage.effects.last(), Some(&Read { after: 5 }), "there may be more");
    stage.take();
    stage.room.handle_unreadable(stage.now + Duration::from_secs(1));
    stage.hear(RoomNews::Posted(message(9)));
    assert_eq!(stage.take(), [], "not before its time");
    stage.pass(Duration::from_secs(1));
    assert_eq!(stage.take(), [Read { after: 5 }]);
    stage.room.handle_latest(5, &mut stage.effects);
    assert_eq!(stage.take(), []);
}

#[test]
fn who_has_read_too_little_and_who_comes_too_late_changes_nothing() {
    let mut stage = Stage::with([1]);
    stage.room.post(&message(1), &mut stage.effects);
    stage.take();
    assert_eq!(stage.join(1, 0), Err(Refused::Behind));
    assert_eq!(stage.join(2, 0), Err(Refused::Behind));
    assert!(stage.room.reader(connection(1)).is_some() && stage.room.reader(connection(2)).is_none());
    assert!(!stage.room.close_if_empty());
    stage.room.leave(connection(1), stage.now, &mut stage.effects);
    assert!(stage.room.close_if_empty() && stage.room.is_closed());
    stage.take();
    assert_eq!(stage.join(2, 1), Err(Refused::Closed));
    assert_eq!(stage.take(), []);
}

#[test]
fn after_an_outage_nobody_has_left_until_the_others_have_said_again_who_is_there() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Joined(member(2)));
    stage.take();
    stage.room.handle_lost(stage.now, &mut stage.effects);
    assert_eq!(stage.take(), [Read { after: 0 }, Compare]);
    stage.compared(&[3]);
    assert_eq!(stage.told(), [(vec![1], "room.memberJoined".to_owned())]);
    stage.pass(SETTLING_TIME);
    stage.compared(&[3]);
    assert_eq!(stage.told(), [(vec![1], "room.memberLeft".to_owned())]);
    assert_eq!((stage.room.count(), stage.room.is_elsewhere(connection(2))), (2, false));
}

#[test]
fn a_comparison_is_made_anew_when_something_is_lost_while_it_is_made() {
    let mut stage = Stage::with([1]);
    stage.pass(COMPARE_EVERY);
    assert_eq!(stage.take(), [Compare]);
    stage.room.handle_lost(stage.now, &mut stage.effects);
    assert!(!stage.take().contains(&Compare), "one at a time");
    stage.compared(&[]);
    assert_eq!(stage.take(), [Compare]);
    stage.room.handle_unknown_members(stage.now);
    assert_eq!(stage.room.next_deadline(), Some(stage.now + COMPARE_EVERY));
}

#[test]
fn when_instances_come_or_go_members_are_compared_at_once_and_for_a_while_and_then_no_more() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Joined(member(2)));
    stage.take();
    stage.room.handle_instances_changed(stage.now, &mut stage.effects);
    assert_eq!(stage.take(), [Compare]);
    stage.compared(&[]);
    assert_eq!(stage.told(), [(vec![1], "room.memberLeft".to_owned())]);
    for _ in 0..DOUBT_TIME.as_secs() / COMPARE_EVERY.as_secs() {
        stage.pass(COMPARE_EVERY);
        assert_eq!(stage.take(), [Compare]);
        stage.compared(&[]);
    }
    assert_eq!(stage.room.next_deadline(), None);
}

/// Their entries outlive them, and this instance may have learned of their death before it opened the room.
#[test]
fn a_room_that_is_opened_after_an_instance_died_does_not_keep_its_people() {
    let mut stage = Stage::with([1]);
    let until = stage.now + DOUBT_TIME;
    stage.room.doubt_until(until, stage.now);
    stage.pass(COMPARE_EVERY);
    stage.take();
    stage.compared(&[2]);
    assert_eq!(stage.told(), [(vec![1], "room.memberJoined".to_owned())]);
    let mut told = Vec::new();
    while stage.now < until {
        stage.room.doubt_until(until, stage.now);
        stage.pass(COMPARE_EVERY);
        assert_eq!(stage.take(), [Compare], "it looks on, however often it is told");
        stage.compared(&[]);
        told.extend(stage.told());
    }
    assert_eq!(told, [(vec![1], "room.memberLeft".to_owned())]);
    assert_eq!(stage.room.next_deadline(), None);
    stage.room.doubt_until(until, stage.now);
    assert_eq!(stage.room.next_deadline(), None, "it has looked for long enough");
}

#[test]
fn who_has_left_is_not_back_because_their_entry_is_still_read_and_may_come_back() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Joined(member(2)));
    stage.hear(RoomNews::Left(connection(2)));
    stage.pass(COMPARE_EVERY);
    stage.take();
    stage.compared(&[2]);
    assert_eq!(stage.told(), []);
    stage.hear(RoomNews::Joined(member(2)));
    assert_eq!(stage.told(), [(vec![1], "room.memberJoined".to_owned())]);
}

/// An instance could not say who came or went.
#[test]
fn what_could_not_be_said_is_looked_for_until_entries_are_surely_right() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Joined(member(2)));
    stage.hear(RoomNews::Left(connection(2)));
    stage.pass(COMPARE_EVERY);
    stage.compared(&[]);
    stage.take();
    stage.hear(RoomNews::MembersChanged {});
    stage.pass(GATHER_TIME);
    assert_eq!(stage.take(), [Compare]);
    stage.compared(&[2, 3]);
    assert_eq!(
        stage.told(),
        [(vec![1], "room.memberJoined".to_owned())],
        "the other may not have been taken out yet"
    );
    stage.pass(DEPARTED_TIME);
    stage.take();
    stage.compared(&[2, 3]);
    assert_eq!(stage.told(), [(vec![1], "room.memberJoined".to_owned())], "it is back, which was not said");
}

/// Whoever is told that somebody is gone who is not takes them for gone.
#[test]
fn who_comes_or_goes_while_members_are_compared_is_not_judged_by_it() {
    let mut stage = Stage::with([1]);
    stage.hear(RoomNews::Joined(member(2)));
    stage.pass(COMPARE_EVERY);
    stage.take();
    stage.hear(RoomNews::Left(connection(2)));
    stage.hear(RoomNews::Joined(member(3)));
    stage.take();
    stage.compared(&[2]);
    assert_eq!(stage.take(), []);
    assert_eq!(stage.room.members_after(None), (vec![member(1), member(3)], false));
}

#[test]
fn among_many_their_number_is_told_after_a_moment_and_who_it_was_to_those_who_look() {
    let mut stage = Stage::with(0..150);
    stage.pass(GATHER_TIME);
    stage.take();
    let (members, more) = stage.room.follow(connection(3), None);
    assert_eq!((members.len(), more), (100, true));
    stage.room.leave(connection(7), stage.now, &mut stage.effects);
    stage.hear(RoomNews::Joined(member(500)));
    assert_eq!(stage.told(), []);
    assert_eq!(stage.room.next_deadline(), Some(stage.now + GATHER_TIME));
    stage.pass(GATHER_TIME);
    let room_id = stage.room.id;
    let counted = Event::RoomMembersChanged(MembersChanged { room_id, member_count: 150 });
    // The first of the next page takes the place of who has left.
    let (joined, left) = (vec![member(100)], vec![connection(7)]);
    let turned = Event::RoomPageChanged(PageChanged { room_id, after: None, joined, left, more: true });
    let those = Audience::These(BTreeSet::from([connection(3)]));
    assert_eq!(
        stage.take(),
        [Tell { audience: Audience::Everybody, event: counted }, Tell { audience: those, event: turned }]
    );
    stage.room.leave(connection(3), stage.now, &mut stage.effects);
    stage.pass(GATHER_TIME);
    assert_eq!(
        stage.told(),
        [((0..150).filter(|n| ![3, 7].contains(n)).collect(), "room.membersChanged".to_owned())]
    );
}

#[test]
fn who_follows_a_page_while_few_are_left_is_told_of_each_once() {
    let mut stage = Stage::with(0..51);
    stage.pass(GATHER_TIME);
    stage.take();
    stage.room.follow(connection(0), None);
    stage.room.leave(connection(50), stage.now, &mut stage.effects);
    stage.pass(GATHER_TIME);
    assert_eq!(stage.told().len(), 2);
    stage.room.leave(connection(49), stage.now, &mut stage.effects);
    assert_eq!(stage.told(), [((0..49).collect(), "room.memberLeft".to_owned())]);
    stage.pass(GATHER_TIME);
    assert_eq!(stage.take(), []);
    stage.room.unfollow(connection(0));
    for n in 49..52 {
        stage.join(n, 0).unwrap();
    }
    stage.pass(GATHER_TIME);
    assert!(!stage.told().iter().any(|(_, event)| event == "room.pageChanged"));
}

#[test]
fn what_is_kept_nowhere_is_told_and_forgotten() {
    let mut stage = Stage::with([1, 2]);
    stage.types(1, true);
    let news = RoomNews::Typing { connection: connection(1), user: member(1).user_id, typing: true };
    assert_eq!(stage.effects.last(), Some(&Publish(news.clone())));
    assert_eq!(stage.told(), [(vec![2], "room.typing".to_owned())]);
    stage.hear(news);
    stage.hear(RoomNews::Event { name: "light".to_owned(), data: 7.into(), from: None });
    assert_eq!(stage.told(), [(vec![1, 2], "room.typing".to_owned()), (vec![1, 2], "room.event".to_owned())]);
}

#[test]
fn messages_and_changes_of_them_are_handed_out_in_one_order() {
    let mut stage = Stage::with([1, 100]);
    stage.room.post(&message(1), &mut stage.effects);
    stage.room.change(&changed(2, 1), &mut stage.effects);
    assert_eq!(stage.effects.last(), Some(&Publish(RoomNews::Changed(changed(2, 1)))));
    let both = [(vec![1], "room.message".to_owned()), (vec![1], "room.messageChanged".to_owned())];
    assert_eq!(stage.told(), both, "who may not read is told of neither");
    stage.hear(RoomNews::Changed(changed(2, 1)));
    assert_eq!(stage.take(), [], "once");
    stage.hear(RoomNews::Changed(changed(4, 1)));
    assert_eq!(stage.take(), [Read { after: 2 }], "a change may show what is missing, too");
    stage.room.handle_messages(&[message(3).into(), changed(4, 3)], false, &mut stage.effects);
    assert_eq!(stage.told(), both);
}

#[test]
fn who_falls_silent_types_no_longer_six_seconds_after_they_said_so_last() {
    let mut stage = Stage::with([1, 2]);
    stage.hear(RoomNews::Joined(member(3)));
    stage.types(1, true);
    stage.hear(RoomNews::Typing { connection: connection(3), user: member(3).user_id, typing: true });
    stage.pass(Duration::from_secs(4));
    stage.types(1, true);
    stage.take();
    stage.pass(Duration::from_secs(2));
    assert_eq!(stage.told(), [(vec![1, 2], "room.typing".to_owned())], "of the one elsewhere");
    assert_eq!(stage.room.next_deadline(), Some(stage.now + TYPING_TIME - Duration::from_secs(2)));
    stage.pass(TYPING_TIME - Duration::from_secs(2));
    let [Tell { event: Event::RoomTyping(told), .. }] = &stage.take()[..] else { panic!("one is told") };
    assert_eq!((told.connection_id, told.typing), (connection(1), false));
    stage.pass(TYPING_TIME);
    assert_eq!(stage.told(), [], "once");
}

#[test]
fn who_leaves_types_no_longer() {
    let mut stage = Stage::with([1, 2]);
    stage.types(1, true);
    stage.take();
    stage.room.leave(connection(1), stage.now, &mut stage.effects);
    let told = [(vec![2], "room.typing".to_owned()), (vec![2], "room.memberLeft".to_owned())];
    assert_eq!(stage.told(), told);
    stage.pass(TYPING_TIME);
    assert!(!stage.told().iter().any(|(_, event)| event == "room.typing"));
}

#[test]
fn how_far_somebody_has_read_is_told_to_few_and_among_many_to_their_own_devices() {
    let mut stage = Stage::with([1, 2]);
    stage.room.read(member(1).user_id, 7, &mut stage.effects);
    let news = RoomNews::Read { user: member(1).user_id, seq: 7 };
    assert_eq!(stage.effects.last(), Some(&Publish(news.clone())));
    assert_eq!(stage.told(), [(vec![1, 2], "room.read".to_owned())]);
    let mut stage = Stage::with(0..60);
    stage.pass(GATHER_TIME);
    stage.take();
    stage.hear(news);
    assert_eq!(stage.told(), [(vec![1], "room.read".to_owned())]);
}
