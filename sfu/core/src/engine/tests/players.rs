//! Players: one sound and one picture, whoever sends them.

use super::{
    pauses::Flood,
    stage::{Opened, Stage, device},
};
use crate::{
    Cast,
    engine::simulation::Side,
    layer::Target,
    rtp::{
        header::{Header, PlainHeader},
        sequence::SeqNo,
    },
    sdp::{SdpError, parse::Remote},
};
use common::clock::Clock;
use std::{collections::BTreeSet, time::Duration};

const PLAYER: u16 = 1003;
const KEY: bool = true;
const DELTA: bool = false;

/// The first publisher sends VP8, the other one the same or VP9, each under numbers of its own.
fn camera(ssrc: u32, codec: &str, payload_type: u8) -> Remote {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:{payload_type} {codec}/90000\r\na=ssrc:{ssrc} cname:c\r\n"
    );
    Remote::parse(&text).unwrap()
}

/// What a player offers: pictures in VP8 as 120 and, if it `has_vp9`, in VP9 as 122, each with retransmissions.
fn player(ufrag: &str, has_vp9: bool) -> Remote {
    let (types, vp9) = match has_vp9 {
        true => {
            ("120 121 122 123", "a=rtpmap:122 VP9/90000\r\na=rtpmap:123 rtx/90000\r\na=fmtp:123 apt=122\r\n")
        }
        false => ("120 121", ""),
    };
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=rtcp-mux\r\na=recvonly\r\nm=video 9 UDP/TLS/RTP/SAVPF {types}\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=rtcp-mux\r\na=recvonly\r\na=rtpmap:120 VP8/90000\r\na=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120\r\n{vp9}"
    );
    Remote::parse(&text).unwrap()
}

/// Two publishers, of whom none publishes yet, and a player.
struct Show {
    stage: Stage,
    answer: String,
}

impl Show {
    fn new(has_vp9: bool) -> Self {
        let mut stage = Stage::new(3);
        let now = stage.clock.now();
        let answer = stage.engine.play(device(3), &player("play", has_vp9), now, &mut stage.output).unwrap();
        stage.connect(3, Side::Subscribe, PLAYER);
        Self { stage, answer }
    }

    fn publish(&mut self, n: u16, codec: &str, payload_type: u8) {
        let (now, offer) = (self.stage.clock.now(), camera(u32::from(n) * 1000, codec, payload_type));
        self.stage.engine.publish(device(n), &offer, now, &mut self.stage.output).unwrap();
        self.stage.connect(n, Side::Publish, 1000 + n);
    }

    /// Shows the player what a publisher sends, or nothing.
    fn cast(&mut self, n: Option<u16>) {
        let picture = n.map(|n| {
            let id = self.stage.engine.sessions.find(device(n)).unwrap();
            let publication = self.stage.engine.sessions.get(id).unwrap().publications[0];
            self.stage.engine.forwarding.publication(publication).unwrap().named().id
        });
        let (now, cast) = (self.stage.clock.now(), Cast { sound: None, picture });
        self.stage.engine.cast(&[device(3)], cast, now, &mut self.stage.output);
    }

    /// A publisher sends a picture of one packet; what the player gets of it.
    fn send(&mut self, n: u16, (number, payload_type): (u64, u8), is_key: bool) -> Vec<Opened> {
        let ssrc = u32::from(n) * 1000;
        let sequence = SeqNo::from_extended(number);
        let header = PlainHeader {
            has_padding: false,
            marker: true,
            payload_type,
            sequence: sequence.to_wire(),
            timestamp: u32::try_from(number).unwrap() * 3000,
            ssrc,
        };
        let payload = match payload_type {
            96 => vec![0x10, u8::from(!is_key), 0, 0, 0x9D, 0x01, 0x2A, 160, 0, 90, 0],
            // A frame that begins and ends here (RFC 9628, section 4.2), predicted from others or not.
            _ => vec![if is_key { 0x0C } else { 0x4C }, 1, 2, 3],
        };
        let mut datagram = Vec::new();
        let cycles = sequence.cycles();
        let sealer = self.stage.sealer(1000 + n);
        assert!(sealer.rtp(&header.to_bytes(), &[&payload], ssrc, sequence, cycles, &mut datagram));
        self.stage.output.clear_datagrams();
        self.stage.forward(1000 + n, datagram);
        self.stage.packets(PLAYER)
    }
}

