//! Calls that are handed over to another room, and invitations that are taken back.

use super::*;
use common::id::RoomId;

const CARL: UserId = UserId::from_uuid(Uuid::from_u128(103));
const ROOM: RoomId = RoomId::from_uuid(Uuid::from_u128(301));
const ELSEWHERE: RoomId = RoomId::from_uuid(Uuid::from_u128(302));
const TO_ROOM: Destination = Destination { by: ADA, room: ROOM };

/// Ada and Ben talk, and with `is_group` also Carl.
fn talking(is_group: bool) -> Fixture {
    let mut fixture = ringing(&[2]);
    let Fixture { clock, call, effects } = &mut fixture;
    call.handle_accept(BEN, device(2), clock.now(), effects).unwrap();
    if is_group {
        call.handle_invite(device(CALLER), (CARL, false), [device(3)], clock.now(), effects).unwrap();
        call.handle_accept(CARL, device(3), clock.now(), effects).unwrap();
    }
    effects.clear();
    fixture
}

/// Ada hands it over.
fn handed_over(is_group: bool) -> Fixture {
    let mut fixture = talking(is_group);
    let Fixture { clock, call, effects } = &mut fixture;
    call.handle_transfer(device(CALLER), ROOM, clock.now(), effects).unwrap();
    fixture
}

fn transferring(n: u128) -> Effect {
    Effect::TellTransferring { to: device(n), destination: TO_ROOM, time: TRANSFER_TIME }
}

/// Under way for so much longer.
fn recorded_as(awaited: &[UserId], time: Duration) -> Effect {
    let awaited = awaited.iter().copied().collect();
    Effect::RecordTransfer(Some(RecordedTransfer { destination: TO_ROOM, awaited, time }))
}

fn failed(user: UserId) -> Effect {
    Effect::TellTransferFailed { to: device(CALLER), room: ROOM, user }
}

fn out(user: UserId) -> Effect {
    Effect::RecordOut { user, reason: EndReason::Transferred }
}

#[test]
fn who_is_to_go_to_another_room_is_told_and_nobody_is_let_go_of_before_they_are_there() {
    let Fixture { clock, mut call, mut effects } = handed_over(false);
    assert_eq!(std::mem::take(&mut effects), [recorded_as(&[BEN], TRANSFER_TIME), transferring(2)]);
    call.handle_transfer(device(CALLER), ROOM, clock.now(), &mut effects).unwrap();
    assert_eq!(effects, [], "asking again is harmless");
    call.handle_attend(BEN, device(2), Some(device(CALLER)), clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [transferring(2)], "what may have been lost is said again");
    call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects).unwrap();
    let over = [CALLER, 2].map(|n| ended(n, EndReason::Transferred));
    assert_eq!(effects, [vec![Effect::RecordEnd(EndReason::Transferred)], over.to_vec()].concat());
    assert!(call.is_over());
}

#[test]
fn who_cannot_go_talks_on_and_so_does_the_one_who_wanted_to_hand_them_over() {
    for is_silent in [false, true] {
        let Fixture { clock, mut call, mut effects } = handed_over(false);
        effects.clear();
        if is_silent {
            assert!(call.next_deadline().unwrap() <= clock.now() + TRANSFER_TIME);
            clock.advance(TRANSFER_TIME);
            call.handle_heard(device(CALLER), clock.now());
            call.handle_deadline(clock.now(), &mut effects);
        } else {
            call.handle_transfer_answered(device(2), (ROOM, false), clock.now(), &mut effects).unwrap();
        }
        assert_eq!(std::mem::take(&mut effects), [failed(BEN), Effect::RecordTransfer(None)]);
        let late = call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects);
        assert_eq!(late, Err(CallError::WrongState));
        assert_eq!(call.people().count(), 2);
        call.handle_transfer(device(2), ELSEWHERE, clock.now(), &mut effects).unwrap();
        assert_eq!(effects.len(), 2, "it may be handed over again, by whomever");
    }
}

