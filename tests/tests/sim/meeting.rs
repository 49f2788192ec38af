//! A meeting in which everybody does whatever the die says, as often as they like.

#[path = "meeting/negotiation.rs"]
mod negotiation;

use crate::{
    device::{Device, line_of},
    network::{Network, Weather},
    watch::Watch,
};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sfu_core::{Engine, EngineConfig, MediaEvent, Output, engine::simulation::Side, layer::Target};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::Kind;
use uuid::Uuid;

const DEVICES: u16 = 6;

/// Tracks that one may send.
const TRACKS_MAX: usize = 8;

/// How often everybody sends, and somebody does something.
const STEP: Duration = Duration::from_millis(20);

/// Steps for which one who floods does so.
const FLOOD_STEPS: u32 = 40;

/// Steps for which one who hesitates answers nothing: others come and go meanwhile.
const HESITATION_STEPS: u32 = 100;

/// Steps between checks from where a device is. Those from everywhere else take its place meanwhile.
const CHECK_STEPS: u64 = 10;

/// What became of a meeting.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) joined: u32,
    pub(crate) left: u32,
    pub(crate) published: u32,
    pub(crate) answered: u32,
    pub(crate) refused_sections: u32,
    pub(crate) refused_offers: u32,
    /// Answers to offers that were answered before.
    pub(crate) stale_answers: u32,
    /// Microphones that fell silent, or were spoken into again.
    pub(crate) turns: u32,
    /// Encodings that stopped or went on.
    pub(crate) encoding_turns: u32,
    /// How often somebody was to get another layer of a track, and how often another encoding went out.
    pub(crate) targets: u32,
    pub(crate) switches: u64,
    /// How often somebody who sends went elsewhere.
    pub(crate) sender_moves: u32,
    pub(crate) moved: u32,
    pub(crate) forwarded: u64,
    pub(crate) resent: u64,
    pub(crate) resends_refused: u64,
    pub(crate) packets_refused: u64,
    pub(crate) longest_round_trip: Duration,
    pub(crate) trace: u64,
}

pub(crate) struct Meeting {
    random: StdRng,
    clock: ManualClock,
    engine: Engine,
    output: Output,
    network: Network,
    watch: Watch,
    devices: Vec<Device>,
    /// Transports that there have been.
    lines: u16,
    steps: u64,
    report: Report,
}

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7882))
}

fn stranger(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 3], port))
}

fn id(device: usize) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(u128::try_from(device).unwrap() + 1))
}

