//! One device of a meeting: what it sends, its two transports, and what it was offered.

#[path = "source.rs"]
mod source;

use sfu_core::{
    Offer,
    engine::simulation::{Side, check, reply},
    rtcp::{self, Packet, nack, pli, receiver_report, report_block::ReportBlock, sender_report::middle},
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Opener, Profile, Sealer, contexts},
};
use source::Source;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Instant,
};
use switchboard_tests::description::{Kind, PASSWORD, Track, material};

/// Ports of one transport: it moves among them.
pub(crate) const PORTS: u16 = 64;

/// The ports at which it hears.
const PORTS_ANSWERING: u16 = 32;

/// The first port of the first transport.
const PORT_FIRST: u16 = 10_000;

/// What one who floods sends in a step: three times what a picture may have.
const FLOOD_PACKETS: usize = 45;
const FLOOD_BYTES: usize = 1400;

/// More streams than a transport remembers, and the bytes of a packet of each.
const STREAMS_INVENTED: u32 = 70;
const INVENTED_BYTES: usize = 200;

/// The client's end of a transport.
pub(crate) struct Link {
    /// Which of all transports of the run it is: its keys and ports are its own.
    pub(crate) line: u16,
    sealer: Sealer,
    opener: Opener,
    /// The server's name and password in it.
    names: (String, String),
    /// The port at which the device is.
    pub(crate) port: u16,
}

impl Link {
    pub(crate) fn new(line: u16, names: (String, String)) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material(line), true).unwrap();
        Self { line, sealer, opener, names, port: 0 }
    }

    /// Where the device is.
    pub(crate) fn home(&self) -> SocketAddr {
        self.address(self.port)
    }

    /// Goes to another of the ports at which it hears; what it sends comes from there at once.
    pub(crate) fn move_on(&mut self) {
        self.port = (self.port + 1) % PORTS_ANSWERING;
    }

    /// The address of one of its ports.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 2], PORT_FIRST + self.line * PORTS + port % PORTS))
    }

    pub(crate) fn check(&self, nominates: bool, n: u8) -> Vec<u8> {
        check((&self.names.0, &self.names.1), "abcd", nominates, [n; 12])
    }

    /// The answer to a check, on the ports where somebody is. The others are forged.
    pub(crate) fn answer(&self, port: u16, datagram: &[u8]) -> Option<Vec<u8>> {
        let is_there = (port - PORT_FIRST) % PORTS < PORTS_ANSWERING;
        if is_there { reply(datagram, PASSWORD) } else { None }
    }

    /// A packet; its number is that of the header, with the cycles before it.
    pub(crate) fn rtp(&self, header: PlainHeader, sequence: SeqNo, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let cycles = sequence.cycles();
        assert!(self.sealer.rtp(&header.to_bytes(), &[payload], header.ssrc, sequence, cycles, &mut out));
        out
    }

    pub(crate) fn rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(self.sealer.rtcp(packet, &mut out));
        out
    }
}

/// The transport that a port belongs to.
pub(crate) fn line_of(port: u16) -> u16 {
    (port - PORT_FIRST) / PORTS
}

#[derive(Default)]
pub(crate) struct Device {
    pub(crate) is_in: bool,
    pub(crate) publish: Option<Link>,
    pub(crate) subscribe: Option<Link>,
    /// By their mids. A mid is not used again.
    pub(crate) sources: BTreeMap<u32, Source>,
    pub(crate) last_mid: u32,
    /// Steps for which it floods yet.
    pub(crate) floods: u32,
    pub(crate) offer: Option<Offer>,
    /// The offer that it answered last.
    pub(crate) answered: Option<Offer>,
    /// Steps for which it answers nothing.
    pub(crate) hesitates: u32,
    /// The streams that it was offered last.
    pub(crate) offered: BTreeSet<u32>,
    /// The last sender report of each stream, and when it came.
    pub(crate) heard: BTreeMap<u32, (u32, Instant)>,
}

impl Device {
    pub(crate) const fn link(&self, side: Side) -> Option<&Link> {
        match side {
            Side::Publish => self.publish.as_ref(),
            Side::Subscribe => self.subscribe.as_ref(),
        }
    }

    /// Sends one more; a camera in `several` encodings or one.
    pub(crate) fn add(&mut self, kind: Kind, several: bool, n: u16) {
        self.last_mid += 1;
        let ssrc = u32::from(n) * 800_000 + self.last_mid * 8;
        self.sources.insert(self.last_mid, Source::new(kind, ssrc, several));
    }

