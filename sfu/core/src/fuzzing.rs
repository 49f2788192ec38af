//! Ways for fuzz targets into every parser that reads what strangers send.
//!
//! Each takes any bytes, returns nothing, and is wrong only if it panics or
//! takes long. What is random elsewhere is fixed here, so that an input that
//! found something finds it again.

use crate::{
    Engine, EngineError, Output, SessionId, Stats, data, demux,
    engine::simulation::{Side, check},
    rtcp::{self, Packet, nack::Loss},
    rtp::{
        descriptor::Descriptor,
        header::Header,
        red::{Block, Headers, Redundant},
        sequence::SeqNo,
    },
    sdp::{
        Local, answer,
        codec::Codec,
        fragment::{self, Fragment},
        parse::Remote,
    },
    srtp::{Opener, Profile, Sealer, contexts},
    stun::{Key, attribute::PRIORITY, kind::BINDING_REQUEST, read::Message, write::Writer},
    transport::Identity,
};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
    protocol::media::SDP_BYTES_MAX,
};
use std::{collections::BTreeMap, hint::black_box, net::SocketAddr, sync::OnceLock, time::Duration};
use uuid::Uuid;

/// Key material that nobody uses (RFC 5764, section 4.2).
const MATERIAL: [u8; 56] = [0x5A; 56];

/// Likewise, of the profile that needs more of it.
const MATERIAL_CM: [u8; 60] = [0x5A; 60];

/// What the engine's one participant publishes.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\n";

/// Tells a datagram's protocol, and reads it as STUN whether it is or not; then once more with the right length and
/// signature, so that its attributes are looked at.
pub fn demux(datagram: &[u8]) {
    black_box(demux::protocol(datagram));
    stun(datagram);
    if let Some((kind, attributes)) = datagram.split_first_chunk() {
        let mut out = Vec::new();
        let writer = Writer::new(&mut out, u16::from_be_bytes(*kind), [7; 12]);
        writer.username(NAME, NAME).attributes(attributes).sign(&Key::new(PASSWORD));
        stun(&out);
    }
}

fn stun(datagram: &[u8]) {
    if let Some(message) = Message::parse(datagram) {
        let is_signed = message.is_signed_with(&Key::new(PASSWORD));
        black_box((message.addressee(), message.nominates(), message.unknown(), is_signed));
    }
}

/// Reads an RTP header and looks for every extension.
pub fn rtp(packet: &[u8]) {
    if let Some(header) = Header::parse(packet) {
        for id in 0..=u8::MAX {
            black_box(header.extension(id));
        }
    }
}

/// Reads what comes in data channels, by the first byte: a message, which says the same to its receivers, a message
/// about a channel, or else a packet of SCTP whose checksum is made right.
pub fn data(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind {
        0 => data::read_message(bytes, false),
        1 => data::read_message(bytes, true),
        2 => data::read_control(bytes),
        _ => data::read_packet(bytes, ManualClock::default().now()),
    }
}

/// Codecs whose payloads are read, as the first byte of an input for [`payload`] names them.
pub const CODECS: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Red];

/// Reads an RTP payload, of the codec that the first byte says: with other numbers it says the same as before but for
/// those, and of sound that comes several times all parts are found again where they are written.
pub fn payload(input: &[u8]) {
    let Some((&codec, payload)) = input.split_first() else { return };
    let codec = CODECS.into_iter().cycle().nth(codec.into());
    match codec {
        Some(Codec::Red) => red(payload),
        Some(codec) => picture(codec, payload),
        None => {}
    }
}

fn picture(codec: Codec, payload: &[u8]) {
    let Some(descriptor) = Descriptor::parse(codec, payload) else { return };
    let (bytes, length) = descriptor.renumbered(payload, 0x5A5A, 0x5A);
    let (beginning, rest) = (bytes.get(..length), payload.get(length..));
    let renumbered = [beginning.unwrap_or_default(), rest.unwrap_or_default()].concat();
    assert_eq!(renumbered.len(), payload.len());
    let number = if descriptor.has_long_picture_id { 0x5A5A } else { 0x5A };
    let expected = Descriptor {
        picture_id: descriptor.picture_id.map(|_| number),
        tl0_picture_index: descriptor.tl0_picture_index.map(|_| 0x5A),
        ..descriptor
    };
    assert_eq!(Descriptor::parse(codec, &renumbered), Some(expected), "{payload:?}");
}

