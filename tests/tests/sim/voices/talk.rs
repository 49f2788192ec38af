//! Those who speak, the engine, and one who listens, each behind a link of its own.

use super::{
    listener::Listener,
    speaker::{STEP, Speaker, Word},
};
use crate::link::{Link, LinkConfig};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId,
    engine::simulation::{Side, reply},
    layer::Target,
    sdp::parse::Remote,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{Kind, PASSWORD, Track, accept, material, tracks};
use uuid::Uuid;

const FRAME_INTERVAL: Duration = Duration::from_millis(100);
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// How often a browser tells how it receives a voice.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How long a listener waits for a word beyond the least time that the way takes, before it makes something up.
const PLAYOUT: Duration = Duration::from_millis(120);

/// Until the listener has first said how it receives.
const BEGINNING: Duration = Duration::from_secs(10);

/// What a voice takes on the network, in bits a second.
const VOICE_RATE: f64 = 52_000.0;

/// The share of the estimate that is used.
const HEADROOM: f64 = 0.85;

const SERVER: u16 = 7882;
const LISTENER: u16 = 2000;

/// Who speaks comes from this port and those after it.
const SPEAKERS: u16 = 1001;

#[derive(Debug, Clone)]
pub(crate) struct TalkConfig {
    /// How many speak.
    pub(crate) voices: u16,
    /// Between each of them and the server, in each direction.
    pub(crate) up: LinkConfig,
    /// From the server to who listens.
    pub(crate) down: LinkConfig,
    /// They send again what they are asked for.
    pub(crate) sends_again: bool,
    /// They send each word twice.
    pub(crate) sends_red: bool,
    /// Who listens takes words twice.
    pub(crate) takes_red: bool,
    /// The first who speaks shows a picture of what the estimate leaves for it.
    pub(crate) has_camera: bool,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Words that were due.
    words: usize,
    /// Those of them that did not come in time.
    late: usize,
    /// How often who speaks was asked for a word.
    pub(crate) asked: u64,
    pub(crate) red_bytes: usize,
    pub(crate) picture_bytes: usize,
    pub(crate) trace: u64,
}

impl Report {
    /// The share of words that whoever listens made up.
    pub(crate) fn concealed(&self) -> f64 {
        self.late as f64 / self.words as f64
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn device(port: u16) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(port.into()))
}

/// Somebody's voice, and packets that carry it together.
fn with_red(text: &str) -> String {
    let (line, codec) = ("RTP/SAVPF 111\r\n", "a=rtpmap:111 opus/48000/2\r\n");
    let text = text.replace(line, "RTP/SAVPF 111 63\r\n");
    text.replace(codec, &format!("{codec}a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"))
}

/// A description of whoever tells when packets arrive.
fn telling(text: &str) -> String {
    let number = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let mut text = text.to_owned();
    for (line, format) in [("a=rtpmap:111 opus/48000/2\r\n", 111), ("a=rtpmap:96 VP8/90000\r\n", 96)] {
        text = text.replace(line, &format!("{line}a=rtcp-fb:{format} transport-cc\r\n{number}"));
    }
    text
}

/// What is on its way.
type Datagram = Vec<u8>;

pub(crate) struct Talk {
    clock: ManualClock,
    start: Instant,
    engine: Engine,
    output: Output,
    has_camera: bool,
    /// Each with the way there and the way back.
    speakers: Vec<(Speaker, Link<Datagram>, Link<Datagram>)>,
    listener: Listener,
    there: Link<Datagram>,
    back: Link<Datagram>,
    /// When each word, picture, feedback and report is due.
    next: [Instant; 4],
    /// The least time that the way takes.
    way: Duration,
    trace: DefaultHasher,
}

