//! How a transport begins: checks that come before the answer, and handshakes that fail.

use super::{
    client::{Client, talk},
    stage::{Stage, address, answer, cameras, device},
};
use crate::{LossReason, MediaEvent, engine::simulation::check, transport::handshake::FAULT_TIME};
use common::clock::Clock;
use std::time::Duration;

fn lost(stage: &mut Stage) -> Vec<LossReason> {
    let reason = |event| match event {
        MediaEvent::Lost { reason, .. } => Some(reason),
        MediaEvent::Offer { .. }
        | MediaEvent::Speaking { .. }
        | MediaEvent::Subscriptions { .. }
        | MediaEvent::Layers { .. } => None,
    };
    stage.output.take_events().filter_map(reason).collect()
}

/// A camera is offered to the second participant, whose client has read that.
fn offered(is_passive: bool) -> (Stage, Client) {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    let mut client = Client::new(&stage, 1002, is_passive);
    client.read(&stage.engine.pending_offer(device(2)).unwrap().sdp);
    (stage, client)
}

fn check_and_talk(stage: &mut Stage, client: &mut Client) {
    let request = client.check(true);
    stage.receive(address(client.port), request);
    talk(stage, &mut [client]);
}

fn describe(stage: &mut Stage, client: &Client) {
    let offer = stage.engine.pending_offer(device(2)).unwrap();
    let (now, description) = (stage.clock.now(), client.describe(answer(&offer, |_| true)));
    stage.engine.answer(device(2), offer.revision, &description, now, &mut stage.output).unwrap();
}

fn is_connected(stage: &Stage) -> bool {
    let id = stage.engine.sessions.find(device(2)).and_then(|id| stage.engine.sessions.get(id)?.subscribe);
    stage.engine.transports.get(id.unwrap()).unwrap().is_connected()
}

#[test]
fn checks_before_the_answer_are_answered_and_the_handshake_is_done_by_then() {
    let (mut stage, mut client) = offered(false);
    check_and_talk(&mut stage, &mut client);
    assert_eq!(client.responses, 1);
    assert!(client.keys.is_some(), "nothing of the answer is needed for that");
    assert!(!is_connected(&stage), "who it is is not known yet");
    describe(&mut stage, &client);
    assert!(is_connected(&stage));
    let before = stage.engine.footprint().transports;
    stage.engine.leave(device(2), stage.clock.now(), &mut stage.output);
    assert_eq!(stage.engine.footprint().transports, before - 1);
}

/// As DTLS client the server begins with the answer, at once, where the checks came from.
#[test]
fn the_server_begins_the_handshake_with_the_answer() {
    let (mut stage, mut client) = offered(true);
    check_and_talk(&mut stage, &mut client);
    assert_eq!(client.responses, 1);
    describe(&mut stage, &client);
    let log = talk(&mut stage, &mut [&mut client]);
    assert!(log.iter().any(|(port, datagram)| *port == 1002 && datagram[0] == 22));
    // What is more than three times what came waits for more to come.
    for _ in 0..30 {
        check_and_talk(&mut stage, &mut client);
        stage.pass(Duration::from_millis(100));
    }
    assert!(is_connected(&stage));
}

/// The attack: who has read the offer shakes hands first, and the answer comes from somebody else.
#[test]
fn who_shook_hands_before_the_answer_and_is_not_its_author_is_lost() {
    let (mut stage, mut stranger) = offered(false);
    check_and_talk(&mut stage, &mut stranger);
    assert!(stranger.keys.is_some());
    let author = Client::new(&stage, 1003, false);
    describe(&mut stage, &author);
    assert!(!is_connected(&stage));
    assert_eq!(lost(&mut stage), [LossReason::WrongCertificate]);
    stage.pass(Duration::from_secs(25));
    assert_eq!(lost(&mut stage), [], "it is said once");
}

