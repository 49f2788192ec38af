//! Followers of an account's rooms, and a store that says what it is asked.

mod calls;

use super::{follower::TOLD_MAX, *};
use common::{
    clock::{Clock, ManualClock},
    protocol::room::{MemberRole, UNREAD_MAX, Unread},
    room::{Connected, RoomFacts},
};

struct World {
    clock: ManualClock,
    list: RoomList<&'static str>,
    effects: Vec<Effect>,
    /// What is not answered yet.
    asked: Option<Question>,
}

fn unread(seq: u64, unread: u32) -> Unread {
    Unread { seq, unread, mentions: 0 }
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::default();
        let list = RoomList::new([], clock.now());
        Self { clock, list, effects: Vec::new(), asked: None }
    }

    fn room(&self) -> RoomId {
        RoomId::generate(&self.clock)
    }

    fn follower(&mut self) -> UserId {
        let user = UserId::generate(&self.clock);
        self.list.follow(user, ConnectionId::generate(&self.clock), "device").unwrap();
        user
    }

    fn moved(&mut self, rooms: &[RoomId]) {
        self.list
            .handle_news(&RoomListNews { moved: rooms.iter().copied().collect(), ..RoomListNews::default() });
    }

    fn question(&mut self) -> Option<Vec<(RoomId, Whom)>> {
        let question = self.list.question(self.clock.now());
        self.asked.clone_from(&question);
        question.map(|question| question.0)
    }

    /// The rooms that are asked about.
    fn rooms(&mut self) -> BTreeSet<RoomId> {
        self.question().expect("something is asked").into_iter().map(|(room, _)| room).collect()
    }

    fn answer_to(&mut self, rooms: &[FollowedRoom]) {
        let question = self.asked.take().unwrap_or(Question(Vec::new()));
        self.list.handle_rooms(&question, rooms, self.clock.now(), &mut self.effects);
    }

    /// Answers, and says who is told how much is unread.
    fn answer(&mut self, rooms: &[FollowedRoom]) -> Vec<(UserId, Vec<u32>)> {
        self.answer_to(rooms);
        let told = self.effects.drain(..).flat_map(|effect| match effect {
            Effect::Tell(users, changed) => {
                let counts: Vec<u32> = changed.rooms.iter().map(|room| room.read.unread).collect();
                users.into_iter().map(move |user| (user, counts.clone()))
            }
            other @ (Effect::TellCalls(..) | Effect::Compare | Effect::CompareSessions) => {
                panic!("{other:?}")
            }
        });
        told.collect()
    }
}

fn of(
    id: RoomId,
    last_seq: u64,
    users: impl IntoIterator<Item = (UserId, RoomFacts, Option<Unread>)>,
) -> FollowedRoom {
    let users = users.into_iter().map(|(user, facts, unread)| (user, Connected { facts, unread }));
    FollowedRoom { id, last_seq, facts: RoomFacts::default(), users: users.collect() }
}