#[test]
fn of_several_those_are_out_of_it_who_have_gone_and_who_hands_it_over_is_left_with_the_others() {
    let Fixture { clock, mut call, mut effects } = handed_over(true);
    assert_eq!(
        std::mem::take(&mut effects),
        [recorded_as(&[BEN, CARL], TRANSFER_TIME), transferring(2), transferring(3)]
    );
    call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects).unwrap();
    let changed = [CALLER, 3].map(|n| Effect::TellChanged { to: device(n) });
    let told = [vec![out(BEN), ended(2, EndReason::Transferred)], changed.to_vec()].concat();
    assert_eq!(std::mem::take(&mut effects), told);
    call.handle_transfer_answered(device(3), (ROOM, false), clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [failed(CARL), Effect::RecordTransfer(None)]);
    assert!(!call.is_over(), "the two who are left talk on");
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::HungUp));
}

#[test]
fn who_hands_it_over_and_hangs_up_at_once_has_handed_it_over_and_the_others_go_all_the_same() {
    for answer in [Some(true), Some(false), None] {
        let Fixture { clock, mut call, mut effects } = handed_over(false);
        effects.clear();
        call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
        assert_eq!(std::mem::take(&mut effects), [out(ADA), ended(CALLER, EndReason::Transferred)]);
        assert!(!call.is_over(), "Ben may not have heard yet where he is to go");
        call.handle_resume(BEN, device(2), device(8), clock.now(), &mut effects).unwrap();
        assert!(effects.contains(&transferring(8)));
        effects.clear();
        let answered = answer.map(|is_there| {
            call.handle_transfer_answered(device(8), (ROOM, is_there), clock.now(), &mut effects)
        });
        if answered.is_none() {
            clock.advance(TRANSFER_TIME);
            call.handle_heard(device(8), clock.now());
            call.handle_deadline(clock.now(), &mut effects);
        }
        let reason = if answer == Some(true) { EndReason::Transferred } else { EndReason::HungUp };
        let tail = [Effect::RecordEnd(reason), ended(8, reason)];
        assert!(effects.ends_with(&tail) && call.is_over(), "{answer:?}: {effects:?}");
    }
}

#[test]
fn of_those_who_were_to_go_only_those_have_gone_who_say_so() {
    let Fixture { clock, mut call, mut effects } = handed_over(true);
    call.handle_transfer_answered(device(3), (ROOM, false), clock.now(), &mut effects).unwrap();
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    effects.clear();
    call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects).unwrap();
    assert_eq!(effects[..2], [out(BEN), Effect::RecordEnd(EndReason::HungUp)]);
    assert!(effects.contains(&ended(2, EndReason::Transferred)));
    assert!(effects.contains(&ended(3, EndReason::HungUp)));
}

#[test]
fn who_picks_up_meanwhile_is_told_to_go_there_too() {
    let Fixture { clock, mut call, mut effects } = talking(false);
    call.handle_invite(device(CALLER), (CARL, false), [device(3)], clock.now(), &mut effects).unwrap();
    call.handle_transfer(device(CALLER), ROOM, clock.now(), &mut effects).unwrap();
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    effects.clear();
    call.handle_accept(CARL, device(3), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&transferring(3)), "{effects:?}");
    call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects).unwrap();
    assert!(!call.is_over(), "she is on her way");
    call.handle_transfer_answered(device(3), (ROOM, true), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&Effect::RecordEnd(EndReason::Transferred)));
}

#[test]
fn who_was_to_go_and_hangs_up_is_waited_for_no_more() {
    let Fixture { clock, mut call, mut effects } = handed_over(true);
    effects.clear();
    for n in [2, 3] {
        call.handle_hang_up(device(n), clock.now(), &mut effects).unwrap();
    }
    assert_eq!(effects[0], Effect::RecordOut { user: BEN, reason: EndReason::HungUp });
    assert!(effects.contains(&Effect::RecordEnd(EndReason::HungUp)), "it was not handed over");
}

