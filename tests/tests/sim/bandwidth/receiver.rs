//! A receiver that tells what arrived and when.

use super::sender::Packet;
use sfu_core::bandwidth::ArrivalTime;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What a feedback packet says: each number since the one before, and when it arrived.
pub(crate) type Feedback = Vec<(u16, Option<ArrivalTime>)>;

pub(crate) struct Receiver {
    start: Instant,
    interval: Duration,
    next: Instant,
    /// The first number that no feedback has told of.
    first: Option<u64>,
    arrived: BTreeMap<u64, ArrivalTime>,
    highest: u64,
    pub(crate) bytes: usize,
}

impl Receiver {
    pub(crate) fn new(interval: Duration, start: Instant) -> Self {
        Self {
            start,
            interval,
            next: start,
            first: None,
            arrived: BTreeMap::new(),
            highest: 1 << 16,
            bytes: 0,
        }
    }

    pub(crate) fn take(&mut self, packet: Packet, at: Instant) {
        let ahead = packet.number.wrapping_sub(self.highest as u16).cast_signed();
        let number = self.highest.wrapping_add_signed(ahead.into());
        self.highest = self.highest.max(number);
        // The receiver's clock began long ago, and is near its end.
        let units = (u32::MAX - 10_000).wrapping_add((at - self.start).as_micros() as u32 / 250);
        self.arrived.insert(number, ArrivalTime::from_units(units));
        self.bytes += packet.bytes;
        // What overtook the rest is told when it comes, too.
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
    }

    /// The feedback that is due.
    pub(crate) fn feedback(&mut self, now: Instant) -> Option<Feedback> {
        if now < self.next {
            return None;
        }
        self.next += self.interval;
        let (&last, _) = self.arrived.last_key_value()?;
        let first = self.first?;
        let packets = (first..=last).map(|number| (number as u16, self.arrived.get(&number).copied()));
        let feedback = packets.collect();
        self.arrived.clear();
        self.first = Some(last + 1);
        Some(feedback)
    }
}
