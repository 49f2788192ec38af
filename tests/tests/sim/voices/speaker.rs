//! One who speaks, and sends again what the server misses, if it does that.

use sfu_core::{
    rtcp::{self, Packet, nack::Loss},
    rtp::{header::PlainHeader, red::Headers, sequence::SeqNo},
    srtp::{Opener, Profile, Sealer, contexts},
};
use std::{collections::BTreeMap, time::Duration};
use switchboard_tests::description::material;

/// How long a packet of speech lasts, and in ticks of its clock.
pub(crate) const STEP: Duration = Duration::from_millis(20);
const STEP_TICKS: u32 = 960;

/// Speech at 32 kbit/s.
const VOICE_BYTES: usize = 80;

/// The payload of a picture's packet at most.
const PICTURE_BYTES: usize = 1000;

pub(crate) const OPUS: u8 = 111;
pub(crate) const RED: u8 = 63;
pub(crate) const VP8: u8 = 96;

/// What a packet of a voice carries: whose it is, and which.
pub(crate) type Word = (u16, u32);

/// How many bytes name a word.
pub(crate) const WORD_BYTES: usize = 6;

pub(crate) struct Speaker {
    port: u16,
    opener: Opener,
    sealer: Sealer,
    sends_again: bool,
    sends_red: bool,
    next: SeqNo,
    pub(crate) said: u32,
    picture: SeqNo,
    /// What was sent, by its wire number.
    history: BTreeMap<u16, Vec<u8>>,
    /// How often the server asked for a packet.
    pub(crate) asked: u64,
}

impl Speaker {
    pub(crate) fn new(port: u16, sends_again: bool, sends_red: bool) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material(port), true).unwrap();
        // Near the wrap, so that every run goes over it.
        let next = SeqNo::from_extended(65_000);
        Self {
            port,
            opener,
            sealer,
            sends_again,
            sends_red,
            next,
            said: 0,
            picture: next,
            history: BTreeMap::new(),
            asked: 0,
        }
    }

    /// The streams of a voice and of a picture that come from this port.
    pub(crate) const fn ssrcs(port: u16) -> [u32; 2] {
        [port as u32 * 10 + 1, port as u32 * 10 + 3]
    }

    fn word(&self, index: u32) -> Vec<u8> {
        let mut word = [&self.port.to_be_bytes()[..], &index.to_be_bytes()].concat();
        word.resize(VOICE_BYTES, 7);
        word
    }

    /// The next 20 ms of speech.
    pub(crate) fn say(&mut self) -> Vec<u8> {
        let (sequence, index) = (self.next, self.said);
        (self.next, self.said) = (sequence.next(), index + 1);
        let own = self.word(index);
        let (payload_type, payload) = match index.checked_sub(1).filter(|_| self.sends_red) {
            None => (OPUS, own),
            Some(before) => {
                let mut headers = Headers::new(OPUS);
                assert!(headers.push(STEP_TICKS, VOICE_BYTES));
                (RED, [headers.finish(), &self.word(before), &own].concat())
            }
        };
        let [ssrc, _] = Self::ssrcs(self.port);
        let datagram = self.seal(payload_type, ssrc, sequence, index * STEP_TICKS, &payload);
        self.history.insert(sequence.to_wire(), datagram.clone());
        datagram
    }

    /// A picture of so many bytes.
    pub(crate) fn show(&mut self, bytes: usize, passed: Duration) -> Vec<Vec<u8>> {
        let timestamp = passed.as_millis() as u32 * 90;
        let [_, ssrc] = Self::ssrcs(self.port);
        let count = bytes.div_ceil(PICTURE_BYTES).max(1);
        let packets = (0..count).map(|_| {
            let sequence = self.picture;
            self.picture = sequence.next();
            self.seal(VP8, ssrc, sequence, timestamp, &vec![7; (bytes / count).max(1)])
        });
        packets.collect()
    }

    fn seal(&self, payload_type: u8, ssrc: u32, sequence: SeqNo, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let header = PlainHeader {
            has_padding: false,
            marker: payload_type == VP8,
            payload_type,
            sequence: sequence.to_wire(),
            timestamp,
            ssrc,
        };
        let mut out = Vec::new();
        let header = header.to_bytes();
        assert!(self.sealer.rtp(&header, &[payload], ssrc, sequence, sequence.cycles(), &mut out));
        out
    }

    /// What the server misses of the voice, as it was sent.
    pub(crate) fn handle(&mut self, mut datagram: Vec<u8>) -> Vec<Vec<u8>> {
        let Some(length) = self.opener.rtcp(&mut datagram) else { return Vec::new() };
        let [ssrc, _] = Self::ssrcs(self.port);
        let mut again = Vec::new();
        for packet in rtcp::packets(&datagram[..length]) {
            let Packet::Nack(nack) = packet else { continue };
            for wire in nack.losses().flat_map(Loss::sequences).filter(|_| nack.media == ssrc) {
                self.asked += 1;
                again.extend(self.history.get(&wire).filter(|_| self.sends_again).cloned());
            }
        }
        again
    }
}
