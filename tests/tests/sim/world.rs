//! Everybody together, one event after the other.

use crate::{
    network::{Network, Weather},
    publisher::{self, Publisher},
    subscriber::Subscriber,
    watch::Watch,
};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId, engine::simulation::Side, sdp::parse::Remote,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{CAMERA, accept, material};
use uuid::Uuid;

/// How often subscribers ask for what is missing.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// Frames at the end that need not have arrived when the run ends.
const TAIL_FRAMES: u32 = 30;

/// What became of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) frames_sent: u32,
    /// Those that must have arrived.
    pub(crate) frames_due: usize,
    pub(crate) frames_complete: [usize; 2],
    pub(crate) lost: u64,
    pub(crate) resent: u64,
    pub(crate) trace: u64,
}

pub(crate) struct World {
    clock: ManualClock,
    engine: Engine,
    output: Output,
    server: SocketAddr,
    network: Network,
    publisher: Publisher,
    subscribers: [Subscriber; 2],
    watch: Watch,
    next_frame: Instant,
    next_ask: Instant,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn device(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

impl World {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        let clock = ManualClock::default();
        let (now, server) = (clock.now(), address(7882));
        let mut seed_bytes = [0; 32];
        seed_bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let config = EngineConfig::new(vec![server], seed_bytes);
        let mut engine = Engine::new(config).unwrap();
        let mut output = Output::default();
        for n in 1..=3 {
            engine.join(SessionId::new(1), device(n), true, now, &mut output);
        }
        engine.publish(device(1), &Remote::parse(CAMERA).unwrap(), now, &mut output).unwrap();
        let offers: Vec<MediaEvent> = output.take_events().collect();
        for event in offers {
            let (participant, offer) = match event {
                MediaEvent::Offer { participant, offer } => (participant, offer),
                MediaEvent::Speaking { .. }
                | MediaEvent::Subscriptions { .. }
                | MediaEvent::Layers { .. } => continue,
                MediaEvent::Lost { .. } => panic!("{event:?}"),
            };
            let answer = Remote::parse(&accept(&offer)).unwrap();
            engine.answer(participant, offer.revision, &answer, now, &mut output).unwrap();
        }
        let mut connect = |n: u16, side| {
            let remote = address(1000 + n);
            assert!(engine.connect_directly(
                device(n.into()),
                side,
                &material(n),
                (server, remote),
                now,
                &mut output
            ));
            remote
        };
        let publisher = Publisher::new(connect(1, Side::Publish), &material(1));
        let subscribers = [2, 3].map(|n| Subscriber::new(connect(n, Side::Subscribe), &material(n)));
        let network = Network::new(seed, weather, now);
        let mut watch = Watch::default();
        (1..=3).for_each(|n| watch.line(n, &material(n), 1000 + n, now));
        Self {
            clock,
            engine,
            output,
            server,
            network,
            publisher,
            subscribers,
            watch,
            next_frame: now,
            next_ask: now,
        }
    }

    pub(crate) fn run(mut self, time: Duration) -> Report {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            self.step();
            let next = [
                Some(self.next_frame),
                Some(self.next_ask),
                self.network.next_arrival(),
                self.engine.next_deadline(),
            ];
            let next = next.into_iter().flatten().min().unwrap();
            self.clock.advance(next.saturating_duration_since(self.clock.now()));
        }
        let due = self.publisher.frames - TAIL_FRAMES;
        // Nobody can miss what was lost before the first packet that arrived.
        let first =
            self.subscribers.iter().filter_map(|one| one.complete.first()).max().copied().unwrap_or(due);
        assert!(first <= 2, "both begin at once, not at frame {first}");
        let complete = |subscriber: &Subscriber| subscriber.complete.range(first..due).count();
        Report {
            frames_sent: self.publisher.frames,
            frames_due: usize::try_from(due - first).unwrap(),
            frames_complete: [complete(&self.subscribers[0]), complete(&self.subscribers[1])],
            lost: self.network.lost,
            resent: self.engine.stats().packets_resent,
            trace: self.network.trace(),
        }
    }

    fn step(&mut self) {
        let now = self.clock.now();
        if self.next_frame <= now {
            self.next_frame = now + publisher::FRAME_INTERVAL;
            for datagram in self.publisher.frame() {
                self.network.send(self.publisher.address, self.server, &datagram, now);
            }
        }
        if self.next_ask <= now {
            self.next_ask = now + ASK_INTERVAL;
            for subscriber in &mut self.subscribers {
                if let Some(datagram) = subscriber.ask() {
                    self.network.send(subscriber.address, self.server, &datagram, now);
                }
            }
        }
        while let Some(mut datagram) = self.network.receive(now) {
            if datagram.to == self.server {
                self.engine.handle_datagram(
                    datagram.from,
                    self.server,
                    &mut datagram.bytes,
                    now,
                    &mut self.output,
                );
            } else if datagram.to == self.publisher.address {
                for again in self.publisher.handle(datagram.bytes) {
                    self.network.send(self.publisher.address, self.server, &again, now);
                }
            } else if let Some(one) = self.subscribers.iter_mut().find(|one| one.address == datagram.to) {
                one.handle(datagram.bytes);
            }
        }
        self.engine.flush(now, &mut self.output);
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.handle_deadline(now, &mut self.output);
        }
        for run in self.output.runs() {
            for datagram in run.bytes.chunks(run.segment) {
                let port = run.destination.port();
                self.watch.note(port - 1000, port, datagram, now);
                self.network.send(run.source, run.destination.socket(), datagram, now);
            }
        }
        self.output.clear_datagrams();
        self.watch.look(&self.engine, &self.output);
        let is_told = |event: &MediaEvent| matches!(event, MediaEvent::Subscriptions { .. });
        assert!(self.output.take_events().all(|event| is_told(&event)), "nothing else changes in this run");
    }
}
