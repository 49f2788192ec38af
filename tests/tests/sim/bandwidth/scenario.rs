//! Senders that share a bottleneck, and what is seen of them.

use super::{
    plot,
    receiver::{Feedback, Receiver},
    sender::{Media, Packet, Sender},
};
use crate::link::{Fate, Link, LinkConfig, Loss};
use common::clock::{Clock, ManualClock};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    ops::Range,
    time::{Duration, Instant},
};

const STEP: Duration = Duration::from_millis(1);

/// How often it is looked at.
pub(crate) const SAMPLE: Duration = Duration::from_millis(100);

/// How a network is, and who sends over it.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) time: Duration,
    pub(crate) there: LinkConfig,
    pub(crate) back: LinkConfig,
    pub(crate) feedback_interval: Duration,
    /// In this time no feedback arrives.
    pub(crate) feedback_lost: Range<Duration>,
    pub(crate) media: Vec<Media>,
    /// What somebody else sends over the same bottleneck, heedless of it: bits a second, and from when on.
    pub(crate) others: Vec<(Duration, f64)>,
    /// How the machines of the sender and of the receiver are held up.
    pub(crate) held_up: [Option<HoldUps>; 2],
    pub(crate) seed: u64,
}

/// How it was at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sample {
    pub(crate) at: f64,
    pub(crate) capacity: f64,
    /// The rates of each sender since the sample before: estimated, sent, and arrived. Bits a second.
    pub(crate) estimate: Vec<f64>,
    pub(crate) sent: Vec<f64>,
    pub(crate) arrived: Vec<f64>,
    /// The longest that a packet waited before the bottleneck, in milliseconds.
    pub(crate) queue: f64,
    /// Packets that found the queue full.
    pub(crate) dropped: u32,
}

/// How a machine with too much to do holds a program up: for how long it lets it run, and for how long not, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HoldUps {
    pub(crate) runs: Duration,
    pub(crate) waits: Duration,
}

/// The machine of one end.
struct Machine {
    hold_ups: Option<HoldUps>,
    random: StdRng,
    runs: bool,
    until: Instant,
}

impl Machine {
    fn new(hold_ups: Option<HoldUps>, seed: u64, start: Instant) -> Self {
        Self { hold_ups, random: StdRng::seed_from_u64(seed), runs: true, until: start }
    }

    /// Whether it lets the program run at this moment.
    fn runs(&mut self, now: Instant) -> bool {
        let Some(HoldUps { runs, waits }) = self.hold_ups else { return true };
        while now >= self.until {
            self.runs = !self.runs;
            let most = if self.runs { runs } else { waits };
            self.until += self.random.random_range(STEP..=most);
        }
        self.runs
    }
}

enum OnTheWay {
    Packet(usize, Packet),
    Other,
}

struct Flow {
    sender: Sender,
    receiver: Receiver,
    back: Link<Feedback>,
    sent: usize,
    /// Of the sender's machine and the receiver's.
    machines: [Machine; 2],
    /// What has arrived where the receiver's machine does not yet look.
    unread: Vec<Packet>,
}

impl Scenario {
    /// One elastic sender over a link of this capacity, 50 ms away, with a queue of 300 ms, as in RFC 8867,
    /// section 5.1.
    pub(crate) fn new(name: &'static str, capacity: &[(u64, f64)]) -> Self {
        let steps: Vec<_> = capacity.iter().map(|(at, rate)| (Duration::from_secs(*at), *rate)).collect();
        let reference = steps.iter().map(|(_, rate)| *rate).fold(f64::MAX, f64::min);
        let delay = Duration::from_millis(50);
        let open = LinkConfig {
            capacity: Vec::new(),
            queue: 0.0,
            delay,
            jitter: Duration::ZERO,
            reorders: false,
            loss: Loss::NONE,
        };
        Self {
            name,
            time: Duration::from_secs(60),
            there: LinkConfig { capacity: steps, queue: reference / 8.0 * 0.3, ..open.clone() },
            back: open,
            feedback_interval: Duration::from_millis(100),
            feedback_lost: Duration::ZERO..Duration::ZERO,
            media: vec![Media::ELASTIC],
            others: Vec::new(),
            held_up: [None; 2],
            seed: 1,
        }
    }

    pub(crate) fn delay(mut self, delay: u64) -> Self {
        (self.there.delay, self.back.delay) = (Duration::from_millis(delay), Duration::from_millis(delay));
        self
    }

    pub(crate) fn loss(mut self, loss: Loss) -> Self {
        self.there.loss = loss;
        self
    }

    pub(crate) fn jitter(mut self, jitter: u64, reorders: bool) -> Self {
        (self.there.jitter, self.there.reorders) = (Duration::from_millis(jitter), reorders);
        self
    }

    pub(crate) fn queue(mut self, milliseconds: f64, capacity: f64) -> Self {
        self.there.queue = capacity / 8.0 * milliseconds / 1000.0;
        self
    }

    pub(crate) fn seconds(mut self, seconds: u64) -> Self {
        self.time = Duration::from_secs(seconds);
        self
    }

    pub(crate) fn media(mut self, media: &[Media]) -> Self {
        self.media = media.to_vec();
        self
    }

