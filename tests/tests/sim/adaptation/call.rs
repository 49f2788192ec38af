//! A voice and a camera, the engine, and one who receives them behind a link.

use super::receiver::{Content, Packet, Receiver};
use crate::link::{Link, LinkConfig, Loss};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId, Stats,
    engine::simulation::{Side, reply},
    layer::Target,
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::parse::Remote,
    srtp::{Profile, Sealer, contexts},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{Kind, PASSWORD, Track, accept, material, tracks};
use uuid::Uuid;

const VOICE_INTERVAL: Duration = Duration::from_millis(20);
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

const VOICE_BYTES: usize = 80;
const PICTURE_BYTES: usize = 1000;

/// What a voice takes on the network, in bits a second.
const VOICE_RATE: f64 = 50_000.0;

/// What is left of the estimate for the frames that are larger than others.
const HEADROOM: f64 = 0.85;

/// What need not have arrived when the call ends.
const TAIL: Duration = Duration::from_secs(2);

/// How much the camera makes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Camera {
    /// As much as the estimate has room for, and at most 8 Mbit/s.
    Follows,
    /// So many bits a second.
    Constant(f64),
}

/// A voice or a camera.
struct Source {
    payload_type: u8,
    ssrc: u32,
    next: SeqNo,
    made: u32,
}

impl Source {
    fn packet(&mut self, sealer: &Sealer, marker: bool, bytes: usize, passed: Duration) -> Vec<u8> {
        let Self { payload_type, ssrc, next: sequence, made } = *self;
        (self.next, self.made) = (sequence.next(), made + 1);
        let header = PlainHeader {
            has_padding: false,
            marker,
            payload_type,
            sequence: sequence.to_wire(),
            timestamp: passed.as_millis() as u32 * 90,
            ssrc,
        };
        let mut payload =
            [made.to_be_bytes().to_vec(), (passed.as_micros() as u64).to_be_bytes().to_vec()].concat();
        payload.resize(bytes.max(payload.len()), 7);
        let mut out = Vec::new();
        assert!(sealer.rtp(&header.to_bytes(), &[&payload], ssrc, sequence, sequence.cycles(), &mut out));
        out
    }
}

/// What became of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) stats: Stats,
    pub(crate) padding_bytes: usize,
    /// The longest that a packet, and that a voice was kept waiting in the server, in milliseconds.
    pub(crate) held_longest: f64,
    pub(crate) voice_held_longest: f64,
    pub(crate) trace: u64,
    /// Seconds, and bits a second.
    estimates: Vec<(f64, f64)>,
    /// How long each voice's packet took that must have arrived, in milliseconds.
    voices: Vec<Option<f64>>,
    pictures: (usize, usize),
}

impl Report {
    /// The lowest and the highest estimate between two seconds.
    pub(crate) fn estimates(&self, from: f64, to: f64) -> (f64, f64) {
        let between = self.estimates.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, rate)| *rate);
        (between.clone().fold(f64::MAX, f64::min), between.fold(0.0, f64::max))
    }

    /// The voice's packets from a second on that never came.
    pub(crate) fn voices_missing(&self, from: f64) -> usize {
        self.voices_from(from).filter(|voice| voice.is_none()).count()
    }

    fn voices_from(&self, from: f64) -> impl Iterator<Item = &Option<f64>> {
        self.voices.iter().skip((from / VOICE_INTERVAL.as_secs_f64()) as usize)
    }

    /// What 95 % of the voice's packets from a second on stay below, in milliseconds.
    pub(crate) fn voice_wait_p95(&self, from: f64) -> f64 {
        let mut waits: Vec<f64> = self.voices_from(from).flatten().copied().collect();
        waits.sort_by(f64::total_cmp);
        waits[waits.len() * 95 / 100]
    }

    /// The share of the camera's packets that never came.
    pub(crate) fn pictures_missing(&self) -> f64 {
        let (made, came) = self.pictures;
        (made - came) as f64 / made as f64
    }
}

