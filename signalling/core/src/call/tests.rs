use super::*;
use common::clock::{Clock, ManualClock};
use std::collections::BTreeSet;
use uuid::Uuid;

fn device(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

const CALLER: u128 = 1;

const ADA: UserId = UserId::from_uuid(Uuid::from_u128(101));
const BEN: UserId = UserId::from_uuid(Uuid::from_u128(102));

/// A call of the two that another instance ran.
fn recorded(stage: Stage) -> Recorded {
    let is_answered = matches!(stage, Stage::In { .. });
    let invitation = Invitation { by: ADA, is_transfer: false };
    let caller = RecordedParty { user: ADA, invitation, stage: Stage::In { device: device(CALLER) } };
    let parties = vec![caller, RecordedParty { user: BEN, invitation, stage }];
    Recorded { parties, is_answered, transfer: None, revision: 1 << 32 }
}

struct Fixture {
    clock: ManualClock,
    call: Call,
    effects: Vec<Effect>,
}

fn ringing(devices: &[u128]) -> Fixture {
    let clock = ManualClock::default();
    let call = Call::ring((ADA, device(CALLER)), BEN, devices.iter().copied().map(device), clock.now());
    Fixture { clock, call, effects: Vec::new() }
}

fn ended(n: u128, reason: EndReason) -> Effect {
    Effect::TellEnded { to: device(n), reason }
}

#[test]
fn the_second_device_to_answer_learns_who_was_first() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    assert_eq!(
        effects,
        [
            Effect::RecordAnswer { user: BEN, by: device(2) },
            Effect::TellAnswered { to: device(CALLER), by: device(2) },
            ended(3, EndReason::AnsweredElsewhere)
        ]
    );
    assert_eq!(
        call.handle_accept(BEN, device(3), clock.now(), &mut effects),
        Err(CallError::AlreadyTaken { by: device(2) })
    );
    assert_eq!(
        call.handle_accept(BEN, device(2), clock.now(), &mut effects),
        Ok(()),
        "asking again is harmless"
    );
    assert_eq!(effects.len(), 3);
}

#[test]
fn a_device_that_connects_while_it_rings_rings_for_the_rest_of_the_time() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    clock.advance(Duration::from_secs(20));
    call.handle_connected(BEN, device(3), clock.now(), &mut effects).unwrap();
    call.handle_connected(BEN, device(3), clock.now(), &mut effects).unwrap();
    call.handle_connected(BEN, device(2), clock.now(), &mut effects).unwrap();
    let rings_for = RING_TIME.checked_sub(Duration::from_secs(20)).unwrap();
    assert_eq!(effects, [Effect::TellIncoming { to: device(3), rings_for }], "each once");
    call.handle_accept(BEN, device(3), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&ended(2, EndReason::AnsweredElsewhere)));
    let late = call.handle_connected(BEN, device(4), clock.now(), &mut effects);
    assert_eq!(late, Err(CallError::AlreadyTaken { by: device(3) }));
}

#[test]
fn a_device_that_connects_when_the_time_is_over_does_not_ring() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    clock.advance(RING_TIME);
    call.handle_connected(BEN, device(3), clock.now(), &mut effects).unwrap();
    assert_eq!(effects, []);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!effects.contains(&ended(3, EndReason::Missed)), "it never rang");
    assert_eq!(call.handle_connected(BEN, device(3), clock.now(), &mut effects), Err(CallError::Over));
}

#[test]
fn nobody_answers_and_the_call_is_missed_everywhere() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    clock.advance(RING_TIME.checked_sub(Duration::from_millis(1)).unwrap());
    call.handle_heard(device(CALLER), clock.now());
    call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
    call.handle_attend(BEN, device(3), None, clock.now(), &mut effects).unwrap();
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    let all = [CALLER, 2, 3].map(|n| ended(n, EndReason::Missed));
    assert_eq!(effects, [vec![Effect::RecordEnd(EndReason::Missed)], all.to_vec()].concat());
    assert_eq!(call.handle_accept(BEN, device(2), clock.now(), &mut effects), Err(CallError::Over));
}

#[test]
fn only_the_caller_cancels_and_only_a_rung_device_rejects() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    assert_eq!(call.handle_cancel(device(2), clock.now(), &mut effects), Err(CallError::NotInvited));
    assert_eq!(call.handle_reject(ADA, clock.now(), &mut effects), Err(CallError::NotInvited));
    assert_eq!(call.handle_hang_up(device(CALLER), clock.now(), &mut effects), Err(CallError::WrongState));
    assert_eq!(effects, []);
    call.handle_reject(BEN, clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&ended(CALLER, EndReason::Rejected)));
}