impl Meeting {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        let clock = ManualClock::default();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let config = EngineConfig::new(vec![server()], bytes);
        Self {
            random: StdRng::seed_from_u64(seed),
            engine: Engine::new(config).unwrap(),
            output: Output::default(),
            network: Network::new(seed, weather, clock.now()),
            watch: Watch::default(),
            devices: (0..DEVICES).map(|_| Device::default()).collect(),
            lines: 0,
            steps: 0,
            report: Report::default(),
            clock,
        }
    }

    pub(crate) fn run(mut self, time: Duration) -> Report {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.steps += 1;
            for device in 0..self.devices.len() {
                self.live(device);
            }
            let somebody = self.random.random_range(0..self.devices.len());
            self.act(somebody);
            self.carry();
            self.clock.advance(STEP);
        }
        let stats = self.engine.stats();
        Report {
            forwarded: stats.packets_forwarded,
            resent: stats.packets_resent,
            resends_refused: stats.resends_refused,
            packets_refused: stats.packets_refused,
            moved: self.watch.moved(),
            switches: self.watch.switches(),
            longest_round_trip: self.watch.longest_round_trip(),
            trace: self.network.trace(),
            ..self.report
        }
    }

    /// What every device does all the time: sends, gives consent, answers.
    fn live(&mut self, n: usize) {
        let now = self.clock.now();
        let skips = self.random.random_bool(0.1);
        let device = &mut self.devices[n];
        let mut packets = device.packets(skips);
        packets.extend(device.flood());
        if let Some(link) = &device.publish {
            for packet in packets {
                self.network.send(link.home(), server(), &packet, now);
            }
        }
        if self.steps.is_multiple_of(CHECK_STEPS) {
            for link in [&device.publish, &device.subscribe].into_iter().flatten() {
                self.network.send(link.home(), server(), &link.check(true, 1), now);
            }
        }
        device.hesitates = device.hesitates.saturating_sub(1);
        if self.random.random_bool(0.05) {
            let honest = self.random.random_bool(0.5);
            let reception = self.devices[n].reception(honest, now);
            self.send(n, Side::Subscribe, reception);
        }
        let device = &self.devices[n];
        // Most answer soon and take all; some think about it, or take what they like.
        if device.offer.is_some() && device.hesitates == 0 && self.random.random_bool(0.2) {
            self.answer(n);
        }
    }

    fn act(&mut self, n: usize) {
        let now = self.clock.now();
        let what = self.random.random_range(0..30);
        let from = self.random.random_range(65_400..u16::MAX);
        let device = &mut self.devices[n];
        match what {
            0..4 if !device.is_in => self.join(n),
            0 => self.leave(n),
            1..5 if device.is_in => {
                let kind = if what < 3 { Kind::Video } else { Kind::Audio };
                let several = self.random.random_bool(0.6);
                device.add(kind, several, u16::try_from(n).unwrap());
                self.publish(n);
            }
            // One more than it may, at once.
            18 if device.is_in => {
                while device.sources.len() <= TRACKS_MAX {
                    device.add(Kind::Video, false, u16::try_from(n).unwrap());
                }
                self.publish(n);
            }
            5 if device.sources.len() > 1 => {
                device.sources.pop_first();
                self.publish(n);
            }
            6..12 => {
                for _ in 0..20 {
                    let storm = self.devices[n].storm(from);
                    self.send(n, Side::Subscribe, storm);
                }
            }
            12..14 => {
                for _ in 0..20 {
                    let report = self.devices[n].report(self.steps);
                    self.send(n, Side::Publish, report);
                }
            }
            14..17 => self.check_from_everywhere(n),
            17 if self.random.random_bool(0.5) => {
                device.floods = FLOOD_STEPS;
                for packet in device.invented() {
                    self.send(n, Side::Publish, Some(packet));
                }
            }
            19 | 20 => self.report.turns += u32::from(device.turn()),
            21 => self.answer_again(n),
            22 => device.hesitates = HESITATION_STEPS,
            23 => self.move_on(n),
            24..26 => (0..20).for_each(|_| self.retarget(n)),
            26 => self.retarget(n),
            27 => {
                let which = self.random.random_range(0..3);
                self.report.encoding_turns += device.turn_encodings(which);
            }
            _ => {
                let garbage: Vec<u8> = (0..60).map(|_| self.random.random()).collect();
                self.network.send(stranger(from), server(), &garbage, now);
            }
        }
    }

    /// A device sends from where it is.
    fn send(&mut self, n: usize, side: Side, datagram: Option<Vec<u8>>) {
        if let (Some(link), Some(datagram)) = (self.devices[n].link(side), datagram) {
            self.network.send(link.home(), server(), &datagram, self.clock.now());
        }
    }

    /// One of the tracks that a device receives is to come in another layer, or not at all.
    fn retarget(&mut self, n: usize) {
        let now = self.clock.now();
        let tracks: Vec<_> = self.engine.received(id(n), now).map(|received| received.track).collect();
        if tracks.is_empty() {
            return;
        }
        let track = tracks[self.random.random_range(0..tracks.len())];
        let target = match self.random.random_range(0..8) {
            0 => Target::Paused,
            1 => Target::BEST,
            which => Target::Layer { encoding: which % 3, temporal: which / 3 % 2 },
        };
        assert!(self.engine.set_target(id(n), track, target, self.clock.now(), &mut self.output));
        self.report.targets += 1;
    }

    /// A device goes elsewhere with both transports. It says so, and its media comes from there at once.
    fn move_on(&mut self, n: usize) {
        let now = self.clock.now();
        let device = &mut self.devices[n];
        self.report.sender_moves += u32::from(device.publish.is_some() && !device.sources.is_empty());
        for link in [&mut device.publish, &mut device.subscribe].into_iter().flatten() {
            link.move_on();
            self.network.send(link.home(), server(), &link.check(true, 3), now);
        }
    }

    fn check_from_everywhere(&mut self, n: usize) {
        for side in [Side::Publish, Side::Subscribe] {
            for _ in 0..40 {
                let (port, nominates) = (self.random.random_range(0..64), self.random.random_bool(0.2));
                let Some(link) = self.devices[n].link(side) else { continue };
                let (from, check) = (link.address(port), link.check(nominates, 2));
                self.network.send(from, server(), &check, self.clock.now());
            }
        }
    }

    /// What is under way arrives, and what comes of it leaves.
    fn carry(&mut self) {
        let now = self.clock.now();
        while let Some(mut datagram) = self.network.receive(now) {
            let (from, to, bytes) = (datagram.from, datagram.to, &mut datagram.bytes);
            if to == server() {
                let (came, refused) = (bytes.clone(), self.engine.stats().datagrams_refused);
                self.engine.handle_datagram(from, server(), bytes, now, &mut self.output);
                if from.ip() != stranger(0).ip() {
                    let is_taken = refused == self.engine.stats().datagrams_refused;
                    self.watch.hear(line_of(from.port()), from.port(), (&came, is_taken), now);
                }
            } else if to.ip() != stranger(0).ip() {
                self.hear(to, bytes, now);
            }
        }
        self.engine.flush(self.clock.now(), &mut self.output);
        self.engine.handle_deadline(now, &mut self.output);
        self.deliver(now);
        self.watch.look(&self.engine, &self.output);
    }

    /// A datagram comes to a device: it answers checks and requests for key frames, and remembers reports.
    fn hear(&mut self, to: SocketAddr, datagram: &mut [u8], now: Instant) {
        let line = line_of(to.port());
        for device in &mut self.devices {
            let links = [&device.publish, &device.subscribe];
            let Some(link) = links.into_iter().flatten().find(|link| link.line == line) else { continue };
            if let Some(answer) = link.answer(to.port(), datagram) {
                self.network.send(to, server(), &answer, now);
            }
            if device.subscribe.as_ref().is_some_and(|link| link.line == line) {
                device.hear(datagram, now);
            } else {
                device.note_requests(datagram);
            }
        }
    }

    fn deliver(&mut self, now: Instant) {
        for run in self.output.runs() {
            for datagram in run.bytes.chunks(run.segment) {
                let port = run.destination.port();
                self.watch.note(line_of(port), port, datagram, now);
                self.network.send(run.source, run.destination.socket(), datagram, now);
            }
        }
        self.output.clear_datagrams();
        let events: Vec<MediaEvent> = self.output.take_events().collect();
        for event in events {
            let n = (0..self.devices.len()).find(|n| id(*n) == event.participant()).unwrap();
            match event {
                MediaEvent::Offer { offer, .. } => self.devices[n].note_offer(offer),
                MediaEvent::Lost { .. } => self.leave(n),
                MediaEvent::Speaking { .. }
                | MediaEvent::Subscriptions { .. }
                | MediaEvent::Layers { .. } => {}
            }
        }
    }
}
