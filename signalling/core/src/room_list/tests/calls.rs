//! Who is in a call where.

use super::{super::sessions::OVER_MAX, *};
use common::{
    id::NodeId,
    protocol::rooms::{CallParticipant, RoomCall},
};

fn session(world: &World, room_id: RoomId, count: u32, revision: u64) -> SessionSummary {
    let user_id = UserId::generate(&world.clock);
    let participants =
        (0..count.min(1)).map(|_| CallParticipant { user_id, name: "Ada".to_owned() }).collect();
    let call = RoomCall { room_id, participant_count: count, participants };
    SessionSummary { node: NodeId::generate(&world.clock), call, revision }
}

fn open_room(id: RoomId) -> FollowedRoom {
    of(id, 1, [])
}

impl World {
    fn hear(&mut self, session: SessionSummary) {
        self.list.handle_session(session, &mut self.effects);
    }

    /// Lets a second pass, answers what is asked then, and says who is told of how many in a call.
    fn round(&mut self, rooms: &[FollowedRoom]) -> Vec<(BTreeSet<UserId>, Vec<u32>)> {
        self.clock.advance(ROUND_TIME);
        self.question().expect("something is new");
        self.answer_to(rooms);
        let told = self.effects.drain(..).map(|effect| match effect {
            Effect::TellCalls(users, changed) => {
                let counts = changed.rooms.iter().map(|room| room.participant_count).collect();
                (users.into_iter().collect(), counts)
            }
            other @ (Effect::Tell(..) | Effect::Compare | Effect::CompareSessions) => panic!("{other:?}"),
        });
        told.collect()
    }
}

#[test]
fn a_call_is_told_to_all_who_see_the_room_until_it_is_over() {
    let mut world = World::new();
    let room = world.room();
    let (ada, eve) = (world.follower(), world.follower());
    world.hear(session(&world, room, 1, 10));
    world.hear(session(&world, room, 2, 11));
    assert_eq!(world.round(&[open_room(room)]), [([ada, eve].into(), vec![2])], "to both the same frame");
    world.moved(&[room]);
    assert_eq!(world.round(&[open_room(room)]), [], "the call is as it was");
    world.hear(session(&world, room, 9, 10));
    assert_eq!(world.question(), None, "that was said before");
    let late = world.follower();
    assert_eq!(world.round(&[open_room(room)]), [([late].into(), vec![2])], "who comes later");
    world.hear(session(&world, room, 0, 12));
    assert_eq!(world.round(&[open_room(room)]), [([ada, eve, late].into(), vec![0])]);
    let latest = world.follower();
    assert_eq!(world.question(), None, "{latest} has nothing to be told");
}

#[test]
fn who_may_not_see_the_room_is_told_of_no_call_and_who_may_no_longer_that_it_is_over() {
    let mut world = World::new();
    let room = world.room();
    let (member, stranger) = (world.follower(), world.follower());
    let private = |role| {
        let facts = RoomFacts { is_private: true, ..RoomFacts::default() };
        let connected = [(member, RoomFacts { role, ..facts }, None)];
        FollowedRoom { facts, ..of(room, 1, connected) }
    };
    world.hear(session(&world, room, 3, 1));
    let told = world.round(&[private(Some(MemberRole::Member))]);
    assert_eq!(told, [([member].into(), vec![3])], "and {stranger} nothing");
    world.list.review();
    assert_eq!(world.round(&[private(None)]), [([member].into(), vec![0])]);
    world.hear(session(&world, room, 4, 2));
    assert_eq!(world.round(&[private(None)]), []);
    world.list.review();
    assert_eq!(world.round(&[private(Some(MemberRole::Member))]), [([member].into(), vec![4])]);
    world.list.review();
    assert_eq!(world.round(&[]), [([member].into(), vec![0])], "the room is gone");
}

#[test]
fn a_second_device_is_told_what_the_first_knows() {
    let mut world = World::new();
    let room = world.room();
    let user = world.follower();
    world.hear(session(&world, room, 3, 1));
    world.round(&[open_room(room)]);
    world.list.follow(user, ConnectionId::generate(&world.clock), "another").unwrap();
    assert_eq!(world.round(&[open_room(room)]), [([user].into(), vec![3])]);
}