#[test]
fn an_answered_call_survives_a_short_loss_of_signalling_of_either_side() {
    for gone in [CALLER, 2] {
        let Fixture { clock, mut call, mut effects } = ringing(&[2]);
        call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
        effects.clear();
        let other = if gone == 2 { CALLER } else { 2 };
        call.handle_gone(device(gone), clock.now());
        clock.advance(GRACE_TIME.checked_sub(Duration::from_millis(1)).unwrap());
        call.handle_heard(device(other), clock.now());
        call.handle_deadline(clock.now(), &mut effects);
        assert_eq!(effects, [], "the other side notices nothing yet");
        clock.advance(Duration::from_millis(1));
        call.handle_deadline(clock.now(), &mut effects);
        let all =
            [Effect::RecordEnd(EndReason::Lost), ended(CALLER, EndReason::Lost), ended(2, EndReason::Lost)];
        assert_eq!(effects, all);
    }
}

#[test]
fn a_call_whose_caller_is_out_of_reach_rings_on_for_a_while_and_is_then_cancelled() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_gone(device(CALLER), clock.now());
    clock.advance(RING_GRACE.checked_sub(Duration::from_millis(1)).unwrap());
    call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!call.is_over());
    effects.clear();
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::Cancelled));
    assert!(effects.contains(&ended(2, EndReason::Cancelled)));
}

#[test]
fn the_caller_comes_back_while_it_rings_and_cancels_by_the_new_connection() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_gone(device(CALLER), clock.now());
    clock.advance(Duration::from_secs(5));
    call.handle_resume(ADA, device(CALLER), device(9), clock.now(), &mut effects).unwrap();
    call.handle_resume(ADA, device(CALLER), device(9), clock.now(), &mut effects).unwrap();
    let moved = Effect::RecordDevice { user: ADA, device: device(9) };
    assert_eq!(std::mem::take(&mut effects), [moved, ended(CALLER, EndReason::AnsweredElsewhere)], "once");
    clock.advance(RING_GRACE);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!call.is_over());
    let old = call.handle_cancel(device(CALLER), clock.now(), &mut effects);
    assert_eq!(old, Err(CallError::NotInvited));
    call.handle_cancel(device(9), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&ended(9, EndReason::Cancelled)));
}

#[test]
fn either_side_goes_on_by_another_connection_and_the_other_side_is_told() {
    for side in [ADA, BEN] {
        let Fixture { clock, mut call, mut effects } = ringing(&[2]);
        call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
        let (from, other) = if side == ADA { (CALLER, 2) } else { (2, CALLER) };
        call.handle_gone(device(from), clock.now());
        clock.advance(GRACE_TIME.checked_sub(Duration::from_secs(1)).unwrap());
        call.handle_heard(device(other), clock.now());
        effects.clear();
        let stranger = call.handle_resume(side, device(7), device(8), clock.now(), &mut effects);
        let refused =
            if side == ADA { CallError::NotInvited } else { CallError::AlreadyTaken { by: device(2) } };
        assert_eq!((stranger, effects.len()), (Err(refused), 0), "another device of the same person");
        call.handle_resume(side, device(from), device(9), clock.now(), &mut effects).unwrap();
        let told = Effect::TellResumed { to: device(other), from: device(from), by: device(9) };
        let moved = Effect::RecordDevice { user: side, device: device(9) };
        assert_eq!(std::mem::take(&mut effects), [moved, ended(from, EndReason::AnsweredElsewhere), told]);
        clock.advance(Duration::from_secs(2));
        call.handle_deadline(clock.now(), &mut effects);
        assert_eq!(effects, [], "its time is not over any more");
        let old = call.handle_hang_up(device(from), clock.now(), &mut effects);
        assert_eq!(old, Err(CallError::NotInvited));
        call.handle_hang_up(device(9), clock.now(), &mut effects).unwrap();
    }
}

#[test]
fn the_only_device_that_rings_comes_back_and_rings_on_for_the_rest_of_the_time() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    clock.advance(Duration::from_secs(10));
    call.handle_gone(device(2), clock.now());
    call.handle_attend(ADA, device(CALLER), None, clock.now(), &mut effects).unwrap();
    clock.advance(Duration::from_secs(5));
    call.handle_resume(BEN, device(2), device(9), clock.now(), &mut effects).unwrap();
    let left = RING_TIME.checked_sub(Duration::from_secs(15)).unwrap();
    assert_eq!(call.rings_for(BEN, clock.now()), Some(left));
    call.handle_accept(BEN, device(9), clock.now(), &mut effects).unwrap();
    assert_eq!(call.with(ADA), Some(device(9)));
}

