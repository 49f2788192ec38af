//! What must hold in every run, whoever does what.

use sfu_core::{
    Engine, Output,
    rtcp::{
        self, Packet,
        pli::Pli,
        report_block::{ReportBlock, ReportBlocks},
        sender_report::{SenderReport, middle},
    },
    rtp::{descriptor::Descriptor, header::Header, sequence::SeqNo},
    sdp::codec::Codec,
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

/// How soon a packet may be sent again once more, unless the round trip is longer.
const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The longest round trip that is believed.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// How long media goes to where a check was answered.
const CONSENT_TIME: Duration = Duration::from_secs(30);

/// Bytes of one picture that are forwarded within a second: its burst, and what comes in a second.
const PICTURE_BYTES: usize = 2_000_000;

/// What a packet says of when and of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    timestamp: u32,
    /// Of a picture.
    picture: Option<Picture>,
}

/// What a packet says of its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Picture {
    id: u16,
    starts_key_frame: bool,
    /// Of which encoding its publisher sent it.
    encoding: u8,
}

impl Said {
    fn read(header: &Header<'_>, payload: &[u8]) -> Self {
        let codec = if header.payload_type == 111 { Codec::Opus } else { Codec::Vp8 };
        let descriptor = Descriptor::parse(codec, payload);
        let picture = descriptor.and_then(|descriptor| {
            let (id, encoding) = (descriptor.picture_id?, *payload.last()?);
            Some(Picture { id, starts_key_frame: descriptor.starts_key_frame, encoding })
        });
        Self { timestamp: header.timestamp, picture }
    }

    /// Whether a packet follows another in time, and what it says of its picture goes on from it.
    fn follows(self, before: Self, is_next: bool) -> bool {
        let is_later = self.timestamp.wrapping_sub(before.timestamp).cast_signed() >= 0;
        let (Some(picture), Some(former)) = (self.picture, before.picture) else { return is_later };
        let step = picture.id.wrapping_sub(former.id) % 0x8000;
        let is_begun = picture.encoding == former.encoding || picture.starts_key_frame;
        is_later && is_begun && (!is_next || step <= 1)
    }
}

/// What comes from and goes to one transport.
struct Line {
    opener: Opener,
    /// Opens what the client sends, as the engine does.
    heard: Opener,
    /// When each port last proved that it hears the server.
    proved: BTreeMap<u16, Instant>,
    /// The ports that media went to.
    ports: BTreeSet<u16>,
    /// Bytes from and to ports that have not.
    paid: BTreeMap<u16, (usize, usize)>,
    /// When a packet was sent again, by the stream and its number in it, and how soon it may be once more.
    again: BTreeMap<(u32, u16), (Instant, Duration)>,
    /// The last two sender reports of each stream.
    reports: BTreeMap<u32, VecDeque<(u32, Instant)>>,
    round_trips: BTreeMap<u32, Duration>,
    /// The pictures of the last second: when, and bytes, and all of them.
    pictures: BTreeMap<u32, (VecDeque<(Instant, usize)>, usize)>,
    highest: BTreeMap<u32, SeqNo>,
    /// What each stream's packets say, by their numbers.
    timelines: BTreeMap<u32, BTreeMap<SeqNo, Said>>,
    /// Packets with which another encoding took over.
    switches: u64,
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
    pub(crate) fn line(&mut self, number: u16, material: &[u8], port: u16, now: Instant) {
        let (opener, _) = contexts(Profile::Aes128Gcm, material, true).unwrap();
        let (heard, _) = contexts(Profile::Aes128Gcm, material, false).unwrap();
        let line = Line {
            opener,
            heard,
            proved: BTreeMap::from([(port, now)]),
            ports: BTreeSet::new(),
            paid: BTreeMap::new(),
            again: BTreeMap::new(),
            reports: BTreeMap::new(),
            round_trips: BTreeMap::new(),
            pictures: BTreeMap::new(),
            highest: BTreeMap::new(),
            timelines: BTreeMap::new(),
            switches: 0,
            sealed: BTreeSet::new(),
            sealed_rtcp: BTreeSet::new(),
            second: VecDeque::new(),
            asked: BTreeMap::new(),
        };
        assert!(self.lines.insert(number, line).is_none(), "each has keys of its own");
    }

