//! A camera: frames of several packets, sent again when asked for.

use sfu_core::{
    rtcp::{self, Packet, nack::Loss},
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Opener, Profile, Sealer, contexts},
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use switchboard_tests::description::{CAMERA_RTX_SSRC, CAMERA_SSRC};

pub(crate) const FRAME_INTERVAL: Duration = Duration::from_millis(33);
const PACKET_BYTES: usize = 900;

pub(crate) struct Publisher {
    pub(crate) address: SocketAddr,
    opener: Opener,
    sealer: Sealer,
    next: SeqNo,
    rtx_next: SeqNo,
    pub(crate) frames: u32,
    /// Packets by their wire number, to send again: timestamp, marker, payload.
    history: BTreeMap<u16, (u32, bool, Vec<u8>)>,
}

impl Publisher {
    pub(crate) fn new(address: SocketAddr, material: &[u8]) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        // Near the wrap, so that every run goes over it.
        let next = SeqNo::from_extended(65_000);
        Self {
            address,
            opener,
            sealer,
            next,
            rtx_next: SeqNo::from_extended(1),
            frames: 0,
            history: BTreeMap::new(),
        }
    }

    /// The datagrams of the next frame: one to five packets, each naming frame, place and count.
    pub(crate) fn frame(&mut self) -> Vec<Vec<u8>> {
        let frame = self.frames;
        self.frames += 1;
        let count = 1 + u8::try_from(frame * 7 % 5).unwrap();
        let timestamp = frame * 3000;
        (0..count)
            .map(|place| {
                let mut payload = vec![0; PACKET_BYTES];
                payload[..4].copy_from_slice(&frame.to_be_bytes());
                payload[4..6].copy_from_slice(&[place, count]);
                let (sequence, marker) = (self.next, place + 1 == count);
                self.next = sequence.next();
                self.history.insert(sequence.to_wire(), (timestamp, marker, payload.clone()));
                self.seal(96, CAMERA_SSRC, sequence, timestamp, marker, &[&payload])
            })
            .collect()
    }

    fn seal(
        &self,
        payload_type: u8,
        ssrc: u32,
        sequence: SeqNo,
        timestamp: u32,
        marker: bool,
        payload: &[&[u8]],
    ) -> Vec<u8> {
        let sequence_wire = sequence.to_wire();
        let header = PlainHeader {
            has_padding: false,
            marker,
            payload_type,
            sequence: sequence_wire,
            timestamp,
            ssrc,
        };
        let mut out = Vec::new();
        assert!(self.sealer.rtp(&header.to_bytes(), payload, ssrc, sequence, sequence.cycles(), &mut out));
        out
    }

    /// What a datagram of the engine asks for again.
    pub(crate) fn handle(&mut self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Some(length) = self.opener.rtcp(&mut bytes) else { return Vec::new() };
        let mut wanted = Vec::new();
        for packet in rtcp::packets(&bytes[..length]) {
            if let Packet::Nack(nack) = packet {
                wanted.extend(nack.losses().flat_map(Loss::sequences));
            }
        }
        let mut datagrams = Vec::new();
        for wire in wanted {
            let Some((timestamp, marker, payload)) = self.history.get(&wire).cloned() else { continue };
            let sequence = self.rtx_next;
            self.rtx_next = sequence.next();
            datagrams.push(self.seal(
                97,
                CAMERA_RTX_SSRC,
                sequence,
                timestamp,
                marker,
                &[&wire.to_be_bytes(), &payload],
            ));
        }
        datagrams
    }
}
