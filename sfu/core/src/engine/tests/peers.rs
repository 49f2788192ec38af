//! Who is at the other end, where, and for how long without a sign of life.

use super::stage::{Stage, address, device, server};
use crate::MediaEvent;
use crate::{
    Offer,
    engine::simulation::{Side, check},
    transport::{
        addresses::{ADDRESSES_MAX, CONSENT_TIME},
        phase::{FIRST_CHECK_TIME, HANDSHAKE_TIME},
    },
};
use std::time::Duration;

/// The name and the password that a description of ours gives.
fn names(sdp: &str) -> (&str, &str) {
    let value = |key: &str| sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    (value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

/// A camera on port 1001 and its subscriber on port 1002, and the offer that the subscriber took.
fn watching() -> (Stage, Offer) {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    let offer = stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    (stage, offer)
}

fn lost(stage: &mut Stage) -> Vec<common::id::ConnectionId> {
    let events = stage.output.take_events();
    events
        .filter_map(|event| match event {
            MediaEvent::Lost { participant } => Some(participant),
            MediaEvent::Offer { .. } => None,
        })
        .collect()
}

#[test]
fn checks_from_ever_more_ports_are_answered_and_the_oldest_ports_forgotten() {
    let (mut stage, offer) = watching();
    for port in 2000..10_000 {
        let request = check(names(&offer.sdp), "abcd", false, [1; 12]);
        stage.receive(address(port), request);
        assert_eq!(stage.datagrams(port).len(), 1, "port {port} is answered");
        let footprint = stage.engine.footprint();
        assert!(footprint.addresses_per_transport <= ADDRESSES_MAX, "{footprint:?}");
        assert!(footprint.addresses_per_agent <= 2 * ADDRESSES_MAX, "{footprint:?}");
        assert!(footprint.addresses <= ADDRESSES_MAX + 1, "{footprint:?}");
    }
    stage.send(1001, 2001, 1, b"picture");
    assert_eq!(stage.packets(1002).len(), 1, "the address in use is not forgotten");
}

/// Passes for the wrong reason if none of it were read: the counter says that all was refused.
#[test]
fn strangers_leave_nothing_behind() {
    let (mut stage, offer) = watching();
    let before = stage.engine.footprint();
    let (ufrag, _) = names(&offer.sdp);
    for port in 2000..4000 {
        stage.receive(address(port), check((ufrag, "a wrong password"), "abcd", true, [1; 12]));
        stage.receive(address(port), vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        stage.receive(address(port), vec![0x80; 100]);
    }
    assert_eq!(stage.engine.footprint(), before);
    assert_eq!(stage.engine.stats().datagrams_refused, 6000);
    assert_eq!(stage.output.runs().count(), 0, "and get no answer");
}

#[test]
fn media_follows_a_nomination_and_ends_with_consent() {
    let (mut stage, offer) = watching();
    let nominate = |stage: &mut Stage, port| {
        stage.receive(address(port), check(names(&offer.sdp), "abcd", true, [2; 12]));
        stage.output.clear_datagrams();
    };
    let reaches = |stage: &mut Stage, port| {
        let number = 10 + stage.engine.stats().packets_received;
        stage.send(1001, 2001, number, b"picture");
        let packets = stage.datagrams(port);
        packets.iter().any(|datagram| datagram[0] == 0x80)
    };
    nominate(&mut stage, 3000);
    assert!(reaches(&mut stage, 3000));
    // From now on only the first port asks for it, the other never again.
    for second in 0..CONSENT_TIME.as_secs() + 2 {
        stage.receive(address(1002), check(names(&offer.sdp), "abcd", false, [4; 12]));
        assert_eq!(reaches(&mut stage, 3000), second <= CONSENT_TIME.as_secs(), "second {second}");
        stage.send(1001, 2001, 10 + stage.engine.stats().packets_received, b"picture");
        stage.pass(Duration::from_secs(1));
        stage.output.clear_datagrams();
    }
    assert!(reaches(&mut stage, 1002), "who asks gets it");
}

#[test]
fn who_never_checks_is_lost() {
    let mut stage = Stage::new(1);
    stage.publish(1, &[0]);
    stage.pass(FIRST_CHECK_TIME);
    assert_eq!(lost(&mut stage), []);
    stage.pass(Duration::from_millis(100));
    assert_eq!(lost(&mut stage), [device(1)]);
    stage.pass(FIRST_CHECK_TIME);
    assert_eq!(lost(&mut stage), [], "it is said once");
}

/// Checks keep coming, so that silence is not the reason.
#[test]
fn who_checks_and_never_finishes_the_handshake_is_lost() {
    let mut stage = Stage::new(1);
    let now = common::clock::Clock::now(&stage.clock);
    let offer = super::stage::cameras(&[0]);
    let answer = stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap();
    let mut seconds = 0;
    let lost = loop {
        stage.receive(address(1001), check(names(&answer), "abcd", true, [5; 12]));
        let lost = lost(&mut stage);
        if !lost.is_empty() {
            break lost;
        }
        stage.pass(Duration::from_secs(1));
        seconds += 1;
        assert!(seconds < 60, "it never is");
    };
    assert_eq!(lost, [device(1)]);
    assert!(seconds <= HANDSHAKE_TIME.as_secs() + 1, "{seconds} s");
}

/// As DTLS client the server speaks first; what it repeats is paid for by what comes.
#[test]
fn a_peer_that_has_not_proved_itself_gets_no_more_than_three_times_what_it_sends() {
    let mut stage = Stage::new(1);
    let now = common::clock::Clock::now(&stage.clock);
    let mut offer = super::stage::cameras(&[0]);
    offer.is_passive = true;
    let answer = stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap();
    let request = check(names(&answer), "abcd", true, [6; 12]);
    let sent = request.len();
    stage.receive(address(1001), request);
    let mut got = 0;
    let mut records = 0;
    for _ in 0..150 {
        let datagrams = stage.datagrams(1001);
        records += datagrams.iter().filter(|datagram| datagram[0] == 22).count();
        got += datagrams.iter().map(Vec::len).sum::<usize>();
        stage.pass(Duration::from_millis(100));
    }
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    assert_eq!(server().port(), 7882);
    assert!(records >= 1, "the handshake begins");
}