#[test]
fn a_call_is_handed_over_once_at_a_time() {
    let Fixture { clock, mut call, mut effects } = handed_over(true);
    let before = format!("{call:?}");
    effects.clear();
    for (n, room) in [(CALLER, ELSEWHERE), (2, ELSEWHERE), (2, ROOM)] {
        let refused = call.handle_transfer(device(n), room, clock.now(), &mut effects);
        assert_eq!(refused, Err(CallError::WrongState));
    }
    let dora = UserId::from_uuid(Uuid::from_u128(104));
    assert_eq!(
        call.may_invite(device(2), dora, true),
        Err(CallError::WrongState),
        "nor to a person meanwhile"
    );
    assert_eq!(call.may_invite(device(2), dora, false), Ok(true), "but somebody may be rung into it");
    let by_whom = call.handle_transfer_answered(device(CALLER), (ROOM, true), clock.now(), &mut effects);
    assert_eq!(by_whom, Err(CallError::WrongState), "who hands it over does not go");
    assert_eq!((format!("{call:?}"), effects.len()), (before, 0));

    let Fixture { clock, mut call, mut effects } = talking(false);
    call.handle_invite(device(2), (CARL, true), [device(3)], clock.now(), &mut effects).unwrap();
    let refused = call.handle_transfer(device(CALLER), ROOM, clock.now(), &mut effects);
    assert_eq!(refused, Err(CallError::WrongState), "the other side hands it over to Carl");

    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    let early = call.handle_transfer(device(CALLER), ROOM, clock.now(), &mut effects);
    assert_eq!(early, Err(CallError::WrongState), "there is nobody to hand over");
    let stranger = call.handle_transfer(device(2), ROOM, clock.now(), &mut effects);
    assert_eq!(stranger, Err(CallError::NotInvited));
}

#[test]
fn another_device_of_who_is_to_go_is_told_when_it_goes_on_with_the_call() {
    let Fixture { clock, mut call, mut effects } = handed_over(false);
    effects.clear();
    call.handle_resume(BEN, device(2), device(8), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&transferring(8)));
    let former = call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects);
    assert_eq!(former, Err(CallError::NotInvited));
    call.handle_transfer_answered(device(8), (ROOM, true), clock.now(), &mut effects).unwrap();
    assert!(call.is_over());
}

/// What is said while the device is between two connections is lost.
#[test]
fn who_comes_back_is_told_who_has_not_gone_unless_they_were() {
    let Fixture { clock, mut call, mut effects } = handed_over(true);
    clock.advance(Duration::from_secs(7));
    effects.clear();
    call.handle_gone(device(CALLER), clock.now());
    call.handle_transfer_answered(device(2), (ROOM, false), clock.now(), &mut effects).unwrap();
    let left = TRANSFER_TIME - Duration::from_secs(7);
    assert_eq!(std::mem::take(&mut effects), [recorded_as(&[CARL], left), failed(BEN)]);
    call.handle_resume(ADA, device(CALLER), device(9), clock.now(), &mut effects).unwrap();
    effects.clear();
    let again = Effect::TellTransferFailed { to: device(9), room: ROOM, user: BEN };
    call.handle_attend(ADA, device(9), Some(device(2)), clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), std::slice::from_ref(&again));
    for (user, n) in [(ADA, 9), (BEN, 2)] {
        call.handle_attend(user, device(n), None, clock.now(), &mut effects).unwrap();
        assert!(!effects.contains(&again), "once, and nobody else: {effects:?}");
        effects.clear();
    }
    // Later it is news to nobody.
    clock.advance(GRACE_TIME);
    [9, 2, 3].into_iter().for_each(|n| call.handle_heard(device(n), clock.now()));
    call.handle_resume(ADA, device(9), device(13), clock.now(), &mut effects).unwrap();
    effects.clear();
    call.handle_attend(ADA, device(13), Some(device(2)), clock.now(), &mut effects).unwrap();
    assert_eq!(effects, []);
}

