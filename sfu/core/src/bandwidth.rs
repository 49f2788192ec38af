//! How much a subscriber's network carries, estimated where it is sent from.
//!
//! One [`BandwidthEstimator`] per transport towards a subscriber. It is told of every packet that is sent, by
//! its transport-wide number, and of the feedback that comes back (draft-holmer-rmcat-transport-wide-cc-
//! extensions-01), and says how much may be sent. It follows Google Congestion Control (draft-ietf-rmcat-gcc-02)
//! as libwebrtc has developed it, with a model of losses of its own:
//!
//! ```text
//! on_sent ──► history ◄── on_feedback
//!                │ when it was sent, when it arrived, or that it was lost
//!    ┌───────────┼────────────────┬──────────────┬────────────┐
//!    ▼           ▼                ▼              ▼            ▼
//! rate_meter  arrival_groups   probe          loss       queue_delay
//! delivered   trendline        measured       limit        share
//!    │        overuse          │              │            │
//!    │           ▼             ▼              ▼            ▼
//!    └──────► rate_control ◄───┘ ──────────► min ───────► times ──► estimate
//! ```
//!
//! `docs/BANDWIDTH.md` explains the constants and shows how it behaves on simulated networks.
//!
//! What a peer claims is bounded before it is believed: only numbers that were sent count, and once each; a
//! clock that jumps begins anew; no arrival makes a probe faster than it was sent; and whatever is claimed, the
//! estimate stays between [`RATE_MIN`] and [`RATE_MAX`]. Times are milliseconds in floating point, made from
//! bounded integers, and no sum of them is divided by what may be nothing.

mod arrival_groups;
mod arrival_time;
mod history;
mod loss;
mod overuse;
mod probe;
mod probing;
mod queue_delay;
mod rate;
mod rate_control;
mod rate_meter;
mod round_trip;
mod silence;
#[cfg(test)]
mod tests;
mod trendline;

pub use arrival_groups::GROUP_MS;
pub use arrival_time::ArrivalTime;
pub use history::HISTORY_PACKETS;
pub use probe::{ClusterId, PROBE_PACKETS_MIN, Probe};
pub use rate::Bitrate;

use arrival_groups::ArrivalGroups;
use arrival_time::{ArrivalClock, Reading};
use history::{Reported, SendHistory, State};
use loss::LossControl;
use overuse::{OveruseDetector, Usage};
use probe::Outcome;
use probing::{Probing, Situation};
use queue_delay::QueueDelay;
use rate_control::{Observation, RateControl};
use rate_meter::RateMeter;
use round_trip::{RoundTrip, age};
use silence::Silence;
use std::time::{Duration, Instant};

/// The least that is ever estimated: one voice with its headers. Less helps nobody, and could not be probed.
pub const RATE_MIN: Bitrate = Bitrate::from_bits_per_second(50_000);

/// The most that is ever estimated. More outgrows what the history remembers of a second.
pub const RATE_MAX: Bitrate = Bitrate::from_bits_per_second(30_000_000);

/// The estimate before the first feedback: a small picture and voices, which nearly every network carries.
pub const RATE_INITIAL: Bitrate = Bitrate::from_bits_per_second(300_000);

/// Who sends less than this share of the estimate does so for reasons of their own.
const LIMITED_SHARE: f64 = 0.65;

/// A decrease to less than this share, by who sent far less than the estimate, is tried to be undone.
const DECREASE_LARGE: f64 = 0.66;

/// From here on a packet takes less than 10 ms, which is when a queue counts as empty.
const RATE_WIDE: Bitrate = Bitrate::from_bits_per_second(1_000_000);

/// Who sends far less than the estimate and whose packets wait for less than this, of whom less is lost, and at least
/// this share arrives, has been shown no limit.
///
/// More takes machines that are held up for longer for what they are; and takes longer to heed a network that has
/// become as narrow as what is sent. Where packets are lost, something else fills the queue.
const MILD_MS: f64 = 80.0;
const MILD_LOSS: f64 = 0.02;
const MILD_DELIVERED: f64 = 0.85;

/// What is left of the estimate each time that feedback stays away for too long.
const SILENCE_DECREASE: f64 = 0.8;

/// The estimator of one transport. See the [module](self).
#[derive(Debug)]
pub struct BandwidthEstimator {
    began_at: Instant,
    history: SendHistory,
    arrival_clock: ArrivalClock,
    groups: ArrivalGroups,
    detector: OveruseDetector,
    sent: RateMeter,
    delivered: RateMeter,
    queue: QueueDelay,
    round_trip: RoundTrip,
    rate_control: RateControl,
    loss: LossControl,
    probing: Probing,
    silence: Silence,
}

