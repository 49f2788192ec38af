//! One who hears voices: what came of them in time, and what a browser says of it.

use super::speaker::{OPUS, RED, VP8, WORD_BYTES, Word};
use sfu_core::{
    rtcp::{
        receiver_report,
        report_block::ReportBlock,
        transport_feedback::{self, ArrivalTime},
    },
    rtp::{red::Redundant, sequence::SeqNo},
    srtp::{Opened, Opener, Profile, Sealer, contexts},
};
use std::{collections::BTreeMap, time::Duration};
use switchboard_tests::description::material;

/// How one voice is received.
struct Stream {
    highest: SeqNo,
    first: SeqNo,
    received: u64,
    /// What was expected and what had come when that was last said.
    reported: (u64, u64),
}

pub(crate) struct Listener {
    opener: Opener,
    sealer: Sealer,
    streams: BTreeMap<u32, Stream>,
    /// When packets arrived, by their numbers on the transport, and from which on nothing is told.
    arrived: BTreeMap<SeqNo, Duration>,
    untold: SeqNo,
    feedback: u8,
    /// When each word was first there.
    pub(crate) words: BTreeMap<Word, Duration>,
    /// Bytes of words that came once more.
    pub(crate) red_bytes: usize,
    pub(crate) picture_bytes: usize,
}

fn word(payload: &[u8]) -> Word {
    let (whose, which) = payload[..WORD_BYTES].split_at(2);
    (u16::from_be_bytes(whose.try_into().unwrap()), u32::from_be_bytes(which.try_into().unwrap()))
}

impl Listener {
    pub(crate) fn new(port: u16) -> Self {
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material(port), true).unwrap();
        Self {
            opener,
            sealer,
            streams: BTreeMap::new(),
            arrived: BTreeMap::new(),
            untold: SeqNo::first(1),
            feedback: 0,
            words: BTreeMap::new(),
            red_bytes: 0,
            picture_bytes: 0,
        }
    }

    /// A datagram arrives so long after the start.
    pub(crate) fn handle(&mut self, mut datagram: Vec<u8>, at: Duration) {
        if datagram[0] < 128 || (192..=223).contains(&datagram[1]) {
            return;
        }
        let Opened { header, payload } =
            self.opener.rtp(&mut datagram).expect("it opens, and is no repetition");
        let number = header.extension(3).expect("it is numbered").try_into().unwrap();
        let newest = self.arrived.last_key_value().map_or(SeqNo::first(1), |(number, _)| *number);
        let number = newest.extend(u16::from_be_bytes(number));
        self.arrived.insert(number, at);
        self.untold = self.untold.min(number);
        if ![OPUS, RED].contains(&header.payload_type) {
            self.picture_bytes += if header.payload_type == VP8 { payload.len() } else { 0 };
            return;
        }
        let first = SeqNo::first(header.sequence);
        let new = Stream { highest: first, first, received: 0, reported: (0, 0) };
        let stream = self.streams.entry(header.ssrc).or_insert(new);
        stream.highest = stream.highest.max(stream.highest.extend(header.sequence));
        stream.received += 1;
        let mut note = |payload: &[u8]| {
            self.words.entry(word(payload)).or_insert(at);
        };
        if header.payload_type == OPUS {
            note(payload);
            return;
        }
        let redundant = Redundant::parse(payload).unwrap();
        note(redundant.own);
        for block in redundant.earlier() {
            note(block.payload);
            self.red_bytes += block.payload.len();
        }
    }

    /// When packets arrived that nothing was told of yet.
    pub(crate) fn tell_arrivals(&mut self) -> Option<Vec<u8>> {
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
        let mut out = Vec::new();
        (packet.len() > empty && self.sealer.rtcp(&packet, &mut out)).then_some(out)
    }

    /// How much was lost since that was last said (RFC 3550, appendix A.3).
    pub(crate) fn report(&mut self) -> Option<Vec<u8>> {
        let block = |(ssrc, stream): (&u32, &mut Stream)| {
            let expected = stream.highest.extended() - stream.first.extended() + 1;
            let (before, received) = stream.reported;
            stream.reported = (expected, stream.received);
            let expected = expected - before;
            let lost = expected.saturating_sub(stream.received - received);
            let fraction_lost = (lost * 256).checked_div(expected).unwrap_or(0) as u8;
            ReportBlock { ssrc: *ssrc, fraction_lost, ..ReportBlock::default() }
        };
        let blocks: Vec<ReportBlock> = self.streams.iter_mut().map(block).collect();
        let (mut packet, mut out) = (Vec::new(), Vec::new());
        receiver_report::write(&mut packet, 1, &blocks);
        (!blocks.is_empty() && self.sealer.rtcp(&packet, &mut out)).then_some(out)
    }
}
