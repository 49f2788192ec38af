use super::*;
use common::clock::{Clock, ManualClock};
use std::collections::BTreeSet;
use uuid::Uuid;

fn device(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

const CALLER: u128 = 1;

struct Fixture {
    clock: ManualClock,
    call: Call,
    effects: Vec<Effect>,
}

fn ringing(devices: &[u128]) -> Fixture {
    let clock = ManualClock::default();
    let call = Call::ring(device(CALLER), devices.iter().copied().map(device), clock.now());
    Fixture { clock, call, effects: Vec::new() }
}

fn ended(n: u128, reason: EndReason) -> Effect {
    Effect::TellEnded { to: device(n), reason }
}

#[test]
fn the_second_device_to_answer_learns_who_was_first() {
    let Fixture { mut call, mut effects, .. } = ringing(&[2, 3]);
    call.handle_accept(device(2), &mut effects).unwrap();
    assert_eq!(
        effects,
        [
            Effect::RecordAnswer,
            Effect::TellAnswered { to: device(CALLER), by: device(2) },
            ended(3, EndReason::AnsweredElsewhere)
        ]
    );
    assert_eq!(call.handle_accept(device(3), &mut effects), Err(CallError::AlreadyTaken { by: device(2) }));
    assert_eq!(call.handle_accept(device(2), &mut effects), Ok(()), "asking again is harmless");
    assert_eq!(effects.len(), 3);
}

#[test]
fn a_device_that_connects_while_it_rings_rings_for_the_rest_of_the_time() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    clock.advance(Duration::from_secs(20));
    call.handle_connected(device(3), clock.now(), &mut effects).unwrap();
    call.handle_connected(device(3), clock.now(), &mut effects).unwrap();
    call.handle_connected(device(2), clock.now(), &mut effects).unwrap();
    let rings_for = RING_TIME.checked_sub(Duration::from_secs(20)).unwrap();
    assert_eq!(effects, [Effect::TellIncoming { to: device(3), rings_for }], "each once");
    call.handle_accept(device(3), &mut effects).unwrap();
    assert!(effects.contains(&ended(2, EndReason::AnsweredElsewhere)));
    let late = call.handle_connected(device(4), clock.now(), &mut effects);
    assert_eq!(late, Err(CallError::AlreadyTaken { by: device(3) }));
}

#[test]
fn a_device_that_connects_when_the_time_is_over_does_not_ring() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    clock.advance(RING_TIME);
    call.handle_connected(device(3), clock.now(), &mut effects).unwrap();
    assert_eq!(effects, []);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(!effects.contains(&ended(3, EndReason::Missed)), "it never rang");
    assert_eq!(call.handle_connected(device(3), clock.now(), &mut effects), Err(CallError::Over));
}

#[test]
fn nobody_answers_and_the_call_is_missed_everywhere() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    clock.advance(RING_TIME.checked_sub(Duration::from_millis(1)).unwrap());
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
    clock.advance(Duration::from_millis(1));
    call.handle_deadline(clock.now(), &mut effects);
    let all = [CALLER, 2, 3].map(|n| ended(n, EndReason::Missed));
    assert_eq!(effects, [vec![Effect::RecordEnd(EndReason::Missed)], all.to_vec()].concat());
    assert_eq!(call.handle_accept(device(2), &mut effects), Err(CallError::Over));
}

#[test]
fn only_the_caller_cancels_and_only_a_rung_device_rejects() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    assert_eq!(call.handle_cancel(device(2), clock.now(), &mut effects), Err(CallError::NotInvited));
    assert_eq!(call.handle_reject(device(CALLER), clock.now(), &mut effects), Err(CallError::NotInvited));
    assert_eq!(call.handle_hang_up(device(CALLER), clock.now(), &mut effects), Err(CallError::WrongState));
    assert_eq!(effects, []);
    call.handle_reject(device(2), clock.now(), &mut effects).unwrap();
    assert!(effects.contains(&ended(CALLER, EndReason::Rejected)));
}

#[test]
fn an_answered_call_survives_a_short_loss_of_signalling() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_accept(device(2), &mut effects).unwrap();
    effects.clear();
    call.handle_gone(device(2), clock.now(), &mut effects);
    assert_eq!(effects, [], "the other side notices nothing yet");
    clock.advance(GRACE_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [Effect::RecordEnd(EndReason::Lost), ended(CALLER, EndReason::Lost)]);
}

/// However late it is.
#[test]
fn a_device_that_connects_and_is_not_heard_is_rung_again_too() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    let round = SILENCE_TIME.checked_sub(RING_AGAIN).unwrap();
    for _ in 0..2 {
        clock.advance(round);
        call.handle_attend(device(2), clock.now(), &mut effects).unwrap();
        call.handle_deadline(clock.now(), &mut effects);
    }
    effects.clear();
    call.handle_connected(device(3), clock.now(), &mut effects).unwrap();
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
    call.handle_attend(device(3), clock.now(), &mut effects).unwrap();
    for round in 1..=RING_AGAIN_TIMES {
        clock.advance(RING_AGAIN);
        call.handle_deadline(clock.now(), &mut effects);
        let rings_for = RING_TIME.checked_sub(RING_AGAIN * round).unwrap();
        assert_eq!(std::mem::take(&mut effects), [Effect::TellIncoming { to: device(2), rings_for }]);
        call.handle_attend(device(3), clock.now(), &mut effects).unwrap();
    }
    clock.advance(RING_AGAIN);
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, []);
}

