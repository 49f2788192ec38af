//! Calls of more than two: who is rung into them, hands them over, and leaves them.

use super::*;

const CARL: UserId = UserId::from_uuid(Uuid::from_u128(103));
const DORA: UserId = UserId::from_uuid(Uuid::from_u128(104));

/// Ada and Ben talk.
fn talking() -> Fixture {
    let mut fixture = ringing(&[2]);
    let Fixture { clock, call, effects } = &mut fixture;
    call.handle_accept(BEN, device(2), clock.now(), effects).unwrap();
    effects.clear();
    fixture
}

/// Ada rings Carl into it, on one device.
fn invite(fixture: &mut Fixture, is_transfer: bool) -> Vec<Effect> {
    let Fixture { clock, call, effects } = fixture;
    call.handle_invite(device(CALLER), (CARL, is_transfer), [device(3)], clock.now(), effects).unwrap();
    std::mem::take(effects)
}

fn standing(call: &Call) -> Vec<PartyStanding> {
    call.parties().1.into_iter().map(|party| party.standing).collect()
}

fn changed(n: u128) -> Effect {
    Effect::TellChanged { to: device(n) }
}

const fn rings(n: u128) -> Effect {
    Effect::TellIncoming { to: ConnectionId::from_uuid(Uuid::from_u128(n)), rings_for: RING_TIME }
}

#[test]
fn a_third_is_rung_and_those_who_talk_are_told_who_is_part_of_it() {
    let mut fixture = talking();
    let invitation = Invitation { by: ADA, is_transfer: false };
    let invited = Effect::RecordInvited { user: CARL, invitation };
    assert_eq!(invite(&mut fixture, false), [invited, rings(3), changed(CALLER), changed(2)]);
    assert_eq!(invite(&mut fixture, false), [], "asking again is harmless");
    let Fixture { clock, mut call, mut effects } = fixture;
    call.handle_accept(CARL, device(3), clock.now(), &mut effects).unwrap();
    let answer = Effect::RecordAnswer { user: CARL, by: device(3) };
    assert_eq!(std::mem::take(&mut effects), [answer, changed(CALLER), changed(2), changed(3)]);
    let (revision, _) = call.parties();
    call.handle_heard_parties(device(2), revision - 1, &mut effects);
    call.handle_heard_parties(device(3), revision, &mut effects);
    call.handle_heard_parties(device(9), 0, &mut effects);
    assert_eq!(std::mem::take(&mut effects), [changed(2)], "what was not heard is told again");

    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    let out = Effect::RecordOut { user: ADA, reason: EndReason::HungUp };
    assert_eq!(std::mem::take(&mut effects), [out, ended(CALLER, EndReason::HungUp), changed(2), changed(3)]);
    call.handle_attend(ADA, device(CALLER), None, clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [ended(CALLER, EndReason::HungUp)]);
    call.handle_hang_up(device(3), clock.now(), &mut effects).unwrap();
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::HungUp), "one is no call");
    assert!(effects.contains(&ended(2, EndReason::HungUp)));
}

#[test]
fn each_who_is_rung_has_an_outcome_of_their_own() {
    let mut fixture = talking();
    invite(&mut fixture, false);
    let Fixture { clock, mut call, mut effects } = fixture;
    call.handle_reject(CARL, clock.now(), &mut effects).unwrap();
    let out = Effect::RecordOut { user: CARL, reason: EndReason::Rejected };
    let told = [out, ended(3, EndReason::Rejected), changed(CALLER), changed(2)];
    assert_eq!(std::mem::take(&mut effects), told);
    call.handle_invite(device(2), (DORA, false), [device(4)], clock.now(), &mut effects).unwrap();
    clock.advance(RING_TIME);
    for n in [CALLER, 2] {
        call.handle_heard(device(n), clock.now());
    }
    effects.clear();
    call.handle_deadline(clock.now(), &mut effects);
    let out = Effect::RecordOut { user: DORA, reason: EndReason::Missed };
    assert_eq!(effects, [out, ended(4, EndReason::Missed), changed(CALLER), changed(2)]);
    assert!(!call.is_over());
    let in_it = [device(CALLER), device(2)].map(PartyStanding::In);
    let out = [EndReason::Rejected, EndReason::Missed].map(PartyStanding::Out);
    assert_eq!(standing(&call), [in_it, out].concat());
}

#[test]
fn who_is_rung_alone_by_the_last_one_left_is_waited_for() {
    let mut fixture = talking();
    invite(&mut fixture, false);
    let Fixture { clock, mut call, mut effects } = fixture;
    call.handle_hang_up(device(2), clock.now(), &mut effects).unwrap();
    assert!(!call.is_over());
    effects.clear();
    call.handle_reject(CARL, clock.now(), &mut effects).unwrap();
    let out = Effect::RecordOut { user: CARL, reason: EndReason::Rejected };
    let told = [ended(CALLER, EndReason::HungUp), ended(3, EndReason::Rejected)];
    assert_eq!(effects, [vec![out, Effect::RecordEnd(EndReason::HungUp)], told.to_vec()].concat());
}

