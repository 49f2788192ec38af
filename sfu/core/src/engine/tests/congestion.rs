//! What subscribers get that tell when packets arrive, and what they can do to the engine by it.

use super::stage::{Stage, answer_with, device};
use crate::{
    bandwidth::{RATE_MAX, RATE_MIN},
    engine::simulation::Side,
    rtcp::{
        nack, receiver_report,
        transport_feedback::{self, ArrivalTime, Report},
    },
    rtp::header::Header,
};
use common::clock::Clock;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// How an answer agrees to numbered packets, by the id of the offers.
pub(super) const NUMBERED: &str = "a=extmap:3/recvonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=rtcp-fb:96 transport-cc\r\n";

pub(super) const PAYLOAD: [u8; 1000] = [5; 1000];

/// A camera on port 1001, and a subscriber on port 1002 whose answer says this.
pub(super) fn watching(lines: &str) -> Stage {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    answer(&mut stage, lines);
    stage.connect(2, Side::Subscribe, 1002);
    stage
}

fn answer(stage: &mut Stage, lines: &str) {
    let offer = stage.engine.pending_offer(device(2)).expect("something is offered");
    let answer = answer_with(&offer, |_| true, lines);
    let now = stage.clock.now();
    stage.engine.answer(device(2), offer.revision, &answer, now, &mut stage.output).unwrap();
}

/// The payload types and the numbers of the packets that go to the subscriber, which are taken.
pub(super) fn numbers(stage: &mut Stage) -> Vec<(u8, Option<u16>)> {
    let datagrams = stage.datagrams(1002);
    let rtp = datagrams.iter().filter(|datagram| !(192..=223).contains(&datagram[1]));
    rtp.map(|datagram| {
        let header = Header::parse(datagram).unwrap();
        let number = header.extension(3).map(|number| u16::from_be_bytes(number.try_into().unwrap()));
        (header.payload_type, number)
    })
    .collect()
}

/// Says that packets with numbers from `base` on arrived at these times, in milliseconds.
pub(super) fn tell(stage: &mut Stage, base: u16, arrivals: &[Option<u64>]) {
    let mut packet = Vec::new();
    receiver_report::write(&mut packet, 1, &[]);
    let report = Report { ssrc: 1, media: 1, base, number: 0 };
    let times = arrivals.iter().map(|at| at.map(|at| ArrivalTime::after(Duration::from_millis(at))));
    transport_feedback::write(&mut packet, report, times);
    stage.tell(1002, &packet);
}

