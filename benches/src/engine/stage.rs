//! An engine with everybody connected, and the time of a call that passes.

use super::person::Person;
use crate::{allocations, cpu};
use common::clock::{Clock, SystemClock};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId, engine::simulation::Side, sdp::parse::Remote,
};
use std::{
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{Kind, accept, material, tracks};

/// What one participant's socket brings at once, and when.
pub(super) struct Batch {
    at: Instant,
    source: SocketAddr,
    datagrams: Vec<Vec<u8>>,
    /// Not reports and checks.
    is_media: bool,
}

/// Who is in each session: what each of them sends.
pub(super) type Sessions = Vec<Vec<&'static [Kind]>>;

/// What batches cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) cpu: Duration,
    /// RTP packets sent.
    pub(super) forwarded: u64,
    /// Allocations from taking RTP packets and sending what comes of them.
    pub(super) allocations: u64,
    /// Allocations from all else: reports, requests and checks, taken and sent.
    pub(super) other_allocations: u64,
}

impl Cost {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            forwarded: self.forwarded + other.forwarded,
            allocations: self.allocations + other.allocations,
            other_allocations: self.other_allocations + other.other_allocations,
        }
    }

    /// CPU time per packet sent, in nanoseconds.
    pub(super) fn nanoseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.forwarded.max(1) as f64
    }
}

pub(super) struct Stage {
    engine: Engine,
    output: Output,
    /// The engine's time.
    now: Instant,
    server: SocketAddr,
    pub(super) people: Vec<Person>,
    /// Answers to the engine's checks, from whom they come.
    replies: Vec<(SocketAddr, Vec<u8>)>,
}

impl Stage {
    /// An engine with these sessions.
    pub(super) fn new(sessions: &[Vec<&'static [Kind]>]) -> Result<Self, Box<dyn Error>> {
        let now = SystemClock.now();
        let server = SocketAddr::from(([10, 0, 0, 1], 7882));
        let config = EngineConfig::new(vec![server], [7; 32]);
        let (engine, output) = (Engine::new(config)?, Output::default());
        let mut stage = Self { engine, output, now, server, people: Vec::new(), replies: Vec::new() };
        for (session, people) in (1..).zip(sessions) {
            for sends in people {
                stage.join(session, sends)?;
            }
        }
        stage.connect()?;
        Ok(stage)
    }

    fn join(&mut self, session: u64, sends: &[Kind]) -> Result<(), Box<dyn Error>> {
        let person = Person::new(u16::try_from(self.people.len())?, sends)?;
        self.engine.join(SessionId::new(session), person.id, true, self.now, &mut self.output);
        if !sends.is_empty() {
            let offer = Remote::parse(&tracks(person.tracks()))?;
            self.engine.publish(person.id, &offer, self.now, &mut self.output)?;
        }
        self.people.push(person);
        Ok(())
    }

    /// Everybody takes all it is offered; of the offers to one the last counts.
    fn connect(&mut self) -> Result<(), Box<dyn Error>> {
        let events: Vec<MediaEvent> = self.output.take_events().collect();
        for event in events {
            let MediaEvent::Offer { participant, offer } = event else { continue };
            let newest = self.engine.pending_offer(participant);
            if newest.is_some_and(|newest| newest.revision == offer.revision) {
                let answer = Remote::parse(&accept(&offer))?;
                self.engine.answer(participant, offer.revision, &answer, self.now, &mut self.output)?;
            }
        }
        for person in &self.people {
            let ways = [(Side::Publish, person.publish), (Side::Subscribe, person.subscribe)];
            for ((side, remote), line) in ways.into_iter().zip(person.lines) {
                // Who sends nothing, or is sent nothing, has one transport less.
                let way = (self.server, remote);
                let keys = material(line);
                self.engine.connect_directly(person.id, side, &keys, way, self.now, &mut self.output);
            }
        }
        self.output.clear_datagrams();
        Ok(())
    }

    /// Lets batches come, in the order of their times, and the engine's deadlines pass.
    pub(super) fn play(&mut self, batches: &mut [Batch]) -> Cost {
        let mut cost = Cost::default();
        let forwarded = self.engine.stats().packets_forwarded;
        let before = cpu::of_this_thread();
        for Batch { at, source, datagrams, is_media } in batches {
            let (at, source) = (*at, *source);
            self.now = at;
            let allocated = allocations::of_this_thread().count;
            for datagram in datagrams {
                self.engine.handle_datagram(source, self.server, datagram, at, &mut self.output);
            }
            self.engine.flush(at, &mut self.output);
            let between = allocations::of_this_thread().count;
            if self.engine.next_deadline().is_some_and(|deadline| deadline <= at) {
                self.engine.handle_deadline(at, &mut self.output);
            }
            let kind = if *is_media { &mut cost.allocations } else { &mut cost.other_allocations };
            *kind += between - allocated;
            cost.other_allocations += allocations::of_this_thread().count - between;
            self.read_output();
        }
        cost.cpu = cpu::of_this_thread() - before;
        cost.forwarded = self.engine.stats().packets_forwarded - forwarded;
        cost
    }

    /// What a shell would send. The engine's checks are answered before the next batches.
    fn read_output(&mut self) {
        for run in self.output.runs() {
            if let Some(reply) = Person::reply(run.bytes) {
                self.replies.push((run.destination.socket(), reply));
            }
        }
        self.output.clear_datagrams();
    }

    /// A batch of media at `after` from now.
    pub(super) fn batch(&self, after: Duration, source: SocketAddr, datagrams: Vec<Vec<u8>>) -> Batch {
        Batch { at: self.now + after, source, datagrams, is_media: true }
    }

    /// What is said beside media: answers to checks and, if there is a time for them, everybody's reports.
    pub(super) fn asides(&mut self, reported_at: Option<u64>) -> Vec<Batch> {
        let (at, mut asides) = (self.now, Vec::new());
        let mut say = |source, datagram| {
            asides.push(Batch { at, source, datagrams: vec![datagram], is_media: false });
        };
        for (source, reply) in self.replies.drain(..) {
            say(source, reply);
        }
        if let Some(ntp) = reported_at {
            for person in &mut self.people {
                let sources = [person.publish, person.subscribe];
                for (source, report) in sources.into_iter().zip(person.reports(ntp)) {
                    if let Some(report) = report {
                        say(source, report);
                    }
                }
            }
        }
        asides
    }
}
