//! What each of the others sends: a voice and a camera.

use super::content::{Content, Part};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sfu_core::{
    rtcp::{self, Packet},
    rtp::{
        header::{ExtendedHeader, PlainHeader},
        sequence::SeqNo,
    },
    srtp::{Opener, Profile, Sealer, contexts},
};
use std::time::Duration;
use switchboard_tests::description::{Kind, Track, material, tracks};

pub(crate) const VOICE_INTERVAL: Duration = Duration::from_millis(20);
pub(crate) const PICTURE_INTERVAL: Duration = Duration::from_millis(33);

/// What a voice takes on the network, in bits a second.
pub(crate) const VOICE_RATE: f64 = 50_000.0;

const VOICE_BYTES: usize = 80;
const PICTURE_BYTES: usize = 1000;

/// Who is silent sends noise every so many times (RFC 7587, section 3.1.3).
const NOISE_STEPS: u32 = 20;

/// For how long everybody speaks whose turn it is.
const TURN: Duration = Duration::from_secs(5);

/// By how much key frames of a camera in three encodings are larger than its other pictures, and by how much those differ.
const KEY_FRAME_FACTOR: f64 = 5.0;
const VARIATION: f64 = 0.2;

/// What describes a camera that the client library sends: as `web/client/src/media/encodings.js` asks for.
const SIMULCAST: &str = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
const RIDS: [&str; 3] = ["q", "h", "f"];
const RATES: [f64; 3] = [100e3, 400e3, 1500e3];

/// The temporal layers of four pictures in a row, and the share that each has of what the four take, as in Chromium.
const LAYERS: [(usize, f64); 4] = [(0, 0.4), (2, 0.2), (1, 0.2), (2, 0.2)];

/// When somebody sends more than noise.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Speech {
    Always,
    /// In every round of so many turns, in this one.
    InTurn(u32, u32),
}

/// In what a camera comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pictures {
    /// In three encodings of three temporal layers each.
    Simulcast,
    /// In one, of as much as the estimate has room for, and at most 7 Mbit/s.
    Follows,
    /// In one, of so many bits a second.
    Constant(f64),
}

/// One stream of RTP.
struct Stream {
    payload_type: u8,
    ssrc: u32,
    next: SeqNo,
    made: u32,
    /// What its packets say they are of.
    rid: Option<&'static str>,
}

impl Stream {
    const fn new(payload_type: u8, ssrc: u32, rid: Option<&'static str>) -> Self {
        // Soon over the wrap.
        Self { payload_type, ssrc, next: SeqNo::from_extended(65_000), made: 0, rid }
    }

    fn packet(&mut self, sealer: &Sealer, marker: bool, passed: Duration, payload: &[u8]) -> Vec<u8> {
        let Self { payload_type, ssrc, next: sequence, .. } = *self;
        (self.next, self.made) = (sequence.next(), self.made + 1);
        let timestamp = passed.as_millis() as u32 * 90;
        let wire = sequence.to_wire();
        let plain = PlainHeader { has_padding: false, marker, payload_type, sequence: wire, timestamp, ssrc };
        let mut header = ExtendedHeader::from(plain);
        if let Some(rid) = self.rid {
            header.push(4, b"1");
            header.push(10, rid.as_bytes());
        }
        let mut out = Vec::new();
        assert!(sealer.rtp(header.as_slice(), &[payload], ssrc, sequence, sequence.cycles(), &mut out));
        out
    }
}

/// One encoding of a camera.
struct Encoding {
    stream: Stream,
    is_wanted: bool,
    is_key_wanted: bool,
    /// Which of the pictures in a row is next.
    at: usize,
    picture_id: u16,
    tl0_picture_index: u8,
    /// The last picture of each temporal layer.
    last: [Option<u32>; 3],
}

impl Encoding {
    fn new(ssrc: u32, rid: Option<&'static str>) -> Self {
        Self {
            stream: Stream::new(96, ssrc, rid),
            is_wanted: true,
            is_key_wanted: true,
            at: 0,
            picture_id: 0x7FF0,
            tl0_picture_index: 250,
            last: [None; 3],
        }
    }

    /// The next picture, if it is wanted: what it builds upon, its head, and the share that it has of those in a row.
    fn next(&mut self, picture: u32, size: u8, row: &[(usize, f64)]) -> Option<(Option<u32>, Vec<u8>, f64)> {
        if !self.is_wanted {
            self.is_key_wanted = true;
            return None;
        }
        let is_key = std::mem::take(&mut self.is_key_wanted);
        if is_key {
            (self.at, self.last) = (0, [None; 3]);
        }
        let (layer, share) = row[self.at];
        self.at = (self.at + 1) % row.len();
        let builds_on = self.last[..layer.max(1)].iter().flatten().max().copied();
        let is_sync = builds_on == self.last[0];
        self.last[layer] = Some(picture);
        self.picture_id = (self.picture_id + 1) % 0x8000;
        if layer == 0 {
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add(1);
        }
        let [high, low] = self.picture_id.to_be_bytes();
        let layers = u8::try_from(layer).unwrap() << 6 | u8::from(is_sync) << 5;
        let mut head = vec![0x90, 0xE0, 0x80 | high, low, self.tl0_picture_index, layers];
        head.extend([u8::from(!is_key), 0, 0, 0x9D, 0x01, 0x2A]);
        head.extend([320_u16 << size, 180 << size].map(u16::to_le_bytes).as_flattened());
        let is_large = is_key && row.len() > 1;
        let share = if is_large { KEY_FRAME_FACTOR / row.len() as f64 } else { share };
        Some((builds_on, head, share))
    }
}