fn red(payload: &[u8]) {
    let Some(redundant) = Redundant::parse(payload) else { return };
    let mut headers = Headers::new(redundant.payload_type());
    let mut blocks: Vec<Block<'_>> = redundant.earlier().collect();
    blocks.reverse();
    blocks.retain(|block| headers.push(block.offset, block.payload.len()));
    let parts = blocks.iter().flat_map(|block| block.payload).chain(redundant.own);
    let written: Vec<u8> = headers.finish().iter().chain(parts).copied().collect();
    blocks.reverse();
    let read = Redundant::parse(&written);
    let read = read.map(|read| (read.payload_type(), read.own, read.earlier().collect::<Vec<_>>()));
    assert_eq!(read, Some((redundant.payload_type(), redundant.own, blocks)), "{payload:?}");
}

/// Reads a compound RTCP packet, and all that each packet of it says.
pub fn rtcp(packet: &[u8]) {
    for packet in rtcp::packets(packet) {
        match packet {
            Packet::SenderReport(report, blocks) => {
                black_box(report);
                see(blocks.iter());
            }
            Packet::ReceiverReport(report) => see(report.blocks.iter()),
            Packet::SourceDescription(description) => see(description.sources()),
            Packet::Goodbye(goodbye) => see(goodbye.sources()),
            Packet::Nack(nack) => see(nack.losses().flat_map(Loss::sequences)),
            Packet::Pli(pli) => see(std::iter::once(pli)),
            Packet::Fir(fir) => see(fir.requests()),
            Packet::Remb(remb) => see(remb.streams()),
            Packet::TransportFeedback(feedback) => see(feedback.statuses()),
        }
    }
}

fn see<T>(said: impl Iterator<Item = T>) {
    said.for_each(|it| {
        black_box(it);
    });
}

/// What clients really offer.
pub const OFFERS: [&str; 5] = [
    include_str!("sdp/fixtures/chromium-simulcast.sdp"),
    include_str!("sdp/fixtures/firefox-simulcast.sdp"),
    include_str!("sdp/fixtures/pion.sdp"),
    include_str!("sdp/fixtures/aiortc.sdp"),
    include_str!("sdp/fixtures/gstreamer-whip.sdp"),
];

/// Reads a session description, and answers it; and as a fragment of one.
pub fn sdp(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    black_box(Fragment::parse(text).is_ok());
    if let Ok(remote) = Remote::parse(text) {
        let local = Local {
            ufrag: "abcd",
            pwd: "0123456789abcdef01234567",
            fingerprint: "AA",
            candidates: &[],
            tcp_candidates: &[],
        };
        let answer = answer::write(&remote, local, 1, 1);
        // What is told of an answer when ICE begins anew, is what a client reads.
        let told = Fragment::parse(&fragment::of_answer(&answer));
        assert!(told.is_ok() || !remote.sections.iter().any(answer::takes), "{answer}");
        // Whatever was offered, nothing of it gets out of its line in the answer.
        if let Ok(read) = Remote::parse(&answer) {
            assert_eq!(read.sections.len(), remote.sections.len(), "{answer}");
        } else {
            assert!(remote.sections.is_empty() || answer.len() > SDP_BYTES_MAX, "{answer}");
        }
        let forwarded = remote.sections.iter().filter_map(|section| Some((&section.mid, section.forwarded?)));
        see(forwarded.map(|(mid, format)| remote.taken(mid, format)));
        black_box(answer::check(&remote).is_ok());
    }
}