#[test]
fn a_call_that_is_being_handed_over_is_so_under_another_instance() {
    let invitation = Invitation { by: ADA, is_transfer: false };
    let party = |user, stage| RecordedParty { user, invitation, stage };
    let ada = party(ADA, Stage::In { device: device(CALLER) });
    let ben = party(BEN, Stage::In { device: device(2) });
    let carl = party(CARL, Stage::In { device: device(3) });
    let gone = party(CARL, Stage::Out { reason: EndReason::Transferred, device: Some(device(3)) });
    let time = Duration::from_secs(12);
    let transfer = |awaited: &[UserId]| RecordedTransfer {
        destination: TO_ROOM,
        awaited: awaited.iter().copied().collect(),
        time,
    };
    let recorded = |parties, awaited: &[UserId]| Recorded {
        parties,
        is_answered: true,
        transfer: Some(transfer(awaited)),
        revision: 1 << 32,
    };
    let told = |n| Effect::TellTransferring { to: device(n), destination: TO_ROOM, time };
    let (clock, mut effects) = (ManualClock::default(), Vec::new());
    let parties = vec![ada.clone(), ben.clone(), gone.clone()];
    let mut call = Call::take_up(recorded(parties, &[BEN, CARL]), |_| true, clock.now(), &mut effects);
    assert!(effects.contains(&told(2)), "whoever has yet to go is told again, and for how much longer");
    call.handle_transfer_answered(device(2), (ROOM, true), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&Effect::RecordEnd(EndReason::Transferred)));

    effects.clear();
    let parties = vec![ada.clone(), ben, carl];
    let mut call = Call::take_up(recorded(parties, &[BEN]), |_| true, clock.now(), &mut effects);
    assert!(effects.contains(&told(2)) && !effects.contains(&told(3)), "Carl has said that she cannot go");
    clock.advance(time);
    [CALLER, 2, 3].into_iter().for_each(|n| call.handle_heard(device(n), clock.now()));
    effects.clear();
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(std::mem::take(&mut effects), [failed(BEN), Effect::RecordTransfer(None)], "the time is up");

    let call = Call::take_up(recorded(vec![ada, gone], &[]), |_| true, clock.now(), &mut effects);
    assert!(call.is_over() && effects.contains(&ended(CALLER, EndReason::Transferred)));
}

#[test]
fn an_invitation_is_taken_back_from_one_while_others_ring_on() {
    let dora = UserId::from_uuid(Uuid::from_u128(104));
    let Fixture { clock, mut call, mut effects } = talking(false);
    for (user, devices) in [(CARL, [3, 7]), (dora, [4, 8])] {
        call.handle_invite(device(2), (user, false), devices.map(device), clock.now(), &mut effects).unwrap();
    }
    effects.clear();
    call.handle_withdraw(device(2), CARL, clock.now(), &mut effects).unwrap();
    let reason = EndReason::Cancelled;
    let told = [ended(3, reason), ended(7, reason)].into_iter();
    let told = told.chain([CALLER, 2].map(|n| Effect::TellChanged { to: device(n) }));
    assert_eq!(
        std::mem::take(&mut effects),
        [vec![Effect::RecordOut { user: CARL, reason }], told.collect()].concat()
    );
    assert_eq!(call.rung().collect::<Vec<_>>(), [dora]);
    let late = call.handle_accept(CARL, device(3), clock.now(), &mut effects);
    assert_eq!(late, Err(CallError::Over));
    let again = call.handle_withdraw(device(2), CARL, clock.now(), &mut effects);
    assert_eq!(again, Err(CallError::WrongState));
    call.handle_withdraw(device(CALLER), dora, clock.now(), &mut effects).unwrap();
    assert!(!call.is_over(), "who called may take back what others asked");
}

#[test]
fn nobody_else_takes_an_invitation_back_and_the_last_one_ends_a_call_that_nobody_answered() {
    let Fixture { clock, mut call, mut effects } = talking(true);
    let dora = UserId::from_uuid(Uuid::from_u128(104));
    call.handle_invite(device(2), (dora, false), [device(4)], clock.now(), &mut effects).unwrap();
    let refused = |n| (device(n), [CallError::NotTheirs, CallError::NotInvited][usize::from(n != 3)]);
    for (by, error) in [3, 4, 9].map(refused) {
        assert_eq!(call.handle_withdraw(by, dora, clock.now(), &mut effects), Err(error));
    }
    assert_eq!(call.rung().collect::<Vec<_>>(), [dora]);

    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_withdraw(device(CALLER), BEN, clock.now(), &mut effects).unwrap();
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::Cancelled));
}