pub(crate) struct Call {
    clock: ManualClock,
    start: Instant,
    engine: Engine,
    output: Output,
    sealer: Sealer,
    voice: Source,
    picture: Source,
    camera: Camera,
    there: Link<Packet>,
    back: Link<Vec<u8>>,
    receiver: Receiver,
    next: [Instant; 3],
    trace: DefaultHasher,
    report: Report,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

const SERVER: u16 = 7882;
const SENDER: u16 = 1001;
const RECEIVER: u16 = 1002;

fn device(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

/// An answer of whoever tells when packets arrive.
fn answer(offer: &sfu_core::Offer) -> Remote {
    let number = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let mut text = accept(offer);
    for (line, format) in [("a=rtpmap:111 opus/48000/2\r\n", 111), ("a=rtpmap:96 VP8/90000\r\n", 96)] {
        text = text.replace(line, &format!("{line}a=rtcp-fb:{format} transport-cc\r\n{number}"));
    }
    Remote::parse(&text).unwrap()
}

impl Call {
    pub(crate) fn new(there: LinkConfig, camera: Camera, seed: u64) -> Self {
        let clock = ManualClock::default();
        let start = clock.now();
        let config = EngineConfig { candidates: vec![address(SERVER)], seed: [seed as u8; 32] };
        let (mut engine, mut output) = (Engine::new(config).unwrap(), Output::default());
        (1..=2).for_each(|n| engine.join(SessionId::new(1), device(n), true, start, &mut output));
        let voice = Source { payload_type: 111, ssrc: 3001, next: SeqNo::from_extended(65_000), made: 0 };
        let picture = Source { payload_type: 96, ssrc: 2001, next: SeqNo::from_extended(65_000), made: 0 };
        let sent = [(Kind::Audio, 0, 3001), (Kind::Video, 1, 2001)];
        let offer = tracks(sent.map(|(kind, mid, ssrc)| Track { mid, kind, ssrc, encodings: 1 }));
        engine.publish(device(1), &Remote::parse(&offer).unwrap(), start, &mut output).unwrap();
        for event in output.take_events().collect::<Vec<_>>() {
            let MediaEvent::Offer { participant, offer } = event else { panic!("{event:?}") };
            engine.answer(participant, offer.revision, &answer(&offer), start, &mut output).unwrap();
        }
        for (n, side, port) in [(1, Side::Publish, SENDER), (2, Side::Subscribe, RECEIVER)] {
            let way = (address(SERVER), address(port));
            assert!(engine.connect_directly(device(n), side, &material(port), way, start, &mut output));
        }
        // All of it goes out, whatever the estimate is: this is about the way there, and not about what is chosen for it.
        let tracks: Vec<_> = engine.received(device(2)).map(|received| received.track).collect();
        for track in tracks {
            assert!(engine.set_target(device(2), track, Target::BEST, start, &mut output));
        }
        let (_, sealer) = contexts(Profile::Aes128Gcm, &material(SENDER), true).unwrap();
        let back = LinkConfig { capacity: Vec::new(), loss: Loss::NONE, ..there.clone() };
        Self {
            clock,
            start,
            engine,
            output,
            sealer,
            voice,
            picture,
            camera,
            there: Link::new(there, seed, start),
            back: Link::new(back, seed + 1, start),
            receiver: Receiver::new(&material(RECEIVER)),
            next: [start; 3],
            trace: DefaultHasher::new(),
            report: Report {
                stats: Stats::default(),
                padding_bytes: 0,
                held_longest: 0.0,
                voice_held_longest: 0.0,
                trace: 0,
                estimates: Vec::new(),
                voices: Vec::new(),
                pictures: (0, 0),
            },
        }
    }

    pub(crate) fn run(mut self, time: Duration) -> Report {
        let end = self.start + time;
        let mut due = (0, 0);
        while self.clock.now() < end {
            self.step();
            if self.clock.now() < end - TAIL {
                due = (self.voice.made, self.picture.made);
            }
            let arrivals = [self.there.next_arrival(), self.back.next_arrival(), self.engine.next_deadline()];
            let next = self.next.into_iter().chain(arrivals.into_iter().flatten()).min().unwrap();
            self.clock.advance(next.saturating_duration_since(self.clock.now()));
        }
        let took = |index| self.receiver.voices.get(&index).map(|time| time.as_secs_f64() * 1000.0);
        self.report.voices = (0..due.0).map(took).collect();
        self.report.pictures = (due.1 as usize, self.receiver.pictures.range(..due.1).count());
        self.report.stats = self.engine.stats();
        self.report.trace = self.trace.finish();
        self.report
    }

    fn step(&mut self) {
        let now = self.clock.now();
        self.send(now);
        while let Some((at, packet)) = self.there.receive(now) {
            self.receiver.arrive(packet, at - self.start);
        }
        while let Some((_, mut datagram)) = self.back.receive(now) {
            let (from, to) = (address(RECEIVER), address(SERVER));
            self.engine.handle_datagram(from, to, &mut datagram, now, &mut self.output);
        }
        self.engine.flush(now, &mut self.output);
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.handle_deadline(now, &mut self.output);
        }
        let runs = self.output.runs().filter(|run| run.destination == address(RECEIVER));
        let datagrams: Vec<Vec<u8>> =
            runs.flat_map(|run| run.bytes.chunks(run.segment)).map(<[u8]>::to_vec).collect();
        self.output.clear_datagrams();
        for datagram in datagrams {
            self.carry(datagram, now);
        }
    }

    /// The sender's packets that are due, and what the receiver has to say.
    fn send(&mut self, now: Instant) {
        let passed = now - self.start;
        let [voice, frame, report] = self.next;
        let mut packets = Vec::new();
        if voice <= now {
            self.next[0] = voice + VOICE_INTERVAL;
            packets.push(self.voice.packet(&self.sealer, false, VOICE_BYTES, passed));
        }
        if frame <= now {
            self.next[1] = frame + FRAME_INTERVAL;
            let bytes = (self.rate() / 8.0 * FRAME_INTERVAL.as_secs_f64()) as usize;
            let count = bytes.div_ceil(PICTURE_BYTES).max(1);
            packets.extend(
                (1..=count).map(|n| self.picture.packet(&self.sealer, n == count, bytes / count, passed)),
            );
        }
        for mut packet in packets {
            let (from, to) = (address(SENDER), address(SERVER));
            self.engine.handle_datagram(from, to, &mut packet, now, &mut self.output);
        }
        if report <= now {
            self.next[2] = report + REPORT_INTERVAL;
            let estimate = self.engine.bandwidth(device(2)).expect("it tells what arrives").estimate;
            self.report.estimates.push((passed.as_secs_f64(), estimate.bits_per_second() as f64));
            if let Some(datagram) = self.receiver.report() {
                self.back.send(datagram, 100, now);
            }
        }
    }

    /// What the camera makes now, in bits a second.
    fn rate(&self) -> f64 {
        let estimate =
            self.engine.bandwidth(device(2)).map_or(0.0, |it| it.estimate.bits_per_second() as f64);
        match self.camera {
            Camera::Follows => (HEADROOM * estimate - VOICE_RATE).clamp(5_000.0, 7e6),
            Camera::Constant(rate) => rate,
        }
    }

    /// A datagram leaves the server.
    fn carry(&mut self, datagram: Vec<u8>, now: Instant) {
        (now - self.start, &datagram).hash(&mut self.trace);
        if let Some(answer) = reply(&datagram, PASSWORD) {
            self.back.send(answer, 100, now);
            return;
        }
        let bytes = datagram.len();
        let Some(packet) = self.receiver.open(datagram) else { return };
        let held = (now - self.start).saturating_sub(packet.made.1).as_secs_f64() * 1000.0;
        let report = &mut self.report;
        match packet.content {
            Content::Padding => report.padding_bytes += bytes,
            Content::Voice => report.voice_held_longest = report.voice_held_longest.max(held),
            Content::Picture(_) if packet.is_again => {}
            Content::Picture(_) => report.held_longest = report.held_longest.max(held),
        }
        self.there.send(packet, bytes, now);
    }
}
