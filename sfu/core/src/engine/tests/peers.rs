//! Who is at the other end, where, and for how long without a sign of life.

use super::stage::{Stage, address, device, server};
use crate::MediaEvent;
use crate::{
    Offer,
    engine::simulation::{Side, check, reply},
    transport::{
        addresses::{ADDRESSES_MAX, CHECK_INTERVAL, CONSENT_TIME},
        phase::{FIRST_CHECK_TIME, HANDSHAKE_TIME},
    },
};
use std::time::Duration;

/// The name and the password that a description of ours gives.
pub(super) fn names(sdp: &str) -> (&str, &str) {
    let value = |key: &str| sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    (value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

/// A camera on port 1001 and its subscriber on port 1002, and the offer that the subscriber took.
pub(super) fn watching() -> (Stage, Offer) {
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
            MediaEvent::Lost { participant, .. } => Some(participant),
            MediaEvent::Offer { .. }
            | MediaEvent::Speaking { .. }
            | MediaEvent::Subscriptions { .. }
            | MediaEvent::Layers { .. } => None,
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

fn nominate(stage: &mut Stage, offer: &Offer, port: u16) -> usize {
    let request = check(names(&offer.sdp), "abcd", true, [2; 12]);
    let bytes = request.len();
    stage.receive(address(port), request);
    bytes
}

/// Where the camera's next packet goes.
fn goes_to(stage: &mut Stage) -> Vec<u16> {
    let number = 10 + stage.engine.stats().packets_received;
    stage.output.clear_datagrams();
    stage.send(1001, 2001, number, b"picture");
    let ports = stage.output.runs().map(|run| run.destination.port()).collect();
    stage.output.clear_datagrams();
    ports
}

/// The attack: who knows the password forges the address that a nomination comes from, and a stranger
/// gets everything that the room sees.
#[test]
fn a_nomination_from_a_forged_address_moves_no_media_there() {
    let (mut stage, offer) = watching();
    let (mut sent, mut got, mut asked) = (0, 0, 0);
    // It is paid for by what comes, and says nothing of the address in use.
    for round in 0..200 {
        sent += nominate(&mut stage, &offer, 3000);
        let datagrams = stage.datagrams(3000);
        got += datagrams.iter().map(Vec::len).sum::<usize>();
        asked += datagrams.iter().filter(|datagram| datagram.starts_with(&[0, 1])).count();
        assert_eq!(goes_to(&mut stage), [1002], "round {round}");
        stage.pass(Duration::from_millis(100));
    }
    assert!(asked > 10, "it is asked");
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    // Nobody is there to answer, and answers to what nobody heard are guesses.
    for guess in 0..100 {
        let request = check(("abcd", "0123456789abcdef01234567"), "efgh", false, [guess; 12]);
        stage.receive(address(3000), reply(&request, "0123456789abcdef01234567").unwrap());
    }
    assert_eq!(goes_to(&mut stage), [1002]);
}

#[test]
fn media_follows_a_nomination_within_one_round_trip() {
    let (mut stage, offer) = watching();
    nominate(&mut stage, &offer, 3000);
    assert_eq!(stage.reply(3000), 1, "it is asked at once");
    assert_eq!(goes_to(&mut stage), [3000]);
}

#[test]
fn a_lost_check_delays_media_for_a_moment() {
    let (mut stage, offer) = watching();
    nominate(&mut stage, &offer, 3000);
    assert_eq!(goes_to(&mut stage), [1002], "until it answers, media goes on as before");
    stage.pass(Duration::from_millis(300));
    assert_eq!(stage.reply(3000), 1, "it is asked again");
    assert_eq!(goes_to(&mut stage), [3000]);
}

/// Passes for the wrong reason if checks of the client's counted: it sends them all the time.
#[test]
fn media_ends_where_the_servers_checks_are_not_answered() {
    let (mut stage, offer) = watching();
    let live = |stage: &mut Stage, ports: &[u16], seconds: u64, answers: Option<u16>| {
        for _ in 0..seconds {
            for &port in ports {
                stage.receive(address(port), check(names(&offer.sdp), "abcd", false, [4; 12]));
            }
            stage.output.clear_datagrams();
            stage.pass(Duration::from_secs(1));
            answers.map(|port| stage.reply(port));
            goes_to(stage);
        }
    };
    live(&mut stage, &[1002], 3 * CONSENT_TIME.as_secs(), Some(1002));
    assert_eq!(goes_to(&mut stage), [1002], "it answers");
    live(&mut stage, &[1002], CONSENT_TIME.as_secs() - CHECK_INTERVAL.as_secs() - 1, None);
    assert_eq!(goes_to(&mut stage), [1002], "for a while it may not hear us");
    live(&mut stage, &[1002], CHECK_INTERVAL.as_secs() + 2, None);
    assert!(goes_to(&mut stage).is_empty(), "it hears nothing");
    live(&mut stage, &[1003], 1, Some(1003));
    assert_eq!(goes_to(&mut stage), [1003], "who asks and answers gets it");
}

/// The attack: who has a transport forges checks from the address of somebody on another.
#[test]
fn an_address_in_use_is_not_given_to_another_transport() {
    let (mut stage, offer) = watching();
    stage.receive(address(1001), check(names(&offer.sdp), "abcd", true, [3; 12]));
    assert_eq!(goes_to(&mut stage), [1002], "the camera is heard");
    // Who has left it, some seconds ago, does not keep it.
    stage.pass(Duration::from_secs(11));
    stage.receive(address(1001), check(names(&offer.sdp), "abcd", true, [3; 12]));
    assert!(goes_to(&mut stage).is_empty());
    assert_eq!(
        stage.engine.transports.by_address(address(1001).into()),
        stage.engine.transports.by_address(address(1002).into())
    );
}

/// The same description under other credentials.
fn renamed(mut remote: crate::sdp::parse::Remote) -> crate::sdp::parse::Remote {
    remote.ufrag = "wxyz".to_owned();
    remote.pwd = "another0password00another".to_owned();
    remote
}

/// RFC 8445, section 9: both sides have other credentials; keys, streams and the path in use stay until there is another.
#[test]
fn a_client_that_restarts_ice_goes_on_by_another_path_under_other_credentials() {
    let mut stage = Stage::new(2);
    let now = common::clock::Clock::now(&stage.clock);
    let cameras = super::stage::cameras(&[0]);
    let before = stage.engine.publish(device(1), &cameras, now, &mut stage.output).unwrap();
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    stage.offered(2);
    let same = stage.engine.publish(device(1), &cameras, now, &mut stage.output).unwrap();
    assert_eq!(names(&before), names(&same), "another offer of the same is no restart");

    let restart = renamed(super::stage::cameras(&[0]));
    let after = stage.engine.publish(device(1), &restart, now, &mut stage.output).unwrap();
    assert_ne!(names(&before), names(&after));
    assert!(stage.offered(2).is_none(), "nobody else is concerned");
    assert_eq!(goes_to(&mut stage), [1002], "what comes by the path in use is forwarded");
    stage.receive(address(4001), check(names(&before), "abcd", true, [7; 12]));
    assert!(stage.datagrams(4001).is_empty(), "the former credentials count no more");
    stage.receive(address(4001), check(names(&after), "wxyz", true, [8; 12]));
    assert!(!stage.datagrams(4001).is_empty());
    stage.ends.get_mut(&1001).unwrap().address = address(4001);
    assert_eq!(goes_to(&mut stage), [1002], "from the new address, under the keys of before");
    assert_eq!(stage.engine.footprint().transports, 2);
}

#[test]
fn a_participant_whose_network_has_changed_is_offered_the_same_under_other_credentials() {
    let (mut stage, offer) = watching();
    let restart = |stage: &mut Stage| {
        let now = common::clock::Clock::now(&stage.clock);
        stage.engine.restart_ice(device(2), now, &mut stage.output);
    };
    restart(&mut stage);
    let again = stage.offered(2).expect("an offer");
    assert_ne!(names(&again.sdp), names(&offer.sdp));
    let tracks = |offer: &Offer| offer.tracks.iter().map(|track| track.mid.clone()).collect::<Vec<_>>();
    assert_eq!(tracks(&again), tracks(&offer));
    restart(&mut stage);
    assert!(stage.offered(2).is_none(), "one offer at a time");
    let now = common::clock::Clock::now(&stage.clock);
    let answer = renamed(super::stage::answer(&again, |_| true));
    stage.engine.answer(device(2), again.revision, &answer, now, &mut stage.output).unwrap();
    assert!(stage.offered(2).is_some(), "which was asked for meanwhile");
    assert_eq!(goes_to(&mut stage), [1002], "media goes on meanwhile");
    stage.receive(address(3000), check(names(&offer.sdp), "abcd", true, [9; 12]));
    assert!(stage.datagrams(3000).is_empty(), "the former credentials count no more");
    stage.receive(address(3000), check(names(&again.sdp), "wxyz", true, [9; 12]));
    assert!(!stage.datagrams(3000).is_empty());
    let stranger = device(9);
    stage.engine.restart_ice(stranger, now, &mut stage.output);
    stage.engine.restart_ice(device(1), now, &mut stage.output);
    assert!(stage.offered(1).is_none(), "who was offered nothing has nothing to restart");
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
