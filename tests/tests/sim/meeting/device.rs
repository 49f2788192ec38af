//! One device of a meeting: its cameras, its two transports, and what it was offered.

use sfu_core::{
    Offer,
    engine::simulation::check,
    rtcp::write,
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Profile, Sealer, contexts},
};
use std::{collections::BTreeMap, net::SocketAddr};
use switchboard_tests::description::material;

/// Ports of one transport: it moves among them.
pub(crate) const PORTS: u16 = 64;

/// The first port of the first transport.
const PORT_FIRST: u16 = 10_000;

const PAYLOAD_BYTES: usize = 200;

/// The client's end of a transport.
pub(crate) struct Link {
    /// Which of all transports of the run it is: its keys and ports are its own.
    pub(crate) line: u16,
    sealer: Sealer,
    /// The server's name and password in it.
    names: (String, String),
}

impl Link {
    pub(crate) fn new(line: u16, names: (String, String)) -> Self {
        let (_, sealer) = contexts(Profile::Aes128Gcm, &material(line), true).unwrap();
        Self { line, sealer, names }
    }

    /// The address of one of its ports.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 2], PORT_FIRST + self.line * PORTS + port % PORTS))
    }

    pub(crate) fn check(&self, nominates: bool, n: u8) -> Vec<u8> {
        check((&self.names.0, &self.names.1), "abcd", nominates, [n; 12])
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
    pub(crate) offer: Option<Offer>,
    /// The streams that it was offered last.
    pub(crate) offered: Vec<u32>,
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
            let header = PlainHeader {
                has_padding: false,
                marker: true,
                payload_type: 96,
                sequence: sequence.to_wire(),
                timestamp: 1,
                ssrc,
            };
            let (mut out, payload) = (Vec::new(), [7; PAYLOAD_BYTES]);
            assert!(link.sealer.rtp(
                &header.to_bytes(),
                &[&payload],
                ssrc,
                sequence,
                sequence.cycles(),
                &mut out
            ));
            packets.push(out);
        }
        packets
    }

    /// Asks for everything of every stream again, and for key frames of all.
    pub(crate) fn storm(&mut self, from: u16) -> Option<Vec<u8>> {
        let wanted: Vec<u16> = (0..120).map(|n| from.wrapping_add(n)).collect();
        let mut packet = Vec::new();
        write::receiver_report(&mut packet, 1, &[]);
        for ssrc in &self.offered {
            write::nack(&mut packet, 1, *ssrc, &wanted);
            write::pli(&mut packet, 1, *ssrc);
        }
        Some(self.subscribe.as_mut()?.rtcp(&packet))
    }

    /// Says again and again where its streams stand.
    pub(crate) fn report(&mut self) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        for camera in self.cameras.values() {
            write::sender_report(&mut packet, camera.ssrc, 7 << 32, 1, 2, 3);
        }
        let link = self.publish.as_mut()?;
        (!packet.is_empty()).then(|| link.rtcp(&packet))
    }
}
