//! How much goes to one subscriber, and when.
//!
//! What is sent to it is numbered on its transport, whichever stream it is of. From when it says that those packets
//! arrived, a [`BandwidthEstimator`] works out what its network carries, and a [`Pacer`] spreads what is sent by that.
//! Nothing waits before anything is known, nor while there is room: then a batch costs a look at the clock.

use crate::{
    bandwidth::{ArrivalTime, BandwidthEstimator, Bitrate, ClusterId},
    id::SubscriptionId,
    moment::after,
    pacer::{Pacer, Urgency},
    rtcp::transport_feedback::TransportFeedback,
    rtp::{header::ExtendedHeader, sequence::SeqNo},
};
use std::time::{Duration, Instant};

/// What a subscriber is taken to want at least: one good camera and a voice. More is probed for where more is sent.
///
/// Higher finds out sooner that there is room for more, by probes that everybody pays for who never needs it.
const WANTED_MIN: Bitrate = Bitrate::from_bits_per_second(2_500_000);

/// So many times what is sent is taken to be wanted, so that there is room when more comes.
const WANTED_SHARE: f64 = 2.0;

/// How long feedback is waited for before its peer counts as one that tells nothing, though it has agreed to.
///
/// Longer gives who tells nothing the first estimate for longer; shorter gives all there is to whose first feedback is
/// late.
const FEEDBACK_PATIENCE: Duration = Duration::from_secs(3);

/// How long after the first feedback an estimate is not believed enough to pause pictures: probes find in this time
/// what most networks carry.
///
/// Longer floods a network for longer that is as slow as it seems; shorter pauses what there is room for.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// What is known of the network between us and a subscriber.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Bandwidth {
    /// What it is thought to carry, in datagrams with their headers and padding.
    pub estimate: Bitrate,
    /// From the sending of a packet to the feedback on it; `None` before the first.
    pub round_trip: Option<Duration>,
    /// The share of packets, from 0 to 1, that were lost within the last seconds; `None` before the first feedback.
    pub loss: Option<f64>,
}

/// A packet that waits for its turn, by its number in an outgoing track. What is in it stays where the packets of its
/// encoding are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// What this number was given to, for the first time.
    First(SubscriptionId, SeqNo),
    /// What went out under this number, once more.
    Again(SubscriptionId, SeqNo),
}

/// The packets that are sent in one turn of the loop.
#[derive(Debug, Clone, Copy)]
struct Batch {
    began_at: Instant,
    /// Bytes that may go at once.
    room: u64,
    /// Bytes that did.
    passed: u64,
}

/// Of a transport whose peer has agreed to number packets and to say when they arrive.
#[derive(Debug)]
pub(crate) struct CongestionControl {
    /// The header extension that carries the numbers.
    extension: u8,
    /// The number of the next packet.
    next: u16,
    estimator: BandwidthEstimator,
    pacer: Pacer<Waiting>,
    batch: Batch,
    /// The probe that what is sent now is part of.
    cluster: Option<ClusterId>,
    /// Packets for which there was no room among those that wait.
    refused: u64,
    /// What the subscriber would be sent if its network carried everything.
    wanted: Bitrate,
    /// When the first packet was sent, and when the first feedback came.
    sent_since: Option<Instant>,
    told_since: Option<Instant>,
}

impl CongestionControl {
    /// Packets are numbered in this header extension, one of 1 to 14.
    pub(crate) fn new(extension: u8, now: Instant) -> Self {
        let mut estimator = BandwidthEstimator::new(now);
        estimator.set_wanted(WANTED_MIN);
        let pacer = Pacer::new(now);
        let batch = Batch { began_at: now, room: 0, passed: 0 };
        Self {
            extension,
            next: 1,
            estimator,
            pacer,
            batch,
            cluster: None,
            refused: 0,
            wanted: Bitrate::ZERO,
            sent_since: None,
            told_since: None,
        }
    }

    /// The subscriber would be sent this if its network carried everything: it is probed for.
    pub(crate) const fn set_wanted(&mut self, wanted: Bitrate) {
        self.wanted = wanted;
    }

    /// Writes the number of the next packet into its header.
    pub(crate) fn number(&self, header: &mut ExtendedHeader) {
        header.push(self.extension, &self.next.to_be_bytes());
    }

    /// The packet that was [numbered](Self::number) goes out, in the batch of this moment; so many bytes on the network.
    pub(crate) fn note_sent(&mut self, bytes: usize, now: Instant) {
        self.sent_since.get_or_insert(now);
        self.estimator.on_sent(self.next, bytes, now, self.cluster);
        self.next = self.next.wrapping_add(1);
    }

    /// The subscriber says which packets arrived when. It is sent so many bits a second.
    pub(crate) fn note_arrivals(&mut self, feedback: TransportFeedback<'_>, sent: Bitrate, now: Instant) {
        let mut at = feedback.reference.steps().wrapping_shl(8);
        let arrivals = feedback.statuses().map(|(number, delta)| {
            let arrival = delta.map(|delta| {
                at = at.wrapping_add_signed(delta.steps().into());
                ArrivalTime::from_units(at)
            });
            (number, arrival)
        });
        self.estimator.set_wanted(sent.times(WANTED_SHARE).max(WANTED_MIN).max(self.wanted));
        self.estimator.on_feedback(arrivals, now);
        if self.estimator.round_trip().is_some() {
            self.told_since.get_or_insert(now);
        }
        if let Some(probe) = self.estimator.next_probe(now) {
            self.pacer.probe(probe, now);
        }
    }

    /// What is known.
    pub(crate) fn bandwidth(&self) -> Bandwidth {
        Bandwidth {
            estimate: self.estimate(),
            round_trip: self.estimator.round_trip(),
            loss: self.estimator.loss_fraction(),
        }
    }