/// The accept was under way when the connection was lost.
#[test]
fn a_connection_in_whose_place_another_one_rings_does_not_pick_up_any_more() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_resume(BEN, device(2), device(9), clock.now(), &mut effects).unwrap();
    effects.clear();
    let late = call.handle_accept(BEN, device(2), clock.now(), &mut effects);
    assert_eq!((late, effects.len()), (Err(CallError::NotInvited), 0));
    call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
    assert_eq!(effects, [ended(2, EndReason::AnsweredElsewhere)]);
    call.handle_accept(BEN, device(9), clock.now(), &mut effects).unwrap();
}

/// What the runner said was lost.
#[test]
fn who_has_not_heard_of_the_other_side_is_told_again() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    effects.clear();
    let attend = |call: &mut Call, side, n, with: Option<u128>| {
        let mut effects = Vec::new();
        call.handle_attend(side, device(n), with.map(device), clock.now(), &mut effects).unwrap();
        effects
    };
    let answered = Effect::TellAnswered { to: device(CALLER), by: device(2) };
    assert_eq!(attend(&mut call, ADA, CALLER, None), [answered]);
    assert_eq!(attend(&mut call, ADA, CALLER, Some(2)), []);
    assert_eq!(attend(&mut call, BEN, 2, None), [], "the caller is where it was");
    call.handle_resume(BEN, device(2), device(9), clock.now(), &mut effects).unwrap();
    call.handle_resume(ADA, device(CALLER), device(8), clock.now(), &mut effects).unwrap();
    let moved = |to, from, by| Effect::TellResumed { to: device(to), from: device(from), by: device(by) };
    assert_eq!(attend(&mut call, ADA, 8, Some(2)), [moved(8, 2, 9)]);
    assert_eq!(attend(&mut call, BEN, 9, None), [moved(9, CALLER, 8)]);
    assert_eq!(attend(&mut call, BEN, 9, Some(8)), []);
}

#[test]
fn a_call_that_rings_nowhere_is_missed_when_nobody_comes() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_gone(device(2), clock.now());
    clock.advance(GRACE_TIME.checked_sub(Duration::from_millis(1)).unwrap());
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!call.is_over());
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [Effect::RecordEnd(EndReason::Missed), ended(CALLER, EndReason::Missed)]);
}

#[test]
fn a_call_that_is_taken_up_rings_on_for_the_rest_of_the_time_and_tells_who_runs_it() {
    let (clock, mut effects) = (ManualClock::default(), Vec::new());
    let rings_for = Duration::from_secs(20);
    let stage = Stage::Ringing { rings_for, devices: vec![device(2)] };
    let mut call = Call::take_up(recorded(stage), |_| true, clock.now(), &mut effects);
    let runner = Effect::TellRunner { to: device(CALLER) };
    assert_eq!(std::mem::take(&mut effects), [runner, Effect::TellIncoming { to: device(2), rings_for }]);
    // One that rang before, and that the new runner did not know of.
    call.handle_accept(BEN, device(3), clock.now(), &mut effects).unwrap();
    assert_eq!(effects[0], Effect::RecordAnswer { user: BEN, by: device(3) });
    assert!(effects.contains(&ended(2, EndReason::AnsweredElsewhere)));
}

#[test]
fn a_call_that_is_taken_up_when_its_time_is_over_is_missed() {
    let (clock, mut effects) = (ManualClock::default(), Vec::new());
    let stage = Stage::Ringing { rings_for: Duration::ZERO, devices: Vec::new() };
    let mut call = Call::take_up(recorded(stage), |_| false, clock.now(), &mut effects);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(effects.contains(&Effect::RecordEnd(EndReason::Missed)));
}

#[test]
fn a_call_that_is_taken_up_goes_on_and_ends_if_one_of_its_devices_does_not_come_back() {
    let (clock, mut effects) = (ManualClock::default(), Vec::new());
    let stage = Stage::In { device: device(2) };
    let mut call = Call::take_up(recorded(stage), |device_| device_ == device(2), clock.now(), &mut effects);
    assert_eq!(std::mem::take(&mut effects), [CALLER, 2].map(|n| Effect::TellRunner { to: device(n) }));
    clock.advance(GRACE_TIME.checked_sub(Duration::from_millis(1)).unwrap());
    call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::Lost));
}