/// Would pass for the wrong reason if the followers were not asked about: the first answer tells each of them.
#[test]
fn a_flood_in_a_room_is_asked_about_once_a_second_and_told_until_the_count_ends() {
    let mut world = World::new();
    let room = world.room();
    let users: BTreeSet<UserId> = (0..5).map(|_| world.follower()).collect();
    let (mut questions, mut frames) = (0, 0);
    for message in 1..=1000_u32 {
        world.moved(&[room]);
        if let Some(question) = world.question() {
            assert_eq!(question, [(room, Whom::All)]);
            questions += 1;
            let so_many = unread(0, message.min(UNREAD_MAX));
            let all = users.iter().map(|user| (*user, RoomFacts::default(), Some(so_many)));
            frames += world.answer(&[of(room, message.into(), all)]).len();
        }
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(questions, 10);
    // At 1 and at 100 messages, and then it is as it was.
    assert_eq!(frames, 2 * users.len());
}

#[test]
fn who_may_not_see_a_room_is_told_nothing_of_it() {
    let mut world = World::new();
    let room = world.room();
    let [member, stranger, banned] = [(); 3].map(|()| world.follower());
    world.moved(&[room]);
    world.question().unwrap();
    let facts = RoomFacts { is_private: true, ..RoomFacts::default() };
    let role = Some(MemberRole::Member);
    let told = world.answer(&[of(
        room,
        1,
        [
            (member, RoomFacts { role, ..facts }, Some(unread(0, 1))),
            (stranger, facts, Some(unread(0, 1))),
            (banned, RoomFacts { role, is_banned: true, ..facts }, Some(unread(0, 1))),
        ],
    )]);
    assert_eq!(told, [(member, vec![1])]);
}

#[test]
fn who_reads_further_is_asked_about_alone_and_told_also_where_the_count_is_the_same() {
    let mut world = World::new();
    let room = world.room();
    let (reader, _other) = (world.follower(), world.follower());
    let gone = UserId::generate(&world.clock);
    world.list.handle_news(&RoomListNews {
        read: [(room, reader), (room, gone)].into(),
        ..RoomListNews::default()
    });
    assert_eq!(world.question().unwrap(), [(room, Whom::Some([reader].into()))]);
    let read = |seq| of(room, 9, [(reader, RoomFacts::default(), Some(unread(seq, 1)))]);
    assert_eq!(world.answer(&[read(7)]), [(reader, vec![1])]);
    world.clock.advance(ROUND_TIME);
    world.list.handle_news(&RoomListNews { read: [(room, reader)].into(), ..RoomListNews::default() });
    world.question().unwrap();
    assert_eq!(world.answer(&[read(8)]), [(reader, vec![1])], "another one is unread");
    world.clock.advance(ROUND_TIME);
    world.list.handle_news(&RoomListNews { read: [(room, gone)].into(), ..RoomListNews::default() });
    assert_eq!(world.question(), None, "of who does not follow nothing is asked");
}

/// One at a time, and none is forgotten however many there are.
#[test]
fn many_rooms_are_asked_about_in_pieces_without_a_pause() {
    let mut world = World::new();
    world.follower();
    let rooms: Vec<RoomId> = (0..200).map(|_| world.room()).collect();
    world.moved(&rooms);
    let mut asked = BTreeSet::new();
    while let Some(question) = world.question() {
        assert!(question.len() <= ROOMS_TOLD_MAX);
        assert_eq!(world.question(), None, "one at a time");
        asked.extend(question.into_iter().map(|(room, _)| room));
        world.asked = Some(Question(Vec::new()));
        world.answer(&[]);
    }
    assert_eq!(asked, rooms.iter().copied().collect());
    // What moves meanwhile waits for the next round.
    world.moved(&rooms[..1]);
    assert_eq!(world.question(), None);
    assert_eq!(world.list.next_deadline(), Some(world.clock.now() + ROUND_TIME));
    world.clock.advance(ROUND_TIME);
    assert_eq!(world.question(), Some(vec![(rooms[0], Whom::All)]));
}

#[test]
fn where_many_have_read_it_is_asked_for_all() {
    let mut world = World::new();
    let room = world.room();
    for _ in 0..=SOME_MAX {
        let reader = world.follower();
        world.list.handle_news(&RoomListNews { read: [(room, reader)].into(), ..RoomListNews::default() });
    }
    assert_eq!(world.question(), Some(vec![(room, Whom::All)]));
}

#[test]
fn a_store_that_is_slow_is_asked_less_often() {
    let mut world = World::new();
    world.follower();
    let room = world.room();
    world.moved(&[room]);
    world.question().unwrap();
    world.clock.advance(Duration::from_secs(3));
    world.answer(&[]);
    world.moved(&[room]);
    assert_eq!(world.list.next_deadline(), Some(world.clock.now() + Duration::from_secs(3)));
}

#[test]
fn what_could_not_be_read_is_asked_again() {
    let mut world = World::new();
    world.follower();
    let rooms: Vec<RoomId> = (0..100).map(|_| world.room()).collect();
    world.moved(&rooms);
    world.question().unwrap();
    let again_at = world.clock.now() + Duration::from_secs(3);
    world.list.handle_unanswered(world.asked.take().unwrap(), again_at);
    assert_eq!((world.question(), world.list.next_deadline()), (None, Some(again_at)));
    world.clock.advance(Duration::from_secs(3));
    let mut asked = 0;
    while let Some(question) = world.question() {
        asked += question.len();
        world.answer(&[]);
    }
    assert_eq!(asked, rooms.len());
}

#[test]
fn rooms_whose_numbers_have_moved_are_asked_about_and_after_a_loss_all_in_which_anything_was_said() {
    let mut world = World::new();
    let [still, moved, silent] = [(); 3].map(|()| world.room());
    world.list = RoomList::new([(still, 5), (moved, 7), (silent, 0)], world.clock.now());
    world.follower();
    world.list.doubt(&mut world.effects);
    assert_eq!(world.effects, [Effect::Compare, Effect::CompareSessions]);
    world.list.handle_last_seqs([(still, 5), (moved, 8), (silent, 0)]);
    assert_eq!(world.rooms(), [moved].into());
    world.effects.clear();
    world.answer(&[]);
    world.clock.advance(ROUND_TIME);
    world.list.handle_lost(&mut world.effects);
    assert_eq!(world.effects, [Effect::Compare]);
    world.list.handle_last_seqs([(still, 5), (moved, 8), (silent, 0)]);
    assert_eq!(world.rooms(), [still, moved].into());
}

#[test]
fn a_list_ends_with_the_last_device_and_takes_nobody_afterwards() {
    let mut world = World::new();
    let user = UserId::generate(&world.clock);
    let [phone, desk] = [(); 2].map(|()| ConnectionId::generate(&world.clock));
    world.list.follow(user, phone, "phone").unwrap();
    world.list.follow(user, desk, "desk").unwrap();
    assert_eq!(world.list.devices(user).copied().collect::<BTreeSet<_>>(), ["desk", "phone"].into());
    world.list.leave(user, phone);
    assert!(!world.list.close_if_empty());
    world.list.leave(user, desk);
    assert!(world.list.close_if_empty());
    assert_eq!(world.list.follow(user, phone, "phone"), Err(Closed));
    let room = world.room();
    world.moved(&[room]);
    assert_eq!(world.list.next_deadline(), None);
}

/// Whoever has read the list between the two goes by two unread messages, and by nothing of a lower number.
#[test]
fn a_message_that_was_deleted_before_it_was_counted_is_told_by_its_number() {
    let mut world = World::new();
    let room = world.room();
    let user = world.follower();
    let at = |last_seq, count| of(room, last_seq, [(user, RoomFacts::default(), Some(unread(0, count)))]);
    assert_eq!(world.answer(&[at(1, 1)]), [(user, vec![1])]);
    assert_eq!(world.answer(&[at(3, 1)]), [(user, vec![1])], "one came and went");
    assert_eq!(world.answer(&[at(3, 1)]), []);
}

#[test]
fn those_to_whom_the_same_is_told_are_told_it_by_one_frame() {
    let mut world = World::new();
    let room = world.room();
    let users: BTreeSet<UserId> = (0..3).map(|_| world.follower()).collect();
    let reader = world.follower();
    let each = users.iter().map(|user| (*user, RoomFacts::default(), Some(unread(0, 2))));
    let all = each.chain([(reader, RoomFacts::default(), Some(unread(1, 1)))]);
    world.answer_to(&[of(room, 2, all)]);
    let frames: Vec<BTreeSet<UserId>> = world
        .effects
        .drain(..)
        .map(|effect| match effect {
            Effect::Tell(users, _) => users.into_iter().collect(),
            other @ (Effect::TellCalls(..) | Effect::Compare | Effect::CompareSessions) => {
                panic!("{other:?}")
            }
        })
        .collect();
    assert_eq!(frames, [users, [reader].into()]);
}

#[test]
fn of_a_room_that_was_opened_to_all_everybody_is_told_who_sees_it_once() {
    let mut world = World::new();
    let room = world.room();
    let [member, stranger, banned] = [(); 3].map(|()| world.follower());
    let opened = RoomListNews { opened: [room].into(), ..RoomListNews::default() };
    let nothing = RoomFacts::default();
    let private = FollowedRoom { facts: RoomFacts { is_private: true, ..nothing }, ..of(room, 4, []) };
    let open = |last_seq| {
        let facts = RoomFacts { is_banned: true, ..nothing };
        of(room, last_seq, [(member, nothing, Some(unread(0, 3))), (banned, facts, None)])
    };
    world.moved(&[room]);
    world.question().unwrap();
    world.list.handle_news(&opened);
    assert_eq!(world.answer(std::slice::from_ref(&private)), [], "that was asked before");
    world.clock.advance(ROUND_TIME);
    world.question().unwrap();
    world.list.handle_unanswered(world.asked.take().unwrap(), world.clock.now());
    world.moved(&[room]);
    world.question().unwrap();
    let told: BTreeMap<UserId, Vec<u32>> = world.answer(&[open(4)]).into_iter().collect();
    assert_eq!(told, [(member, vec![3]), (stranger, vec![0])].into());
    world.clock.advance(ROUND_TIME);
    let late = world.follower();
    world.moved(&[room]);
    world.question().unwrap();
    assert_eq!(world.answer(&[open(5)]), [(member, vec![3])], "and {late} nothing");
    world.clock.advance(ROUND_TIME);
    world.list.handle_news(&opened);
    world.question().unwrap();
    assert_eq!(world.answer(&[private]), [], "it is private again");
}

/// What is remembered of each is bounded; what was forgotten is told once more.
#[test]
fn of_very_many_rooms_it_is_not_remembered_what_was_told() {
    let mut world = World::new();
    let user = world.follower();
    let rooms: Vec<RoomId> = (0..=TOLD_MAX).map(|_| world.room()).collect();
    let answer = |room: &RoomId| of(*room, 1, [(user, RoomFacts::default(), Some(unread(0, 1)))]);
    let all: Vec<FollowedRoom> = rooms.iter().map(answer).collect();
    assert_eq!(world.answer(&all)[0].1.len(), rooms.len());
    assert!(world.list.followers[&user].unread.len() <= TOLD_MAX);
    assert_eq!(world.answer(&[answer(&rooms[0])]), [(user, vec![1])]);
    assert_eq!(world.answer(&[answer(&rooms[0])]), []);
}