#[test]
fn packets_of_all_streams_are_numbered_for_who_has_agreed() {
    let mut stage = watching(NUMBERED);
    for number in 1..=3 {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    let (mut wish, ssrc) = (Vec::new(), outgoing(&mut stage));
    nack::write(&mut wish, 1, ssrc, &[2]);
    stage.tell(1002, &wish);
    stage.send(1001, 2001, 4, &PAYLOAD);
    assert_eq!(numbers(&mut stage), [(97, Some(4)), (96, Some(5))]);
    assert!(stage.engine.bandwidth(device(2)).is_some());
}

/// The stream of the packets that wait to be looked at, which are taken.
fn outgoing(stage: &mut Stage) -> u32 {
    let datagrams = stage.datagrams(1002);
    let mut headers = datagrams.iter().filter_map(|datagram| Header::parse(datagram));
    headers.rfind(|header| header.payload_type == 96).unwrap().ssrc
}

#[test]
fn who_has_not_agreed_gets_plain_packets() {
    let mut stage = watching("");
    stage.send(1001, 2001, 1, &PAYLOAD);
    assert_eq!(numbers(&mut stage), [(96, None)]);
    assert_eq!(stage.engine.bandwidth(device(2)), None);
    // Whatever it says of packets without numbers.
    tell(&mut stage, 0, &[Some(1), Some(2)]);
    assert_eq!(numbers(&mut stage), []);
}

/// It loses packets, and tells what arrives, for which the server would like to send it padding.
#[test]
fn who_takes_no_retransmission_streams_gets_nothing_in_them() {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    let offer = stage.engine.pending_offer(device(2)).unwrap();
    let mut plain = answer_with(&offer, |_| true, NUMBERED);
    plain.sections[0].rtx_payload_type = None;
    let now = stage.clock.now();
    stage.engine.answer(device(2), offer.revision, &plain, now, &mut stage.output).unwrap();
    stage.connect(2, Side::Subscribe, 1002);
    for number in 1..=3 {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    let (mut wish, ssrc) = (Vec::new(), outgoing(&mut stage));
    nack::write(&mut wish, 1, ssrc, &[2]);
    stage.tell(1002, &wish);
    tell(&mut stage, 1, &[Some(20), None, Some(21)]);
    stage.pass(Duration::from_millis(500));
    assert_eq!(numbers(&mut stage), []);
    stage.send(1001, 2001, 4, &PAYLOAD);
    assert_eq!(numbers(&mut stage), [(96, Some(4))], "and what is sent first comes");
    let stats = stage.engine.stats();
    assert_eq!((stats.packets_resent, stats.packets_padding), (0, 0));
}

/// A flood, and a receiver that has agreed to feedback and never sends any.
#[test]
fn nothing_waits_for_who_tells_nothing() {
    let mut stage = watching(NUMBERED);
    for number in 1..=500 {
        stage.send(1001, 2001, number, &PAYLOAD);
        assert_eq!(numbers(&mut stage).len(), 1);
        if number % 10 == 0 {
            stage.pass(Duration::from_millis(10));
            numbers(&mut stage);
        }
    }
    assert_eq!(stage.engine.stats().packets_overdue, 0);
}

/// A camera sends ten times what the network is known to carry.
#[test]
fn what_is_too_much_waits_and_goes_in_its_time() {
    let mut stage = watching(NUMBERED);
    stage.send(1001, 2001, 1, &PAYLOAD);
    tell(&mut stage, 1, &[Some(20)]);
    stage.pass(Duration::from_secs(2));
    numbers(&mut stage);
    for number in 2..=101 {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    let at_once = numbers(&mut stage).len();
    assert!((1..50).contains(&at_once), "{at_once} of 100 went at once");
    stage.pass(Duration::from_secs(2));
    let later = numbers(&mut stage);
    assert_eq!(at_once + later.iter().filter(|(kind, _)| *kind == 96).count(), 100, "{later:?}");
    assert_eq!(stage.engine.stats().packets_overdue, 0);
}

/// Packets that nobody keeps any more, by who leaves while they wait.
#[test]
fn what_waits_for_who_leaves_is_forgotten() {
    let mut stage = watching(NUMBERED);
    stage.send(1001, 2001, 1, &PAYLOAD);
    tell(&mut stage, 1, &[Some(20)]);
    for number in 2..=101 {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    stage.engine.leave(device(2), stage.clock.now(), &mut stage.output);
    numbers(&mut stage);
    stage.pass(Duration::from_secs(1));
    assert_eq!(numbers(&mut stage), []);
    assert_eq!(stage.engine.stats().subscriptions, 0);
}

/// And by a track that ends: what waits is not there any more, and counts as such.
#[test]
fn what_waits_of_a_track_that_ends_is_given_up() {
    let mut stage = watching(NUMBERED);
    stage.send(1001, 2001, 1, &PAYLOAD);
    tell(&mut stage, 1, &[Some(20)]);
    for number in 2..=101 {
        stage.send(1001, 2001, number, &PAYLOAD);
    }
    stage.engine.leave(device(1), stage.clock.now(), &mut stage.output);
    numbers(&mut stage);
    stage.pass(Duration::from_secs(1));
    assert_eq!(numbers(&mut stage), []);
    assert!(stage.engine.stats().packets_overdue > 20, "{:?}", stage.engine.stats());
}

/// The attack: reports by the die, of packets that were sent and of others, as fast as they can be made.
#[test]
fn reports_by_the_die_bring_little_padding_and_no_estimate_out_of_bounds() {
    let mut random = StdRng::seed_from_u64(5);
    let mut stage = watching(NUMBERED);
    let (mut bytes, mut media) = (0, 0);
    for number in 1..=2_000 {
        stage.send(1001, 2001, number, &PAYLOAD);
        media += PAYLOAD.len();
        for _ in 0..3 {
            let arrivals: Vec<_> = (0..random.random_range(1..200))
                .map(|_| random.random_bool(0.8).then(|| random.random_range(0..8_000)))
                .collect();
            let newest = u16::try_from(number).unwrap();
            let base = if random.random_bool(0.5) { random.random() } else { newest };
            tell(&mut stage, base, &arrivals);
        }
        stage.pass(Duration::from_millis(5));
        bytes += stage.datagrams(1002).iter().map(Vec::len).sum::<usize>();
        let estimate = stage.engine.bandwidth(device(2)).unwrap().estimate;
        assert!((RATE_MIN..=RATE_MAX).contains(&estimate), "{estimate}");
    }
    assert!(bytes < 2 * media, "{bytes} bytes, of which {media} were media");
}
