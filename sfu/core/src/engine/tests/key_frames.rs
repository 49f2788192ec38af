//! Key frames that somebody waits for, while their publisher cannot be asked yet.

use super::{
    client::{Client, talk},
    stage::{Stage, address, cameras, device},
};
use crate::{
    engine::simulation::Side,
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::encoding::Encoding,
};
use common::clock::Clock;
use std::time::Duration;

/// A camera on port 1001 whose description names no streams, and a subscriber on port 1002.
fn nameless() -> Stage {
    let mut stage = Stage::new(2);
    let mut described = cameras(&[0]);
    described.sections[0].encodings = vec![Encoding::default()];
    let now = stage.clock.now();
    stage.engine.publish(device(1), &described, now, &mut stage.output).unwrap();
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    stage
}

/// The first packet was lost, and comes in the other stream.
#[test]
fn a_publisher_that_is_heard_first_by_what_it_sends_again_is_asked_as_soon_as_its_stream_is_known() {
    let mut stage = nameless();
    let (sealer, ssrc, sequence) = (stage.sealer(1001), 2002, SeqNo::from_extended(1));
    let header =
        PlainHeader { has_padding: false, marker: true, payload_type: 97, sequence: 1, timestamp: 1, ssrc };
    let mut datagram = Vec::new();
    assert!(sealer.rtp(&header.to_bytes(), &[&[0, 1], b"picture"], ssrc, sequence, 0, &mut datagram));
    stage.forward(1001, datagram);
    assert_eq!(stage.engine.stats().packets_received, 1);
    assert_eq!(stage.datagrams(1001).len(), 0, "nobody knows what to ask for");
    stage.send(1001, 2001, 2, b"picture");
    assert_eq!(stage.datagrams(1001).len(), 1);
}

/// What the server said in the handshake went to two ports, so that it has to ask which of them is heard.
#[test]
fn a_publisher_is_asked_when_a_path_leads_to_it() {
    let mut stage = Stage::new(2);
    let mut camera = Client::new(&stage, 1001, true);
    let now = stage.clock.now();
    let offer = camera.describe(cameras(&[0]));
    camera.read(&stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap());
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    // It begins at the first address, and the client nominates the second.
    camera.others.insert(1003);
    let request = camera.check(false);
    stage.receive(address(1003), request);
    for _ in 0..30 {
        let request = camera.check(true);
        stage.receive(address(1001), request);
        talk(&mut stage, &mut [&mut camera]);
        stage.pass(Duration::from_millis(100));
    }
    assert!(camera.keys.is_some());
    assert_eq!(camera.media.len(), 1, "it is asked once, and nothing else is said");
}
