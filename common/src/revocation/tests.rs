//! What ends what, and for how long that is known.

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    permission::Permissions,
    token::Role,
};

const SECOND: Duration = Duration::from_secs(1);

fn standing(clock: &ManualClock) -> Standing {
    let permissions = Role::User.permissions();
    Standing {
        user: UserId::generate(clock),
        sign_in: Some(SignInId::generate(clock)),
        permissions,
        lasting: permissions,
        issued_at: clock.utc(),
    }
}

#[test]
fn a_sign_in_that_ended_takes_every_token_of_it_and_nobody_elses() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let (mine, other) = (standing(&clock), standing(&clock));
    list.add(&[Revocation { what: Ended::SignIn(mine.sign_in.unwrap()), at: clock.utc() }]);
    clock.advance(SECOND);
    let later = Standing { issued_at: clock.utc(), ..mine };
    assert!(!list.holds(&mine) && !list.holds(&later) && list.holds(&other));
}

#[test]
fn who_may_do_less_needs_a_token_from_afterwards() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let before = standing(&clock);
    clock.advance(SECOND);
    list.add(&[Revocation { what: Ended::Permissions(before.user), at: clock.utc() }]);
    // An older end that is heard of later takes nothing back.
    list.add(&[Revocation { what: Ended::Permissions(before.user), at: clock.utc() - 2 * SECOND }]);
    clock.advance(SECOND);
    let after = Standing { issued_at: clock.utc(), ..before };
    assert!(!list.holds(&before) && list.holds(&after));
}

#[test]
fn the_end_of_an_elevation_takes_only_tokens_that_have_one() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let plain = standing(&clock);
    let elevated = Standing { permissions: Permissions::ALL, ..plain };
    list.add(&[Revocation { what: Ended::Elevation(plain.user), at: clock.utc() }]);
    assert!(list.holds(&plain) && !list.holds(&elevated));
    clock.advance(SECOND);
    assert!(list.holds(&Standing { issued_at: clock.utc(), ..elevated }), "another elevation goes on");
}

#[test]
fn what_ended_is_remembered_until_the_last_token_has_expired() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let mine = standing(&clock);
    list.add(&[Revocation { what: Ended::SignIn(mine.sign_in.unwrap()), at: clock.utc() }]);
    clock.advance(ACCESS_TOKEN_TIME);
    list.forget(clock.utc());
    assert!(!list.holds(&mine) && list.len() == 1);
    clock.advance(CLOCKS_APART);
    list.forget(clock.utc());
    assert!(list.is_empty());
}

#[test]
fn the_version_changes_with_news_only() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let ended = [Revocation { what: Ended::Elevation(UserId::generate(&clock)), at: clock.utc() }];
    list.add(&ended);
    let version = list.version();
    list.add(&ended);
    assert_eq!((list.version(), version), (1, 1));
}

fn ended(clock: &ManualClock, what: Ended) -> Revocation {
    Revocation { what, at: clock.utc() }
}

/// What ends what: tokens from before, of that very millisecond and from afterwards, with an elevation and
/// without.
#[test]
fn each_end_takes_what_it_is_about_and_nothing_else() {
    let clock = ManualClock::default();
    clock.advance(SECOND);
    let (mine, other) = (standing(&clock), standing(&clock));
    let elevated = |plain: Standing| Standing { permissions: Permissions::ALL, ..plain };
    let outside = |plain: Standing| Standing { sign_in: None, ..plain };
    let millisecond = Duration::from_millis(1);
    let at = |plain: Standing, issued_at| Standing { issued_at, ..plain };
    let (before, after) = (clock.utc() - millisecond, clock.utc() + millisecond);
    let sign_in = Ended::SignIn(mine.sign_in.unwrap());
    let (permissions, elevation) = (Ended::Permissions(mine.user), Ended::Elevation(mine.user));
    for (what, token, holds) in [
        (sign_in, mine, false),
        (sign_in, at(mine, after), false),
        (sign_in, elevated(mine), false),
        (sign_in, outside(mine), true),
        (sign_in, Standing { sign_in: other.sign_in, ..mine }, true),
        (permissions, at(mine, before), false),
        (permissions, mine, false),
        (permissions, at(mine, after), true),
        (permissions, outside(mine), false),
        (permissions, elevated(at(mine, after)), true),
        (permissions, Standing { user: other.user, ..mine }, true),
        (elevation, mine, true),
        (elevation, elevated(at(mine, before)), false),
        (elevation, elevated(mine), false),
        (elevation, elevated(at(mine, after)), true),
        (elevation, elevated(other), true),
        // Fewer permissions than last are no elevation.
        (elevation, Standing { permissions: Permissions::default(), ..mine }, true),
    ] {
        let list = Revocations::default();
        assert!(list.holds(&token), "{what:?} {token:?}");
        list.add(&[ended(&clock, what)]);
        assert_eq!(list.holds(&token), holds, "{what:?} {token:?}");
    }
}