    /// A datagram has come from a port of a transport, and the engine has taken it or not: from where
    /// nobody has checked yet it takes nothing.
    pub(crate) fn hear(&mut self, line: u16, port: u16, (datagram, is_taken): (&[u8], bool), now: Instant) {
        let Some(line) = self.lines.get_mut(&line) else { return };
        line.paid.entry(port).or_default().0 += datagram.len();
        match (datagram[0], datagram[1]) {
            // The devices answer what they were asked, and nothing else.
            (1, 1) => {
                line.proved.insert(port, now);
                line.paid.remove(&port);
            }
            (128..=191, 192..=223) if is_taken => line.hear_rtcp(datagram, now),
            _ => {}
        }
    }

    /// A datagram goes to a port of a transport.
    pub(crate) fn note(&mut self, line: u16, port: u16, datagram: &[u8], now: Instant) {
        let Some(line) = self.lines.get_mut(&line) else { return };
        let proves = line.proved.get(&port).is_some_and(|at| now - *at <= CONSENT_TIME);
        match (datagram[0], datagram[1]) {
            (128..=191, kind) => {
                assert!(proves, "media goes to port {port}, where nobody proved to hear it");
                line.ports.insert(port);
                if (192..=223).contains(&kind) {
                    line.note_rtcp(datagram, now);
                } else {
                    line.note_rtp(datagram, now);
                }
            }
            _ if !proves => {
                let (came, went) = line.paid.entry(port).or_default();
                *went += datagram.len();
                assert!(*went <= 3 * *came, "{went} bytes to port {port}, from which came {came}");
            }
            _ => {}
        }
    }

    /// Transports on which media went to more than one port.
    pub(crate) fn moved(&self) -> u32 {
        self.lines.values().map(|line| u32::from(line.ports.len() > 1)).sum()
    }

    /// How often another encoding of a track took over.
    pub(crate) fn switches(&self) -> u64 {
        self.lines.values().map(|line| line.switches).sum()
    }

    /// The longest round trip that a receiver reported.
    pub(crate) fn longest_round_trip(&self) -> Duration {
        let round_trips = self.lines.values().flat_map(|line| line.round_trips.values());
        round_trips.max().copied().unwrap_or_default()
    }

    /// What the engine remembers is bounded by who is there, not by what they send.
    pub(crate) fn look(&self, engine: &Engine, output: &Output) {
        let (footprint, stats) = (engine.footprint(), engine.stats());
        assert!(footprint.addresses_per_transport <= 16, "{footprint:?}");
        assert!(footprint.windows_per_transport <= 64, "{footprint:?}");
        assert!(footprint.transports <= 2 * stats.participants, "{footprint:?} {stats:?}");
        assert!(footprint.addresses <= 16 * footprint.transports, "{footprint:?}");
        assert!(footprint.encodings <= 3 * stats.publications, "{footprint:?} {stats:?}");
        assert!(footprint.streams <= 2 * footprint.encodings, "{footprint:?} {stats:?}");
        assert_eq!(footprint.feedback, stats.subscriptions, "{footprint:?}");
        assert!(stats.publications <= 8 * stats.participants, "{stats:?}");
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
        let payload = self.opener.opened(datagram, cycles);
        let payload = payload.unwrap_or_else(|| panic!("its receiver cannot open {header:?}"));
        assert!(
            self.sealed.insert((header.ssrc, cycles, header.sequence)),
            "the nonce of {header:?} is used twice"
        );
        let highest = self.highest.entry(header.ssrc).or_insert(number);
        *highest = number.max(*highest);
        let is_again = header.payload_type == 97;
        self.note_bytes(datagram.len(), is_again, now);
        if is_again {
            let original = u16::from_be_bytes([payload[0], payload[1]]);
            self.note_again(header.ssrc, original, now);
            self.compare(header.ssrc - 1, original, Said::read(&header, &payload[2..]));
        } else {
            self.note_picture(header.ssrc, datagram.len(), now);
            self.note_said(header.ssrc, number, Said::read(&header, &payload));
        }
    }

    /// A subscriber sees one stream, of whichever encodings it is made. Its time never goes back: of two packets the one
    /// with the higher number is of the same time or of a later one, whichever comes first. Pictures are numbered
    /// without holes, and another encoding takes over with a key frame.
    fn note_said(&mut self, ssrc: u32, number: SeqNo, said: Said) {
        let timeline = self.timelines.entry(ssrc).or_default();
        let before = timeline.range(..number).next_back();
        let after = timeline.range(number..).next();
        let follows_before =
            before.is_none_or(|(other, before)| said.follows(*before, other.next() == number));
        let precedes_after = after.is_none_or(|(other, after)| after.follows(said, number.next() == *other));
        assert!(
            follows_before && precedes_after,
            "stream {ssrc}: {number:?}, {said:?} between {before:?} and {after:?}"
        );
        let encoding = |said: &Said| said.picture.map(|picture| picture.encoding);
        self.switches += u64::from(
            before.is_some_and(|(_, before)| encoding(before) != encoding(&said)) && after.is_none(),
        );
        timeline.insert(number, said);
    }

