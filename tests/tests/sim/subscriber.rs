//! A screen: puts frames together and asks for what is missing.

use sfu_core::{
    rtcp::{nack, receiver_report},
    rtp::sequence::SeqNo,
    srtp::{Opened, Opener, Profile, Sealer, contexts},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub(crate) struct Subscriber {
    pub(crate) address: SocketAddr,
    opener: Opener,
    sealer: Sealer,
    ssrc: Option<u32>,
    highest: Option<SeqNo>,
    missing: BTreeSet<SeqNo>,
    /// The packets seen of each frame, and how many it has.
    frames: BTreeMap<u32, (BTreeSet<u8>, u8)>,
    pub(crate) complete: BTreeSet<u32>,
}

impl Subscriber {
    pub(crate) fn new(address: SocketAddr, material: &[u8]) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        Self {
            address,
            opener,
            sealer,
            ssrc: None,
            highest: None,
            missing: BTreeSet::new(),
            frames: BTreeMap::new(),
            complete: BTreeSet::new(),
        }
    }

    pub(crate) fn handle(&mut self, mut bytes: Vec<u8>) {
        let Some(Opened { header, payload }) = self.opener.rtp(&mut bytes) else { return };
        let (wire, payload) = match header.payload_type {
            96 => {
                self.ssrc = Some(header.ssrc);
                (header.sequence, payload)
            }
            97 => (u16::from_be_bytes([payload[0], payload[1]]), &payload[2..]),
            other => panic!("payload type {other} was not offered"),
        };
        self.note(wire);
        let frame = u32::from_be_bytes(payload[..4].try_into().unwrap());
        let (seen, count) = self.frames.entry(frame).or_insert((BTreeSet::new(), payload[5]));
        seen.insert(payload[4]);
        if seen.len() == usize::from(*count) {
            self.complete.insert(frame);
        }
    }

    fn note(&mut self, wire: u16) {
        let Some(highest) = self.highest else {
            self.highest = Some(SeqNo::first(wire));
            return;
        };
        let sequence = highest.extend(wire);
        self.missing.remove(&sequence);
        let mut lost = highest.next();
        while lost < sequence {
            self.missing.insert(lost);
            lost = lost.next();
        }
        self.highest = Some(highest.max(sequence));
    }

    /// A request for everything that is missing.
    pub(crate) fn ask(&mut self) -> Option<Vec<u8>> {
        let ssrc = self.ssrc?;
        let missing: Vec<u16> = self.missing.iter().map(|sequence| sequence.to_wire()).collect();
        if missing.is_empty() {
            return None;
        }
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        receiver_report::write(&mut packet, 1, &[]);
        nack::write(&mut packet, 1, ssrc, &missing);
        assert!(self.sealer.rtcp(&packet, &mut out));
        Some(out)
    }
}