/// However late it is.
#[test]
fn a_device_that_connects_and_is_not_heard_is_rung_again_too() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    let round = SILENCE_TIME.checked_sub(RING_AGAIN).unwrap();
    for _ in 0..2 {
        clock.advance(round);
        call.handle_heard(device(CALLER), clock.now());
        call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
        call.handle_deadline(clock.now(), &mut effects);
    }
    effects.clear();
    call.handle_connected(BEN, device(3), clock.now(), &mut effects).unwrap();
    clock.advance(RING_AGAIN);
    call.handle_deadline(clock.now(), &mut effects);
    let told = |after: Duration| Effect::TellIncoming {
        to: device(3),
        rings_for: RING_TIME.checked_sub(2 * round + after).unwrap(),
    };
    assert_eq!(effects, [told(Duration::ZERO), told(RING_AGAIN)]);
}

/// What it was told was lost, or it is silent.
#[test]
fn a_device_that_has_not_said_that_it_rings_is_rung_again_a_few_times() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    call.handle_attend(BEN, device(3), None, clock.now(), &mut effects).unwrap();
    for round in 1..=RING_AGAIN_TIMES {
        clock.advance(RING_AGAIN);
        call.handle_deadline(clock.now(), &mut effects);
        let rings_for = RING_TIME.checked_sub(RING_AGAIN * round).unwrap();
        assert_eq!(std::mem::take(&mut effects), [Effect::TellIncoming { to: device(2), rings_for }]);
        call.handle_attend(BEN, device(3), None, clock.now(), &mut effects).unwrap();
    }
    clock.advance(RING_AGAIN);
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
}

#[test]
fn who_asks_and_has_not_heard_that_it_is_over_is_told_again() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    effects.clear();
    call.handle_attend(BEN, device(2), None, clock.now(), &mut effects).unwrap();
    assert_eq!(effects, [], "it goes on");
    call.handle_attend(BEN, device(3), None, clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [ended(3, EndReason::AnsweredElsewhere)]);
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    effects.clear();
    for (n, reason) in [(2, EndReason::HungUp), (3, EndReason::AnsweredElsewhere)] {
        call.handle_attend(BEN, device(n), None, clock.now(), &mut effects).unwrap();
        assert_eq!(std::mem::take(&mut effects), [ended(n, reason)]);
    }
    clock.advance(REMEMBER_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(call.is_forgotten());
    assert_eq!(call.handle_attend(BEN, device(2), None, clock.now(), &mut effects), Err(CallError::Over));
}

#[test]
fn who_falls_silent_is_gone_since_then_and_who_is_heard_again_in_time_is_not() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    call.handle_heard(device(2), clock.now());
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    effects.clear();
    clock.advance(SILENCE_TIME);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    clock.advance(GRACE_TIME.checked_sub(SILENCE_TIME + Duration::from_millis(1)).unwrap());
    call.handle_deadline(clock.now(), &mut effects);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_heard(device(2), clock.now());
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [], "it was out of reach");
    clock.advance(SILENCE_TIME);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
    clock.advance(GRACE_TIME.checked_sub(SILENCE_TIME + Duration::from_millis(1)).unwrap());
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects[0], Effect::RecordEnd(EndReason::Lost));
}

#[test]
fn a_call_whose_devices_have_all_fallen_silent_is_missed() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    for n in [2, 3] {
        call.handle_heard(device(n), clock.now());
    }
    clock.advance(SILENCE_TIME);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    effects.clear();
    clock.advance(GRACE_TIME.checked_sub(SILENCE_TIME).unwrap());
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [Effect::RecordEnd(EndReason::Missed), ended(CALLER, EndReason::Missed)]);
}

/// And neither is an instance of a version whose devices do not attend.
#[test]
fn nobody_is_taken_for_gone_whom_nobody_can_hear() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_heard(device(2), clock.now());
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    effects.clear();
    call.set_linked(false, clock.now());
    assert_eq!(call.next_deadline(), None);
    clock.advance(SILENCE_TIME * 10);
    call.handle_deadline(clock.now(), &mut effects);
    call.set_linked(true, clock.now());
    assert_eq!(call.next_deadline(), Some(clock.now() + SILENCE_TIME));
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_accept(BEN, device(2), clock.now(), &mut effects).unwrap();
    clock.advance(SILENCE_TIME);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(call.next_deadline(), Some(clock.now() + SILENCE_TIME), "it never said that it would");
    clock.advance(GRACE_TIME);
    call.handle_heard(device(CALLER), clock.now());
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!call.is_over());
}

mod group;
mod orders;
mod transfers;