/// The bus keeps no order between instances, and says things twice.
#[test]
fn the_order_in_which_ends_are_heard_of_does_not_matter() {
    use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
    let mut random = StdRng::seed_from_u64(37);
    let clock = ManualClock::default();
    let people: Vec<_> = (0..4).map(|_| standing(&clock)).collect();
    let (mut told, mut tokens) = (Vec::new(), Vec::new());
    for round in 0..12 {
        clock.advance(SECOND);
        let person = people[round % 4];
        tokens.extend(people.iter().map(|plain| Standing { issued_at: clock.utc(), ..*plain }));
        told.push(ended(
            &clock,
            match round % 3 {
                0 => Ended::Permissions(person.user),
                1 => Ended::Elevation(person.user),
                _ if round > 9 => Ended::SignIn(person.sign_in.unwrap()),
                _ => Ended::Permissions(people[0].user),
            },
        ));
    }
    tokens
        .extend(tokens.clone().into_iter().map(|plain| Standing { permissions: Permissions::ALL, ..plain }));
    let answers = |told: &[Revocation]| {
        let list = Revocations::default();
        told.iter().for_each(|one| list.add(&[*one]));
        (tokens.iter().map(|token| list.holds(token)).collect::<Vec<_>>(), list.len())
    };
    let expected = answers(&told);
    assert!(expected.0.contains(&true) && expected.0.contains(&false));
    for _ in 0..50 {
        told.shuffle(&mut random);
        assert_eq!(answers(&told), expected);
        assert_eq!(answers(&[told.clone(), told.clone()].concat()), expected, "twice is once");
    }
    let list = Revocations::default();
    list.add(&told);
    assert_eq!(list.len(), expected.1, "all at once is one after the other");
}

/// If it were forgotten sooner, a token that is good by itself would be good again.
#[test]
fn no_token_outlives_what_is_remembered_of_its_end() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let mine = Standing { permissions: Permissions::ALL, ..standing(&clock) };
    let all =
        [Ended::SignIn(mine.sign_in.unwrap()), Ended::Permissions(mine.user), Ended::Elevation(mine.user)];
    list.add(&all.map(|what| ended(&clock, what)));
    // The clock of the instance that signed is ahead by as much as clocks may be apart.
    let expires_at = mine.issued_at + CLOCKS_APART + ACCESS_TOKEN_TIME;
    for _ in 0..1000 {
        clock.advance(SECOND);
        list.forget(clock.utc());
        assert!(clock.utc() >= expires_at || !list.holds(&mine), "{:?}", clock.utc());
    }
    assert!(list.is_empty() && list.holds(&mine));
}

#[test]
fn what_ends_again_is_remembered_anew_and_forgetting_is_no_news() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let mine = standing(&clock);
    list.add(&[ended(&clock, Ended::Permissions(mine.user))]);
    clock.advance(REMEMBERED - SECOND);
    list.add(&[ended(&clock, Ended::Permissions(mine.user))]);
    assert_eq!((list.len(), list.version()), (1, 2));
    clock.advance(SECOND);
    list.forget(clock.utc());
    assert_eq!((list.len(), list.version()), (1, 2));
    list.add(&[]);
    assert_eq!(list.version(), 2);
    list.add(&[ended(&clock, Ended::Permissions(mine.user)), ended(&clock, Ended::Elevation(mine.user))]);
    assert_eq!((list.len(), list.version()), (2, 4), "a version for each that is new");
    clock.advance(REMEMBERED);
    list.forget(clock.utc());
    assert_eq!((list.len(), list.version()), (0, 4));
}

#[test]
fn who_was_let_in_by_an_access_token_is_held_to_the_list_and_a_guest_is_not() {
    let (clock, list) = (ManualClock::default(), Revocations::default());
    let mine = standing(&clock);
    let caller = Bearer::Caller(crate::token::Caller {
        account: crate::id::AccountId::generate(&clock),
        user: mine.user,
        role: Role::User,
        permissions: mine.permissions,
        lasting: mine.lasting,
        name: None,
        sign_in: mine.sign_in,
        issued_at: mine.issued_at,
        expires_at: clock.utc(),
    });
    let guest = Bearer::Guest(crate::guest::Guest {
        account: caller.account(),
        id: crate::identity::GuestId::of_digest([7; 16]),
        name: String::new(),
        room: crate::id::RoomId::generate(&clock),
        rights: std::collections::BTreeSet::new(),
        issued_at: mine.issued_at,
        expires_at: clock.utc(),
    });
    assert!(list.admits(&caller) && list.admits(&guest));
    list.add(&[ended(&clock, Ended::Permissions(mine.user))]);
    assert!(!list.admits(&caller) && list.admits(&guest));
}

/// Instances of two versions tell each other what ended.
#[test]
fn an_end_is_read_as_it_was_told() {
    let clock = ManualClock::default();
    let user = UserId::generate(&clock);
    for what in [Ended::Permissions(user), Ended::Elevation(user), Ended::SignIn(SignInId::generate(&clock))]
    {
        let told = ended(&clock, what);
        let mut json = serde_json::to_value(told).unwrap();
        json["fromANewerInstance"] = true.into();
        assert_eq!(serde_json::from_value::<Revocation>(json).unwrap(), told);
    }
}