#[test]
fn a_player_is_answered_with_all_formats_that_both_know_and_one_stream_of_each_kind() {
    let Show { answer, .. } = Show::new(true);
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 120 121 122 123\r\n"), "{answer}");
    assert!(answer.contains("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"), "nothing of it is forwarded: {answer}");
    assert!(answer.contains("a=group:BUNDLE v\r\n") && answer.contains("a=setup:passive\r\n"), "{answer}");
    assert_eq!(answer.matches("a=sendonly\r\n").count(), 1, "{answer}");
    assert_eq!(answer.matches("a=ssrc-group:FID ").count(), 1, "{answer}");
    assert!(answer.contains("a=candidate:"), "{answer}");
}

#[test]
fn who_plays_waits_for_a_publisher_and_for_the_next_one_in_its_place() {
    let mut show = Show::new(false);
    show.publish(1, "VP8", 96);
    assert!(show.send(1, (100, 96), KEY).is_empty(), "nothing is shown yet");
    show.cast(Some(1));
    assert_eq!(show.send(1, (101, 96), DELTA).len(), 1, "as for everybody who begins");
    let first = show.send(1, (102, 96), KEY).remove(0);
    assert_eq!(first.payload_type, 120);
    let now = show.stage.clock.now();
    show.stage.engine.leave(device(1), now, &mut show.stage.output);
    show.publish(2, "VP8", 96);
    show.cast(Some(2));
    assert!(show.send(2, (7, 96), DELTA).is_empty(), "nobody could decode it");
    let second = show.send(2, (8, 96), KEY).remove(0);
    let next = (first.ssrc, first.sequence.wrapping_add(1), 120);
    assert_eq!((second.ssrc, second.sequence, second.payload_type), next);
}

#[test]
fn what_is_shown_goes_on_until_what_is_to_be_shown_begins() {
    let mut show = Show::new(true);
    show.publish(1, "VP8", 96);
    show.publish(2, "VP9", 98);
    show.cast(Some(1));
    let first = show.send(1, (100, 96), KEY).remove(0);
    show.cast(Some(2));
    assert_eq!(show.send(1, (101, 96), DELTA).len(), 1);
    assert!(show.send(2, (8, 98), DELTA).is_empty());
    let second = show.send(2, (9, 98), KEY).remove(0);
    let next = (first.ssrc, first.sequence.wrapping_add(2), 122);
    assert_eq!((second.ssrc, second.sequence, second.payload_type), next, "under the player's own type");
    assert!(show.send(1, (102, 96), KEY).is_empty());
    // Whoever is to be shown has nothing that the player knows: what was shown ends.
    let mut show = Show::new(false);
    show.publish(1, "VP8", 96);
    show.publish(2, "VP9", 98);
    show.cast(Some(1));
    assert_eq!(show.send(1, (100, 96), KEY).len(), 1);
    show.cast(Some(2));
    assert!(show.send(1, (101, 96), KEY).is_empty() && show.send(2, (9, 98), KEY).is_empty());
}

#[test]
fn who_was_to_be_shown_and_never_began_leaves_nothing_behind() {
    let mut show = Show::new(false);
    show.publish(1, "VP8", 96);
    show.publish(2, "VP8", 96);
    show.cast(Some(1));
    assert_eq!(show.send(1, (100, 96), KEY).len(), 1);
    show.cast(Some(2));
    let now = show.stage.clock.now();
    show.stage.engine.leave(device(2), now, &mut show.stage.output);
    assert!(show.send(1, (101, 96), DELTA).is_empty(), "nothing is shown until it is said what");
    show.cast(Some(1));
    assert_eq!(show.send(1, (102, 96), KEY).len(), 1, "once");
    assert_eq!(show.send(1, (103, 96), DELTA).len(), 1, "once");
}

