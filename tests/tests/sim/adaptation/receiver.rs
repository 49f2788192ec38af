//! One who receives a call, tells when its packets arrived, and asks for what is missing.

use super::{content::Content, screen::Screen};
use sfu_core::{
    rtcp::{
        nack, pli, receiver_report,
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

/// A packet as its receiver opens it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    /// What is in it; padding has nothing.
    pub(crate) content: Option<Content>,
    pub(crate) is_again: bool,
    /// Its number in its stream when it was sent first.
    sequence: u16,
    /// Its number on the transport.
    number: u16,
}

/// A camera's stream.
struct Stream {
    ssrc: u32,
    highest: SeqNo,
    missing: BTreeSet<SeqNo>,
}

impl Stream {
    fn note(&mut self, wire: u16) {
        let sequence = self.highest.extend(wire);
        self.missing.remove(&sequence);
        let mut lost = self.highest.next();
        while lost < sequence {
            self.missing.insert(lost);
            lost = lost.next();
        }
        self.highest = sequence.max(self.highest);
        let oldest = self.highest.extended().saturating_sub(HOPE);
        self.missing.retain(|lost| lost.extended() > oldest);
    }
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
    /// Cameras by their senders.
    streams: BTreeMap<u8, Stream>,
    pub(crate) screens: BTreeMap<u8, Screen>,
    /// What came of voices, by sender and index, and how long it took.
    pub(crate) voices: BTreeMap<(u8, u32), Duration>,
    /// What came of each camera's first encoding, by sender and index.
    pub(crate) pictures: BTreeSet<(u8, u32)>,
}

impl Receiver {
    pub(crate) fn new(material: &[u8], senders: impl Iterator<Item = u8>, joins_at: Duration) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        Self {
            opener,
            sealer,
            sealed: BTreeSet::new(),
            highest: BTreeMap::new(),
            arrived: BTreeMap::new(),
            untold: SeqNo::first(1),
            feedback: 0,
            streams: BTreeMap::new(),
            screens: senders.map(|sender| (sender, Screen::new(joins_at))).collect(),
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
        let is_again = header.payload_type == 97;
        let is_padding =
            header.has_padding && payload.last().map(|it| usize::from(*it)) == Some(payload.len());
        if is_again && is_padding {
            return Some(Packet { content: None, is_again, sequence: 0, number });
        }
        let (payload, wire) = match header.payload_type {
            96 | 111 => (payload, header.sequence),
            97 => (&payload[2..], u16::from_be_bytes([payload[0], payload[1]])),
            other => panic!("payload type {other} was not offered"),
        };
        let content = Content::read(payload, header.payload_type != 111);
        if header.payload_type == 96 {
            let stream = Stream { ssrc: header.ssrc, highest: sequence, missing: BTreeSet::new() };
            self.streams.entry(content.sender).or_insert(stream);
        }
        Some(Packet { content: Some(content), is_again, sequence: wire, number })
    }

    /// A packet arrives so long after the start.
    pub(crate) fn arrive(&mut self, packet: Packet, at: Duration) {
        let newest = self.arrived.last_key_value().map_or(SeqNo::first(1), |(number, _)| *number);
        let number = newest.extend(packet.number);
        self.arrived.insert(number, at);
        // What overtook the rest is told when it comes, too.
        self.untold = self.untold.min(number);
        let Some(Content { sender, index, made_at, part }) = packet.content else { return };
        let Some(part) = part else {
            self.voices.insert((sender, index), at - made_at);
            return;
        };
        if part.encoding == 0 {
            self.pictures.insert((sender, index));
        }
        if let Some(stream) = self.streams.get_mut(&sender) {
            stream.note(packet.sequence);
        }
        if let Some(screen) = self.screens.get_mut(&sender) {
            screen.take(part, at);
        }
    }

    /// What it says now, if it has anything to say.
    pub(crate) fn report(&mut self, now: Duration) -> Option<Vec<u8>> {
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
        for (sender, stream) in &self.streams {
            let missing: Vec<u16> = stream.missing.iter().map(|lost| lost.to_wire()).collect();
            if !missing.is_empty() {
                nack::write(&mut packet, 1, stream.ssrc, &missing);
            }
            if self.screens.get_mut(sender).is_some_and(|screen| screen.asks(now)) {
                pli::write(&mut packet, 1, stream.ssrc);
            }
        }
        let mut out = Vec::new();
        (packet.len() > empty && self.sealer.rtcp(&packet, &mut out)).then_some(out)
    }
}
