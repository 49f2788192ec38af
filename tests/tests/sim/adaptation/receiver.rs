//! One who receives a call, tells when its packets arrived, and asks for what is missing.

use sfu_core::{
    rtcp::{
        nack, receiver_report,
        transport_feedback::{self, ArrivalTime},
    },
    rtp::sequence::SeqNo,
    srtp::{Opened, Opener, Profile, Sealer, contexts},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Packets behind the newest that are still hoped for.
const HOPE: u64 = 300;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Voice,
    /// Under this number of its stream.
    Picture(u16),
    Padding,
}

/// A packet as its receiver opens it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) content: Content,
    pub(crate) is_again: bool,
    /// Which of all that its sender made, and when that was.
    pub(crate) made: (u32, Duration),
    number: u16,
}

pub(crate) struct Receiver {
    opener: Opener,
    sealer: Sealer,
    /// Stream and number of every packet: what a nonce is made of.
    sealed: BTreeSet<(u32, SeqNo)>,
    highest: BTreeMap<u32, SeqNo>,
    /// When packets arrived, by their numbers on the transport, and from which on nothing is told.
    arrived: BTreeMap<SeqNo, Duration>,
    untold: SeqNo,
    feedback: u8,
    picture: Option<(u32, SeqNo)>,
    missing: BTreeSet<SeqNo>,
    /// What came of voices and pictures, and how long it took.
    pub(crate) voices: BTreeMap<u32, Duration>,
    pub(crate) pictures: BTreeSet<u32>,
}

impl Receiver {
    pub(crate) fn new(material: &[u8]) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        Self {
            opener,
            sealer,
            sealed: BTreeSet::new(),
            highest: BTreeMap::new(),
            arrived: BTreeMap::new(),
            untold: SeqNo::first(1),
            feedback: 0,
            picture: None,
            missing: BTreeSet::new(),
            voices: BTreeMap::new(),
            pictures: BTreeSet::new(),
        }
    }

    /// Opens a packet as it leaves the server; `None` for what is no RTP.
    pub(crate) fn open(&mut self, mut datagram: Vec<u8>) -> Option<Packet> {
        if datagram[0] < 128 || (192..=223).contains(&datagram[1]) {
            return None;
        }
        let Opened { header, payload } =
            self.opener.rtp(&mut datagram).expect("it opens, and is no repetition");
        let highest = self.highest.entry(header.ssrc).or_insert_with(|| SeqNo::first(header.sequence));
        let sequence = highest.extend(header.sequence);
        *highest = sequence.max(*highest);
        assert!(self.sealed.insert((header.ssrc, sequence)), "the nonce of {header:?} is used twice");
        let number = header.extension(3).expect("it is numbered").try_into().unwrap();
        let number = u16::from_be_bytes(number);
        let is_padding =
            header.has_padding && payload.last().map(|it| usize::from(*it)) == Some(payload.len());
        let (content, payload) = match header.payload_type {
            111 => (Content::Voice, payload),
            96 => {
                self.picture.get_or_insert((header.ssrc, sequence));
                (Content::Picture(header.sequence), payload)
            }
            97 if is_padding => {
                let made = (0, Duration::ZERO);
                return Some(Packet { content: Content::Padding, is_again: false, made, number });
            }
            97 => (Content::Picture(u16::from_be_bytes([payload[0], payload[1]])), &payload[2..]),
            other => panic!("payload type {other} was not offered"),
        };
        let (index, at) = payload[..12].split_at(4);
        let index = u32::from_be_bytes(index.try_into().unwrap());
        let made = (index, Duration::from_micros(u64::from_be_bytes(at.try_into().unwrap())));
        Some(Packet { content, is_again: header.payload_type == 97, made, number })
    }

    /// A packet arrives so long after the start.
    pub(crate) fn arrive(&mut self, packet: Packet, at: Duration) {
        let newest = self.arrived.last_key_value().map_or(SeqNo::first(1), |(number, _)| *number);
        let number = newest.extend(packet.number);
        self.arrived.insert(number, at);
        // What overtook the rest is told when it comes, too.
        self.untold = self.untold.min(number);
        let (index, made) = packet.made;
        match packet.content {
            Content::Voice => {
                self.voices.insert(index, at - made);
            }
            Content::Picture(wire) => {
                self.pictures.insert(index);
                self.note_picture(wire);
            }
            Content::Padding => {}
        }
    }

    fn note_picture(&mut self, wire: u16) {
        let Some((_, highest)) = &mut self.picture else { return };
        let sequence = highest.extend(wire);
        self.missing.remove(&sequence);
        let mut lost = highest.next();
        while lost < sequence {
            self.missing.insert(lost);
            lost = lost.next();
        }
        *highest = sequence.max(*highest);
        let oldest = highest.extended() - HOPE;
        self.missing.retain(|lost| lost.extended() > oldest);
    }

    /// What it says now, if it has anything to say.
    pub(crate) fn report(&mut self) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        receiver_report::write(&mut packet, 1, &[]);
        let empty = packet.len();
        while let Some((&last, _)) = self.arrived.range(self.untold..).next_back() {
            let (base, number) = (self.untold.to_wire(), self.feedback);
            let report = transport_feedback::Report { ssrc: 1, media: 1, base, number };
            let numbers = self.untold.extended()..=last.extended();
            let arrivals = numbers.map(|number| {
                self.arrived.get(&SeqNo::from_extended(number)).map(|at| ArrivalTime::after(*at))
            });
            let told = transport_feedback::write(&mut packet, report, arrivals);
            self.untold = SeqNo::from_extended(self.untold.extended() + u64::from(told));
            self.feedback = self.feedback.wrapping_add(1);
        }
        if let Some((ssrc, _)) = self.picture.filter(|_| !self.missing.is_empty()) {
            let missing: Vec<u16> = self.missing.iter().map(|lost| lost.to_wire()).collect();
            nack::write(&mut packet, 1, ssrc, &missing);
        }
        let mut out = Vec::new();
        (packet.len() > empty && self.sealer.rtcp(&packet, &mut out)).then_some(out)
    }
}