    pub(crate) fn run(&self) -> Run {
        let clock = ManualClock::default();
        let start = clock.now();
        let mut there: Link<OnTheWay> = Link::new(self.there.clone(), self.seed, start);
        let mut flows: Vec<Flow> = (2..)
            .zip(&self.media)
            .map(|(n, media)| Flow {
                sender: Sender::new(*media, self.seed * 1000 + n, start),
                receiver: Receiver::new(self.feedback_interval, start),
                back: Link::new(self.back.clone(), self.seed * 100 + n, start),
                sent: 0,
                machines: [0, 1]
                    .map(|end| Machine::new(self.held_up[end], self.seed * 10 + n + end as u64, start)),
                unread: Vec::new(),
            })
            .collect();
        let mut run = Run { name: self.name, samples: Vec::new() };
        let (mut sample, mut owed) = (Sample::default(), 0.0);
        while clock.now() < start + self.time {
            clock.advance(STEP);
            let now = clock.now();
            owed += self.others_send(now - start) / 8.0 * STEP.as_secs_f64();
            while owed >= 1000.0 {
                owed -= 1000.0;
                there.send(OnTheWay::Other, 1000, now);
            }
            for (n, flow) in flows.iter_mut().enumerate() {
                if !flow.machines[0].runs(now) {
                    continue;
                }
                flow.sender.step(now, |packet| {
                    flow.sent += packet.bytes;
                    match there.send(OnTheWay::Packet(n, packet), packet.bytes, now) {
                        Fate::Queued(time) => sample.queue = sample.queue.max(time.as_secs_f64() * 1000.0),
                        Fate::Dropped => sample.dropped += 1,
                        Fate::Lost => {}
                    }
                });
            }
            while let Some((at, packet)) = there.receive(now) {
                let OnTheWay::Packet(n, packet) = packet else { continue };
                let flow = &mut flows[n];
                if flow.machines[1].runs(now) {
                    flow.receiver.take(packet, at)
                } else {
                    flow.unread.push(packet)
                }
            }
            for flow in &mut flows {
                self.feed_back(flow, now, start);
            }
            if (now - start).as_millis() % SAMPLE.as_millis() == 0 {
                look(&mut sample, &mut flows, there.capacity(now), now - start);
                run.samples.push(std::mem::take(&mut sample));
            }
        }
        if self.seed == 1 {
            plot::save(&run);
        }
        run
    }

    fn others_send(&self, passed: Duration) -> f64 {
        self.others.iter().rev().find(|(from, _)| *from <= passed).map_or(0.0, |(_, rate)| *rate)
    }

    fn feed_back(&self, flow: &mut Flow, now: Instant, start: Instant) {
        let [sender, receiver] = &mut flow.machines;
        if receiver.runs(now) {
            // Its clock is read when packets are.
            flow.unread.drain(..).for_each(|packet| flow.receiver.take(packet, now));
        }
        if receiver.runs(now)
            && let Some(feedback) = flow.receiver.feedback(now)
            && !self.feedback_lost.contains(&(now - start))
        {
            flow.back.send(feedback, 100, now);
        }
        while sender.runs(now)
            && let Some((_, feedback)) = flow.back.receive(now)
        {
            flow.sender.feedback(&feedback, now);
        }
    }
}

fn look(sample: &mut Sample, flows: &mut [Flow], capacity: f64, passed: Duration) {
    let rate = |bytes: &mut usize| std::mem::take(bytes) as f64 * 8.0 / SAMPLE.as_secs_f64();
    sample.at = passed.as_secs_f64();
    sample.capacity = capacity;
    for flow in flows {
        sample.estimate.push(flow.sender.estimator.estimate().bits_per_second() as f64);
        sample.sent.push(rate(&mut flow.sent));
        sample.arrived.push(rate(&mut flow.receiver.bytes));
    }
}

/// What was seen.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
}

impl Run {
    /// The samples between two seconds.
    pub(crate) fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Sample> + Clone {
        self.samples.iter().filter(move |sample| sample.at > from && sample.at <= to)
    }

    /// The second at which the first sender's estimate reaches this share of the capacity after `from`.
    pub(crate) fn reaches(&self, share: f64, from: f64) -> f64 {
        let reached = |sample: &&Sample| sample.estimate[0] >= share * sample.capacity;
        self.between(from, f64::MAX).find(reached).map_or(f64::INFINITY, |sample| sample.at - from)
    }

    /// The seconds after `from` until no packet waits for longer than this again before `to`.
    pub(crate) fn drained(&self, milliseconds: f64, from: f64, to: f64) -> f64 {
        let last = self.between(from, to).filter(|sample| sample.queue > milliseconds).last();
        last.map_or(0.0, |sample| sample.at - from)
    }

    /// What all senders together got of the capacity, from 0 to 1.
    pub(crate) fn utilisation(&self, from: f64, to: f64) -> f64 {
        let arrived: f64 = self.between(from, to).flat_map(|sample| &sample.arrived).sum();
        arrived / self.between(from, to).map(|sample| sample.capacity).sum::<f64>()
    }

    /// What each sender got on average, in bits a second.
    pub(crate) fn shares(&self, from: f64, to: f64) -> Vec<f64> {
        let flows = self.samples[0].arrived.len();
        let mean = |flow: usize| mean(self.between(from, to).map(|sample| sample.arrived[flow]));
        (0..flows).map(mean).collect()
    }

    /// The first sender's estimate: its mean, and its standard deviation as a share of it.
    pub(crate) fn estimate(&self, from: f64, to: f64) -> (f64, f64) {
        let estimates = self.between(from, to).map(|sample| sample.estimate[0]);
        let mean_estimate = mean(estimates.clone());
        let variance = mean(estimates.map(|estimate| (estimate - mean_estimate).powi(2)));
        (mean_estimate, variance.sqrt() / mean_estimate)
    }

    /// The wait that 95 % of the samples stay below, in milliseconds.
    pub(crate) fn queue_p95(&self, from: f64, to: f64) -> f64 {
        let mut waits: Vec<f64> = self.between(from, to).map(|sample| sample.queue).collect();
        waits.sort_by(f64::total_cmp);
        waits[waits.len() * 95 / 100]
    }

    pub(crate) fn dropped(&self, from: f64, to: f64) -> u32 {
        self.between(from, to).map(|sample| sample.dropped).sum()
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}