/// Opens packets one after the other, with one key for each kind of profile: each begins with a byte that says
/// whether it is taken as it is (even) or sealed first (odd), and by which (bit 1), and a byte with its length.
pub fn srtp(mut packets: &[u8]) {
    let ends = |profile, material: &[u8]| {
        let (opener, _) = contexts(profile, material, false)?;
        contexts(profile, material, true).map(|(_, sealer)| (opener, sealer))
    };
    let Some(mut gcm) = ends(Profile::Aes128Gcm, &MATERIAL) else { return };
    let Some(mut counter_mode) = ends(Profile::Aes128CmHmacSha1_80, &MATERIAL_CM) else { return };
    while let Some((&[kind, length], rest)) = packets.split_first_chunk::<2>() {
        let (packet, rest) = rest.split_at_checked(length.into()).unwrap_or((rest, &[]));
        packets = rest;
        let (opener, sealer) = if kind & 2 == 0 { &mut gcm } else { &mut counter_mode };
        let mut packet = if kind & 1 == 1 { sealed(sealer, packet) } else { packet.to_vec() };
        open(opener, &mut packet);
    }
}

fn open(opener: &mut Opener, packet: &mut [u8]) {
    if demux::protocol(packet) == Some(demux::Protocol::Rtcp) {
        opener.rtcp(packet);
    } else {
        opener.rtp(packet);
    }
}

/// What a participant with keys would send: the packet under its own header, encrypted.
fn sealed(sealer: &mut Sealer, packet: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if demux::protocol(packet) == Some(demux::Protocol::Rtcp) {
        sealer.rtcp(packet, &mut out);
    } else if let Some(header) = Header::parse(packet)
        && let Some((head, payload)) = packet.split_at_checked(header.bytes.len())
    {
        let sequence = SeqNo::from_extended(header.sequence.into());
        sealer.rtp(head, &[payload], header.ssrc, sequence, 0, &mut out);
    }
    out
}

/// An engine with one participant who sends a camera and one who receives it, both connected, to be
/// fed with datagrams.
pub struct Plane {
    engine: Engine,
    output: Output,
    clock: ManualClock,
    sealer: Sealer,
    /// The last number of each stream.
    numbers: BTreeMap<u32, SeqNo>,
    /// The server's names and passwords, where the camera is sent and where it is received.
    names: [(String, String); 2],
    /// The streams that carry the camera to its receiver: its packets, and those sent again.
    carried: [u32; 2],
    /// The last check of the engine's own.
    asked: [u8; 12],
}

/// Streams whose numbers are kept; then all begin anew.
const STREAMS_KEPT: usize = 64;

/// The camera's streams, in its description.
const DESCRIBED: [u32; 2] = [2001, 2002];

/// The password of both clients, in their descriptions.
const PASSWORD: &str = "0123456789abcdef01234567";

/// The name of both clients, likewise.
const NAME: &str = "abcd";

