//! Every visitor, action and state of a room that there can be, against what must hold of all of them.

use super::*;
use std::time::Duration;
use uuid::Uuid;

const ROOM: RoomId = RoomId::from_uuid(Uuid::from_u128(1));
const ELSEWHERE: RoomId = RoomId::from_uuid(Uuid::from_u128(2));

const RIGHTS: [Right; 5] =
    [Right::ReadMessages, Right::SendMessages, Right::SendMedia, Right::ReceiveMedia, Right::SendData];

/// The moments of signing. Removals are at the second, so that all orders occur.
fn moments() -> [OffsetDateTime; 3] {
    [0, 1, 2].map(|millisecond| OffsetDateTime::UNIX_EPOCH + Duration::from_millis(millisecond))
}

/// All sets of rights.
fn all_rights() -> Vec<BTreeSet<Right>> {
    let chosen = |bits: usize| (0..RIGHTS.len()).filter(move |at| bits & (1 << at) != 0);
    (0..1 << RIGHTS.len()).map(|bits| chosen(bits).map(|at| RIGHTS[at]).collect()).collect()
}

fn all_permissions() -> [Permissions; 4] {
    [
        Permissions::default(),
        Permissions::of(&[Permission::RoomsRead]),
        Permissions::of(&[Permission::RoomsManage]),
        Permissions::of(&[Permission::RoomsRead, Permission::RoomsManage]),
    ]
}

fn visitors(rights: &[BTreeSet<Right>]) -> Vec<Visitor<'_>> {
    let mut visitors = Vec::new();
    for permissions in all_permissions() {
        visitors.extend([Visitor::Person(permissions), Visitor::Program(permissions)]);
    }
    for room in [ROOM, ELSEWHERE] {
        for rights in rights {
            visitors.extend(moments().map(|issued_at| Visitor::Guest { room, rights, issued_at }));
        }
    }
    visitors
}

const ROLES: [Option<MemberRole>; 4] =
    [None, Some(MemberRole::Member), Some(MemberRole::Moderator), Some(MemberRole::Owner)];

fn all_facts() -> Vec<RoomFacts> {
    let removals = [None, Some(moments()[1])];
    let mut all = Vec::new();
    for bits in 0..1 << 5 {
        let flag = |at: usize| bits & (1 << at) != 0;
        for role in ROLES {
            all.extend(removals.map(|removed_at| RoomFacts {
                is_private: flag(0),
                is_direct: flag(1),
                is_closed: flag(2),
                is_banned: flag(3),
                is_muted: flag(4),
                role,
                removed_at,
            }));
        }
    }
    all
}

