//! The table of methods and the core, of one mind; and what their refusals are on the wire.

use super::*;
use crate::client::Access;
use common::{
    clock::ManualClock,
    guest::{Guest, Right},
    id::{AccountId, UserId},
    identity::GuestId,
    permission::{Permission, Permissions},
    protocol::Request,
    token::{Bearer, Caller, Role},
};
use serde_json::{json, value::to_raw_value};
use std::collections::BTreeSet;
use time::OffsetDateTime;

const SOME: &str = "0190d5a0-0000-7000-8000-00000000000a";

fn person(permissions: Permissions) -> Access {
    let clock = ManualClock::default();
    Access::of(&Bearer::Caller(Caller {
        account: AccountId::generate(&clock),
        user: UserId::generate(&clock),
        role: Role::AgentUser,
        permissions,
        lasting: permissions,
        name: None,
        sign_in: None,
        issued_at: OffsetDateTime::UNIX_EPOCH,
        expires_at: OffsetDateTime::UNIX_EPOCH,
    }))
}

fn guest(rights: BTreeSet<Right>) -> Access {
    let clock = ManualClock::default();
    Access::of(&Bearer::Guest(Guest {
        account: AccountId::generate(&clock),
        id: GuestId::of_digest([1; 16]),
        name: "Grace".to_owned(),
        room: RoomId::generate(&clock),
        rights,
        issued_at: OffsetDateTime::UNIX_EPOCH,
        expires_at: OffsetDateTime::UNIX_EPOCH,
    }))
}

/// The methods about a room, and what they do in it. What one does to leave needs no leave.
fn methods() -> Vec<(Request, Action)> {
    let room = json!({ "roomId": SOME });
    let sent = json!({ "roomId": SOME, "clientId": SOME, "text": "x" });
    let edit = json!({ "roomId": SOME, "messageSeq": 1, "text": "x" });
    let delete = json!({ "roomId": SOME, "messageSeq": 1 });
    let react = json!({ "roomId": SOME, "messageSeq": 1, "emoji": "👍", "on": true });
    let read = json!({ "roomId": SOME, "seq": 1 });
    let ring = json!({ "roomId": SOME, "userId": SOME, "media": "audio" });
    let typing = json!({ "roomId": SOME, "typing": true });
    let methods = [
        ("room.join", &room, Action::Enter),
        ("room.history", &room, Action::ReadMessages),
        ("room.members", &room, Action::ReadMembers),
        ("room.send", &sent, Action::Send),
        ("room.edit", &edit, Action::Edit),
        ("room.delete", &delete, Action::Edit),
        ("room.react", &react, Action::React),
        ("room.read", &read, Action::ReadMessages),
        ("room.typing", &typing, Action::Type),
        ("call.ring", &ring, Action::Ring),
        ("media.join", &room, Action::Media),
    ];
    let parse = |method, params| Request::parse(method, Some(&to_raw_value(params).unwrap())).unwrap();
    methods.into_iter().map(|(method, params, action)| (parse(method, params), action)).collect()
}

/// The table may let more pass than the core, which has the last word; never less, or the core's word would not count.
#[test]
fn whom_the_core_lets_in_the_table_of_methods_does_not_keep_out() {
    let rights = [Right::ReadMessages, Right::SendMessages, Right::SendMedia, Right::ReceiveMedia];
    let mut everybody =
        vec![person(Permissions::default()), person(Permissions::of(&[Permission::RoomsRead]))];
    everybody.extend(rights.map(|right| guest([right].into())));
    everybody.extend([guest(BTreeSet::new()), guest(rights.into())]);
    let mut let_in = 0;
    for access in &everybody {
        for (request, action) in methods() {
            if visitor(access).may_inside(action, true).is_ok() {
                assert!(access.admit(request.needs()).is_ok(), "{} {access:?}", request.method());
                let_in += 1;
            }
        }
    }
    // A reader may do all eleven; a guest always enters and sees who is there, and with all rights does not ring.
    assert_eq!(let_in, 11 + 6 * 2 + (2 + 4 + 1 + 1) + 8);
}

#[test]
fn each_refusal_has_its_own_word_but_a_room_that_one_may_not_know_of_is_none() {
    let code = |refusal| refused(refusal).data.code;
    assert_eq!(code(Refusal::NotAllowed), ErrorCode::FORBIDDEN);
    assert_eq!(code(Refusal::NoSuchRoom), ErrorCode::NOT_FOUND);
    assert_eq!(code(Refusal::Removed), ErrorCode::FORBIDDEN);
    assert_eq!(code(Refusal::Banned), ErrorCode::ROOM_BANNED);
    assert_eq!(code(Refusal::NotInCharge), ErrorCode::FORBIDDEN);
    assert_eq!(code(Refusal::Direct), ErrorCode::ROOM_DIRECT);
    assert_eq!(code(Refusal::Closed), ErrorCode::ROOM_CLOSED);
    assert_eq!(code(Refusal::Muted), ErrorCode::ROOM_MUTED);
    assert_eq!(code(Refusal::NotInside), ErrorCode::NOT_IN_ROOM);
}
