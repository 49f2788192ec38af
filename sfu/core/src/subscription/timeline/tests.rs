//! Timelines, and what they remember.

use super::*;
use common::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use slotmap::SlotMap;
use std::collections::{BTreeMap, BTreeSet};

/// Names of two encodings.
fn encodings() -> [EncodingId; 2] {
    let mut names = SlotMap::<EncodingId, ()>::with_key();
    [names.insert(()), names.insert(())]
}

fn timeline(length: usize) -> Timeline {
    let mut timeline = Timeline::new(length, ManualClock::default().now());
    timeline.switch(encodings()[0], Shift::default());
    timeline
}

/// Packets that are lost, late and in jumps, as the network brings them.
fn arrivals(seed: u64) -> Vec<SeqNo> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut sequence, mut order) = (random.random_range(1..70_000), Vec::new());
    for step in 0..3_000_u64 {
        sequence += match random.random_range(0..100) {
            0 => random.random_range(2..400),
            1..5 => 2,
            _ => 1,
        };
        let late = if random.random_range(0..10) == 0 { random.random_range(0..100) } else { 0 };
        order.push((step + late, SeqNo::from_extended(sequence)));
    }
    order.sort_by_key(|(at, _)| *at);
    order.into_iter().map(|(_, sequence)| sequence).collect()
}

#[test]
fn every_number_is_used_once_and_in_the_order_of_the_track() {
    for seed in 0..20 {
        let mut timeline = timeline(512);
        let (mut sent, mut used) = (BTreeMap::new(), BTreeSet::new());
        for sequence in arrivals(seed) {
            let Some(Place { number, .. }) = timeline.send(sequence) else { continue };
            assert!(used.insert(number), "seed {seed}: {number:?} twice");
            let before = sent.range(..sequence).next_back().map(|(_, number)| *number);
            let after = sent.range(sequence..).next().map(|(_, number)| *number);
            assert!(before.is_none_or(|before| before < number), "seed {seed}");
            assert!(after.is_none_or(|after| number < after), "seed {seed}");
            let again = timeline.sent(number.to_wire()).map(|sent| (sent.number, sent.sequence));
            assert_eq!(again, Some((number, sequence)), "seed {seed}");
            assert_eq!(timeline.send(sequence), None, "seed {seed}: it has gone out");
            sent.insert(sequence, number);
        }
        assert!(sent.len() > 2_900, "seed {seed}: {} went out", sent.len());
        assert!(timeline.given.len() == 512);
    }
}

#[test]
fn what_is_not_missing_makes_no_hole_and_what_is_missing_may_come() {
    let mut timeline = timeline(64);
    let mut send = |sequence| timeline.send(SeqNo::from_extended(sequence)).map(|it| it.number.extended());
    assert_eq!([700, 701, 704, 702].map(&mut send), [Some(1), Some(2), Some(5), Some(3)]);
    assert_eq!(send(699), None, "from before the first");
    assert_eq!(send(701), None, "again");
    assert_eq!(send(703), Some(4));
    assert_eq!(send(705), Some(6));
}

#[test]
fn after_a_jump_nothing_from_before_it_is_known() {
    let mut timeline = timeline(64);
    let number = timeline.send(SeqNo::from_extended(10)).unwrap().number;
    let behind = timeline.send(SeqNo::from_extended(30_000)).unwrap().number;
    assert!(number < behind);
    assert_eq!(timeline.sent(number.to_wire()), None);
    assert_eq!(timeline.send(SeqNo::from_extended(29_999)), None);
    assert_eq!(timeline.sent(behind.to_wire()).map(|sent| sent.sequence.extended()), Some(30_000));
}

#[test]
fn what_was_never_sent_is_not_sent_again() {
    let mut timeline = timeline(64);
    for sequence in [10, 12] {
        timeline.send(SeqNo::from_extended(sequence));
    }
    assert_eq!(timeline.sent(2), None, "it is missing");
    assert_eq!(timeline.sent(0), None, "from before the first");
    assert_eq!(timeline.sent(4), None, "not given out yet");
    assert_eq!(timeline.sent(40_000), None);
}

#[test]
fn a_number_is_news_again_after_its_interval() {
    let clock = ManualClock::default();
    let mut timeline = Timeline::new(64, clock.now());
    timeline.switch(encodings()[0], Shift::default());
    let number = timeline.send(SeqNo::from_extended(10)).unwrap().number;
    let interval = Duration::from_millis(50);
    assert!(!timeline.is_resent(number, interval, clock.now()));
    timeline.note_resent(number, clock.now());
    for _ in 0..50 {
        assert!(timeline.is_resent(number, interval, clock.now()));
        clock.advance(Duration::from_millis(1));
    }
    assert!(!timeline.is_resent(number, interval, clock.now()));
}

#[test]
fn another_encoding_goes_on_where_the_one_before_ended() {
    let (mut timeline, [small, large]) = (timeline(64), encodings());
    let send = |timeline: &mut Timeline, sequence| timeline.send(SeqNo::from_extended(sequence));
    // 502 is missing when the other takes over, whose numbers are lower.
    for sequence in [500, 501, 503] {
        send(&mut timeline, sequence).unwrap();
    }
    let shift = Shift { timestamp: 7, picture_id: 8, tl0_picture_index: 9 };
    timeline.switch(large, shift);
    assert_eq!(timeline.source(), Some((large, shift)));
    let place = send(&mut timeline, 20).unwrap();
    assert_eq!((place.number.extended(), place.shift, place.is_newest), (5, shift, true));
    assert_eq!(send(&mut timeline, 19), None, "from before it took over");
    let of = |wire| timeline.sent(wire).map(|it| (it.encoding, it.sequence.extended(), it.shift));
    assert_eq!(of(4), Some((small, 503, Shift::default())));
    assert_eq!(of(3), None, "it never came");
    assert_eq!(of(5), Some((large, 20, shift)));
}

#[test]
fn of_all_encodings_that_took_over_the_latest_are_remembered() {
    let (mut timeline, [small, large]) = (timeline(64), encodings());
    for round in 0..20_u64 {
        timeline.switch(if round % 2 == 0 { large } else { small }, Shift::default());
        timeline.send(SeqNo::from_extended(1000 - round)).unwrap();
    }
    let known: Vec<bool> = (1..=20).map(|wire| timeline.sent(wire).is_some()).collect();
    assert!(!known[0] && known[12..].iter().all(|it| *it), "{known:?}");
}

#[test]
fn what_is_left_out_leaves_no_hole_in_the_numbers_or_pictures() {
    let mut timeline = timeline(64);
    let number = |place: Option<Place>| place.map(|it| (it.number.extended(), it.shift.picture_id));
    let sequence = SeqNo::from_extended;
    assert_eq!(number(timeline.send(sequence(10))), Some((1, 0)));
    // A picture of two packets, the first of which is missing, and then one more.
    timeline.leave_out(sequence(12), true);
    timeline.leave_out(sequence(13), false);
    timeline.leave_out(sequence(14), true);
    let two_less = 0_u16.wrapping_sub(2);
    assert_eq!(number(timeline.send(sequence(15))), Some((3, two_less)));
    assert_eq!(number(timeline.send(sequence(11))), Some((2, 0)), "a number is kept for what may be wanted");
    assert_eq!(timeline.send(sequence(13)), None);
    assert_eq!(timeline.sent(2).map(|sent| sent.shift.picture_id), Some(0));
}
