//! What publishers are told of when their packets arrive.

use super::stage::{NUMBER_ID, NUMBERED, Stage, cameras_with, device};
use crate::{
    arrival_feedback::{INTERVAL_MAX, INTERVAL_MIN},
    engine::simulation::Side,
    rtcp::{self, Packet},
    rtp::{
        header::{ExtendedHeader, PlainHeader},
        sequence::SeqNo,
    },
};
use common::clock::Clock;
use std::time::Duration;

/// A camera at port 1001 that numbers its packets, and nobody who watches.
fn publishing(lines: &str) -> Stage {
    let mut stage = Stage::new(1);
    publish(&mut stage, lines);
    stage.connect(1, Side::Publish, 1001);
    stage
}

fn publish(stage: &mut Stage, lines: &str) {
    let now = stage.clock.now();
    stage.engine.publish(device(1), &cameras_with(&[0], lines), now, &mut stage.output).unwrap();
}

/// Sends the packet of a stream that has this number in it, and that one on its transport.
fn send(stage: &mut Stage, ssrc: u32, number: u64, transport_number: u16) {
    let sequence = SeqNo::from_extended(number);
    let payload_type = match ssrc {
        2001 => 96,
        2002 => 97,
        _ => 100,
    };
    let plain = PlainHeader {
        has_padding: false,
        marker: false,
        payload_type,
        sequence: sequence.to_wire(),
        timestamp: 1,
        ssrc,
    };
    let mut header = ExtendedHeader::from(plain);
    header.push(NUMBER_ID, &transport_number.to_be_bytes());
    let mut datagram = Vec::new();
    let cycles = sequence.cycles();
    assert!(stage.sealer(1001).rtp(header.as_slice(), &[&[0; 500]], ssrc, sequence, cycles, &mut datagram));
    stage.forward(1001, datagram);
}

/// What a publisher was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    /// Numbers, and whether their packets arrived.
    packets: Vec<(u16, bool)>,
    /// Feedback that said so.
    feedback: usize,
    /// It was advised of a rate.
    is_advised: bool,
}

fn told(stage: &mut Stage, time: Duration) -> Told {
    stage.pass(time);
    let mut told = Told::default();
    for compound in stage.reports(1001) {
        for packet in rtcp::packets(&compound) {
            match packet {
                Packet::TransportFeedback(feedback) => {
                    assert!([2001, 2002].contains(&feedback.media), "{feedback:?}");
                    told.packets.extend(feedback.statuses().map(|(number, delta)| (number, delta.is_some())));
                    told.feedback += 1;
                }
                Packet::Remb(_) => told.is_advised = true,
                Packet::SenderReport(..)
                | Packet::ReceiverReport(_)
                | Packet::SourceDescription(_)
                | Packet::Goodbye(_)
                | Packet::Nack(_)
                | Packet::Pli(_)
                | Packet::Fir(_) => {}
            }
        }
    }
    told
}

#[test]
fn packets_of_all_streams_are_told_of_by_the_numbers_of_their_transport() {
    let mut stage = publishing(NUMBERED);
    send(&mut stage, 2001, 1, 100);
    send(&mut stage, 2002, 1, 101);
    // Of a stream that nobody described, as padding may be.
    send(&mut stage, 9999, 1, 103);
    let packets = told(&mut stage, INTERVAL_MAX).packets;
    assert_eq!(packets, [(100, true), (101, true), (102, false), (103, true)]);
    assert_eq!(told(&mut stage, Duration::from_secs(3)), Told::default(), "nothing has come since");
}

#[test]
fn who_does_not_number_packets_is_advised_instead() {
    let mut stage = publishing("");
    for (number, lines) in [(1, ""), (2, NUMBERED), (3, "")] {
        publish(&mut stage, lines);
        send(&mut stage, 2001, number, 100);
        let Told { packets, is_advised, .. } = told(&mut stage, Duration::from_secs(3));
        assert_eq!((packets.len(), is_advised), if lines.is_empty() { (0, true) } else { (1, false) });
    }
}

/// A sender that adapts is to learn that it sends more than is taken.
#[test]
fn what_is_more_than_a_track_may_send_counts_as_lost() {
    let mut stage = publishing(NUMBERED);
    let (mut arrived, mut lost) = (0, 0);
    for number in 0..20_000_u16 {
        send(&mut stage, 2001, u64::from(number) + 1, number);
        let packets = told(&mut stage, Duration::from_micros(100)).packets;
        arrived += packets.iter().filter(|(_, arrived)| *arrived).count();
        lost += packets.iter().filter(|(_, arrived)| !arrived).count();
    }
    assert!(lost > 10_000 && arrived > 3_000, "{lost} were lost, and {arrived} arrived");
}

/// The attack: numbers that leap, repeat and come backwards.
#[test]
fn numbers_by_the_die_bring_no_more_feedback_than_others() {
    let mut stage = publishing(NUMBERED);
    let mut feedback = 0;
    for packet in 0..10_000_u16 {
        send(&mut stage, 2001, u64::from(packet) + 1, packet.wrapping_mul(30_011));
        feedback += told(&mut stage, Duration::from_micros(100)).feedback;
    }
    let most = Duration::from_secs(1).as_millis() / INTERVAL_MIN.as_millis();
    assert!(feedback <= usize::try_from(most).unwrap(), "{feedback} of {most}");
    assert!(feedback > 10, "{feedback}");
}