impl Plane {
    /// Sets one up. All have one identity: making it costs more than many inputs do.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn new() -> Result<Self, EngineError> {
        static IDENTITY: OnceLock<Identity> = OnceLock::new();
        let identity = match IDENTITY.get() {
            Some(identity) => identity.clone(),
            None => {
                let new = Identity::new(vec![address(7882)], Vec::new())?;
                IDENTITY.get_or_init(|| new).clone()
            }
        };
        let clock = ManualClock::default();
        let now = clock.now();
        let mut engine = Engine::with_identity(identity, [7; 32]);
        let mut output = Output::default();
        let (camera, screen) = (device(1), device(2));
        engine.join(SessionId::new(1), camera, true, now, &mut output);
        engine.join(SessionId::new(1), screen, true, now, &mut output);
        let offer = Remote::parse(OFFER);
        let answer = offer.ok().and_then(|offer| engine.publish(camera, &offer, now, &mut output).ok());
        let offered = engine.pending_offer(screen);
        if let Some(offer) = &offered
            && let Ok(answer) = Remote::parse(&OFFER.replace("sendonly", "recvonly"))
        {
            let _accepted = engine.answer(screen, offer.revision, &answer, now, &mut output);
        }
        for (who, side, port) in [(camera, Side::Publish, 1001), (screen, Side::Subscribe, 1002)] {
            let way = (address(7882), address(port));
            engine.connect_directly(who, side, &MATERIAL, way, now, &mut output);
        }
        let offered = offered.map(|offer| offer.sdp).unwrap_or_default();
        let pair = value(&offered, "a=ssrc-group:FID ");
        let mut pair = pair.split(' ').map(|number| number.parse().unwrap_or_default());
        let carried = [pair.next().unwrap_or_default(), pair.next().unwrap_or_default()];
        let names = [answer.unwrap_or_default(), offered]
            .map(|sdp| (value(&sdp, "a=ice-ufrag:"), value(&sdp, "a=ice-pwd:")));
        let Some((_, sealer)) = contexts(Profile::Aes128Gcm, &MATERIAL, true) else {
            return Err(EngineError::Certificate("the fixed key material has the wrong length".to_owned()));
        };
        let (numbers, asked) = (BTreeMap::new(), [0; 12]);
        Ok(Self { engine, output, clock, sealer, numbers, names, carried, asked })
    }

    /// What has happened.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Takes one datagram: the first byte says from whom it comes and what is done to it before.
    ///
    /// Bits 0 and 1: from the camera, the screen, a stranger, or a port of the second byte's choice.
    /// Bit 2: it is encrypted with the right key first, and the sequence number says by how much it is
    /// higher than the stream's last, up to 63. Bit 3: a valid check comes from there before, one that
    /// nominates if bit 4 is set. Bit 4: the engine's deadlines pass after it, 20 ms later, or up to 2.5 s
    /// by the second byte's upper bits. Bit 5: where it names the camera's streams it means those that
    /// carry it to its receiver. Bit 6: checks are for the screen's transport and not the camera's.
    /// Bit 7: it is a STUN message's type and attributes, and is signed first: a response answers the
    /// engine's last check.
    pub fn handle(&mut self, input: &[u8]) {
        let Some((&[how, port], datagram)) = input.split_first_chunk::<2>() else { return };
        let source = match how & 3 {
            0 => address(1001),
            1 => address(1002),
            2 => address(999),
            _ => address(2000_u16.saturating_add(port.into())),
        };
        let now = self.clock.now();
        if how & 8 != 0 {
            let (ufrag, pwd) = self.names(how);
            let mut request = check((ufrag, pwd), NAME, how & 16 != 0, [how; 12]);
            self.engine.handle_datagram(source, address(7882), &mut request, now, &mut self.output);
        }
        let mut datagram = datagram.to_vec();
        if how & 32 != 0 {
            self.carry(&mut datagram);
        }
        if how & 4 != 0 {
            datagram = self.sealed(&datagram);
        } else if how & 128 != 0 {
            datagram = self.signed(how, &datagram);
        }
        self.engine.handle_datagram(source, address(7882), &mut datagram, now, &mut self.output);
        self.engine.flush(self.clock.now(), &mut self.output);
        if how & 16 != 0 {
            self.clock.advance(Duration::from_millis(20).saturating_mul(1 << (port >> 5)));
            self.engine.handle_deadline(self.clock.now(), &mut self.output);
        }
        for run in self.output.runs() {
            if run.bytes.starts_with(&BINDING_REQUEST.to_be_bytes()) {
                let check = Message::parse(run.bytes);
                self.asked = check.map_or(self.asked, |check| check.transaction());
            }
        }
        self.output.clear_datagrams();
        self.output.take_events().for_each(drop);
    }
}

impl Plane {
    fn names(&self, how: u8) -> (&str, &str) {
        let [publish, subscribe] = &self.names;
        let (ufrag, pwd) = if how & 64 != 0 { subscribe } else { publish };
        (ufrag, pwd)
    }

