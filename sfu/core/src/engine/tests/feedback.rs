//! What receivers ask for, and how much of it they get.

use super::stage::{Stage, server};
use crate::{
    budget::{
        FLOOR_BYTES,
        incoming::{TRANSPORT, VIDEO},
    },
    engine::simulation::Side,
    keyframe::KEYFRAME_INTERVAL,
    report::REPORT_INTERVAL_MIN,
    rtcp::{
        nack, pli, receiver_report,
        report_block::ReportBlock,
        sender_report::{SenderReport, middle},
    },
    subscription::RESEND_INTERVAL_MIN,
};
use std::time::Duration;

const PAYLOAD: [u8; 1000] = [5; 1000];

/// A camera on port 1001, and a subscriber on port 1002 that has got `packets` of it within a second.
fn watching(packets: u16) -> (Stage, u32) {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    for number in 1..=packets {
        stage.send(1001, 2001, number.into(), &PAYLOAD);
        stage.pass(Duration::from_secs(1) / u32::from(packets) / 2);
    }
    let got = stage.packets(1002);
    assert_eq!(got.len(), usize::from(packets));
    (stage, got[0].ssrc)
}

/// The bytes on the network that one request brings.
fn asked(stage: &mut Stage, ssrc: u32, numbers: &[u16]) -> usize {
    let mut packet = Vec::new();
    nack::write(&mut packet, 1, ssrc, numbers);
    stage.tell(1002, &packet);
    stage.datagrams(1002).iter().map(Vec::len).sum()
}

/// The attack: one datagram names hundreds of packets, and comes again and again.
#[test]
fn a_storm_of_requests_gets_half_of_what_was_forwarded_and_not_twice() {
    let (mut stage, ssrc) = watching(400);
    let all: Vec<u16> = (1..=400).collect();
    let sealed = PAYLOAD.len() + 12 + 2 + 16;
    let mut total = 0;
    for _ in 0..1000 {
        total += asked(&mut stage, ssrc, &all);
    }
    let forwarded = 400 * (sealed - 2);
    assert!(total <= forwarded / 2, "{total} of {forwarded}");
    assert!(total > forwarded / 3, "honest losses are made up for: {total} of {forwarded}");
    assert!(stage.engine.stats().resends_refused > 0);
    stage.pass(Duration::from_secs(3));
    let floor = usize::try_from(FLOOR_BYTES).unwrap();
    let idle: usize = (0..100).map(|_| asked(&mut stage, ssrc, &all)).sum();
    assert!((floor - sealed..=floor).contains(&idle), "nothing is forwarded any more: {idle}");
}

/// Passes for the wrong reason if the budget were used up: it is not, other packets are sent.
#[test]
fn a_packet_is_sent_again_once_per_round_trip() {
    let (mut stage, ssrc) = watching(100);
    assert!(asked(&mut stage, ssrc, &[50]) > 0);
    for _ in 0..20 {
        assert_eq!(asked(&mut stage, ssrc, &[50]), 0);
    }
    assert!(asked(&mut stage, ssrc, &[51]) > 0);
    stage.pass(RESEND_INTERVAL_MIN);
    assert!(asked(&mut stage, ssrc, &[50]) > 0);
}

#[test]
fn a_longer_round_trip_is_learned_from_the_receivers_reports() {
    let (mut stage, ssrc) = watching(100);
    let mut report = Vec::new();
    SenderReport { ssrc: 2001, ntp: 0x0123_4567_89AB_CDEF, rtp_time: 1, packets: 2, octets: 3 }
        .write(&mut report, &[]);
    stage.tell(1001, &report);
    assert_eq!(stage.datagrams(1002).len(), 1, "the report is passed on");
    // It comes back after 300 ms, of which the receiver had it for 100.
    stage.pass(Duration::from_millis(300));
    let last_report = middle(0x0123_4567_89AB_CDEF);
    let block = ReportBlock { ssrc, last_report, since_last_report: 6_554, ..ReportBlock::default() };
    let mut answer = Vec::new();
    receiver_report::write(&mut answer, 1, &[block]);
    stage.tell(1002, &answer);
    stage.output.clear_datagrams();
    assert!(asked(&mut stage, ssrc, &[50]) > 0);
    stage.pass(Duration::from_millis(190));
    assert_eq!(asked(&mut stage, ssrc, &[50]), 0, "it may still be under way");
    stage.pass(Duration::from_millis(20));
    assert!(asked(&mut stage, ssrc, &[50]) > 0);
}