impl Talk {
    pub(crate) fn new(config: &TalkConfig, seed: u64) -> Self {
        let clock = ManualClock::default();
        let start = clock.now();
        let engine = EngineConfig::new(vec![address(SERVER)], [seed as u8; 32]);
        let (mut engine, mut output) = (Engine::new(engine).unwrap(), Output::default());
        let ports = SPEAKERS..SPEAKERS + config.voices;
        for port in ports.clone().chain([LISTENER]) {
            engine.join(SessionId::new(1), device(port), true, start, &mut output);
        }
        for port in ports.clone() {
            let [voice, picture] = Speaker::ssrcs(port);
            let has_camera = config.has_camera && port == SPEAKERS;
            let kinds = [(Kind::Audio, 0, voice), (Kind::Video, 1, picture)];
            let kinds = kinds.into_iter().take(if has_camera { 2 } else { 1 });
            let offer = tracks(kinds.map(|(kind, mid, ssrc)| Track { mid, kind, ssrc, encodings: 1 }));
            let offer = Remote::parse(&with_red(&offer)).unwrap();
            engine.publish(device(port), &offer, start, &mut output).unwrap();
            output.take_events().for_each(drop);
            let way = (address(SERVER), address(port));
            let material = material(port);
            assert!(engine.connect_directly(device(port), Side::Publish, &material, way, start, &mut output));
        }
        Self::listens(config.takes_red, &mut engine, &mut output, start);
        let link = |config: &LinkConfig, n: u64| Link::new(config.clone(), seed * 100 + n, start);
        let speaker = |port: u16| {
            let speaker = Speaker::new(port, config.sends_again, config.sends_red);
            let n = u64::from(port - SPEAKERS) * 2 + 2;
            (speaker, link(&config.up, n), link(&config.up, n + 1))
        };
        let back = LinkConfig { capacity: Vec::new(), ..config.down.clone() };
        Self {
            clock,
            start,
            engine,
            output,
            has_camera: config.has_camera,
            speakers: ports.map(speaker).collect(),
            listener: Listener::new(LISTENER),
            there: link(&config.down, 0),
            back: link(&back, 1),
            next: [start; 4],
            way: config.up.delay + config.down.delay,
            trace: DefaultHasher::new(),
        }
    }

    /// Whoever listens takes all that is offered.
    fn listens(takes_red: bool, engine: &mut Engine, output: &mut Output, now: Instant) {
        while let Some(offer) = engine.pending_offer(device(LISTENER)) {
            let answer = telling(&accept(&offer));
            let answer = if takes_red { with_red(&answer) } else { answer };
            let answer = Remote::parse(&answer).unwrap();
            engine.answer(device(LISTENER), offer.revision, &answer, now, output).unwrap();
        }
        let (way, material) = ((address(SERVER), address(LISTENER)), material(LISTENER));
        assert!(engine.connect_directly(device(LISTENER), Side::Subscribe, &material, way, now, output));
        let tracks: Vec<_> = engine.received(device(LISTENER), now).map(|received| received.track).collect();
        for track in tracks {
            assert!(engine.set_target(device(LISTENER), track, Target::BEST, now, output));
        }
        let others = output.take_events().filter(|event| matches!(event, MediaEvent::Lost { .. }));
        assert_eq!(others.count(), 0);
    }

    pub(crate) fn run(mut self, time: Duration) -> Report {
        let end = self.start + time;
        while self.clock.now() < end {
            self.step();
            let ways = self.speakers.iter().flat_map(|(_, there, back)| [there, back]);
            let arrivals = ways.chain([&self.there, &self.back]).map(Link::next_arrival);
            let moments = arrivals.chain([self.engine.next_deadline()]).flatten();
            let next = moments.chain(self.next).min().unwrap();
            self.clock.advance(next.saturating_duration_since(self.clock.now()));
        }
        let said = BEGINNING.div_duration_f64(STEP) as u32..self.speakers[0].0.said - 50;
        let ports = SPEAKERS..SPEAKERS + self.speakers.len() as u16;
        let words: Vec<Word> = ports.flat_map(|port| said.clone().map(move |index| (port, index))).collect();
        let is_late = |word: &&Word| {
            let due = STEP * word.1 + self.way + PLAYOUT;
            self.listener.words.get(*word).is_none_or(|at| *at > due)
        };
        Report {
            words: words.len(),
            late: words.iter().filter(is_late).count(),
            asked: self.speakers.iter().map(|(speaker, ..)| speaker.asked).sum(),
            red_bytes: self.listener.red_bytes,
            picture_bytes: self.listener.picture_bytes,
            trace: self.trace.finish(),
        }
    }