/// Its node was killed: nothing was said, and its entry is there no more.
#[test]
fn a_session_that_is_not_found_any_more_is_over_unless_it_was_heard_of_meanwhile() {
    let mut world = World::new();
    let [gone, begun, ended, kept] = [(); 4].map(|()| world.room());
    let user = world.follower();
    for room in [gone, ended, kept] {
        world.hear(session(&world, room, 2, 5));
    }
    let all = [gone, begun, ended, kept].map(open_room);
    world.round(&all);
    world.list.doubt_sessions(&mut world.effects);
    assert_eq!(world.effects, [Effect::CompareSessions]);
    // While it is read, one begins, and one ends whose entry is still found.
    world.hear(session(&world, begun, 1, 5));
    world.hear(session(&world, ended, 0, 6));
    world.list.doubt_sessions(&mut world.effects);
    assert_eq!(world.effects.len(), 1, "one at a time");
    let found = vec![session(&world, ended, 2, 5), session(&world, kept, 2, 5)];
    let mut effects = Vec::new();
    world.list.handle_sessions(found, true, &mut effects);
    assert_eq!(effects, [Effect::CompareSessions], "once more, for what has happened meanwhile");
    world.effects.clear();
    let told = world.round(&all);
    assert_eq!(told.len(), 1);
    let (users, mut counts) = told[0].clone();
    counts.sort_unstable();
    assert_eq!((users, counts), ([user].into(), vec![0, 0, 1]), "gone, ended and begun");
    let again = vec![session(&world, kept, 2, 5), session(&world, begun, 1, 5)];
    world.list.handle_sessions(again, true, &mut effects);
    assert_eq!(world.question(), None);
    // What is not within reach may be there all the same.
    world.list.doubt_sessions(&mut effects);
    world.list.handle_sessions(Vec::new(), false, &mut effects);
    assert_eq!(world.question(), None);
    world.list.doubt_sessions(&mut effects);
    world.list.handle_unknown_sessions();
    world.list.doubt_sessions(&mut effects);
    world.list.handle_sessions(Vec::new(), true, &mut effects);
    assert_eq!(world.round(&all), [([user].into(), vec![0, 0])], "now they are over");
}

/// A list may live for months, and nothing need ever give reason to doubt it.
#[test]
fn sessions_that_are_over_are_forgotten_though_nobody_comes_or_goes() {
    let mut world = World::new();
    world.follower();
    let going_on = world.room();
    world.hear(session(&world, going_on, 2, 1));
    for _ in 0..10 * OVER_MAX {
        let room = world.room();
        world.hear(session(&world, room, 1, 1));
        world.hear(session(&world, room, 0, 2));
        if std::mem::take(&mut world.effects) == [Effect::CompareSessions] {
            let found = vec![session(&world, going_on, 2, 1)];
            world.list.handle_sessions(found, true, &mut world.effects);
        }
    }
    assert!(world.list.sessions.remembered() <= OVER_MAX + 1, "{}", world.list.sessions.remembered());
    assert_eq!(world.list.sessions.rooms().collect::<Vec<_>>(), [going_on]);
}

/// Its node says so in the set, for those who did not hear it.
#[test]
fn a_session_that_is_found_to_be_over_is_at_once_and_is_no_news_where_none_was_known() {
    let mut world = World::new();
    let (room, unknown) = (world.room(), world.room());
    let user = world.follower();
    world.hear(session(&world, room, 2, 5));
    world.round(&[open_room(room)]);
    world.list.doubt_sessions(&mut world.effects);
    world.effects.clear();
    let found = vec![session(&world, room, 0, 6), session(&world, unknown, 0, 9)];
    // Though not everybody has said again what they have.
    world.list.handle_sessions(found, false, &mut world.effects);
    world.clock.advance(ROUND_TIME);
    assert_eq!(world.question(), Some(vec![(room, Whom::All)]));
    world.answer_to(&[open_room(room)]);
    let over = CallsChanged {
        rooms: vec![RoomCall { room_id: room, participant_count: 0, participants: Vec::new() }],
    };
    assert_eq!(world.effects, [Effect::TellCalls(vec![user], over)]);
}
