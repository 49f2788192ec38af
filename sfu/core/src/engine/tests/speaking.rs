//! Who speaks, by what their packets say of how loud they are.

use super::stage::{Stage, device};
use crate::{
    MediaEvent,
    engine::simulation::Side,
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::parse::Remote,
};
use common::clock::Clock;
use std::time::Duration;

const PORT: u16 = 1001;
const SSRC: u32 = 3001;

/// A microphone whose packets say with this extension how loud they are.
fn microphone(extmap: &str) -> Remote {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n{extmap}a=ssrc:{SSRC} cname:c\r\n"
    );
    Remote::parse(&text).unwrap()
}

const LEVEL: &str = "a=extmap:5 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";

struct Talk {
    stage: Stage,
    next: u64,
}

impl Talk {
    fn new(extmap: &str) -> Self {
        let mut stage = Stage::new(2);
        let now = stage.clock.now();
        stage.engine.publish(device(1), &microphone(extmap), now, &mut stage.output).unwrap();
        stage.connect(1, Side::Publish, PORT);
        Self { stage, next: 1 }
    }

    /// One packet this loud, 20 ms after what came before.
    fn say(&mut self, level: u8) {
        self.stage.pass(Duration::from_millis(20));
        let sequence = SeqNo::from_extended(self.next);
        self.next += 1;
        let header = PlainHeader {
            has_padding: false,
            marker: false,
            payload_type: 111,
            sequence: sequence.to_wire(),
            timestamp: 1,
            ssrc: SSRC,
        };
        let mut header = header.to_bytes().to_vec();
        header[0] |= 0x10;
        header.extend([0xBE, 0xDE, 0, 1, 5 << 4, 0x80 | level, 0, 0]);
        let mut datagram = Vec::new();
        let sealer = self.stage.sealer(PORT);
        assert!(sealer.rtp(&header, &[b"voice"], SSRC, sequence, sequence.cycles(), &mut datagram));
        self.stage.forward(PORT, datagram);
    }

    fn told(&mut self) -> Vec<bool> {
        let events = self.stage.output.take_events();
        let speaking = events.filter_map(|event| match event {
            MediaEvent::Speaking { participant, is_speaking } => {
                assert_eq!(participant, device(1));
                Some(is_speaking)
            }
            MediaEvent::Offer { .. }
            | MediaEvent::Subscriptions { .. }
            | MediaEvent::Layers { .. }
            | MediaEvent::Lost { .. } => None,
        });
        speaking.collect()
    }
}

#[test]
fn who_is_loud_for_a_while_speaks_until_it_is_quiet_or_nothing_comes() {
    let mut talk = Talk::new(LEVEL);
    talk.say(127);
    assert_eq!(talk.told(), [false], "from now on it is known");
    for _ in 0..50 {
        talk.say(25);
    }
    assert_eq!(talk.told(), [true]);
    for _ in 0..50 {
        talk.say(90);
    }
    assert_eq!(talk.told(), [false]);
    for _ in 0..50 {
        talk.say(25);
    }
    assert_eq!(talk.told(), [true]);
    talk.stage.pass(Duration::from_secs(1));
    assert_eq!(talk.told(), [false], "nothing came any more");
}

#[test]
fn a_voice_that_is_gone_does_not_speak() {
    for certificate in ["AA", "BB"] {
        let mut talk = Talk::new(LEVEL);
        for _ in 0..50 {
            talk.say(25);
        }
        assert_eq!(talk.told(), [false, true]);
        // Without the track, or on a new transport.
        let inactive = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=setup:active\r\na=rtcp-mux\r\na=inactive\r\na=rtpmap:111 opus/48000/2\r\n";
        let text = format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {certificate}\r\na=group:BUNDLE 0\r\n{inactive}"
        );
        let (remote, now) = (Remote::parse(&text).unwrap(), talk.stage.clock.now());
        talk.stage.engine.publish(device(1), &remote, now, &mut talk.stage.output).unwrap();
        assert_eq!(talk.told(), [false], "{certificate}");
        talk.stage.pass(Duration::from_secs(2));
        assert!(talk.told().is_empty());
    }
}

#[test]
fn where_packets_do_not_say_how_loud_they_are_nobody_knows() {
    let mut talk = Talk::new("");
    for _ in 0..50 {
        talk.say(25);
    }
    assert!(talk.told().is_empty());
}