#[test]
fn who_asks_and_has_not_heard_that_it_is_over_is_told_again() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    call.handle_accept(device(2), &mut effects).unwrap();
    effects.clear();
    call.handle_attend(device(2), clock.now(), &mut effects).unwrap();
    assert_eq!(effects, [], "it goes on");
    call.handle_attend(device(3), clock.now(), &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [ended(3, EndReason::AnsweredElsewhere)]);
    call.handle_hang_up(device(CALLER), clock.now(), &mut effects).unwrap();
    effects.clear();
    for (n, reason) in [(2, EndReason::HungUp), (3, EndReason::AnsweredElsewhere)] {
        call.handle_attend(device(n), clock.now(), &mut effects).unwrap();
        assert_eq!(std::mem::take(&mut effects), [ended(n, reason)]);
    }
    clock.advance(REMEMBER_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(call.is_forgotten());
    assert_eq!(call.handle_attend(device(2), clock.now(), &mut effects), Err(CallError::Over));
}

#[test]
fn who_falls_silent_is_gone_and_who_is_heard_again_in_time_is_not() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    for n in [2, 3] {
        call.handle_heard(device(n), clock.now());
    }
    call.handle_accept(device(2), &mut effects).unwrap();
    effects.clear();
    clock.advance(SILENCE_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    clock.advance(GRACE_TIME.checked_sub(Duration::from_secs(1)).unwrap());
    call.handle_deadline(clock.now(), &mut effects);
    call.handle_heard(device(2), clock.now());
    clock.advance(Duration::from_secs(1));
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [], "it was out of reach");
    clock.advance(SILENCE_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    clock.advance(GRACE_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    assert_eq!(effects, [Effect::RecordEnd(EndReason::Lost), ended(CALLER, EndReason::Lost)]);
}

#[test]
fn a_call_whose_devices_have_all_fallen_silent_is_missed() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2, 3]);
    for n in [2, 3] {
        call.handle_heard(device(n), clock.now());
    }
    clock.advance(SILENCE_TIME);
    call.handle_deadline(clock.now(), &mut effects);
    assert!(effects.contains(&ended(CALLER, EndReason::Missed)));
}

/// And neither is an instance of a version whose devices do not attend.
#[test]
fn nobody_is_taken_for_gone_whom_nobody_can_hear() {
    let Fixture { clock, mut call, mut effects } = ringing(&[2]);
    call.handle_heard(device(2), clock.now());
    call.handle_accept(device(2), &mut effects).unwrap();
    effects.clear();
    call.set_linked(false, clock.now());
    assert_eq!(call.next_deadline(), None);
    clock.advance(SILENCE_TIME * 10);
    call.handle_deadline(clock.now(), &mut effects);
    call.set_linked(true, clock.now());
    assert_eq!(call.next_deadline(), Some(clock.now() + SILENCE_TIME));
    let Fixture { mut call, .. } = ringing(&[2]);
    call.handle_accept(device(2), &mut effects).unwrap();
    assert_eq!(call.next_deadline(), None, "it never said that it would");
}

/// Every order of everything that up to three devices and the clock can do.
/// Passes for the wrong reason if no order ended in an answer: counted.
#[test]
fn in_every_order_of_events_at_most_one_device_wins_and_everybody_learns_the_end() {
    let mut answered = 0;
    for seed in 0..20_000_u64 {
        let Fixture { clock, mut call, mut effects } = ringing(&[2, 3, 4]);
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        while !call.is_over() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let who = device(1 + u128::from((random >> 33) % 5));
            let _refused = match (random >> 40) % 7 {
                0 | 1 => call.handle_accept(who, &mut effects),
                2 => call.handle_reject(who, clock.now(), &mut effects),
                3 => call.handle_cancel(who, clock.now(), &mut effects),
                4 => call.handle_hang_up(who, clock.now(), &mut effects),
                5 => {
                    call.handle_gone(who, clock.now(), &mut effects);
                    Ok(())
                }
                _ => {
                    clock.advance(Duration::from_secs(15));
                    call.handle_deadline(clock.now(), &mut effects);
                    Ok(())
                }
            };
        }
        let winners = effects.iter().filter(|effect| matches!(effect, Effect::TellAnswered { .. })).count();
        assert!(winners <= 1, "seed {seed}");
        answered += winners;
        let ends = effects.iter().filter(|effect| matches!(effect, Effect::RecordEnd(_))).count();
        assert_eq!(ends, 1, "seed {seed}");
        let told: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::TellEnded { to, .. } => Some(*to),
                Effect::RecordAnswer
                | Effect::RecordEnd(_)
                | Effect::TellIncoming { .. }
                | Effect::TellAnswered { .. } => None,
            })
            .collect();
        let once: BTreeSet<_> = told.iter().copied().collect();
        assert_eq!(told.len(), once.len(), "seed {seed}: nobody is told twice");
        assert!(told.contains(&device(CALLER)), "seed {seed}");
    }
    assert!(answered > 1000);
}
