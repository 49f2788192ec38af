//! What a subscriber wishes of a camera in three encodings, and what becomes of it.

use super::layers::{FULL, HALF, KEY, NOTHING, QUARTER, Seen, Show, assert_continuous, encodings};
use super::stage::device;
use crate::{MediaEvent, SessionId};
use common::{
    clock::Clock,
    protocol::media::{LayerReason, Selection, TrackLayer, TrackPriority, TrackSubscription, TrackWish},
};
use std::time::Duration;

const ALL: [usize; 3] = [QUARTER, HALF, FULL];

impl Show {
    /// The subscriber shows the camera at this size.
    fn wish(&mut self, width: u16, height: u16) {
        let wish = TrackWish {
            track_id: self.received().track,
            enabled: true,
            width: Some(width),
            height: Some(height),
            priority: TrackPriority::Normal,
        };
        let now = self.stage.clock.now();
        self.stage.engine.set_wishes(device(2), &[wish], Selection::default(), now);
    }

    /// The subscriber says nothing of any track but this.
    fn select(&mut self, selection: Selection) {
        let now = self.stage.clock.now();
        self.stage.engine.set_wishes(device(2), &[], selection, now);
    }

    /// What was told since the last call: what the subscriber gets, and which encodings of the camera are wanted.
    fn told(&mut self) -> (Option<TrackSubscription>, Option<Vec<bool>>) {
        let (mut gets, mut wanted) = (None, None);
        for event in self.stage.output.take_events() {
            match event {
                MediaEvent::Subscriptions { participant, subscriptions } => {
                    assert_eq!((participant, subscriptions.len()), (device(2), 1));
                    gets = subscriptions.first().copied();
                }
                MediaEvent::Layers { participant, encodings, .. } => {
                    assert_eq!(participant, device(1));
                    assert!(encodings.iter().map(|it| it.rid.as_str()).eq(["q", "h", "f"]));
                    wanted = Some(encodings.iter().map(|it| it.wanted).collect());
                }
                MediaEvent::Offer { .. } | MediaEvent::Speaking { .. } | MediaEvent::Lost { .. } => {}
            }
        }
        (gets, wanted)
    }

    /// Pictures of these encodings for so long, each of which a key frame begins when it is asked for.
    fn go_on(&mut self, encodings: &[usize], milliseconds: u64) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..milliseconds / 33 {
            seen.extend(self.run(encodings, 33));
            for which in self.asked().0 {
                if encodings.contains(&which) {
                    self.send(which, KEY);
                }
            }
            seen.extend(self.seen());
        }
        seen
    }

    fn begin() -> Self {
        let mut show = Self::new();
        ALL.iter().for_each(|which| show.send(*which, KEY));
        show.go_on(&ALL, 1000);
        show
    }
}

/// What the subscriber gets of an encoding, and why no more.
fn gets(show: &Show, encoding: u8, reason: LayerReason) -> Option<TrackSubscription> {
    let size = |length: u16| Some(length << encoding);
    let layer = Some(TrackLayer { encoding, width: size(160), height: size(90) });
    Some(TrackSubscription { track_id: show.received().track, layer, reason })
}

#[test]
fn no_more_is_sent_than_is_shown_and_nothing_of_what_is_not() {
    let mut show = Show::begin();
    assert_eq!(show.told().0, gets(&show, 2, LayerReason::Best));
    show.wish(170, 96);
    let seen = show.go_on(&ALL, 1000);
    assert_eq!(encodings(&seen), [FULL, QUARTER]);
    assert_continuous(&seen);
    assert_eq!(show.told().0, gets(&show, 0, LayerReason::Size));
    show.wish(0, 0);
    show.go_on(&ALL, 200);
    assert!(show.go_on(&ALL, 2000).is_empty(), "it is shown nowhere");
    let hidden = TrackSubscription {
        layer: None,
        reason: LayerReason::Hidden,
        ..gets(&show, 0, LayerReason::Size).unwrap()
    };
    assert_eq!(show.told().0, Some(hidden));
    show.wish(320, 180);
    let seen = show.go_on(&ALL, 1000);
    assert_eq!(encodings(&seen), [HALF]);
    assert_eq!(show.told().0, gets(&show, 1, LayerReason::Size));
    assert_continuous(&seen);
    show.go_on(&ALL, 5000);
    assert_eq!(show.told().0, None, "what is known is not told again");
}

