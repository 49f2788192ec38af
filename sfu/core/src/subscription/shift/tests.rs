//! Clocks and numbers of one encoding after the other.

use super::*;
use crate::{rtp::descriptor::Descriptor, sdp::codec::Codec};
use common::clock::{Clock, ManualClock};

fn packet(timestamp: u32, picture_id: u16, tl0_picture_index: u8) -> Packet {
    let [high, low] = picture_id.to_be_bytes();
    let descriptor = Descriptor::parse(Codec::Vp8, &[0x90, 0xE0, 0x80 | high, low, tl0_picture_index, 0, 0]);
    assert!(descriptor.is_some());
    let mut packet = Packet::default();
    (packet.timestamp, packet.descriptor) = (timestamp, descriptor);
    packet
}

/// The clock of a sender that was so many milliseconds into its second when it said where its stream stood.
fn clock(milliseconds: u64, rtp_time: u32) -> SenderClock {
    SenderClock { ntp: (7 << 32) + (milliseconds << 32) / 1000, rtp_time }
}

/// What the first packet of another encoding says, once the shift is added: the time, and the picture's numbers.
fn followed(
    continuity: &mut Continuity,
    former: Shift,
    clocks: Option<(SenderClock, SenderClock)>,
    next: &Packet,
    now: Instant,
) -> (u32, u16, u8) {
    let shift = continuity.follow(former, clocks, next, now);
    continuity.note(next, shift, now);
    let descriptor = next.descriptor.unwrap();
    (
        next.timestamp.wrapping_add(shift.timestamp),
        descriptor.picture_id.unwrap().wrapping_add(shift.picture_id) & 0x7FFF,
        descriptor.tl0_picture_index.unwrap().wrapping_add(shift.tl0_picture_index),
    )
}

#[test]
fn numbers_go_on_and_wrap_as_their_fields_do() {
    let clock = ManualClock::default();
    let mut continuity = Continuity::new(TrackKind::Video);
    assert_eq!(continuity.follow(Shift::default(), None, &packet(5, 5, 5), clock.now()), Shift::default());
    continuity.note(&packet(u32::MAX - 2999, 0x7FFF, 255), Shift::default(), clock.now());
    clock.advance(Duration::from_millis(10));
    let next = followed(&mut continuity, Shift::default(), None, &packet(700, 9, 9), clock.now());
    assert_eq!(next, (0, 0, 0), "a picture later at least");
}

#[test]
fn without_the_senders_clocks_as_much_time_passes_as_has_passed() {
    let clock = ManualClock::default();
    let mut continuity = Continuity::new(TrackKind::Video);
    continuity.note(&packet(1000, 1, 1), Shift::default(), clock.now());
    clock.advance(Duration::from_secs(2));
    let (time, ..) = followed(&mut continuity, Shift::default(), None, &packet(77, 1, 1), clock.now());
    assert_eq!(time, 181_000);
}

/// The encodings' clocks are 500,000 ticks apart; the second's packets take longer on their way, which nobody sees.
#[test]
fn the_senders_clocks_say_how_much_later_a_picture_is() {
    let time = ManualClock::default();
    let mut continuity = Continuity::new(TrackKind::Video);
    continuity.note(&packet(90_000, 1, 1), Shift::default(), time.now());
    let clocks = Some((clock(0, 87_000), clock(100, 596_000)));
    time.advance(Duration::from_millis(180));
    // 596,000 is 96,000 on the first one's clock.
    let (next, ..) = followed(&mut continuity, Shift::default(), clocks, &packet(599_000, 1, 1), time.now());
    assert!(next.abs_diff(99_000) <= 1, "{next}");
    // And back, with what was added for the second.
    let former = Shift { timestamp: next.wrapping_sub(599_000), ..Shift::default() };
    time.advance(Duration::from_millis(33));
    let back = clocks.map(|(first, second)| (second, first));
    let (next, ..) = followed(&mut continuity, former, back, &packet(102_000, 1, 1), time.now());
    assert!(next.abs_diff(102_000) <= 2, "{next}");
}

/// Of an encoding that comes later than another the first picture is older than what has gone out. It goes out as if it
/// were not, and what that is too late does not add up.
#[test]
fn time_never_goes_back_and_does_not_run_away() {
    let time = ManualClock::default();
    let mut continuity = Continuity::new(TrackKind::Video);
    continuity.note(&packet(90_000, 1, 1), Shift::default(), time.now());
    let clocks = Some((clock(0, 90_000), clock(0, 90_000)));
    let (mut former, mut newest) = (Shift::default(), 90_000);
    for _ in 0..50 {
        // As old as the newest that went out, and older than it.
        let old = packet(newest - 4_500, 1, 1);
        let shift = continuity.follow(former, clocks, &old, time.now());
        let next = old.timestamp.wrapping_add(shift.timestamp);
        assert_eq!(next, newest + 1);
        continuity.note(&old, shift, time.now());
        (former, newest) = (shift, next);
    }
    time.advance(Duration::from_secs(1));
    let (next, ..) = followed(&mut continuity, former, clocks, &packet(180_000, 1, 1), time.now());
    assert_eq!(next, 180_000);
}

#[test]
fn a_sender_whose_clocks_contradict_each_other_is_not_believed() {
    let time = ManualClock::default();
    for other in [
        clock(500_000, 90_000),
        SenderClock { ntp: u64::MAX, rtp_time: 1 },
        SenderClock { ntp: 0, rtp_time: 1 },
    ] {
        let mut continuity = Continuity::new(TrackKind::Video);
        continuity.note(&packet(90_000, 1, 1), Shift::default(), time.now());
        time.advance(Duration::from_millis(50));
        let clocks = Some((clock(0, 90_000), other));
        let (next, ..) =
            followed(&mut continuity, Shift::default(), clocks, &packet(95_000, 1, 1), time.now());
        assert_eq!(next, 94_500, "{other:?}");
    }
}

#[test]
fn what_has_no_numbers_gets_none() {
    let time = ManualClock::default();
    let mut continuity = Continuity::new(TrackKind::Video);
    let mut plain = packet(5, 5, 5);
    plain.descriptor = None;
    continuity.note(&plain, Shift::default(), time.now());
    let shift = continuity.follow(Shift::default(), None, &packet(5, 5, 5), time.now());
    assert_eq!((shift.picture_id, shift.tl0_picture_index), (0, 0));
}