    /// Puts the streams that carry the camera in the place of the camera's.
    fn carry(&self, packet: &mut [u8]) {
        for word in packet.as_chunks_mut::<4>().0 {
            let described = DESCRIBED.iter().zip(self.carried);
            let carried =
                described.filter(|(ssrc, _)| ssrc.to_be_bytes() == *word).map(|(_, ssrc)| ssrc).next();
            *word = carried.map_or(*word, u32::to_be_bytes);
        }
    }

    /// A STUN message of this type and with these attributes: a request from a client that knows the
    /// password, or its response to the engine's last check.
    fn signed(&self, how: u8, message: &[u8]) -> Vec<u8> {
        let Some((kind, more)) = message.split_first_chunk::<2>() else { return Vec::new() };
        let kind = u16::from_be_bytes(*kind);
        let (ufrag, pwd) = self.names(how);
        let mut out = Vec::new();
        // The second bit of the class: a success or an error.
        if kind & 0x0100 != 0 {
            Writer::new(&mut out, kind, self.asked).attributes(more).sign(&Key::new(PASSWORD));
        } else {
            let writer = Writer::new(&mut out, kind, [how; 12]).username(ufrag, NAME);
            writer.attribute(PRIORITY, &[&[0x6E, 0x7F, 0, 0xFF]]).attributes(more).sign(&Key::new(pwd));
        }
        out
    }

    fn sealed(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        let header = Header::parse(&packet).map(|header| (header.ssrc, header.sequence, header.bytes.len()));
        let is_rtp = demux::protocol(&packet) == Some(demux::Protocol::Rtp);
        let Some((ssrc, step, length)) = header.filter(|_| is_rtp) else {
            return sealed(&mut self.sealer, &packet);
        };
        if self.numbers.len() >= STREAMS_KEPT {
            self.numbers.clear();
        }
        let last = self.numbers.entry(ssrc).or_insert(SeqNo::from_extended(0));
        *last = SeqNo::from_extended(last.extended().wrapping_add(u64::from(step & 63)));
        if let Some(wire) = packet.get_mut(2..4) {
            wire.copy_from_slice(&last.to_wire().to_be_bytes());
        }
        let (number, mut out) = (*last, Vec::new());
        if let Some((head, payload)) = packet.split_at_checked(length) {
            self.sealer.rtp(head, &[payload], ssrc, number, number.cycles(), &mut out);
        }
        out
    }
}

/// What follows a key on a line of a description.
fn value(sdp: &str, key: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned()
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn device(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

    /// Inputs after which consent has ended, most often.
    const PLANE_INPUTS: usize = 50;

    /// Passes for the wrong reason if everything were refused at the door: packets are forwarded, and
    /// some again.
    #[test]
    fn nothing_that_comes_in_panics() {
        let mut random = StdRng::seed_from_u64(1);
        let mut plane = Plane::new().unwrap();
        let seeds: [&[u8]; 4] = [
            &[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 7, 0xD1, 1, 2, 3, 4],
            &[0x90, 96, 0, 2, 0, 0, 0, 1, 0, 0, 7, 0xD1, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0, 9],
            &[0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 7, 0xD1, 0, 1, 0xFF, 0xFF],
            &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1],
        ];
        let (mut forwarded, mut resent) = (0, 0);
        for round in 0..5_000 {
            if round % PLANE_INPUTS == 0 {
                forwarded += plane.stats().packets_forwarded;
                resent += plane.stats().packets_resent;
                plane = Plane::new().unwrap();
            }
            let mut input = vec![random.random(), random.random()];
            input.extend_from_slice(seeds[round % seeds.len()]);
            input.resize(input.len() + random.random_range(0..40), 1);
            for _ in 0..random.random_range(0..4) {
                let at = random.random_range(2..input.len());
                input[at] = random.random();
            }
            if random.random_bool(0.1) {
                random.fill_bytes(&mut input[2..]);
            }
            plane.handle(&input);
            demux(&input[2..]);
            rtp(&input[2..]);
            rtcp(&input[2..]);
            srtp(&input);
        }
        sdp(OFFER.as_bytes());
        assert!(forwarded > 100 && resent > 0, "{forwarded} forwarded, {resent} again");
    }
}
