//! Offers that nobody answers.

use super::stage::{Stage, answer, device};
use crate::{
    AnswerError, LossReason, MediaEvent,
    engine::simulation::Side,
    negotiation::offering::{ANSWER_TIME, UNANSWERED_MAX},
};
use std::time::Duration;

/// How often the engine looks for answers that do not come.
const LOOK: Duration = Duration::from_millis(1100);

#[test]
fn an_unanswered_offer_is_followed_by_one_with_what_has_changed_since() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    let first = stage.offered(2).unwrap();
    stage.publish(1, &[0, 1]);
    assert_eq!(stage.offered(2), None, "one offer at a time");
    stage.pass(ANSWER_TIME + LOOK);
    let second = stage.offered(2).expect("it does not wait for ever");
    assert_eq!((second.revision, second.tracks.len()), (first.revision + 1, 2));
    let late = answer(&first, |_| true);
    let now = common::clock::Clock::now(&stage.clock);
    let stale = stage.engine.answer(device(2), first.revision, &late, now, &mut stage.output);
    assert_eq!(stale, Err(AnswerError::Stale { current: second.revision }));
    stage.answer(2, |_| true);
    assert_eq!(stage.engine.stats().subscriptions, 2);
}

#[test]
fn who_answers_nothing_and_has_no_connection_is_lost() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    let mut lost = 0;
    for _ in 0..UNANSWERED_MAX + 2 {
        stage.pass(ANSWER_TIME + LOOK);
        let expected = MediaEvent::Lost { participant: device(2), reason: LossReason::Unanswered };
        let is_lost = |event: &MediaEvent| *event == expected;
        lost += stage.output.take_events().filter(is_lost).count();
    }
    assert_eq!(lost, 1, "and it is said once");
}

/// A client that only sends need not answer; it learns of tracks that come later all the same.
#[test]
fn who_answers_nothing_but_sends_is_offered_again_when_tracks_change() {
    let mut stage = Stage::new(2);
    stage.publish(2, &[0]);
    stage.connect(2, Side::Publish, 1002);
    stage.publish(1, &[0]);
    let mut offers = 0;
    for _ in 0..UNANSWERED_MAX + 2 {
        offers += u8::from(stage.offered(2).is_some());
        // The sender is heard all the time.
        for _ in 0..15 {
            stage.pass(Duration::from_secs(1));
            stage.send(1002, 2001, 1 + stage.engine.stats().packets_received, b"picture");
        }
        stage.pass(LOOK);
    }
    assert_eq!(offers, UNANSWERED_MAX, "then it is left in peace");
    let late = stage.engine.pending_offer(device(2)).expect("the last may still be answered");
    stage.publish(1, &[0, 1]);
    let next = stage.offered(2).expect("something has changed");
    assert_eq!((next.revision, next.tracks.len()), (late.revision + 1, 2));
}

/// What it says yes to is what it was offered, and not what has taken the section since.
#[test]
fn who_answers_when_it_is_lost_gets_nothing_that_it_was_not_offered() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    stage.pass(ANSWER_TIME * u32::from(UNANSWERED_MAX - 1) + LOOK);
    stage.publish(1, &[1]);
    stage.pass(ANSWER_TIME);
    let is_lost = |event| matches!(event, MediaEvent::Lost { reason: LossReason::Unanswered, .. });
    assert!(stage.output.take_events().any(is_lost));
    stage.answer(2, |_| true);
    assert_eq!(stage.engine.stats().subscriptions, 0);
}

#[test]
fn a_restart_that_waits_for_the_last_answer_is_offered_when_that_does_not_come() {
    let mut stage = Stage::new(2);
    stage.publish(2, &[0]);
    stage.connect(2, Side::Publish, 1002);
    stage.publish(1, &[0]);
    stage.answer(2, |_| true);
    let restart = |stage: &mut Stage| {
        let now = common::clock::Clock::now(&stage.clock);
        stage.engine.restart_ice(device(2), now, &mut stage.output);
    };
    restart(&mut stage);
    let all = ANSWER_TIME.as_secs() * u64::from(UNANSWERED_MAX);
    let mut offers = 0;
    // The sender is heard all the time.
    for second in 1..=all {
        offers += u8::from(stage.offered(2).is_some());
        if second == all {
            restart(&mut stage);
        }
        stage.pass(Duration::from_secs(1));
        stage.send(1002, 2001, second, b"picture");
    }
    assert_eq!(offers, UNANSWERED_MAX);
    assert!(stage.offered(2).is_some());
}
