//! When a picture is paused because a network carries too little.

use super::{
    congestion::{NUMBERED, PAYLOAD, numbers, tell, watching},
    stage::{Stage, answer_with, device},
};
use crate::{
    MediaEvent,
    engine::simulation::Side,
    layer::{ReceivedTrack, Target},
};
use common::{clock::Clock, protocol::media::LayerReason};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(10);

/// A camera of 800 kbit/s, and a subscriber to whom every fifth packet comes.
pub(super) struct Flood {
    pub(super) stage: Stage,
    /// Packets of the camera so far.
    made: u64,
    /// The number on the transport of the packet that is told of next.
    untold: u16,
}

impl Flood {
    pub(super) const fn new(stage: Stage) -> Self {
        Self { stage, made: 0, untold: 1 }
    }

    /// Sends for so long. Whether the picture was to be sent all the time.
    pub(super) fn run(&mut self, time: Duration, is_told: bool) -> bool {
        let mut is_always_sent = true;
        for step in 1..=time.as_millis() / STEP.as_millis() {
            self.made += 1;
            self.stage.send(1001, 2001, self.made, &PAYLOAD);
            self.stage.pass(STEP);
            let newest = numbers(&mut self.stage).into_iter().filter_map(|(_, number)| number).next_back();
            if let Some(newest) = newest.filter(|_| is_told && step.is_multiple_of(10)) {
                let now = self.stage.clock.now().saturating_duration_since(self.stage.began_at);
                let at = u64::try_from(now.as_millis()).unwrap();
                let numbers = self.untold..=newest;
                let arrivals: Vec<_> = numbers.map(|it| it.is_multiple_of(5).then_some(at)).collect();
                tell(&mut self.stage, self.untold, &arrivals);
                self.untold = newest + 1;
            }
            is_always_sent &= self.target() != Target::Paused;
        }
        is_always_sent
    }

    fn received(&self) -> ReceivedTrack {
        self.stage.engine.received(device(2), self.stage.clock.now()).next().unwrap()
    }

    pub(super) fn target(&self) -> Target {
        self.received().target
    }
}

#[test]
fn a_picture_that_is_too_much_is_paused_when_the_estimate_has_settled_and_that_is_told() {
    let mut flood = Flood::new(watching(NUMBERED));
    assert!(flood.run(Duration::from_millis(2_900), true), "too little is known");
    flood.run(Duration::from_secs(3), true);
    assert_eq!(flood.target(), Target::Paused);
    let told = flood.stage.output.take_events().filter_map(|event| match event {
        MediaEvent::Subscriptions { subscriptions, .. } => subscriptions.first().copied(),
        MediaEvent::Offer { .. }
        | MediaEvent::Speaking { .. }
        | MediaEvent::Layers { .. }
        | MediaEvent::Lost { .. } => None,
    });
    let told = told.last().unwrap();
    assert_eq!((told.layer, told.reason), (None, LayerReason::Bandwidth));
}

#[test]
fn of_what_is_switched_off_nothing_is_counted_on_after_a_while() {
    let mut flood = Flood::new(watching(NUMBERED));
    flood.run(Duration::from_secs(2), false);
    flood.stage.pass(Duration::from_millis(1_900));
    assert!(flood.received().encodings[0].is_live, "it may be a screen that hardly changes");
    flood.stage.pass(Duration::from_millis(200));
    assert!(!flood.received().encodings[0].is_live);
    assert!(flood.run(Duration::from_millis(200), false), "it goes on as it was");
    assert!(flood.received().encodings[0].is_live);
}

#[test]
fn who_cannot_be_shown_that_there_is_room_again_is_paused_nothing() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    let offer = stage.engine.pending_offer(device(2)).unwrap();
    let mut plain = answer_with(&offer, |_| true, NUMBERED);
    plain.sections[0].rtx_payload_type = None;
    let now = stage.clock.now();
    stage.engine.answer(device(2), offer.revision, &plain, now, &mut stage.output).unwrap();
    stage.connect(2, Side::Subscribe, 1002);
    let mut flood = Flood::new(stage);
    assert!(flood.run(Duration::from_secs(10), true));
}

#[test]
fn who_has_agreed_to_tell_what_arrives_and_does_not_is_paused_nothing() {
    let mut flood = Flood::new(watching(NUMBERED));
    assert!(flood.run(Duration::from_secs(10), false));
}

#[test]
fn who_tells_what_arrives_begins_with_the_smallest_encoding_and_others_with_the_best() {
    assert_eq!(Flood::new(watching(NUMBERED)).target(), Target::SMALLEST);
    assert_eq!(Flood::new(watching("")).target(), Target::BEST);
}
