//! A participant's ends of its two transports, without a network.

use common::id::ConnectionId;
use sfu_core::{
    engine::simulation::reply,
    rtcp::{receiver_report, sender_report::SenderReport},
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Profile, Sealer, contexts},
};
use std::{error::Error, net::SocketAddr, time::Duration};
use switchboard_tests::description::{Kind, PASSWORD, Track, material};
use uuid::Uuid;

/// A packet of a good camera, and one of speech at 32 kbit/s; bytes of payload.
pub(super) const VIDEO_BYTES: usize = 1000;
const AUDIO_BYTES: usize = 80;

/// How long a packet of speech lasts, in ticks of its clock: 20 ms.
const SPEECH_TICKS: u32 = 960;

/// What somebody in a call sends.
pub(super) struct Person {
    pub(super) id: ConnectionId,
    /// Where its publish transport is, and its subscribe transport.
    pub(super) publish: SocketAddr,
    pub(super) subscribe: SocketAddr,
    /// Which of all transports these are: keys are made of it.
    pub(super) lines: [u16; 2],
    publish_sealer: Sealer,
    subscribe_sealer: Sealer,
    audio: Option<Stream>,
    video: Option<Stream>,
}

struct Stream {
    ssrc: u32,
    payload_type: u8,
    bytes: usize,
    next: SeqNo,
    /// In ticks of its clock.
    timestamp: u32,
}

impl Stream {
    fn next(&mut self, sealer: &Sealer) -> Vec<u8> {
        let sequence = self.next;
        self.next = sequence.next();
        let header = PlainHeader {
            has_padding: false,
            marker: false,
            payload_type: self.payload_type,
            sequence: sequence.to_wire(),
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        let mut datagram = Vec::new();
        let payload = [0x55; VIDEO_BYTES];
        let payload = payload.get(..self.bytes).unwrap_or_default();
        sealer.rtp(&header.to_bytes(), &[payload], self.ssrc, sequence, sequence.cycles(), &mut datagram);
        datagram
    }
}

impl Person {
    /// The `n`th, who sends these kinds.
    pub(super) fn new(n: u16, sends: &[Kind]) -> Result<Self, Box<dyn Error>> {
        let address = |port| SocketAddr::from(([10, 0, 0, 1], 10_000 + 2 * n + port));
        let lines = [2 * n, 2 * n + 1];
        let sealer = |line| contexts(Profile::Aes128Gcm, &material(line), true).map(|(_, sealer)| sealer);
        let stream = |kind, payload_type, bytes, ssrc| {
            sends.contains(&kind).then(|| Stream {
                ssrc,
                payload_type,
                bytes,
                next: SeqNo::from_extended(1),
                timestamp: 0,
            })
        };
        let ssrc = 1_000_000 + u32::from(n) * 4;
        Ok(Self {
            id: ConnectionId::from_uuid(Uuid::from_u128(u128::from(n) + 1)),
            publish: address(0),
            subscribe: address(1),
            lines,
            publish_sealer: sealer(lines[0]).ok_or("no keys")?,
            subscribe_sealer: sealer(lines[1]).ok_or("no keys")?,
            audio: stream(Kind::Audio, 111, AUDIO_BYTES, ssrc),
            video: stream(Kind::Video, 96, VIDEO_BYTES, ssrc + 2),
        })
    }

    /// What its offer names.
    pub(super) fn tracks(&self) -> Vec<Track> {
        let track = |mid, kind, stream: &Option<Stream>| {
            stream.as_ref().map(|stream| Track { mid, kind, ssrc: stream.ssrc, encodings: 1 })
        };
        [track(0, Kind::Audio, &self.audio), track(1, Kind::Video, &self.video)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The next packet of its speech, if it speaks.
    pub(super) fn speech(&mut self) -> Option<Vec<u8>> {
        let stream = self.audio.as_mut()?;
        stream.timestamp = stream.timestamp.wrapping_add(SPEECH_TICKS);
        Some(stream.next(&self.publish_sealer))
    }

    /// The next packets of its picture, if it shows one: a frame so long after the one before.
    pub(super) fn picture(&mut self, packets: usize, after: Duration) -> Vec<Vec<u8>> {
        let Some(stream) = &mut self.video else { return Vec::new() };
        let ticks = after.as_micros() * 90 / 1000;
        stream.timestamp = stream.timestamp.wrapping_add(u32::try_from(ticks).unwrap_or(u32::MAX));
        (0..packets).map(|_| stream.next(&self.publish_sealer)).collect()
    }

    /// Where its streams stand at this time, for the publish transport, and that it receives, for the other.
    pub(super) fn reports(&mut self, ntp: u64) -> [Option<Vec<u8>>; 2] {
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for stream in [&self.audio, &self.video].into_iter().flatten() {
            let report = SenderReport { ssrc: stream.ssrc, ntp, rtp_time: 1, packets: 2, octets: 3 };
            report.write(&mut sent, &[]);
        }
        receiver_report::write(&mut received, 1, &[]);
        let sealed = |sealer: &mut Sealer, packet: &[u8]| {
            let mut datagram = Vec::new();
            (!packet.is_empty() && sealer.rtcp(packet, &mut datagram)).then_some(datagram)
        };
        [sealed(&mut self.publish_sealer, &sent), sealed(&mut self.subscribe_sealer, &received)]
    }

    /// The answer to a check of the engine's; `None` if the datagram is none.
    pub(super) fn reply(datagram: &[u8]) -> Option<Vec<u8>> {
        // Datagrams of media begin with 128 and above (RFC 7983).
        if *datagram.first()? < 4 { reply(datagram, PASSWORD) } else { None }
    }
}
