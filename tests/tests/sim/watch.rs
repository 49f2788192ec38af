//! What must hold in every run, whoever does what.

use sfu_core::{
    Engine, Output,
    rtcp::{
        read::{self, RtcpItem},
        write::middle,
    },
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

/// How soon a packet may be sent again once more, unless the round trip is longer.
const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The longest round trip that is believed.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// How long media goes to where a check was answered.
const CONSENT_TIME: Duration = Duration::from_secs(30);

/// Bytes of one picture that are forwarded within a second: its burst, and what comes in a second.
const PICTURE_BYTES: usize = 2_000_000;

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
    /// The times of each stream's packets, by their numbers.
    timelines: BTreeMap<u32, BTreeMap<SeqNo, u32>>,
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
        assert!(footprint.streams <= 2 * stats.publications, "{footprint:?} {stats:?}");
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
            self.compare_time(header.ssrc - 1, original, header.timestamp);
        } else {
            self.note_picture(header.ssrc, datagram.len(), now);
            self.note_time(header.ssrc, number, header.timestamp);
        }
    }

    /// A subscriber's time never goes back: of two packets the one with the higher number is of the same time
    /// or of a later one, whichever comes first.
    fn note_time(&mut self, ssrc: u32, number: SeqNo, timestamp: u32) {
        let timeline = self.timelines.entry(ssrc).or_default();
        let follows = |later: u32, earlier: u32| later.wrapping_sub(earlier).cast_signed() >= 0;
        let before = timeline.range(..number).next_back();
        let after = timeline.range(number..).next();
        let in_order = before.is_none_or(|(_, time)| follows(timestamp, *time))
            && after.is_none_or(|(_, time)| follows(*time, timestamp));
        assert!(in_order, "stream {ssrc}: {number:?} at {timestamp} between {before:?} and {after:?}");
        timeline.insert(number, timestamp);
    }

    /// What is sent again is of the time that it was of.
    fn compare_time(&self, ssrc: u32, original: u16, timestamp: u32) {
        let number = self.highest.get(&ssrc).map(|highest| highest.extend(original));
        let Some(number) = number else { panic!("stream {ssrc} is sent again before anything of it") };
        let time = self.timelines.get(&ssrc).and_then(|timeline| timeline.get(&number));
        assert!(
            time.is_none_or(|time| *time == timestamp),
            "stream {ssrc}: {number:?} at {timestamp}, not {time:?}"
        );
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
        read::for_each_item(&packet[..length], |said| {
            let RtcpItem::Reception { ssrc, report, since } = said else { return };
            let reports = self.reports.get(&ssrc).into_iter().flatten();
            let Some((_, sent_at)) = reports.rev().find(|(middle, _)| *middle == report) else { return };
            let held = Duration::from_secs_f64(f64::from(since) / 65_536.0);
            let round_trip = (now - *sent_at).saturating_sub(held).min(ROUND_TRIP_MAX);
            self.round_trips.insert(ssrc, round_trip);
            // What was waited for under a shorter one has been waited for.
            let again = self.again.range_mut((ssrc + 1, 0)..=(ssrc + 1, u16::MAX));
            again.for_each(|(_, (_, least))| *least = (*least).min(round_trip.max(RESEND_INTERVAL_MIN)));
        });
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
        read::for_each_item(&packet[..length], |said| match said {
            RtcpItem::KeyframeRequest { ssrc } => {
                let before = self.asked.insert(ssrc, now);
                let is_early = before.is_some_and(|before| now - before < KEYFRAME_INTERVAL);
                assert!(!is_early, "stream {ssrc} is asked for key frames too often");
            }
            RtcpItem::SenderReport { ssrc, ntp, .. } => {
                let reports = self.reports.entry(ssrc).or_default();
                reports.push_back((middle(ntp), now));
                reports.drain(..reports.len().saturating_sub(2));
            }
            RtcpItem::Reception { .. } | RtcpItem::Nack { .. } => {}
        });
    }
}
