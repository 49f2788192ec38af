//! Peers on TCP connections beside peers by UDP.

use super::{
    peers::{names, watching},
    stage::{PASSWORD, Stage, address, server},
};
use crate::{
    Offer, TcpConnection, TransportAddress,
    engine::simulation::{check, reply},
};
use common::clock::Clock;
use std::time::Duration;

/// The connection of this number from the port by which the receiver is reached by UDP.
fn connection(number: u64) -> TransportAddress {
    TransportAddress::Tcp(address(1002), TcpConnection::new(number))
}

fn receive(stage: &mut Stage, from: TransportAddress, mut packet: Vec<u8>) -> bool {
    let now = stage.clock.now();
    stage.engine.handle_datagram(from, server(), &mut packet, now, &mut stage.output)
}

fn asks(stage: &mut Stage, offer: &Offer, from: TransportAddress, nominates: bool) -> bool {
    receive(stage, from, check(names(&offer.sdp), "abcd", nominates, [2; 12]))
}

/// Answers the server's checks on a connection, or by UDP; how many there were.
fn answers(stage: &mut Stage, at: TransportAddress) -> usize {
    let runs = stage.output.runs().filter(|run| run.destination == at);
    let datagrams: Vec<_> = runs.flat_map(|run| run.bytes.chunks(run.segment).map(<[u8]>::to_vec)).collect();
    stage.output.clear_datagrams();
    let replies: Vec<_> = datagrams.iter().filter_map(|datagram| reply(datagram, PASSWORD)).collect();
    replies.into_iter().filter(|answer| receive(stage, at, answer.clone())).count()
}

/// Where the camera's next packet goes.
fn goes_to(stage: &mut Stage) -> Vec<TransportAddress> {
    let number = 10 + stage.engine.stats().packets_received;
    stage.output.clear_datagrams();
    stage.send(1001, 2001, number, b"picture");
    let destinations = stage.output.runs().map(|run| run.destination).collect();
    stage.output.clear_datagrams();
    destinations
}

/// Passes for the wrong reason if the ports differed: only the protocol does, and the connection.
#[test]
fn media_follows_a_nomination_from_udp_to_a_connection_from_the_same_port_and_back() {
    let (mut stage, offer) = watching();
    let udp = TransportAddress::from(address(1002));
    assert_eq!(goes_to(&mut stage), [udp]);
    assert!(asks(&mut stage, &offer, connection(1), true));
    assert_eq!(goes_to(&mut stage), [udp], "it has proved nothing yet");
    stage.pass(Duration::from_millis(300));
    assert_eq!(answers(&mut stage, connection(1)), 1);
    assert_eq!(goes_to(&mut stage), [connection(1)]);
    assert!(asks(&mut stage, &offer, udp, true));
    answers(&mut stage, udp);
    assert_eq!(goes_to(&mut stage), [udp]);
}

#[test]
fn media_goes_on_by_udp_at_once_when_a_connection_is_gone_and_by_the_next_when_that_answers() {
    let (mut stage, offer) = watching();
    let udp = TransportAddress::from(address(1002));
    assert!(asks(&mut stage, &offer, udp, false), "it is checked from there, too");
    assert!(asks(&mut stage, &offer, connection(1), true));
    answers(&mut stage, connection(1));
    assert_eq!(goes_to(&mut stage), [connection(1)]);
    let now = stage.clock.now();
    stage.engine.forget_address(connection(1), now, &mut stage.output);
    assert_eq!(goes_to(&mut stage), [udp]);
    let addresses = stage.engine.footprint().addresses;
    assert!(asks(&mut stage, &offer, connection(2), true));
    assert_eq!(goes_to(&mut stage), [udp], "what another connection proved does not count on this one");
    stage.pass(Duration::from_millis(300));
    answers(&mut stage, connection(2));
    assert_eq!(goes_to(&mut stage), [connection(2)]);
    assert_eq!(stage.engine.footprint().addresses, addresses + 1);
}

#[test]
fn a_connection_that_is_gone_leaves_nothing_behind_and_strangers_get_none() {
    let (mut stage, offer) = watching();
    let before = stage.engine.footprint();
    let wrong = check((names(&offer.sdp).0, "a wrong password"), "abcd", true, [1; 12]);
    for number in 1..1000 {
        assert!(!receive(&mut stage, connection(number), wrong.clone()));
        assert!(!receive(&mut stage, connection(number), vec![0x80; 100]));
        assert!(asks(&mut stage, &offer, connection(number), true));
        let now = stage.clock.now();
        stage.engine.forget_address(connection(number), now, &mut stage.output);
        stage.output.clear_datagrams();
    }
    assert_eq!(stage.engine.footprint(), before);
    let now = stage.clock.now();
    stage.engine.forget_address(connection(5000), now, &mut stage.output);
    assert_eq!(goes_to(&mut stage), [TransportAddress::from(address(1002))]);
}