impl BandwidthEstimator {
    /// One that knows nothing yet, for a transport whose peer reports by transport-wide feedback: of one that
    /// does not, it would find that nothing arrives.
    pub fn new(now: Instant) -> Self {
        Self {
            began_at: now,
            history: SendHistory::new(now),
            arrival_clock: ArrivalClock::default(),
            groups: ArrivalGroups::default(),
            detector: OveruseDetector::default(),
            sent: RateMeter::default(),
            delivered: RateMeter::default(),
            queue: QueueDelay::default(),
            round_trip: RoundTrip::default(),
            rate_control: RateControl::new(RATE_INITIAL, now),
            loss: LossControl::default(),
            probing: Probing::default(),
            silence: Silence::default(),
        }
    }

    /// What the network is thought to carry, headers and padding included.
    pub fn estimate(&self) -> Bitrate {
        let rate = self.rate_control.rate();
        let rate = self.loss.limit().map_or(rate, |limit| limit.min(rate));
        rate.times(self.queue.share()).clamp(RATE_MIN, RATE_MAX)
    }

    /// From the sending of a packet to the feedback on it, smoothed; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.measured()
    }

    /// The share of packets, from 0 to 1, that were lost within the last seconds; `None` before anything is known.
    pub fn loss_fraction(&self) -> Option<f64> {
        self.loss.fraction()
    }

    /// Says what would be sent if the network carried it: the estimate is probed no further.
    pub fn set_wanted(&mut self, wanted: Bitrate) {
        self.probing.wanted = wanted;
    }

    /// Notes a datagram that is handed to the network, with its transport-wide number, and the probe that it is
    /// part of. `now` is the time of the batch that it leaves in, not that of its being written.
    pub fn on_sent(&mut self, number: u16, bytes: usize, now: Instant, cluster: Option<ClusterId>) {
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.history.insert(number, bytes, cluster, now);
        self.probing.prober.note_sent(cluster, bytes);
        self.silence.sent(self.round_trip.assumed(), now);
    }

    /// Takes feedback: the packets that it tells of in the order of their numbers, each with its arrival, or
    /// none if it did not arrive.
    ///
    /// Feedback that names no packet that was sent, or nothing that is new, changes nothing.
    pub fn on_feedback(
        &mut self,
        packets: impl IntoIterator<Item = (u16, Option<ArrivalTime>)>,
        now: Instant,
    ) {
        let mut last_arrived: Option<Instant> = None;
        let mut is_new = false;
        for (number, arrival) in packets.into_iter().take(HISTORY_PACKETS) {
            let Some(packet) = self.history.report(number, arrival.is_some(), now) else { continue };
            is_new = true;
            self.take(packet, arrival);
            if arrival.is_some() {
                last_arrived = last_arrived.max(Some(packet.sent_at));
            }
        }
        if !is_new {
            return;
        }
        if let Some(sent_at) = last_arrived {
            self.round_trip.measure(sent_at, now);
        }
        self.queue.end_feedback();
        if let Some(before) = self.silence.end() {
            self.probing.recover(before, now);
        }
        self.control(now);
    }

    /// Takes one packet of feedback.
    fn take(&mut self, packet: Reported, arrival: Option<ArrivalTime>) {
        let Reported { sent_at, bytes, cluster, before } = packet;
        let sent = age(self.began_at, sent_at).as_secs_f64() * 1000.0;
        let moment = arrival.map(|at| match self.arrival_clock.read(sent, at) {
            Reading::Steady(moment) => moment,
            Reading::Jumped(moment) => {
                self.groups.reset();
                self.detector.reset();
                self.delivered.reset();
                self.queue.reset();
                self.probing.prober.abandon();
                moment
            }
        });
        if let Some(moment) = moment {
            self.delivered.note(moment.arrived, bytes);
            self.queue.take(moment);
        }
        if before == State::Lost {
            // Out of the order of sending: of its delay nothing can be told any more.
            self.loss.note_late();
            return;
        }
        self.sent.note(sent, bytes);
        self.loss.note(sent_at, bytes, moment.is_none());
        self.probing.prober.note_reported(cluster, moment, bytes);
        if let Some(delta) = moment.and_then(|moment| self.groups.take(moment)) {
            self.detector.take(delta);
            self.probing.note_jitter(delta);
        }
    }

    /// Draws the conclusions from feedback.
    fn control(&mut self, now: Instant) {
        let before = self.estimate();
        let usage = self.usage();
        let observation = Observation {
            usage,
            // No more than was sent: what was held up and comes at once shows no more than that.
            delivered: self
                .delivered
                .rate()
                .zip(self.sent.rate())
                .map(|(delivered, sent)| delivered.min(sent)),
            delivered_latest: self.delivered.latest(),
            is_queued: !self.queue.is_tolerable(),
            is_mild: self.is_mild(),
            round_trip: self.round_trip.assumed(),
        };
        let was_limited = self.is_application_limited();
        if self.rate_control.observe(observation, now) {
            self.probing.pause(now);
            if was_limited && self.rate_control.rate() < before.times(DECREASE_LARGE) {
                self.probing.recover(before, now);
            }
        }
        let (rate, without_loss) = (self.estimate(), self.rate_control.rate());
        self.loss.judge(rate, without_loss, now);
        if let Some(outcome) = self.probing.prober.outcome(self.round_trip.assumed(), now) {
            let is_raised = self.take_outcome(outcome);
            self.probing.follow(outcome, is_raised, self.situation(usage), now);
        }
        self.rate_control.limit(RATE_MIN, RATE_MAX);
        self.probing.schedule(self.situation(usage), now);
    }

    /// What the slope of the delay says, and the queue where that says something else.
    ///
    /// Where a packet takes next to no time, or few are sent, a queue that is empty again was a program or a network
    /// that stood still for a moment: of what it then hands on together, the last has waited for nothing. On a narrow
    /// line in full use the slope is believed, as a queue that is empty now is full with the next picture.
    fn usage(&mut self) -> Usage {
        match self.detector.usage() {
            Usage::Normal if self.queue.stands() => Usage::Over,
            Usage::Over
                if self.queue.is_empty()
                    && (self.is_application_limited() || self.estimate() > RATE_WIDE) =>
            {
                Usage::Normal
            }
            usage @ (Usage::Normal | Usage::Over | Usage::Under) => usage,
        }
    }

    /// Whether far less is sent than the estimate, and it arrives without having waited for long: then what arrives
    /// says nothing of what the network carries.
    fn is_mild(&self) -> bool {
        let rates = self.delivered.rate().zip(self.sent.rate());
        self.is_application_limited()
            && self.queue.milliseconds() < MILD_MS
            && self.loss.fraction().is_none_or(|lost| lost < MILD_LOSS)
            && rates.is_some_and(|(delivered, sent)| delivered >= sent.times(MILD_DELIVERED))
    }

    /// Takes what a probe showed. Whether it is more than was known.
    fn take_outcome(&mut self, outcome: Outcome) -> bool {
        let (Outcome::Passed(rate) | Outcome::Limited(rate)) = outcome;
        let is_raised = rate > self.estimate();
        if is_raised {
            self.rate_control.set(rate.max(self.rate_control.rate()));
            self.loss.allow(rate);
            // What arrived until now was sent at the old rate, and says nothing about this one.
            self.delivered.reset();
        }
        is_raised
    }

    fn situation(&self, usage: Usage) -> Situation {
        let knows_limit = self.rate_control.knows_capacity() || self.loss.limit().is_some();
        Situation {
            estimate: self.estimate(),
            is_calm: usage == Usage::Normal && self.queue.is_tolerable(),
            is_open: self.is_application_limited() || !knows_limit,
        }
    }

    /// Whether far less is sent than the network is thought to carry.
    pub fn is_application_limited(&self) -> bool {
        self.sent.rate().is_none_or(|sent| sent < self.estimate().times(LIMITED_SHARE))
    }

    /// The probe that is to be sent now, if there is one; each is told once. Feedback alone brings new ones.
    pub fn next_probe(&mut self, now: Instant) -> Option<Probe> {
        let jitter = self.probing.jitter();
        self.probing.prober.next(jitter, now)
    }

    /// When [`handle_deadline`](Self::handle_deadline) is due though no feedback comes.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.silence.next_deadline()
    }

    /// Lowers the estimate where feedback has stayed away for too long. Does nothing before that.
    pub fn handle_deadline(&mut self, now: Instant) {
        if self.silence.is_broken(self.estimate(), self.round_trip.assumed(), now) {
            self.rate_control.set(self.estimate().times(SILENCE_DECREASE));
            self.rate_control.limit(RATE_MIN, RATE_MAX);
        }
    }
}