/// Has `check` look at everything there can be; how much it was.
fn always(check: impl Fn(Visitor<'_>, Action, RoomFacts)) -> usize {
    let rights = all_rights();
    let mut count = 0;
    for visitor in visitors(&rights) {
        for &action in Action::ALL {
            for facts in all_facts() {
                check(visitor, action, facts);
                count += 1;
            }
        }
    }
    count
}

#[test]
fn every_combination_is_looked_at() {
    assert_eq!(always(|_, _, _| {}), (4 * 2 + 2 * 32 * 3) * 20 * 256);
}

#[test]
fn who_may_not_know_of_a_room_hears_the_same_as_if_there_were_none() {
    always(|visitor, action, facts| {
        let unknown = Some(Refusal::NoSuchRoom);
        if visitor.may(Action::See, ROOM, Some(&facts)).err() == unknown {
            assert_eq!(visitor.may(action, ROOM, Some(&facts)), visitor.may(action, ROOM, None), "{facts:?}");
        }
        // Who manages rooms knows of it, and nothing of what happens in it.
        let reads = visitor.may(Action::ReadMembers, ROOM, Some(&facts));
        if reads.err() == unknown && !action.is_administrative() {
            assert_eq!(visitor.may(action, ROOM, Some(&facts)), visitor.may(action, ROOM, None), "{facts:?}");
        }
    });
}

#[test]
fn who_is_not_allowed_hears_nothing_of_the_room() {
    let (rights, refused) = (all_rights(), Err(Refusal::NotAllowed));
    for visitor in visitors(&rights) {
        for &action in Action::ALL {
            let all = all_facts();
            let mut answers = all.iter().map(|facts| visitor.may(action, ROOM, Some(facts)));
            if answers.any(|answer| answer == refused) {
                assert!(all.iter().all(|facts| visitor.may(action, ROOM, Some(facts)) == refused));
                assert_eq!(visitor.may(action, ELSEWHERE, None), refused);
            }
        }
    }
}

#[test]
fn a_closed_room_is_read_as_before_and_nobody_enters_it_or_says_anything() {
    always(|visitor, action, facts| {
        let open = visitor.may(action, ROOM, Some(&RoomFacts { is_closed: false, ..facts }));
        let closed = visitor.may(action, ROOM, Some(&RoomFacts { is_closed: true, ..facts }));
        let lasting = [
            Action::See,
            Action::ReadMembers,
            Action::ReadMessages,
            Action::Moderate,
            Action::Record,
            Action::Manage,
        ];
        let of_members =
            [Action::Restrict, Action::Rename, Action::ChangeMembers, Action::Quit, Action::SetPrivacy];
        let goes_on = lasting.contains(&action) || of_members.contains(&action);
        let would_say = open.is_ok() || open == Err(Refusal::Muted);
        let expected = if goes_on || !would_say { open } else { Err(Refusal::Closed) };
        assert_eq!(closed, expected, "{visitor:?} {action:?}");
    });
}

#[test]
fn a_guest_is_let_into_one_room_whether_private_or_not_unless_removed_since() {
    always(|visitor, action, facts| {
        let Visitor::Guest { room, issued_at, .. } = visitor else { return };
        let answer = visitor.may(action, ROOM, Some(&facts));
        let other = RoomFacts { is_private: !facts.is_private, role: Some(MemberRole::Owner), ..facts };
        assert_eq!(answer, visitor.may(action, ROOM, Some(&other)));
        if answer.is_ok() {
            assert_eq!(room, ROOM);
            assert!(
                facts.removed_at.is_none_or(|at| at < issued_at),
                "a token of that moment is from before"
            );
        }
        if visitor.may(Action::Enter, ROOM, Some(&facts)) == Err(Refusal::Removed) {
            assert!(answer.is_err());
        }
        let never = [
            Action::Moderate,
            Action::Ring,
            Action::Announce,
            Action::Invite,
            Action::Record,
            Action::Manage,
        ];
        assert!(!never.contains(&action) || answer == Err(Refusal::NotAllowed));
    });
}

#[test]
fn a_person_may_come_back_after_being_removed_wherever_they_need_not_be_a_member() {
    always(|visitor, action, facts| {
        if let Visitor::Person(_) | Visitor::Program(_) = visitor {
            let never_removed = RoomFacts { removed_at: None, ..facts };
            let answer = visitor.may(action, ROOM, Some(&facts));
            assert_eq!(answer, visitor.may(action, ROOM, Some(&never_removed)));
        }
        if let Visitor::Person(_) = visitor
            && facts.is_private
            && facts.role.is_none()
            && !action.is_administrative()
        {
            assert!(visitor.may(action, ROOM, Some(&facts)).is_err(), "whatever they manage");
        }
    });
}

#[test]
fn a_program_reads_and_speaks_and_is_never_in_a_room() {
    always(|visitor, action, facts| {
        let Visitor::Program(permissions) = visitor else { return };
        let answer = visitor.may(action, ROOM, Some(&facts));
        let for_those_inside = [Action::Enter, Action::React, Action::Type, Action::Ring, Action::Media];
        assert!(!for_those_inside.contains(&action) || answer == Err(Refusal::NotAllowed));
        assert_eq!(visitor.media_rights(), MediaRights { send: false, receive: false, data: false });
        if permissions == Permissions::of(&[Permission::RoomsRead]) && answer.is_ok() {
            assert!([Action::See, Action::ReadMembers, Action::ReadMessages].contains(&action));
        }
    });
}

#[test]
fn being_allowed_more_never_takes_anything_away() {
    always(|visitor, action, facts| {
        if visitor.may(action, ROOM, Some(&facts)).is_err() {
            return;
        }
        for role in ROLES.into_iter().filter(|role| *role >= facts.role) {
            assert!(visitor.may(action, ROOM, Some(&RoomFacts { role, ..facts })).is_ok());
        }
        let all: BTreeSet<Right> = RIGHTS.into();
        let more = match visitor {
            Visitor::Person(_) => Visitor::Person(Permissions::ALL),
            Visitor::Program(_) => Visitor::Program(Permissions::ALL),
            Visitor::Guest { room, .. } => Visitor::Guest { room, rights: &all, issued_at: moments()[2] },
        };
        assert!(more.may(action, ROOM, Some(&facts)).is_ok(), "{visitor:?} {action:?} {facts:?}");
    });
}

#[test]
fn who_may_not_enter_may_not_stay_and_hears_why() {
    always(|visitor, _, facts| {
        let enters = visitor.may(Action::Enter, ROOM, Some(&facts));
        let reason = visitor.must_leave(ROOM, Some(&facts));
        assert_eq!(enters.is_ok(), reason.is_none());
        assert_eq!(enters == Err(Refusal::Closed), reason == Some(RemovalReason::Closed));
        let unless_it_lasts = visitor.must_leave(ROOM, None);
        assert_eq!(unless_it_lasts, Some(RemovalReason::Deleted));
    });
}

#[test]
fn what_is_for_those_inside_is_refused_alike_to_who_never_was_and_who_is_no_longer() {
    always(|visitor, action, facts| {
        let outside = visitor.may_inside(action, false);
        assert!(outside == Err(Refusal::NotInside) || outside == Err(Refusal::NotAllowed));
        let still = visitor.may_still(action, ROOM, Some(&facts));
        // What they are in the room, the store alone knows.
        let by_role = matches!(visitor, Visitor::Person(_)) && action.of_role().is_some();
        match visitor.may(action, ROOM, Some(&facts)) {
            Err(Refusal::NoSuchRoom | Refusal::Removed) => assert_eq!(still, outside),
            other => assert_eq!(still, other),
        }
        if still.is_ok() && !by_role {
            assert_eq!(visitor.may_inside(action, true), Ok(()), "what the store allows, the hub allows");
        }
    });
}

#[test]
fn media_is_for_who_may_send_or_receive_some_or_send_data() {
    always(|visitor, _, facts| {
        let MediaRights { send, receive, data } = visitor.media_rights();
        assert!(data || !send, "who may be seen and heard may send data");
        if visitor.may(Action::Media, ROOM, Some(&facts)).is_ok() {
            assert!(send || receive || data);
        }
        if let Visitor::Guest { .. } = visitor {
            assert_eq!(visitor.may_inside(Action::Media, true).is_ok(), send || receive || data);
        }
    });
}

/// Somebody who is called has to be able to come, as far as the room has a say in it.
#[test]
fn who_may_be_rung_may_enter_if_their_token_allows_any_room() {
    let reader = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));
    for facts in all_facts() {
        assert_eq!(may_be_rung(&facts), reader.may(Action::Enter, ROOM, Some(&facts)).is_ok());
    }
}

