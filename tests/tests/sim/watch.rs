//! What must hold in every run, whoever does what.

use sfu_core::{
    Engine, Output,
    rtcp::read::{self, Said},
    rtp::{header::Header, sequence::SeqNo},
    srtp::{Opener, Profile, contexts},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// How often a publisher may be asked for a key frame of one track.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// Bytes within a second that may be sent again though little is forwarded.
const FLOOR_BYTES: usize = 8_000;

/// What goes to one transport.
struct Line {
    opener: Opener,
    highest: BTreeMap<u32, SeqNo>,
    /// Stream, cycle and number of every packet: what AES-GCM's nonce is made of.
    sealed: BTreeSet<(u32, u32, u16)>,
    sealed_rtcp: BTreeSet<u32>,
    /// The packets of the last second: when, bytes forwarded, bytes sent again.
    second: VecDeque<(Instant, usize, usize)>,
    asked: BTreeMap<u32, Instant>,
}

/// Sees every datagram that the engine gives, before the network does.
#[derive(Default)]
pub(crate) struct Watch {
    lines: BTreeMap<u16, Line>,
}

impl Watch {
    /// There is another transport, with keys of its own.
    pub(crate) fn line(&mut self, number: u16, material: &[u8]) {
        let (opener, _) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        let line = Line {
            opener,
            highest: BTreeMap::new(),
            sealed: BTreeSet::new(),
            sealed_rtcp: BTreeSet::new(),
            second: VecDeque::new(),
            asked: BTreeMap::new(),
        };
        assert!(self.lines.insert(number, line).is_none(), "each has keys of its own");
    }

    /// A datagram goes to a transport.
    pub(crate) fn note(&mut self, line: u16, datagram: &[u8], now: Instant) {
        let Some(line) = self.lines.get_mut(&line) else { return };
        match (datagram[0], datagram[1]) {
            (128..=191, 192..=223) => line.note_rtcp(datagram, now),
            (128..=191, _) => line.note_rtp(datagram, now),
            _ => {}
        }
    }

    /// What the engine remembers is bounded by who is there, not by what they send.
    pub(crate) fn look(&self, engine: &Engine, output: &Output) {
        let (footprint, stats) = (engine.footprint(), engine.stats());
        assert!(footprint.addresses_per_transport <= 16, "{footprint:?}");
        assert!(footprint.addresses_per_agent <= 48, "{footprint:?}");
        assert!(footprint.windows_per_transport <= 64, "{footprint:?}");
        assert!(footprint.transports <= 2 * stats.participants, "{footprint:?} {stats:?}");
        assert!(footprint.addresses <= 16 * footprint.transports, "{footprint:?}");
        assert!(footprint.streams <= 2 * stats.publications, "{footprint:?} {stats:?}");
        assert_eq!(footprint.feedback, stats.subscriptions, "{footprint:?}");
        assert!(stats.publications <= 8 * stats.participants, "{stats:?}");
        assert!(footprint.sections <= 256, "{footprint:?}");
        assert!(output.capacity() <= 8 * 1024 * 1024, "{} bytes", output.capacity());
    }
}

impl Line {
    fn note_rtp(&mut self, datagram: &[u8], now: Instant) {
        let header = Header::parse(datagram).unwrap();
        let number = match self.highest.get(&header.ssrc) {
            Some(highest) => highest.extend(header.sequence),
            None => SeqNo::first(header.sequence),
        };
        let cycles = number.cycles() - 1;
        assert!(self.opener.opens(datagram, cycles), "its receiver cannot open {header:?}");
        assert!(
            self.sealed.insert((header.ssrc, cycles, header.sequence)),
            "the nonce of {header:?} is used twice"
        );
        let highest = self.highest.entry(header.ssrc).or_insert(number);
        *highest = number.max(*highest);
        self.note_bytes(datagram.len(), header.payload_type == 97, now);
    }

    fn note_bytes(&mut self, bytes: usize, is_again: bool, now: Instant) {
        self.second.push_back((now, if is_again { 0 } else { bytes }, if is_again { bytes } else { 0 }));
        while self.second.front().is_some_and(|(at, ..)| now - *at >= Duration::from_secs(1)) {
            self.second.pop_front();
        }
        if is_again {
            let forwarded: usize = self.second.iter().map(|(_, forwarded, _)| forwarded).sum();
            let again: usize = self.second.iter().map(|(.., again)| again).sum();
            assert!(again <= (forwarded / 2).max(FLOOR_BYTES), "{again} bytes again, {forwarded} forwarded");
        }
    }

    fn note_rtcp(&mut self, datagram: &[u8], now: Instant) {
        let index = u32::from_be_bytes(datagram[datagram.len() - 4..].try_into().unwrap());
        assert!(self.sealed_rtcp.insert(index), "index {index} is used twice");
        let mut packet = datagram.to_vec();
        let length = self.opener.rtcp(&mut packet).expect("its receiver can open it");
        read::each(&packet[..length], |said| {
            if let Said::KeyframeRequest { ssrc } = said {
                let before = self.asked.insert(ssrc, now);
                let is_early = before.is_some_and(|before| now - before < KEYFRAME_INTERVAL);
                assert!(!is_early, "stream {ssrc} is asked for key frames too often");
            }
        });
    }
}
