//! What an engine hands out of sessions that are recorded.

use super::stage::{Stage, device};
use crate::{
    SessionId,
    engine::simulation::Side,
    recording::{Recorded, RecordedItem},
    rtp::{header::PlainHeader, sequence::SeqNo},
};
use common::clock::Clock;

/// A camera on port 1001 that is sent to device 2.
fn camera() -> Stage {
    let mut stage = Stage::new(2);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    stage
}

fn record(stage: &mut Stage, is_recorded: bool) {
    let now = stage.clock.now();
    stage.engine.record(SessionId::new(1), is_recorded, now, &mut stage.output);
}

/// The numbers and payloads of what was handed out.
fn handed_out(recorded: &Recorded) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    for item in recorded.items() {
        if let RecordedItem::Packets { track, packets, .. } = item {
            assert_eq!((track.participant, track.session), (device(1), SessionId::new(1)));
            all.extend(recorded.packets(packets.clone()).map(|it| (it.sequence, it.payload.to_vec())));
        }
    }
    all
}

#[test]
fn nothing_is_handed_out_of_a_session_that_is_not_recorded() {
    let mut stage = camera();
    stage.send(1001, 2001, 1, b"picture");
    assert!(stage.output.take_recorded().is_none());
    record(&mut stage, true);
    stage.send(1001, 2001, 2, b"picture");
    assert!(stage.output.take_recorded().is_some());
    record(&mut stage, false);
    stage.send(1001, 2001, 3, b"picture");
    assert!(stage.output.take_recorded().is_none());
}

#[test]
fn packets_are_handed_out_decrypted_once_and_those_sent_again_as_if_they_had_come() {
    let mut stage = camera();
    record(&mut stage, true);
    stage.send(1001, 2001, 1, b"first");
    stage.send(1001, 2001, 3, b"third");
    stage.send(1001, 2001, 3, b"third");
    // The second one comes in the other stream (RFC 4588), its number first.
    let header = PlainHeader {
        has_padding: false,
        marker: true,
        payload_type: 97,
        sequence: 1,
        timestamp: 1,
        ssrc: 2002,
    };
    let mut datagram = Vec::new();
    let again: [&[u8]; 2] = [&[0, 2], b"second"];
    let sequence = SeqNo::from_extended(1);
    assert!(stage.sealer(1001).rtp(&header.to_bytes(), &again, 2002, sequence, 0, &mut datagram));
    stage.forward(1001, datagram);
    let recorded = stage.output.take_recorded().expect("packets came");
    let numbered = |at: u64, payload: &[u8]| (65_536 + at, payload.to_vec());
    let expected = [numbered(1, b"first"), numbered(3, b"third"), numbered(2, b"second")];
    assert_eq!(handed_out(&recorded), expected);
    assert!(stage.output.take_recorded().is_none(), "it was taken");
}

#[test]
fn publishers_are_asked_for_a_key_frame_when_a_recording_begins_and_when_it_waits_for_one() {
    let mut stage = camera();
    stage.send(1001, 2001, 1, b"picture");
    stage.all_datagrams();
    stage.pass(crate::keyframe::KEYFRAME_INTERVAL);
    stage.all_datagrams();
    record(&mut stage, true);
    assert_eq!(stage.datagrams(1001).len(), 1);
    stage.send(1001, 2001, 2, b"picture");
    let recorded = stage.output.take_recorded().expect("a packet came");
    let RecordedItem::Packets { track, encoding, .. } = recorded.items()[0].clone() else { panic!() };
    stage.pass(crate::keyframe::KEYFRAME_INTERVAL);
    stage.all_datagrams();
    let now = stage.clock.now();
    stage.engine.want_recorded_key_frame(track.stream, encoding, now, &mut stage.output);
    assert_eq!(stage.datagrams(1001).len(), 1);
    stage.engine.want_recorded_key_frame(track.stream, 7, now, &mut stage.output);
    assert_eq!(stage.datagrams(1001).len(), 0, "there is no such encoding");
}

#[test]
fn the_end_of_a_track_is_told_after_its_packets() {
    let mut stage = camera();
    record(&mut stage, true);
    stage.send(1001, 2001, 1, b"picture");
    let now = stage.clock.now();
    stage.engine.leave(device(1), now, &mut stage.output);
    let recorded = stage.output.take_recorded().expect("a packet came");
    let [RecordedItem::Packets { track, .. }, RecordedItem::Ended { session, stream }] = recorded.items()
    else {
        panic!("{:?}", recorded.items());
    };
    assert_eq!((*session, *stream), (SessionId::new(1), track.stream));
}
