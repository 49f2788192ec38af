//! One device of a meeting: its cameras, its two transports, and what it was offered.

use sfu_core::{
    Offer,
    engine::simulation::{check, reply},
    rtcp::{
        self, Packet, nack, pli, receiver_report,
        report_block::ReportBlock,
        sender_report::{SenderReport, middle},
    },
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Opener, Profile, Sealer, contexts},
};
use std::{collections::BTreeMap, net::SocketAddr, time::Instant};
use switchboard_tests::description::material;

/// Ports of one transport: it moves among them.
pub(crate) const PORTS: u16 = 64;

/// The ports at which it hears.
const PORTS_ANSWERING: u16 = 32;

/// The password of the client's end, in the descriptions.
const PASSWORD: &str = "0123456789abcdef01234567";

/// The first port of the first transport.
const PORT_FIRST: u16 = 10_000;

const PAYLOAD_BYTES: usize = 200;

/// What one who floods sends in a step: three times what a picture may have.
const FLOOD_PACKETS: usize = 45;
const FLOOD_BYTES: usize = 1400;

/// More streams than a transport remembers.
const STREAMS_INVENTED: u32 = 70;

/// The client's end of a transport.
pub(crate) struct Link {
    /// Which of all transports of the run it is: its keys and ports are its own.
    pub(crate) line: u16,
    sealer: Sealer,
    opener: Opener,
    /// The server's name and password in it.
    names: (String, String),
}

impl Link {
    pub(crate) fn new(line: u16, names: (String, String)) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material(line), true).unwrap();
        Self { line, sealer, opener, names }
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

    fn rtp(&self, ssrc: u32, sequence: SeqNo, bytes: usize) -> Vec<u8> {
        let header = PlainHeader {
            has_padding: false,
            marker: true,
            payload_type: 96,
            sequence: sequence.to_wire(),
            timestamp: 1,
            ssrc,
        };
        let (mut out, payload) = (Vec::new(), vec![7; bytes]);
        let (header, cycles) = (header.to_bytes(), sequence.cycles());
        assert!(self.sealer.rtp(&header, &[&payload], ssrc, sequence, cycles, &mut out));
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

pub(crate) struct Camera {
    pub(crate) ssrc: u32,
    next: SeqNo,
}

#[derive(Default)]
pub(crate) struct Device {
    pub(crate) is_in: bool,
    pub(crate) publish: Option<Link>,
    pub(crate) subscribe: Option<Link>,
    /// By their mids. A mid is not used again.
    pub(crate) cameras: BTreeMap<u32, Camera>,
    pub(crate) last_mid: u32,
    /// Steps for which it floods yet.
    pub(crate) floods: u32,
    pub(crate) offer: Option<Offer>,
    /// The streams that it was offered last.
    pub(crate) offered: Vec<u32>,
    /// The last sender report of each stream, and when it came.
    pub(crate) heard: BTreeMap<u32, (u32, Instant)>,
}

impl Device {
    pub(crate) fn add_camera(&mut self, n: u16) {
        self.last_mid += 1;
        let ssrc = u32::from(n) * 100_000 + self.last_mid * 2;
        // Near the wrap, so that every run goes over it.
        self.cameras.insert(self.last_mid, Camera { ssrc, next: SeqNo::from_extended(65_500) });
    }

    pub(crate) fn note_offer(&mut self, offer: Offer) {
        let pairs = offer.sdp.lines().filter_map(|line| line.strip_prefix("a=ssrc-group:FID "));
        self.offered = pairs.filter_map(|pair| pair.split(' ').next()?.parse().ok()).collect();
        self.offer = Some(offer);
    }

    /// The next packet of every camera; `skips` leaves some numbers out, as if they were lost.
    pub(crate) fn packets(&mut self, skips: bool) -> Vec<Vec<u8>> {
        let Some(link) = &self.publish else { return Vec::new() };
        let mut packets = Vec::new();
        for camera in self.cameras.values_mut() {
            if skips {
                camera.next = camera.next.next();
            }
            let (sequence, ssrc) = (camera.next, camera.ssrc);
            camera.next = sequence.next();
            packets.push(link.rtp(ssrc, sequence, PAYLOAD_BYTES));
        }
        packets
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

    /// Packets of its first camera, faster than a picture may come, while it floods.
    pub(crate) fn flood(&mut self) -> Vec<Vec<u8>> {
        let (Some(link), Some(camera)) = (&self.publish, self.cameras.values_mut().next()) else {
            return Vec::new();
        };
        if self.floods == 0 {
            return Vec::new();
        }
        self.floods -= 1;
        let mut packet = || {
            let sequence = camera.next;
            camera.next = sequence.next();
            link.rtp(camera.ssrc, sequence, FLOOD_BYTES)
        };
        (0..FLOOD_PACKETS).map(|_| packet()).collect()
    }

    /// Packets of streams that no description named.
    pub(crate) fn invented(&self) -> Vec<Vec<u8>> {
        let streams = self.publish.iter().flat_map(|link| (0..STREAMS_INVENTED).map(move |n| (link, n)));
        let first = SeqNo::from_extended(1);
        streams.map(|(link, n)| link.rtp(0xF000_0000 + n, first, PAYLOAD_BYTES)).collect()
    }

    /// Says again and again where its streams stand, at a time that names the report.
    pub(crate) fn report(&mut self, time: u64) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        for camera in self.cameras.values() {
            let ssrc = camera.ssrc;
            SenderReport { ssrc, ntp: time << 16, rtp_time: 1, packets: 2, octets: 3 }
                .write(&mut packet, &[]);
        }
        let link = self.publish.as_mut()?;
        (!packet.is_empty()).then(|| link.rtcp(&packet))
    }
}