#[test]
fn a_player_is_nobody_to_others_and_is_asked_nothing() {
    let mut show = Show::new(false);
    show.publish(1, "VP8", 96);
    show.cast(Some(1));
    show.stage.pass(Duration::from_secs(2));
    assert_eq!(show.stage.offered(2).map(|offer| offer.tracks.len()), Some(1), "another participant is");
    assert!(show.stage.engine.pending_offer(device(3)).is_none());
    let streams = show.stage.engine.forwarding.streams();
    let now = show.stage.clock.now();
    show.stage.engine.leave(device(3), now, &mut show.stage.output);
    assert_eq!(show.stage.engine.forwarding.streams().1, streams.1 - 1, "nothing is left behind");
    assert!(show.send(1, (100, 96), KEY).is_empty());
}

#[test]
fn the_same_offer_under_other_credentials_restarts_ice_and_nothing_else() {
    let mut show = Show::new(true);
    let now = show.stage.clock.now();
    let stream = |answer: &str| {
        let lines = answer.lines().filter(|line| line.starts_with("a=ssrc") || line.starts_with("a=msid:"));
        lines.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let ufrag = |answer: &str| answer.lines().find(|line| line.starts_with("a=ice-ufrag")).map(str::to_owned);
    let again = show.stage.engine.play(device(3), &player("other", true), now, &mut show.stage.output);
    let again = again.unwrap();
    assert_eq!(stream(&again), stream(&show.answer));
    assert_ne!(ufrag(&again), ufrag(&show.answer));
    let stranger = show.stage.engine.play(device(9), &player("x", true), now, &mut show.stage.output);
    assert_eq!(stranger, Err(SdpError::UnknownParticipant));
}

/// A camera on port 1001, and a player of it on port 1002 who numbers packets by this header extension, if by any.
fn watching(numbers: Option<u8>) -> Stage {
    let mut stage = Stage::new(2);
    let lines = numbers.map_or_else(String::new, |id| {
        format!("a=extmap:{id} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=rtcp-fb:120 transport-cc\r\n")
    });
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v\r\nm=video 9 UDP/TLS/RTP/SAVPF 120 121\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=ice-ufrag:play\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=rtcp-mux\r\na=recvonly\r\na=rtpmap:120 VP8/90000\r\na=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120\r\n{lines}"
    );
    let (now, offer) = (stage.clock.now(), Remote::parse(&text).unwrap());
    let answer = stage.engine.play(device(2), &offer, now, &mut stage.output).unwrap();
    assert_eq!(answer.contains("a=extmap:"), numbers.is_some(), "{answer}");
    stage.connect(2, Side::Subscribe, 1002);
    stage.publish(1, &[0]);
    stage.connect(1, Side::Publish, 1001);
    let publisher = stage.engine.sessions.find(device(1)).unwrap();
    let camera = stage.engine.sessions.get(publisher).unwrap().publications[0];
    let picture = Some(stage.engine.forwarding.publication(camera).unwrap().named().id);
    stage.engine.cast(&[device(2)], Cast { sound: None, picture }, now, &mut stage.output);
    stage
}

#[test]
fn packets_are_numbered_as_the_player_says_and_only_if_it_does() {
    for (numbers, first) in [(Some(7), Target::SMALLEST), (None, Target::BEST)] {
        let mut flood = Flood::new(watching(numbers));
        assert_eq!(flood.target(), first, "until something is known of its network");
        flood.stage.send(1001, 2001, 1, &[0x10, 0, 0, 0, 0x9D, 0x01, 0x2A, 160, 0, 90, 0]);
        let datagrams = flood.stage.datagrams(1002);
        let packet = datagrams.iter().find(|datagram| !(192..=223).contains(&datagram[1])).unwrap();
        let header = Header::parse(packet).unwrap();
        let number = header.extension(7).map(|number| u16::from_be_bytes(number.try_into().unwrap()));
        assert_eq!((header.payload_type, number), (120, numbers.map(|_| 1)));
    }
}

#[test]
fn a_player_gets_what_its_network_carries() {
    let mut flood = Flood::new(watching(Some(3)));
    assert!(flood.run(Duration::from_millis(2_900), true), "too little is known");
    flood.run(Duration::from_secs(3), true);
    assert_eq!(flood.target(), Target::Paused, "four packets of five are lost");
}