#[test]
fn lists_have_what_the_viewer_may_see() {
    always(|visitor, _, facts| {
        if visitor.may(Action::See, ROOM, None) == Err(Refusal::NoSuchRoom)
            && !matches!(visitor, Visitor::Guest { .. })
        {
            let is_listed = visitor.lists_every_room() || !facts.is_private || facts.role.is_some();
            let sees = visitor.may(Action::See, ROOM, Some(&RoomFacts { is_banned: false, ..facts }));
            assert_eq!(is_listed, sees.is_ok());
        }
    });
}

/// The rules in a few lines: an agent, a manager and a back end before a private room of others.
#[test]
fn a_private_room_of_others() {
    let private = RoomFacts { is_private: true, ..RoomFacts::default() };
    let agent = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));
    let manager = Visitor::Person(Permissions::ALL);
    let back_end = Visitor::Program(Permissions::ALL);
    let allowed = |visitor: Visitor<'_>| {
        let may = |action: &&Action| visitor.may(**action, ROOM, Some(&private)).is_ok();
        Action::ALL.iter().filter(may).copied().collect::<Vec<_>>()
    };
    assert_eq!(allowed(agent), []);
    assert_eq!(
        allowed(manager),
        [
            Action::See,
            Action::Restrict,
            Action::Rename,
            Action::ChangeMembers,
            Action::SetPrivacy,
            Action::Manage
        ]
    );
    assert_eq!(
        allowed(back_end),
        [
            Action::See,
            Action::ReadMembers,
            Action::ReadMessages,
            Action::Send,
            Action::Edit,
            Action::Moderate,
            Action::Announce,
            Action::Invite,
            Action::Record,
            Action::Restrict,
            Action::Rename,
            Action::ChangeMembers,
            Action::SetPrivacy,
            Action::Manage
        ]
    );
}

