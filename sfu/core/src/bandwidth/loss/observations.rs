//! What was sent and lost of late, and what explains it.

use crate::bandwidth::{rate::Bitrate, round_trip::age};
use std::time::{Duration, Instant};

/// What one observation has at least.
///
/// More makes each surer; less lets it react sooner.
const TIME_MIN: Duration = Duration::from_millis(250);
const PACKETS_MIN: f64 = 20.0;

/// One that takes longer is of a pause, and says nothing about a rate.
const TIME_MAX: Duration = Duration::from_secs(3);

/// Observations that are remembered.
const OBSERVATIONS: usize = 16;

/// What is left of an observation's weight at each later one.
const FADING: f64 = 0.93;

/// No observation counts for more packets, so that one of a high rate does not outweigh all of lower ones.
const WITNESSES_MAX: f64 = 35.0;

/// The shares that may be lost for the network's own reasons. What is lost beyond the greatest is congestion:
/// no call is any good there.
const INHERENT: [f64; 11] = [0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25];

/// Capacities that are tried, from the highest rate seen down, and the step from one to the next.
const CAPACITIES: u8 = 14;
const CAPACITY_STEP: f64 = 0.04;

/// No loss is thought to be less likely than this, none more likely.
const CHANCE: (f64, f64) = (0.005, 0.99);

/// How much less likely, as a natural logarithm, networks are that lose everything than those that lose nothing:
/// one that loses a tenth is a third as likely as one that does not.
const INHERENT_COST: f64 = 10.0;

/// How much was sent in a while, and what became of it.
#[derive(Debug, Clone, Copy, Default)]
struct Observation {
    rate: f64,
    packets: f64,
    lost: f64,
    /// How often packets were lost, one or several in a row.
    losses: f64,
}

/// The observation that is being made. It begins where the one before ended.
#[derive(Debug)]
struct Present {
    began_at: Instant,
    latest: Instant,
    bytes: u64,
    packets: f64,
    lost: f64,
    losses: f64,
}

impl Present {
    const fn from(moment: Instant) -> Self {
        Self { began_at: moment, latest: moment, bytes: 0, packets: 0.0, lost: 0.0, losses: 0.0 }
    }
}

/// How the losses are explained best by a capacity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Congestion {
    pub(crate) capacity: f64,
    /// How much likelier it is than none, as a natural logarithm.
    pub(crate) certainty: f64,
}

/// The observations of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    present: Option<Present>,
    was_lost: bool,
    /// The newest first.
    whole: [Observation; OBSERVATIONS],
}

impl Observations {
    /// The share of packets that were lost of late, the latest counting most; `None` before anything is known.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let mut weight = 1.0;
        let (packets, lost) = self.whole.iter().fold((0.0, 0.0), |(packets, lost), seen| {
            weight *= FADING;
            (packets + weight * seen.packets, lost + weight * seen.lost)
        });
        (packets > 0.0).then(|| lost / packets)
    }

    /// Takes a packet that feedback told of for the first time.
    pub(crate) fn note(&mut self, sent_at: Instant, bytes: u16, is_lost: bool) {
        let present = self.present.get_or_insert(Present::from(sent_at));
        present.latest = present.latest.max(sent_at);
        present.bytes = present.bytes.saturating_add(bytes.into());
        present.packets += 1.0;
        present.lost += f64::from(u8::from(is_lost));
        present.losses += f64::from(u8::from(is_lost && !self.was_lost));
        self.was_lost = is_lost;
    }

    /// Takes back a loss: the packet was only late.
    pub(crate) fn note_late(&mut self) {
        let present = self.present.iter_mut().map(|present| &mut present.lost);
        let mut losses = present.chain(self.whole.iter_mut().map(|seen| &mut seen.lost));
        if let Some(lost) = losses.find(|lost| **lost >= 1.0) {
            *lost -= 1.0;
        }
    }

    /// Ends the present observation if it is whole. Whether it was, and says something.
    pub(crate) fn end(&mut self) -> bool {
        let Some(present) = &self.present else { return false };
        let time = age(present.began_at, present.latest);
        if time < TIME_MIN || present.packets < PACKETS_MIN {
            return false;
        }
        let seen = Bitrate::of(present.bytes, time).filter(|_| time <= TIME_MAX).map(|sent| Observation {
            rate: sent.real(),
            packets: present.packets,
            lost: present.lost,
            losses: present.losses,
        });
        self.present = Some(Present::from(present.latest));
        if let Some(seen) = seen {
            self.whole.rotate_right(1);
            let [newest, ..] = &mut self.whole;
            *newest = seen;
        }
        seen.is_some()
    }

    fn seen(&self) -> impl Iterator<Item = &Observation> {
        self.whole.iter().filter(|seen| seen.packets > 0.0)
    }

    /// How far apart the rates were.
    pub(crate) fn spread(&self) -> f64 {
        let rates = self.seen().map(|seen| seen.rate);
        let (least, most) =
            rates.fold((f64::MAX, 1.0), |(least, most), rate| (rate.min(least), rate.max(most)));
        most / least.max(1.0)
    }

    /// The capacity that explains the losses best.
    pub(crate) fn congestion(&self) -> Congestion {
        let highest = self.seen().map(|seen| seen.rate).fold(0.0, f64::max);
        let none = Congestion { capacity: highest, certainty: 0.0 };
        let inherent = self.likelihood(f64::INFINITY);
        (0..CAPACITIES).fold(none, |best, step| {
            let capacity = highest * (1.0 - CAPACITY_STEP * f64::from(step));
            let certainty = self.likelihood(capacity) - inherent;
            if certainty > best.certainty { Congestion { capacity, certainty } } else { best }
        })
    }

    /// The logarithm of how likely the losses are at this capacity, with the share of the network's own that
    /// fits best.
    fn likelihood(&self, capacity: f64) -> f64 {
        // Packets that are lost in a row are one witness.
        let (lost, losses) =
            self.seen().fold((0.0, 0.0), |(lost, losses), seen| (lost + seen.lost, losses + seen.losses));
        let run = if losses > 0.0 { f64::max(lost / losses, 1.0) } else { 1.0 };
        let of = |inherent: f64| {
            let (mut weight, below) = (1.0, Logarithms::of(inherent));
            self.seen().fold(-INHERENT_COST * inherent, |sum, seen| {
                weight *= FADING;
                let excess = 1.0 - capacity / seen.rate.max(1.0);
                let chance =
                    if excess > 0.0 { Logarithms::of(inherent + (1.0 - inherent) * excess) } else { below };
                let witnesses = seen.packets.min(WITNESSES_MAX) / run;
                let lost = (seen.lost / seen.packets).min(1.0);
                sum + weight * witnesses * (lost * chance.lost + (1.0 - lost) * chance.arrived)
            })
        };
        INHERENT.into_iter().map(of).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// The natural logarithms of the chances that a packet is lost and that it arrives.
#[derive(Debug, Clone, Copy)]
struct Logarithms {
    lost: f64,
    arrived: f64,
}

impl Logarithms {
    fn of(chance: f64) -> Self {
        let chance = chance.clamp(CHANCE.0, CHANCE.1);
        Self { lost: chance.ln(), arrived: (1.0 - chance).ln() }
    }
}
