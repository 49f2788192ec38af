//! Streams that no description names: what their packets say they are of.

use super::stage::{Stage, device};
use crate::{
    engine::simulation::Side,
    rtp::sequence::SeqNo,
    sdp::{
        codec::{Codec, ours},
        parse::Remote,
    },
};
use common::clock::Clock;
use std::collections::BTreeMap;

/// Cameras in three encodings, as a browser offers them: without SSRCs.
pub(super) fn offer(mids: &[&str]) -> Remote {
    let mut text =
        format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
    for mid in mids {
        text += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\na=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
        );
    }
    Remote::parse(&text).unwrap()
}

/// Sends a packet whose header says these things.
fn send(
    stage: &mut Stage,
    (ssrc, payload_type): (u32, u8),
    number: u16,
    says: &[(u8, &str)],
    payload: &[u8],
) {
    let mut extensions = Vec::new();
    for (id, value) in says {
        extensions.push(id << 4 | u8::try_from(value.len() - 1).unwrap());
        extensions.extend(value.as_bytes());
    }
    extensions.resize(extensions.len().next_multiple_of(4), 0);
    let mut header = vec![0x90, 0x80 | payload_type];
    header.extend(number.to_be_bytes());
    header.extend(1_u32.to_be_bytes());
    header.extend(ssrc.to_be_bytes());
    header.extend([0xBE, 0xDE, 0, u8::try_from(extensions.len() / 4).unwrap()]);
    header.extend(extensions);
    let mut datagram = Vec::new();
    let end = &stage.ends[&1001];
    let sequence = SeqNo::from_extended(number.into());
    assert!(end.sealer.rtp(&header, &[payload], ssrc, sequence, 0, &mut datagram));
    let from = end.address;
    stage.receive(from, datagram);
    let now = stage.clock.now();
    stage.engine.flush(now, &mut stage.output);
}

/// Browsers say of which encoding a stream is until it was received, and not again when they change the codec.
#[test]
fn a_stream_is_of_the_encoding_that_it_was_of_in_whichever_codec() {
    let mut stage = Stage::new(2);
    let now = stage.clock.now();
    stage.engine.publish(device(1), &offer(&["0"]), now, &mut stage.output).unwrap();
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    send(&mut stage, (60, 96), 1, &[(4, "0"), (10, "f")], b"before");
    send(&mut stage, (61, 97), 1, &[(4, "0"), (11, "f")], b"\x00\x02before");
    assert_eq!(stage.packets(1002).len(), 2);
    let mut other = offer(&["0"]);
    let format = ours(Codec::Av1, "").unwrap();
    let section = &mut other.sections[0];
    (section.forwarded, section.payload_type, section.rtx_payload_type) = (Some(format), Some(45), Some(46));
    stage.engine.publish(device(1), &other, now, &mut stage.output).unwrap();
    // Who received it in the codec before is offered the other one.
    let offered = stage.engine.pending_offer(device(2)).unwrap();
    assert!(offered.sdp.contains("a=rtpmap:45 AV1/90000"), "{}", offered.sdp);
    let streams = |stage: &Stage| stage.engine.footprint().streams;
    assert_eq!(streams(&stage), 2);
    for (stream, is_new) in [((60, 45), true), ((60, 96), false), ((61, 46), true), ((62, 45), false)] {
        let received = stage.engine.stats().packets_received;
        send(&mut stage, stream, 3, &[], b"\x00\x04after");
        let taken = stage.engine.stats().packets_received - received;
        assert_eq!(taken, u64::from(is_new), "{stream:?}");
    }
    // One that says that it is of another encoding is of that, and takes nobody's place.
    send(&mut stage, (63, 45), 1, &[(4, "0"), (10, "h")], b"smaller");
    assert_eq!(streams(&stage), 3);
}

#[test]
fn streams_go_to_the_track_that_their_packets_name() {
    let mut stage = Stage::new(2);
    let now = stage.clock.now();
    stage.engine.publish(device(1), &offer(&["0", "1"]), now, &mut stage.output).unwrap();
    stage.connect(1, Side::Publish, 1001);
    stage.answer(2, |_| true);
    stage.connect(2, Side::Subscribe, 1002);
    send(&mut stage, (50, 96), 1, &[], b"whose?");
    send(&mut stage, (52, 96), 1, &[(4, "x"), (10, "f")], b"nobody's");
    send(&mut stage, (53, 96), 1, &[(4, "0"), (10, "x")], b"nobody's");
    send(&mut stage, (54, 96), 1, &[(4, "0")], b"whose?");
    assert!(stage.packets(1002).is_empty(), "it could be either's, or it is neither's");
    send(&mut stage, (60, 96), 1, &[(4, "0"), (10, "f")], b"camera");
    send(&mut stage, (70, 96), 1, &[(4, "1"), (10, "f")], b"screen");
    send(&mut stage, (59, 96), 1, &[(4, "0"), (10, "q")], b"small");
    // Then they say it no more.
    send(&mut stage, (60, 96), 3, &[], b"camera");
    send(&mut stage, (70, 96), 2, &[], b"screen");
    send(&mut stage, (59, 96), 2, &[], b"small");
    // What is sent again is so of the encoding that it names.
    send(&mut stage, (58, 97), 1, &[(4, "0"), (11, "q")], b"\x00\x02small");
    send(&mut stage, (61, 97), 1, &[(4, "0"), (11, "f")], b"\x00\x02camera");
    send(&mut stage, (61, 97), 2, &[], b"\x00\x01camera");
    let mut carried: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for packet in stage.packets(1002) {
        carried.entry(packet.ssrc).or_default().push(packet.payload);
    }
    let mut carried: Vec<_> = carried.into_values().collect();
    carried.sort_by_key(Vec::len);
    assert_eq!(carried, [vec![b"screen".to_vec(); 2], vec![b"camera".to_vec(); 3]]);
    assert_eq!(stage.engine.stats().packets_received, 7);
}