#[test]
fn who_subscribes_by_hand_gets_what_it_names_and_who_wants_no_pictures_none() {
    let mut show = Show::begin();
    show.told();
    let best = gets(&show, 2, LayerReason::Best);
    let without = |reason| best.map(|gets| TrackSubscription { layer: None, reason, ..gets });
    for (selection, reason) in [
        (Selection { auto_subscribe: false, last_n: None }, LayerReason::Disabled),
        (Selection { auto_subscribe: true, last_n: Some(0) }, LayerReason::LastN),
    ] {
        show.select(selection);
        show.go_on(&ALL, 600);
        assert_eq!(show.told().0, without(reason));
        assert!(show.go_on(&ALL, 1000).is_empty());
        show.select(Selection::default());
        show.go_on(&ALL, 1000);
        assert_eq!(show.told().0, best);
    }
    show.select(Selection { auto_subscribe: false, last_n: None });
    show.go_on(&ALL, 600);
    show.told();
    show.wish(640, 360);
    show.go_on(&ALL, 1000);
    assert_eq!(show.told().0, best, "it is named");
}

#[test]
fn a_camera_is_told_what_nobody_wants_and_at_once_what_somebody_does() {
    let mut show = Show::begin();
    show.wish(170, 96);
    show.go_on(&ALL, 900);
    assert_eq!(show.told().1, None, "windows are moved to and fro");
    show.go_on(&ALL, 3000);
    assert_eq!(show.told().1, Some(vec![true, false, false]));
    // It sends them no more.
    assert_eq!(encodings(&show.go_on(&[QUARTER], 2000)), [QUARTER]);
    show.wish(640, 360);
    show.go_on(&[QUARTER], 200);
    assert_eq!(show.told().1, Some(vec![true, false, true]));
    // Until it comes there is what there was.
    assert_eq!(encodings(&show.go_on(&[QUARTER], 1000)), [QUARTER]);
    show.send(FULL, KEY);
    let seen = show.go_on(&[QUARTER, FULL], 1000);
    assert_eq!(seen.last().map(|seen| seen.encoding), Some(FULL));
    assert_eq!(show.told().0, gets(&show, 2, LayerReason::Best));
    let now = show.stage.clock.now();
    show.stage.engine.tell_layers(device(1), now, &mut show.stage.output);
    show.stage.engine.tell_layers(device(2), now, &mut show.stage.output);
    show.go_on(&[QUARTER, FULL], 200);
    let (said, wanted) = show.told();
    assert_eq!(said, gets(&show, 2, LayerReason::Best), "it may not have been heard");
    assert!(wanted.is_some());
}

#[test]
fn a_camera_that_is_switched_off_takes_nothing_of_what_there_is_and_comes_back_as_it_was() {
    let mut show = Show::begin();
    show.told();
    let all = gets(&show, 2, LayerReason::Best);
    show.stage.pass(Duration::from_millis(2_500));
    let nothing = TrackSubscription { layer: None, reason: LayerReason::NotSent, ..all.unwrap() };
    assert_eq!(show.told().0, Some(nothing));
    assert!(show.received().encodings.iter().all(|encoding| !encoding.is_live));
    let seen = show.go_on(&ALL, 1_000);
    assert_eq!(encodings(&seen), [FULL]);
    assert_eq!(show.told().0, all);
}

#[test]
fn an_encoding_that_stops_by_itself_is_not_asked_for_without_end() {
    let mut show = Show::begin();
    show.go_on(&[QUARTER, HALF], 20_000);
    let (said, wanted) = show.told();
    assert_eq!(said, gets(&show, 1, LayerReason::Best), "it is the best that there is");
    assert_eq!(wanted, Some(vec![false, true, true]), "whoever can send it again does");
    assert_eq!(show.told().1, None);
    assert_eq!(show.asked().0, NOTHING);
}

#[test]
fn what_goes_out_until_another_encoding_begins_is_not_told_to_stop() {
    let mut show = Show::begin();
    show.wish(170, 96);
    // The camera sends no key frame of the smallest.
    let seen = show.run(&ALL, 5000);
    assert_eq!(encodings(&seen), [FULL]);
    assert_eq!(show.told().1, Some(vec![true, false, true]));
}

#[test]
fn what_is_recorded_is_wanted_whoever_watches() {
    let mut show = Show::begin();
    show.wish(0, 0);
    show.go_on(&ALL, 3000);
    assert_eq!(show.told().1, Some(vec![false; 3]));
    let now = show.stage.clock.now();
    show.stage.engine.record(SessionId::new(1), true, now, &mut show.stage.output);
    show.go_on(&[], 600);
    assert_eq!(show.told().1, Some(vec![true; 3]));
    show.go_on(&ALL, 3000);
    assert_eq!(show.told().1, None);
}