    pub(crate) fn estimate(&self) -> Bitrate {
        self.estimator.estimate()
    }

    /// What may be divided over what is sent; `None` of a peer that has agreed to tell what arrives and does not.
    pub(crate) fn dividable(&self, now: Instant) -> Option<Bitrate> {
        let is_late = |since| after(since, FEEDBACK_PATIENCE) <= now;
        let is_silent = self.told_since.is_none() && self.sent_since.is_some_and(is_late);
        (!is_silent).then(|| self.estimate())
    }

    /// Whether the estimate is more than a first guess.
    pub(crate) fn is_settled(&self, now: Instant) -> bool {
        self.told_since.is_some_and(|since| after(since, SETTLING_TIME) <= now)
    }

    /// When feedback has stayed away for too long.
    pub(crate) const fn next_deadline(&self) -> Option<Instant> {
        self.estimator.next_deadline()
    }

    /// Acts on feedback that stays away. Does nothing before that.
    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        self.estimator.handle_deadline(now);
    }

    /// Packets are to be sent now, each if it is [admitted](Self::admits).
    pub(crate) fn begin_batch(&mut self, now: Instant) {
        // A peer that has agreed and tells nothing must not be kept waiting for ever.
        let is_known = self.estimator.round_trip().is_some();
        let room = if is_known { self.pacer.room(self.estimate(), now) } else { u64::MAX };
        self.batch = Batch { began_at: now, room, passed: 0 };
    }

    /// Whether a packet of so many bytes is to be sent at once. If not, it waits, or is given up where too many do.
    pub(crate) fn admits(&mut self, packet: Waiting, bytes: usize, urgency: Urgency) -> bool {
        let Batch { began_at, room, passed } = &mut self.batch;
        let is_admitted = *room > 0 || urgency == Urgency::Audio;
        if is_admitted {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            *room = room.saturating_sub(bytes);
            *passed = passed.saturating_add(bytes);
        } else if self.pacer.enqueue(packet, bytes, urgency, *began_at).is_err() {
            self.refused = self.refused.wrapping_add(1);
        }
        is_admitted
    }

    /// All that was to be sent now was admitted or waits.
    pub(crate) fn end_batch(&mut self, now: Instant) {
        if self.estimator.round_trip().is_some() {
            self.pacer.note_passed(self.batch.passed, self.estimate(), now);
        }
    }

    /// When something that waits is to be [released](Self::begin_release).
    pub(crate) fn next_release(&self) -> Option<Instant> {
        self.pacer.next_deadline()
    }

    /// What waits, to be released and [put back](Self::end_release).
    pub(crate) const fn begin_release(&mut self, now: Instant) -> Pacer<Waiting> {
        std::mem::replace(&mut self.pacer, Pacer::new(now))
    }

    /// What is sent now is part of this probe.
    pub(crate) const fn set_cluster(&mut self, cluster: Option<ClusterId>) {
        self.cluster = cluster;
    }

    /// What still waits.
    pub(crate) fn end_release(&mut self, pacer: Pacer<Waiting>) {
        self.pacer = pacer;
        self.cluster = None;
    }

    /// Takes the count of packets that were given up.
    pub(crate) const fn take_refused(&mut self) -> u64 {
        std::mem::replace(&mut self.refused, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{
        self, Packet,
        transport_feedback::{self, Report},
    };
    use crate::sdp::extension::TRANSPORT_SEQUENCE_ID;
    use common::clock::{Clock, ManualClock};

    /// A transport on which one packet was sent.
    fn sending(clock: &ManualClock) -> CongestionControl {
        let mut congestion = CongestionControl::new(TRANSPORT_SEQUENCE_ID, clock.now());
        congestion.note_sent(1000, clock.now());
        congestion
    }

    /// Its peer says that the packet arrived.
    fn tell(congestion: &mut CongestionControl, now: Instant) {
        let mut packet = Vec::new();
        let report = Report { ssrc: 1, media: 1, base: 1, number: 0 };
        let arrival = transport_feedback::ArrivalTime::after(Duration::from_millis(20));
        transport_feedback::write(&mut packet, report, [Some(arrival)].into_iter());
        for packet in rtcp::packets(&packet) {
            let Packet::TransportFeedback(feedback) = packet else { panic!("{packet:?}") };
            congestion.note_arrivals(feedback, Bitrate::ZERO, now);
        }
    }

    #[test]
    fn who_has_agreed_to_tell_and_does_not_is_given_everything_after_a_while() {
        let clock = ManualClock::default();
        let mut congestion = sending(&clock);
        clock.advance(FEEDBACK_PATIENCE - Duration::from_millis(1));
        assert_eq!(congestion.dividable(clock.now()), Some(congestion.estimate()));
        clock.advance(Duration::from_millis(1));
        assert_eq!(congestion.dividable(clock.now()), None);
        tell(&mut congestion, clock.now());
        assert_eq!(congestion.dividable(clock.now()), Some(congestion.estimate()), "it does after all");
        clock.advance(Duration::from_secs(3600));
        assert!(congestion.dividable(clock.now()).is_some());
    }

    #[test]
    fn an_estimate_settles_from_the_first_feedback_on() {
        let clock = ManualClock::default();
        let mut congestion = sending(&clock);
        clock.advance(SETTLING_TIME);
        assert!(!congestion.is_settled(clock.now()), "nothing was told");
        tell(&mut congestion, clock.now());
        assert!(!congestion.is_settled(clock.now()));
        clock.advance(SETTLING_TIME);
        assert!(congestion.is_settled(clock.now()));
    }
}