    /// What it sends, as a description names it.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = Track> {
        self.sources.iter().map(|(mid, source)| source.track(*mid))
    }

    /// One encoding of each of its cameras that have several stops, or goes on. How many there are.
    pub(crate) fn turn_encodings(&mut self, which: usize) -> u32 {
        self.sources.values_mut().map(|source| u32::from(source.turn_encoding(which))).sum()
    }

    /// Whoever speaks into its microphones falls silent, or speaks again. Whether there is one.
    pub(crate) fn turn(&mut self) -> bool {
        let microphones = self.sources.values_mut().filter(|source| source.kind == Kind::Audio);
        let turned = microphones.map(|source| source.silent = source.silent.xor(Some(0)));
        turned.count() > 0
    }

    pub(crate) fn note_offer(&mut self, offer: Offer) {
        let number = |text: &str| text.split(' ').next()?.parse().ok();
        let values = |key| offer.sdp.lines().filter_map(move |line: &str| line.strip_prefix(key));
        self.offered = values("a=ssrc:").filter_map(number).collect();
        // What is sent again has numbers of its own.
        for again in values("a=ssrc-group:FID ").filter_map(|pair| number(pair.split_once(' ')?.1)) {
            self.offered.remove(&again);
        }
        self.offer = Some(offer);
    }

    /// The next packets of everything it sends; `skips` leaves some numbers out, as if they were lost.
    pub(crate) fn packets(&mut self, skips: bool) -> Vec<Vec<u8>> {
        let Some(link) = &self.publish else { return Vec::new() };
        self.sources.values_mut().flat_map(|source| source.step(link, skips)).collect()
    }

    /// Asks for everything of every stream again, and for key frames of all.
    pub(crate) fn storm(&mut self, from: u16) -> Option<Vec<u8>> {
        let wanted: Vec<u16> = (0..120).map(|n| from.wrapping_add(n)).collect();
        let mut packet = Vec::new();
        receiver_report::write(&mut packet, 1, &[]);
        for ssrc in &self.offered {
            nack::write(&mut packet, 1, *ssrc, &wanted);
            pli::write(&mut packet, 1, *ssrc);
        }
        Some(self.subscribe.as_mut()?.rtcp(&packet))
    }

    /// Something came on the transport on which it sends: it may be asked for key frames.
    pub(crate) fn note_requests(&mut self, datagram: &mut [u8]) {
        let is_rtcp = (192..=223).contains(&datagram[1]);
        let Some(link) = self.publish.as_mut().filter(|_| is_rtcp) else { return };
        let Some(length) = link.opener.rtcp(datagram) else { return };
        for packet in rtcp::packets(&datagram[..length]) {
            if let Packet::Pli(pli) = packet {
                self.sources.values_mut().for_each(|source| source.note_request(pli.media));
            }
        }
    }

    /// Something came on the transport on which it receives.
    pub(crate) fn hear(&mut self, datagram: &mut [u8], now: Instant) {
        let is_rtcp = (192..=223).contains(&datagram[1]);
        let Some(link) = self.subscribe.as_mut().filter(|_| is_rtcp) else { return };
        let Some(length) = link.opener.rtcp(datagram) else { return };
        for packet in rtcp::packets(&datagram[..length]) {
            if let Packet::SenderReport(report, _) = packet {
                self.heard.insert(report.ssrc, (middle(report.ntp), now));
            }
        }
    }

    /// Says how it receives. Who is not `honest` says that reports came just now, as if the way were long.
    pub(crate) fn reception(&mut self, honest: bool, now: Instant) -> Option<Vec<u8>> {
        let held = |at: Instant| if honest { (now - at).as_millis() * 65_536 / 1_000 } else { 0 };
        let blocks: Vec<_> = self
            .heard
            .iter()
            .map(|(ssrc, (last_report, at))| ReportBlock {
                ssrc: *ssrc,
                last_report: *last_report,
                since_last_report: u32::try_from(held(*at)).unwrap(),
                ..ReportBlock::default()
            })
            .collect();
        let mut packet = Vec::new();
        receiver_report::write(&mut packet, 1, &blocks);
        Some(self.subscribe.as_mut()?.rtcp(&packet))
    }

    /// Packets of its first track, faster than they may come, while it floods.
    pub(crate) fn flood(&mut self) -> Vec<Vec<u8>> {
        let (Some(link), Some(source)) = (&self.publish, self.sources.values_mut().next()) else {
            return Vec::new();
        };
        if self.floods == 0 {
            return Vec::new();
        }
        self.floods -= 1;
        source.flood(link, FLOOD_PACKETS, FLOOD_BYTES)
    }

    /// Packets of streams that no description named.
    pub(crate) fn invented(&self) -> Vec<Vec<u8>> {
        let streams = self.publish.iter().flat_map(|link| (0..STREAMS_INVENTED).map(move |n| (link, n)));
        let invented = streams.map(|(link, n)| {
            let (sequence, ssrc) = (1, 0xF000_0000 + n);
            let (has_padding, marker, payload_type, timestamp) = (false, true, 96, 1);
            let header = PlainHeader { has_padding, marker, payload_type, sequence, timestamp, ssrc };
            link.rtp(header, SeqNo::from_extended(1), &[7; INVENTED_BYTES])
        });
        invented.collect()
    }

    /// Says again and again where its streams stand, at a time that names the report.
    pub(crate) fn report(&mut self, step: u64) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        self.sources.values().for_each(|source| source.report(step, &mut packet));
        let link = self.publish.as_mut()?;
        (!packet.is_empty()).then(|| link.rtcp(&packet))
    }
}
