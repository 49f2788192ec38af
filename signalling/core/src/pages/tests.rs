use super::*;
use common::{
    clock::{Clock, ManualClock},
    id::UserId,
};
use uuid::Uuid;

fn connection(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

fn member(n: u128) -> Member {
    Member {
        connection_id: connection(n),
        user_id: UserId::from_uuid(Uuid::from_u128(n)),
        name: n.to_string(),
    }
}

fn members(ns: impl IntoIterator<Item = u128>) -> Vec<Member> {
    ns.into_iter().map(member).collect()
}

/// As it is told: to whom, who came, who went.
fn short(told: Vec<Told>) -> Vec<(Vec<u128>, Vec<u128>, Vec<u128>)> {
    let number = |id: &ConnectionId| id.as_uuid().as_u128();
    let one = |told: Told| {
        let joined = told.joined.iter().map(|member| number(&member.connection_id));
        (
            told.followers.iter().map(number).collect(),
            joined.collect(),
            told.left.iter().map(number).collect(),
        )
    };
    told.into_iter().map(one).collect()
}

#[test]
fn each_is_told_what_has_changed_since_they_looked() {
    let (clock, mut pages) = (ManualClock::default(), Pages::default());
    pages.follow(connection(90), None, &members([1, 2, 3]), true);
    pages.note_untold(clock.now());
    // Who looks later knows more.
    pages.follow(connection(91), None, &members([1, 3, 4]), true);
    pages.follow(connection(92), None, &members([1, 3, 4]), true);
    let told = short(pages.tell(clock.now(), |_| (members([1, 4, 5]), true)));
    assert_eq!(told, [(vec![90], vec![4, 5], vec![2, 3]), (vec![91, 92], vec![5], vec![3])]);
    clock.advance(REST_PER_NAME * 2);
    pages.note_untold(clock.now());
    let told = short(pages.tell(clock.now(), |_| (members([1, 4]), true)));
    assert_eq!(told, [(vec![90, 91, 92], vec![], vec![5])], "all of them know the same by then");
    pages.note_untold(clock.now());
    assert_eq!(short(pages.tell(clock.now(), |_| (members([1, 4]), true))), []);
    let told = |pages: &mut Pages| {
        pages.note_untold(clock.now());
        pages.tell(clock.now(), |_| (members([1, 4]), false))
    };
    assert!(told(&mut pages).iter().all(|told| !told.more), "that it is the last is news");
    assert_eq!(short(told(&mut pages)), []);
}

#[test]
fn who_was_told_of_alone_is_not_told_again() {
    let (clock, mut pages) = (ManualClock::default(), Pages::default());
    pages.follow(connection(90), Some(connection(5)), &members([6, 7]), false);
    for change in [Change::Joined(member(2)), Change::Joined(member(8)), Change::Left(member(6))] {
        pages.note_told(&change);
    }
    assert_eq!(pages.next_deadline(), None);
    pages.note_untold(clock.now());
    assert_eq!(short(pages.tell(clock.now(), |_| (members([7, 8]), false))), []);
}

#[test]
fn a_page_of_which_many_were_named_rests_and_then_tells_how_it_is() {
    let (clock, mut pages) = (ManualClock::default(), Pages::default());
    pages.follow(connection(900), None, &[], true);
    pages.note_untold(clock.now());
    assert_eq!(pages.tell(clock.now(), |_| (members(0..100), true)).len(), 1);
    pages.note_untold(clock.now());
    let rest = REST_PER_NAME * 100;
    assert_eq!(pages.next_deadline(), Some(clock.now() + rest));
    clock.advance(rest / 2);
    pages.note_untold(clock.now());
    assert_eq!(pages.tell(clock.now(), |_| (members(50..150), true)), []);
    clock.advance(rest / 2);
    let told = short(pages.tell(clock.now(), |_| (members(50..150), true)));
    assert_eq!(told, [(vec![900], (100..150).collect(), (0..50).collect())]);
}

#[test]
fn one_page_at_a_time_is_followed_and_none_is_kept_that_nobody_follows() {
    let (clock, mut pages) = (ManualClock::default(), Pages::default());
    pages.follow(connection(90), None, &members([1]), true);
    pages.follow(connection(90), Some(connection(1)), &members([2]), false);
    assert_eq!(pages.open.keys().collect::<Vec<_>>(), [&Some(connection(1))]);
    pages.unfollow(connection(90));
    pages.unfollow(connection(90));
    assert!(pages.open.is_empty() && pages.followed.is_empty());
    pages.note_untold(clock.now());
    assert_eq!(pages.next_deadline(), None);
}

#[test]
fn of_many_pages_some_are_told_in_a_row_and_the_rest_at_once_after_that() {
    let (clock, mut pages) = (ManualClock::default(), Pages::default());
    let count = TOLD_AT_ONCE * 2 + 1;
    for n in 0..u128::try_from(count).unwrap() {
        pages.follow(connection(n), Some(connection(n)), &[], true);
    }
    pages.note_untold(clock.now());
    let mut rounds = Vec::new();
    while pages.next_deadline().is_some() {
        rounds.push(pages.tell(clock.now(), |_| (members([1000]), true)).len());
    }
    assert_eq!(rounds, [TOLD_AT_ONCE, TOLD_AT_ONCE, 1]);
}
