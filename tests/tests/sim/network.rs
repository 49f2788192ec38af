//! A network that loses, delays and reorders by the roll of a seeded die.

use crate::link::{Fate, Link, LinkConfig, Loss};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How bad it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// The share of datagrams that are lost.
    pub(crate) loss: f64,
    /// The least time a datagram takes.
    pub(crate) delay: Duration,
    /// How much longer it may take; more than the time between datagrams reorders them.
    pub(crate) jitter: Duration,
}

/// A datagram on its way.
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Network {
    start: Instant,
    link: Link<Datagram>,
    pub(crate) lost: u64,
    trace: DefaultHasher,
}

impl Network {
    pub(crate) fn new(seed: u64, weather: Weather, start: Instant) -> Self {
        let config = LinkConfig {
            capacity: Vec::new(),
            queue: 0.0,
            delay: weather.delay,
            jitter: weather.jitter,
            reorders: true,
            loss: Loss::Random(weather.loss),
        };
        Self { start, link: Link::new(config, seed, start), lost: 0, trace: DefaultHasher::new() }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], now: Instant) {
        (now - self.start, from, to, bytes).hash(&mut self.trace);
        let datagram = Datagram { from, to, bytes: bytes.to_vec() };
        if self.link.send(datagram, bytes.len(), now) == Fate::Lost {
            self.lost += 1;
        }
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.link.next_arrival()
    }

    /// The next datagram that has arrived.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<Datagram> {
        self.link.receive(now).map(|(_, datagram)| datagram)
    }

    /// What identifies the run: every byte that was sent, when, and to whom.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }
}