#[test]
fn who_is_banned_may_do_nothing_there_but_what_managing_rooms_allows() {
    always(|visitor, action, facts| {
        let banned = visitor.may(action, ROOM, Some(&RoomFacts { is_banned: true, ..facts }));
        match visitor {
            Visitor::Program(_) => {
                assert_eq!(banned, visitor.may(action, ROOM, Some(&RoomFacts { is_banned: false, ..facts })));
            }
            Visitor::Person(permissions) => {
                let administers = permissions.has(Permission::RoomsManage) && action.is_administrative();
                assert!(administers || matches!(banned, Err(Refusal::Banned | Refusal::NotAllowed)));
            }
            Visitor::Guest { .. } => assert!(banned.is_err()),
        }
    });
}

#[test]
fn who_is_muted_may_do_all_but_speak() {
    let speaking = [Action::Send, Action::Edit, Action::React, Action::Type];
    always(|visitor, action, facts| {
        let free = visitor.may(action, ROOM, Some(&RoomFacts { is_muted: false, ..facts }));
        let muted = visitor.may(action, ROOM, Some(&RoomFacts { is_muted: true, ..facts }));
        let expected = if speaking.contains(&action) { free.and(Err(Refusal::Muted)) } else { free };
        assert_eq!(muted, expected);
    });
}

/// What the account's permissions say is no more, and no less, than it was before rooms had owners.
#[test]
fn what_needs_a_role_in_the_room_is_for_who_has_it_and_who_manages_rooms() {
    let reader = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));
    let manager = Visitor::Person(Permissions::of(&[Permission::RoomsRead, Permission::RoomsManage]));
    let facts = |role| RoomFacts { is_private: true, role, ..RoomFacts::default() };
    let may = |visitor: Visitor<'_>, role| {
        let may = |action: &&Action| visitor.may(**action, ROOM, Some(&facts(role))).is_ok();
        let actions = [
            Action::Quit,
            Action::Moderate,
            Action::Record,
            Action::Restrict,
            Action::Rename,
            Action::ChangeMembers,
        ];
        actions.iter().filter(may).count()
    };
    assert_eq!(ROLES.map(|role| may(reader, role)), [0, 1, 4, 6]);
    assert_eq!(ROLES.map(|role| may(manager, role)), [3, 6, 6, 6]);
    for action in [Action::SetPrivacy, Action::Manage, Action::Invite, Action::Announce] {
        let owner = facts(Some(MemberRole::Owner));
        assert_eq!(reader.may(action, ROOM, Some(&owner)), Err(Refusal::NotAllowed));
    }
}

#[test]
fn nobody_mutes_or_bans_somebody_of_their_own_rank_but_who_manages_rooms() {
    let reader = Visitor::Person(Permissions::of(&[Permission::RoomsRead]));
    let facts = |role| RoomFacts { role, ..RoomFacts::default() };
    for role in ROLES {
        for target in ROLES {
            let answer = reader.may_restrict(target, ROOM, Some(&facts(role)));
            assert_eq!(answer.is_ok(), role >= Some(MemberRole::Moderator) && role > target);
            for visitor in [Visitor::Person(Permissions::ALL), Visitor::Program(Permissions::ALL)] {
                assert_eq!(visitor.may_restrict(target, ROOM, Some(&facts(role))), Ok(()));
            }
        }
    }
}

#[test]
fn a_direct_room_stays_one_whoever_wants_it_otherwise() {
    always(|visitor, action, facts| {
        let others = visitor.may(action, ROOM, Some(&RoomFacts { is_direct: false, ..facts }));
        let direct = visitor.may(action, ROOM, Some(&RoomFacts { is_direct: true, ..facts }));
        let is_refused_sooner = others.is_err_and(|why| !matches!(why, Refusal::Closed | Refusal::Muted));
        let stays = action.is_of_groups() && !is_refused_sooner;
        let expected = if stays { Err(Refusal::Direct) } else { others };
        assert_eq!(direct, expected);
    });
}