/// The attack: before there is an answer, too, who does not know the password leaves nothing behind.
#[test]
fn strangers_get_nothing_before_the_answer_either() {
    let (mut stage, client) = offered(false);
    let before = stage.engine.footprint();
    let (ufrag, _) = super::client::names(&stage.engine.pending_offer(device(2)).unwrap().sdp);
    for port in 2000..3000 {
        stage.receive(address(port), check((&ufrag, "a wrong password"), "abcd", true, [1; 12]));
        stage.receive(address(port), vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }
    assert_eq!((stage.engine.footprint(), stage.output.runs().count()), (before, 0));
    drop(client);
}

/// A deadline that comes again and again would keep a core busy.
#[test]
fn who_has_shaken_hands_and_never_answers_is_hardly_looked_after() {
    let (mut stage, mut client) = offered(false);
    check_and_talk(&mut stage, &mut client);
    assert!(client.keys.is_some());
    let (end, mut looks) = (stage.clock.now() + Duration::from_secs(10), 0);
    while let Some(next) = stage.engine.next_deadline().filter(|next| *next <= end) {
        stage.clock.advance(next.saturating_duration_since(stage.clock.now()));
        stage.engine.handle_deadline(stage.clock.now(), &mut stage.output);
        looks += 1;
        assert!(looks < 100, "after {:?}", end.saturating_duration_since(stage.clock.now()));
    }
}

/// Who never answers costs one transport, however often it is offered something.
#[test]
fn unanswered_offers_open_one_transport() {
    let (mut stage, _client) = offered(false);
    for mids in [&[0, 1][..], &[0], &[0, 1, 2]] {
        stage.publish(1, mids);
        stage.pass(Duration::from_secs(16));
    }
    assert!(stage.engine.footprint().transports <= 2);
    assert!(stage.engine.transports.names() <= 2);
}

#[test]
fn the_certificate_of_another_is_named_as_the_reason() {
    let mut stage = Stage::new(1);
    let mut client = Client::new(&stage, 1001, false);
    let now = stage.clock.now();
    client.read(&stage.engine.publish(device(1), &cameras(&[0]), now, &mut stage.output).unwrap());
    check_and_talk(&mut stage, &mut client);
    assert_eq!(lost(&mut stage), [LossReason::WrongCertificate]);
}

/// A camera that is described and has checked, before its handshake.
fn described() -> (Stage, Client) {
    let mut stage = Stage::new(1);
    let mut client = Client::new(&stage, 1001, false);
    let now = stage.clock.now();
    let offer = client.describe(cameras(&[0]));
    client.read(&stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap());
    let request = client.check(true);
    stage.receive(address(1001), request);
    (stage, client)
}

/// A fatal alert in the clear (RFC 5246, section 7.2): handshake_failure.
const ALERT: [u8; 15] = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];

#[test]
fn a_fatal_alert_ends_the_transport_and_is_the_reason() {
    let (mut stage, _client) = described();
    stage.receive(address(1001), ALERT.to_vec());
    stage.pass(FAULT_TIME + Duration::from_millis(50));
    let lost = lost(&mut stage);
    assert_eq!(lost, [LossReason::Dtls("handshake_failure (40)".to_owned())]);
}

/// The attack: anybody can send an alert before there are keys. The handshake goes on.
#[test]
fn a_forged_alert_ends_no_handshake() {
    let (mut stage, mut client) = described();
    stage.receive(address(1001), ALERT.to_vec());
    talk(&mut stage, &mut [&mut client]);
    assert!(client.keys.is_some());
    stage.receive(address(1001), ALERT.to_vec());
    for _ in 0..5 {
        check_and_talk(&mut stage, &mut client);
        stage.pass(FAULT_TIME / 2);
    }
    assert_eq!(lost(&mut stage), []);
}

#[test]
fn who_closes_the_association_has_gone() {
    let (mut stage, mut client) = described();
    talk(&mut stage, &mut [&mut client]);
    client.close(&mut stage);
    assert_eq!(lost(&mut stage), [LossReason::Closed]);
}

#[test]
fn silence_and_absence_have_names() {
    let (mut stage, mut client) = described();
    talk(&mut stage, &mut [&mut client]);
    stage.pass(Duration::from_secs(31));
    assert_eq!(lost(&mut stage), [LossReason::Silent]);
    let (mut stage, _silent) = described();
    stage.pass(Duration::from_secs(31));
    assert_eq!(lost(&mut stage), [LossReason::Unfinished]);
    let mut stage = Stage::new(1);
    stage.publish(1, &[0]);
    stage.pass(Duration::from_secs(31));
    assert_eq!(lost(&mut stage), [LossReason::Unheard]);
}

/// A page that builds its connection anew has another certificate, and knows nothing of the association of before.
#[test]
fn who_comes_with_another_certificate_begins_anew() {
    let mut stage = Stage::new(2);
    let publish = |stage: &mut Stage, client: &mut Client, name: &str| {
        let (now, mut offer) = (stage.clock.now(), client.describe(cameras(&[0])));
        offer.ufrag = name.to_owned();
        client.read(&stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap());
        check_and_talk(stage, client);
    };
    let (mut first, mut second) = (Client::new(&stage, 1001, false), Client::new(&stage, 1005, false));
    publish(&mut stage, &mut first, "abcd");
    assert!(first.keys.is_some());
    let (footprint, before) = (stage.engine.footprint(), stage.answer(2, |_| true));
    publish(&mut stage, &mut second, "wxyz");
    assert!(second.keys.is_some());
    assert_eq!(stage.engine.footprint(), footprint, "nothing is left of the first");
    assert!(stage.answer(2, |_| true).revision > before.revision);
    second.send(&mut stage, 2001, 1);
    assert_eq!(stage.engine.stats().packets_received, 1);
    assert_eq!(lost(&mut stage), []);
}