/// One of the others.
pub(crate) struct Sender {
    number: u8,
    sealer: Sealer,
    opener: Opener,
    speech: Speech,
    pub(crate) pictures: Pictures,
    voice: Stream,
    steps: u32,
    encodings: Vec<Encoding>,
    picture: u32,
    random: StdRng,
}

impl Sender {
    pub(crate) fn new(number: u8, (speech, pictures): (Speech, Pictures), seed: u64) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material(u16::from(number)), true).unwrap();
        let ssrc = 100 * u32::from(number);
        let encodings = match pictures {
            Pictures::Simulcast => {
                (0..).zip(RIDS).map(|(at, rid)| Encoding::new(ssrc + 10 + at, Some(rid))).collect()
            }
            Pictures::Follows | Pictures::Constant(_) => vec![Encoding::new(ssrc + 10, None)],
        };
        let random = StdRng::seed_from_u64(seed + u64::from(number));
        let voice = Stream::new(111, ssrc, None);
        Self { number, sealer, opener, speech, pictures, voice, steps: 0, encodings, picture: 0, random }
    }

    /// What it offers.
    pub(crate) fn offer(&self) -> String {
        let ssrc = self.voice.ssrc;
        let is_one = self.encodings.len() == 1;
        let voice = Track { mid: 0, kind: Kind::Audio, ssrc, encodings: 1 };
        let camera = Track { mid: 1, kind: Kind::Video, ssrc: ssrc + 10, encodings: u32::from(is_one) };
        tracks([voice, camera]) + if is_one { "" } else { SIMULCAST }
    }

    /// How many packets it has made of its voice, and of its first encoding.
    pub(crate) fn made(&self) -> (u32, u32) {
        (self.voice.made, self.encodings[0].stream.made)
    }

    /// What is to be sent of a voice in this step.
    pub(crate) fn speak(&mut self, passed: Duration) -> Option<Vec<u8>> {
        self.steps += 1;
        let is_turn = match self.speech {
            Speech::Always => true,
            Speech::InTurn(which, of) => (passed.as_secs() / TURN.as_secs()) as u32 % of == which,
        };
        let bytes = if is_turn { VOICE_BYTES } else { 0 };
        let index = self.voice.made;
        let content = Content { sender: self.number, index, made_at: passed, part: None };
        let is_sent = is_turn || self.steps.is_multiple_of(NOISE_STEPS);
        is_sent.then(|| self.voice.packet(&self.sealer, false, passed, &content.write(&[], bytes)))
    }

    /// The next picture in all encodings that are wanted; one that follows an estimate takes so many bits a second.
    pub(crate) fn look(&mut self, rate: f64, passed: Duration) -> Vec<Vec<u8>> {
        let (rates, row, variation): (&[f64], &[_], f64) = match self.pictures {
            Pictures::Simulcast => (&RATES, &LAYERS, VARIATION),
            Pictures::Follows => (&[rate], &[(0, 1.0)], 0.0),
            Pictures::Constant(rate) => (&[rate], &[(0, 1.0)], 0.0),
        };
        let mut packets = Vec::new();
        for ((at, encoding), rate) in (0..).zip(&mut self.encodings).zip(rates) {
            let Some((builds_on, head, share)) = encoding.next(self.picture, at, row) else { continue };
            let of_row = rate / 8.0 * PICTURE_INTERVAL.as_secs_f64() * row.len() as f64;
            let varied = 1.0 + variation * self.random.random_range(-1.0..1.0);
            let bytes = (of_row * share * varied) as usize;
            let count = u8::try_from(bytes.div_ceil(PICTURE_BYTES).max(1)).unwrap();
            for place in 0..count {
                let part = Part { encoding: at, picture: self.picture, builds_on, place, count };
                let index = encoding.stream.made;
                let content = Content { sender: self.number, index, made_at: passed, part: Some(part) };
                // Only the first packet begins the picture.
                let mut head = head.clone();
                head[0] = if place == 0 { 0x90 } else { 0x80 };
                let payload = content.write(&head, bytes / usize::from(count));
                packets.push(encoding.stream.packet(&self.sealer, place + 1 == count, passed, &payload));
            }
        }
        self.picture += 1;
        packets
    }

    /// The server asks for key frames.
    pub(crate) fn hear(&mut self, mut datagram: Vec<u8>) {
        let is_rtcp = datagram.get(1).is_some_and(|kind| (192..=223).contains(kind));
        let Some(length) = is_rtcp.then(|| self.opener.rtcp(&mut datagram)).flatten() else { return };
        for packet in rtcp::packets(&datagram[..length]) {
            let Packet::Pli(pli) = packet else { continue };
            for encoding in self.encodings.iter_mut().filter(|it| it.stream.ssrc == pli.media) {
                encoding.is_key_wanted = true;
            }
        }
    }

    /// The server says which encodings somebody wants.
    pub(crate) fn want(&mut self, rid: &str, is_wanted: bool) {
        for encoding in self.encodings.iter_mut().filter(|it| it.stream.rid == Some(rid)) {
            encoding.is_wanted = is_wanted;
        }
    }
}