    /// What is sent again is what it was.
    fn compare(&self, ssrc: u32, original: u16, again: Said) {
        let number = self.highest.get(&ssrc).map(|highest| highest.extend(original));
        let Some(number) = number else { panic!("stream {ssrc} is sent again before anything of it") };
        let said = self.timelines.get(&ssrc).and_then(|timeline| timeline.get(&number));
        assert!(said.is_none_or(|said| *said == again), "stream {ssrc}: {number:?} {again:?}, not {said:?}");
    }

    /// How soon a packet of a stream may be sent again once more.
    fn interval(&self, ssrc: u32) -> Duration {
        self.round_trips.get(&ssrc).copied().unwrap_or_default().max(RESEND_INTERVAL_MIN)
    }

    fn note_again(&mut self, rtx_ssrc: u32, original: u16, now: Instant) {
        // A stream's retransmissions have the next number.
        let interval = self.interval(rtx_ssrc - 1);
        let before = self.again.insert((rtx_ssrc, original), (now, interval));
        if let Some((at, interval)) = before {
            let passed = now - at;
            assert!(passed >= interval, "packet {original} again after {passed:?}, not {interval:?}");
        }
    }

    fn note_picture(&mut self, ssrc: u32, bytes: usize, now: Instant) {
        let (second, sum) = self.pictures.entry(ssrc).or_default();
        second.push_back((now, bytes));
        *sum += bytes;
        while let Some((_, old)) = second.pop_front_if(|(at, _)| now - *at >= Duration::from_secs(1)) {
            *sum -= old;
        }
        assert!(*sum <= PICTURE_BYTES + bytes, "{sum} bytes of one picture within a second");
    }

    /// What a receiver says of reports that it got tells the round trip.
    fn hear_rtcp(&mut self, datagram: &[u8], now: Instant) {
        let mut packet = datagram.to_vec();
        let Some(length) = self.heard.rtcp(&mut packet) else { return };
        self.again.retain(|_, (at, _)| now - *at <= ROUND_TRIP_MAX);
        let reports = rtcp::packets(&packet[..length]).filter_map(|packet| {
            let Packet::ReceiverReport(report) = packet else { return None };
            Some(report.blocks)
        });
        for ReportBlock { ssrc, last_report, since_last_report, .. } in reports.flat_map(ReportBlocks::iter) {
            let reports = self.reports.get(&ssrc).into_iter().flatten();
            let sent = reports.rev().find(|(middle, _)| *middle == last_report);
            let Some((_, sent_at)) = sent else { continue };
            let held = Duration::from_secs_f64(f64::from(since_last_report) / 65_536.0);
            let round_trip = (now - *sent_at).saturating_sub(held).min(ROUND_TRIP_MAX);
            self.round_trips.insert(ssrc, round_trip);
            // What was waited for under a shorter one has been waited for.
            let again = self.again.range_mut((ssrc + 1, 0)..=(ssrc + 1, u16::MAX));
            again.for_each(|(_, (_, least))| *least = (*least).min(round_trip.max(RESEND_INTERVAL_MIN)));
        }
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
        for packet in rtcp::packets(&packet[..length]) {
            match packet {
                Packet::Pli(Pli { media, .. }) => {
                    let before = self.asked.insert(media, now);
                    let is_early = before.is_some_and(|before| now - before < KEYFRAME_INTERVAL);
                    assert!(!is_early, "stream {media} is asked for key frames too often");
                }
                Packet::SenderReport(SenderReport { ssrc, ntp, .. }, _) => {
                    let reports = self.reports.entry(ssrc).or_default();
                    reports.push_back((middle(ntp), now));
                    reports.drain(..reports.len().saturating_sub(2));
                }
                Packet::ReceiverReport(_) | Packet::Nack(_) | Packet::Remb(_) => {}
                Packet::SourceDescription(_)
                | Packet::Goodbye(_)
                | Packet::Fir(_)
                | Packet::TransportFeedback(_) => panic!("nobody wants {packet:?}"),
            }
        }
    }
}
