//! What participants say to each other in data channels, each with a real stack at its end.

mod bounds;
mod peer;

use super::stage::{Stage, device};
use crate::data::envelope::Delivery::{Lossy, Reliable};
use common::clock::Clock;
use peer::{Peer, Received, enter, exchange, message, opening};
use std::time::Duration;

fn received(from: u16, topic: &str, payload: &[u8], stream: u16) -> Received {
    Received { from: device(from), topic: topic.to_owned(), payload: payload.to_vec(), stream }
}

/// Three in a session, of whom the third may only receive.
fn three() -> (Stage, [Peer; 3]) {
    let mut stage = Stage::new(3);
    let mut peers = [1, 2, 3].map(|n| enter(&mut stage, n));
    stage.engine.allow_data(device(3), false);
    exchange(&mut stage, &mut peers.each_mut());
    (stage, peers)
}

#[test]
fn what_one_says_everybody_else_gets_with_who_said_it() {
    let (mut stage, mut peers) = three();
    peers[0].send(&mut stage, 0, &message(&[], "chat", b"hello"));
    exchange(&mut stage, &mut peers.each_mut());
    let expected = [received(1, "chat", b"hello", 0)];
    assert_eq!(peers.map(|peer| peer.received), [vec![], expected.to_vec(), expected.to_vec()]);
    let stats = stage.engine.stats().data;
    assert_eq!((stats.messages_received, stats.messages_sent), (1, 2));
}

#[test]
fn what_is_directed_goes_to_whom_it_is_for_and_to_nobody_in_another_session() {
    let (mut stage, mut peers) = three();
    let now = stage.clock.now();
    let elsewhere = crate::SessionId::new(2);
    stage.engine.join(elsewhere, device(4), true, now, &mut stage.output);
    let mut stranger = enter(&mut stage, 4);
    exchange(&mut stage, &mut [&mut stranger]);
    peers[0].send(&mut stage, 0, &message(&[2, 4, 9], "", b"for two"));
    let [one, two, three] = &mut peers;
    exchange(&mut stage, &mut [one, two, three, &mut stranger]);
    assert_eq!(peers[1].received, [received(1, "", b"for two", 0)]);
    assert_eq!((&peers[2].received, &stranger.received), (&vec![], &vec![]));
}

#[test]
fn long_messages_come_whole_and_in_their_order() {
    let (mut stage, mut peers) = three();
    let long: Vec<u8> = (0..Reliable.bytes_max()).map(|n| u8::try_from(n % 251).unwrap()).collect();
    for n in 0..8 {
        peers[0].send(&mut stage, 0, &message(&[2], &n.to_string(), &long));
    }
    for _ in 0..200 {
        exchange(&mut stage, &mut peers.each_mut());
        stage.pass(Duration::from_millis(10));
    }
    let topics: Vec<&str> = peers[1].received.iter().map(|it| it.topic.as_str()).collect();
    assert_eq!(topics, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(peers[1].received.iter().all(|it| it.payload == long));
}

#[test]
fn lossy_messages_come_in_the_lossy_channel() {
    let (mut stage, mut peers) = three();
    peers[1].send(&mut stage, 1, &message(&[], "cursor", &[7; 1200]));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[0].received, [received(2, "cursor", &[7; 1200], 1)]);
    assert_eq!(Lossy.bytes_max(), 1200);
}

#[test]
fn a_lost_reliable_message_comes_later_and_a_lossy_one_never() {
    let (mut stage, mut peers) = three();
    for stream in [0, 1] {
        peers[0].send(&mut stage, stream, &message(&[2], "lost", b""));
        stage.engine.flush(stage.clock.now(), &mut stage.output);
        stage.output.clear_datagrams();
        peers[0].send(&mut stage, stream, &message(&[2], "next", b""));
    }
    for _ in 0..60 {
        exchange(&mut stage, &mut peers.each_mut());
        stage.pass(Duration::from_millis(100));
    }
    let mut topics: Vec<(u16, &str)> =
        peers[1].received.iter().map(|it| (it.stream, it.topic.as_str())).collect();
    topics.sort_unstable();
    assert_eq!(topics, [(0, "lost"), (0, "next"), (1, "next")]);
}

#[test]
fn who_may_not_send_is_not_heard_and_hears() {
    let (mut stage, mut peers) = three();
    peers[2].send(&mut stage, 0, &message(&[], "", b"psst"));
    peers[0].send(&mut stage, 0, &message(&[], "", b"hello"));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[1].received, [received(1, "", b"hello", 0)]);
    assert_eq!(peers[2].received, [received(1, "", b"hello", 0)]);
    assert_eq!(stage.engine.stats().data.dropped_forbidden, 1);
}

#[test]
fn channels_that_are_opened_in_band_are_known_by_their_labels() {
    let (mut stage, mut peers) = three();
    // As a DTLS client numbers its own: the second is not the one that was agreed on beforehand.
    for (stream, label) in [(2, "lossy"), (4, "reliable"), (6, "another")] {
        peers[1].control(&mut stage, stream, &opening(label));
    }
    exchange(&mut stage, &mut peers.each_mut());
    peers[1].acknowledged.sort_unstable();
    assert_eq!(peers[1].acknowledged, [2, 4]);
    assert_eq!(peers[1].closed, [6], "and no other is there");
    peers[1].send(&mut stage, 4, &message(&[], "", b"from"));
    peers[0].send(&mut stage, 0, &message(&[], "", b"to"));
    peers[0].send(&mut stage, 1, &message(&[], "", b"to"));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[0].received, [received(2, "", b"from", 0)]);
    let mut streams: Vec<u16> = peers[1].received.iter().map(|it| it.stream).collect();
    streams.sort_unstable();
    assert_eq!(streams, [2, 4]);
}

#[test]
fn data_is_added_and_ended_by_other_descriptions() {
    let mut stage = Stage::new(2);
    let mut peers = [1, 2].map(|n| enter(&mut stage, n));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(stage.engine.footprint().associations, 2);
    let answer = peers[0].offer(&mut stage, 1, &peer::section(0));
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{answer}");
    assert_eq!(stage.engine.footprint().associations, 1);
    peers[0].send(&mut stage, 0, &message(&[], "", b"nobody listens"));
    exchange(&mut stage, &mut peers.each_mut());
    assert_eq!(peers[1].received, []);
    stage.engine.leave(device(2), stage.clock.now(), &mut stage.output);
    assert_eq!(stage.engine.footprint().associations, 0);
    assert_eq!(stage.engine.data.next_deadline(), None);
}