    fn step(&mut self) {
        let now = self.clock.now();
        self.send(now);
        let (engine, output) = (&mut self.engine, &mut self.output);
        for (port, (speaker, there, back)) in (SPEAKERS..).zip(&mut self.speakers) {
            while let Some((_, mut datagram)) = there.receive(now) {
                engine.handle_datagram(address(port), address(SERVER), &mut datagram, now, output);
            }
            while let Some((_, datagram)) = back.receive(now) {
                speaker.handle(datagram).into_iter().for_each(|again| {
                    there.send(again, 100, now);
                });
            }
        }
        while let Some((at, datagram)) = self.there.receive(now) {
            self.listener.handle(datagram, at - self.start);
        }
        while let Some((_, mut datagram)) = self.back.receive(now) {
            engine.handle_datagram(address(LISTENER), address(SERVER), &mut datagram, now, output);
        }
        engine.flush(now, output);
        if engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            engine.handle_deadline(now, output);
        }
        let sent = self.output.runs().map(|run| (run.destination.port(), run.segment, run.bytes.to_vec()));
        let sent: Vec<_> = sent.collect();
        self.output.clear_datagrams();
        for (port, segment, bytes) in sent {
            bytes.chunks(segment).for_each(|datagram| self.carry(port, datagram, now));
        }
    }

    /// What is due to be said, shown and told.
    fn send(&mut self, now: Instant) {
        let passed = now - self.start;
        let due = self.next.map(|at| at <= now);
        let intervals = [STEP, FRAME_INTERVAL, FEEDBACK_INTERVAL, REPORT_INTERVAL];
        for ((at, interval), _) in self.next.iter_mut().zip(intervals).zip(due).filter(|(_, due)| *due) {
            *at += interval;
        }
        let estimate = self.engine.bandwidth(device(LISTENER)).map(|known| known.estimate.bits_per_second());
        let [says, shows, feeds_back, reports] = due;
        for (speaker, there, _) in self.speakers.iter_mut().filter(|_| says) {
            let datagram = speaker.say();
            there.send(datagram, 100, now);
        }
        if shows && self.has_camera {
            let voices = VOICE_RATE * self.speakers.len() as f64;
            let rate = (HEADROOM * estimate.unwrap_or(0) as f64 - voices).clamp(5_000.0, 2e6);
            let (speaker, there, _) = &mut self.speakers[0];
            for datagram in speaker.show((rate / 8.0 * FRAME_INTERVAL.as_secs_f64()) as usize, passed) {
                let bytes = datagram.len();
                there.send(datagram, bytes, now);
            }
        }
        let arrivals = if feeds_back { self.listener.tell_arrivals() } else { None };
        let losses = if reports { self.listener.report() } else { None };
        for datagram in arrivals.into_iter().chain(losses) {
            self.back.send(datagram, 100, now);
        }
    }

    /// A datagram leaves the server.
    fn carry(&mut self, port: u16, datagram: &[u8], now: Instant) {
        (now - self.start, port, datagram).hash(&mut self.trace);
        let way = if port == LISTENER {
            (&mut self.back, &mut self.there)
        } else {
            let (_, there, back) = &mut self.speakers[usize::from(port - SPEAKERS)];
            (there, back)
        };
        // Checks are answered as if nothing were lost: consent is not what this is about.
        match reply(datagram, PASSWORD) {
            Some(answer) => way.0.send(answer, 100, now),
            None => way.1.send(datagram.to_vec(), datagram.len(), now),
        };
    }
}