#[test]
fn who_is_handed_the_call_takes_the_place_of_the_one_who_did_it_once_they_pick_up() {
    let mut fixture = talking();
    invite(&mut fixture, true);
    let Fixture { clock, mut call, mut effects } = fixture;
    let other_reason = call.handle_invite(device(2), (CARL, false), [], clock.now(), &mut effects);
    assert_eq!(other_reason, Err(CallError::WrongState), "he rings already");
    call.handle_accept(CARL, device(3), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&ended(CALLER, EndReason::Transferred)));
    assert!(effects.contains(&Effect::RecordOut { user: ADA, reason: EndReason::Transferred }));
    let out = PartyStanding::Out(EndReason::Transferred);
    assert_eq!(standing(&call), [out, PartyStanding::In(device(2)), PartyStanding::In(device(3))]);
}

#[test]
fn a_transfer_that_is_declined_changes_nothing_for_the_two() {
    let mut fixture = talking();
    invite(&mut fixture, true);
    let Fixture { clock, mut call, mut effects } = fixture;
    call.handle_reject(CARL, clock.now(), &mut effects).unwrap();
    assert_eq!(standing(&call)[..2], [device(CALLER), device(2)].map(PartyStanding::In));
    let ringing = ringing(&[2]);
    let early = ringing.call.may_invite(device(CALLER), CARL, true);
    assert_eq!(early, Err(CallError::WrongState), "there is nobody yet to hand over");
}

#[test]
fn nobody_but_who_talks_rings_others_into_a_call_and_no_more_than_may_be() {
    let Fixture { clock, mut call, mut effects } = talking();
    for stranger in [3, 9] {
        let refused = call.handle_invite(device(stranger), (DORA, false), [], clock.now(), &mut effects);
        assert_eq!(refused, Err(CallError::NotInvited));
    }
    assert_eq!(call.may_invite(device(CALLER), BEN, false), Err(CallError::WrongState), "he is in it");
    for n in 0..20 {
        let user = UserId::from_uuid(Uuid::from_u128(200 + n));
        let outcome = call.handle_busy(device(2), (user, false), &mut effects);
        let expected = if n < 14 { Ok(()) } else { Err(CallError::Full) };
        assert_eq!(outcome, expected, "{n}");
    }
    assert_eq!(call.parties().1.len(), PARTIES_MAX);
}

#[test]
fn a_call_of_three_goes_on_for_all_of_them_when_it_is_taken_up() {
    let invitation = Invitation { by: ADA, is_transfer: false };
    let party = |user, stage| RecordedParty { user, invitation, stage };
    let rings_for = Duration::from_secs(20);
    let parties = vec![
        party(ADA, Stage::In { device: device(CALLER) }),
        party(BEN, Stage::In { device: device(2) }),
        party(CARL, Stage::Ringing { rings_for, devices: vec![device(3)] }),
        party(DORA, Stage::Out { reason: EndReason::Rejected, device: None }),
    ];
    let (clock, mut effects) = (ManualClock::default(), Vec::new());
    let recorded = Recorded { parties, is_answered: true, transfer: None, revision: 1 << 32 };
    let mut call = Call::take_up(recorded, |_| true, clock.now(), &mut effects);
    let runner = [CALLER, 2].map(|n| Effect::TellRunner { to: device(n) });
    let incoming = Effect::TellIncoming { to: device(3), rings_for };
    assert_eq!(std::mem::take(&mut effects), [runner.to_vec(), vec![incoming]].concat());
    call.handle_heard_parties(device(2), 7, &mut effects);
    assert_eq!(std::mem::take(&mut effects), [changed(2)], "the new runner counts on from more");
    call.handle_resume(BEN, device(2), device(8), clock.now(), &mut effects).unwrap();
    call.handle_accept(CARL, device(3), clock.now(), &mut effects).unwrap();
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    assert!(!call.is_over());
    call.handle_gone(device(8), clock.now());
    clock.advance(GRACE_TIME);
    call.handle_heard(device(3), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    assert!(effects.contains(&Effect::RecordEnd(EndReason::Lost)));
    let deserted = Recorded {
        parties: vec![party(ADA, Stage::In { device: device(CALLER) })],
        is_answered: true,
        transfer: None,
        revision: 0,
    };
    effects.clear();
    let call = Call::take_up(deserted, |_| true, clock.now(), &mut effects);
    assert!(call.is_over() && effects.contains(&ended(CALLER, EndReason::HungUp)));
}
