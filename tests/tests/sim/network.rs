//! A network that loses, delays and reorders by the roll of a seeded die.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
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
    random: StdRng,
    weather: Weather,
    start: Instant,
    /// By arrival, then by departure.
    on_their_way: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
    pub(crate) lost: u64,
    trace: DefaultHasher,
}

impl Network {
    pub(crate) fn new(seed: u64, weather: Weather, start: Instant) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            weather,
            start,
            on_their_way: BTreeMap::new(),
            sent: 0,
            lost: 0,
            trace: DefaultHasher::new(),
        }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], now: Instant) {
        (now - self.start, from, to, bytes).hash(&mut self.trace);
        self.sent += 1;
        if self.random.random_bool(self.weather.loss) {
            self.lost += 1;
            return;
        }
        let extra = self.weather.jitter.mul_f64(self.random.random());
        let arrival = now + self.weather.delay + extra;
        self.on_their_way.insert((arrival, self.sent), Datagram { from, to, bytes: bytes.to_vec() });
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.on_their_way.keys().next().map(|(at, _)| *at)
    }

    /// The next datagram that has arrived.
    pub(crate) fn receive(&mut self, now: Instant) -> Option<Datagram> {
        let entry = self.on_their_way.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// What identifies the run: every byte that was sent, when, and to whom.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }
}