#[test]
fn a_storm_of_wishes_for_key_frames_reaches_the_publisher_twice_a_second() {
    let (mut stage, ssrc) = watching(10);
    stage.pass(KEYFRAME_INTERVAL);
    stage.output.clear_datagrams();
    let mut asked = 0;
    for _ in 0..100 {
        let mut packet = Vec::new();
        for _ in 0..50 {
            pli::write(&mut packet, 1, ssrc);
        }
        stage.tell(1002, &packet);
        // The report of each second goes to the publisher too, and is larger.
        asked += stage.datagrams(1001).iter().filter(|datagram| datagram.len() == 8 + 12 + 20).count();
        stage.pass(Duration::from_millis(10));
        asked += stage.datagrams(1001).iter().filter(|datagram| datagram.len() == 8 + 12 + 20).count();
    }
    assert!((2..=3).contains(&asked), "{asked}");
}

#[test]
fn a_storm_of_sender_reports_reaches_subscribers_four_times_a_second() {
    let (mut stage, _) = watching(10);
    let mut passed = 0;
    for _ in 0..100 {
        let mut packet = Vec::new();
        for _ in 0..50 {
            SenderReport { ssrc: 2001, ntp: 7, rtp_time: 1, packets: 2, octets: 3 }.write(&mut packet, &[]);
        }
        stage.tell(1001, &packet);
        passed += stage.datagrams(1002).len();
        stage.pass(Duration::from_millis(10));
    }
    let most = Duration::from_secs(1).as_millis() / REPORT_INTERVAL_MIN.as_millis();
    assert_eq!(passed, usize::try_from(most).unwrap());
    assert_eq!(server().port(), 7882);
}

/// The attack: one who takes no advice sends as fast as the line allows, and everybody gets it.
#[test]
fn a_flood_of_authentic_packets_reaches_the_room_at_the_rate_of_a_track() {
    let (mut stage, _) = watching(10);
    let (mut number, mut forwarded) = (10, 0);
    // A hundred megabits a second, for five seconds.
    for _ in 0..5_000 {
        for _ in 0..12 {
            number += 1;
            stage.send(1001, 2001, number, &PAYLOAD);
        }
        forwarded += stage.datagrams(1002).iter().map(Vec::len).sum::<usize>();
        stage.pass(Duration::from_millis(1));
        stage.output.clear_datagrams();
    }
    let most = usize::try_from(VIDEO.burst + 5 * VIDEO.count).unwrap();
    assert!(forwarded <= most + 2 * PAYLOAD.len(), "{forwarded} of {most}");
    assert!(forwarded > most / 10 * 9, "and not less: {forwarded} of {most}");
    assert!(stage.engine.stats().packets_refused > 10_000, "{:?}", stage.engine.stats());
}

/// Several tracks share what their transport may send.
#[test]
fn many_tracks_of_one_participant_are_a_flood_together() {
    let mids: Vec<u32> = (0..4).collect();
    let mut stage = Stage::new(2);
    stage.publish(1, &mids);
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    let mut forwarded = 0;
    for number in 0..12_000_u64 {
        for mid in &mids {
            stage.send(1001, 2001 + 2 * mid, number + 1, &PAYLOAD);
        }
        forwarded += stage.datagrams(1002).iter().map(Vec::len).sum::<usize>();
        if number % 4 == 3 {
            stage.pass(Duration::from_millis(1));
            stage.output.clear_datagrams();
        }
    }
    let most = usize::try_from(TRANSPORT.burst + 3 * TRANSPORT.count).unwrap();
    assert!(forwarded <= most + 2 * PAYLOAD.len(), "{forwarded} of {most}");
    assert!(forwarded > most / 10 * 9, "and not less: {forwarded} of {most}");
}
