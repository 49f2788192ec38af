//! Short bursts above the estimate, which show whether the network carries more.

use super::{arrival_time::Moment, rate::Bitrate, round_trip::age};
use std::{
    num::NonZeroU8,
    time::{Duration, Instant},
};

/// How long a probe lasts on a network without jitter.
///
/// Longer measures more exactly and fills the queue of a slow link for longer: at twice the capacity, by half
/// of this.
const PROBE_TIME: Duration = Duration::from_millis(20);

/// How much longer it lasts for each millisecond of jitter, which would else be taken for a slow link; and the
/// most jitter that this is done for.
const PROBE_TIME_PER_JITTER: f64 = 3.0;
const PROBE_JITTER_MAX_MS: f64 = 20.0;

/// The least packets of a probe: fewer say little about a rate. Their size follows from the bytes.
pub const PROBE_PACKETS_MIN: u32 = 5;

/// How long is waited for the feedback on a probe beyond the round trip.
const PATIENCE: Duration = Duration::from_secs(1);

/// Of what a probe measured below its own rate, so much is taken: the rest drains the queue that it made.
const MEASURED_SHARE: f64 = 0.95;

/// A probe that arrived with so much of its rate has not found the limit.
const PASSED_SHARE: f64 = 0.85;

/// Which probe a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterId(NonZeroU8);

/// A burst to be sent at once: media that waits, and padding for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// What its packets are noted with when they are sent.
    pub cluster: ClusterId,
    /// How fast it is sent.
    pub rate: Bitrate,
    /// At least so many bytes.
    pub bytes: u64,
    /// At least so many packets.
    pub packets: u32,
}

/// What a probe showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The network carried it; it may carry more.
    Passed(Bitrate),
    /// The network carried no more than this.
    Limited(Bitrate),
}

/// Packets of a probe, as they were reported.
#[derive(Debug)]
struct Cluster {
    probe: Probe,
    asked_at: Instant,
    sent: Tally,
    reported: Tally,
    arrived: Tally,
    first: Option<Moment>,
    last: Moment,
    /// Bytes of the packets that were sent last, all at once: they were sent, but not within the time between
    /// the first and the last.
    last_sent_bytes: u64,
    first_arrived_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    packets: u32,
    bytes: u64,
}

impl Tally {
    const fn note(&mut self, bytes: u16) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

impl Cluster {
    fn arrive(&mut self, moment: Moment, bytes: u16) {
        self.arrived.note(bytes);
        let Some(first) = &mut self.first else {
            self.first = Some(moment);
            self.last = moment;
            (self.last_sent_bytes, self.first_arrived_bytes) = (bytes.into(), bytes.into());
            return;
        };
        first.sent = first.sent.min(moment.sent);
        if moment.arrived < first.arrived {
            (first.arrived, self.first_arrived_bytes) = (moment.arrived, bytes.into());
        }
        if moment.sent > self.last.sent {
            (self.last.sent, self.last_sent_bytes) = (moment.sent, 0);
        }
        self.last_sent_bytes = self.last_sent_bytes.saturating_add(bytes.into());
        self.last.arrived = self.last.arrived.max(moment.arrived);
    }

    /// Whether all that was asked for was sent, and feedback told of all that was sent.
    fn is_complete(&self) -> bool {
        let Probe { bytes, packets, .. } = self.probe;
        self.sent.bytes >= bytes && self.sent.packets >= packets && self.reported == self.sent
    }

    /// The slower of how fast it was sent and how fast it arrived.
    ///
    /// What arrived too fast, having been held up and handed on at once, shows no more than was sent.
    fn measure(&self) -> Option<Outcome> {
        let first = self.first?;
        let enough = self.arrived.packets.saturating_mul(5) >= self.probe.packets.saturating_mul(4);
        let time = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).ok();
        let sent = self.arrived.bytes.saturating_sub(self.last_sent_bytes);
        let sent = Bitrate::of(sent, time(self.last.sent - first.sent)?)?;
        let arrived = self.arrived.bytes.saturating_sub(self.first_arrived_bytes);
        let arrived = Bitrate::of(arrived, time(self.last.arrived - first.arrived)?).unwrap_or(sent);
        if !enough || sent < self.probe.rate.times(0.5) {
            return None;
        }
        let measured = arrived.min(sent).min(self.probe.rate);
        Some(if measured >= sent.min(self.probe.rate).times(PASSED_SHARE) {
            Outcome::Passed(measured)
        } else {
            Outcome::Limited(measured.times(MEASURED_SHARE))
        })
    }
}

/// One probe after another.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    wished: Option<Bitrate>,
    cluster: Option<Cluster>,
    last_id: u8,
}

impl Prober {
    /// Wishes for a probe at this rate, instead of any other that was wished for.
    pub(crate) const fn wish(&mut self, rate: Bitrate) {
        self.wished = Some(rate);
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.wished.is_none() && self.cluster.is_none()
    }

    /// The probe to be sent now, over a network of this jitter.
    pub(crate) fn next(&mut self, jitter_ms: f64, now: Instant) -> Option<Probe> {
        if self.cluster.is_some() {
            return None;
        }
        let rate = self.wished.take()?;
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let cluster = ClusterId(NonZeroU8::new(self.last_id)?);
        let longer = PROBE_TIME_PER_JITTER * jitter_ms.clamp(0.0, PROBE_JITTER_MAX_MS);
        let time =
            PROBE_TIME.saturating_add(Duration::try_from_secs_f64(longer / 1000.0).unwrap_or_default());
        let probe = Probe { cluster, rate, bytes: rate.bytes_in(time), packets: PROBE_PACKETS_MIN };
        self.cluster = Some(Cluster {
            probe,
            asked_at: now,
            sent: Tally::default(),
            reported: Tally::default(),
            arrived: Tally::default(),
            first: None,
            last: Moment { sent: 0.0, arrived: 0.0 },
            last_sent_bytes: 0,
            first_arrived_bytes: 0,
        });
        Some(probe)
    }

    fn of(&mut self, cluster: Option<ClusterId>) -> Option<&mut Cluster> {
        self.cluster.as_mut().filter(|present| Some(present.probe.cluster) == cluster)
    }

    pub(crate) fn note_sent(&mut self, cluster: Option<ClusterId>, bytes: u16) {
        if let Some(cluster) = self.of(cluster) {
            cluster.sent.note(bytes);
        }
    }

    /// Notes the first report on a packet, and when it was sent and arrived if it did.
    pub(crate) fn note_reported(&mut self, cluster: Option<ClusterId>, moment: Option<Moment>, bytes: u16) {
        let Some(cluster) = self.of(cluster) else { return };
        cluster.reported.note(bytes);
        if let Some(moment) = moment {
            cluster.arrive(moment, bytes);
        }
    }

    /// What the probe showed, once it is known; one on which feedback stays away is given up.
    pub(crate) fn outcome(&mut self, round_trip: Duration, now: Instant) -> Option<Outcome> {
        let cluster = self.cluster.as_ref()?;
        let is_over = age(cluster.asked_at, now) > round_trip.saturating_add(PATIENCE);
        if !cluster.is_complete() && !is_over {
            return None;
        }
        self.cluster.take()?.measure()
    }

    /// Forgets what is under way: the receiver's clock was set.
    pub(crate) fn abandon(&mut self) {
        self.cluster = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    /// What a probe at 1 Mbit/s shows that is sent as asked, and of which each packet takes so long on the link.
    fn outcome(packet_ms: f64, lost: u32) -> Option<Outcome> {
        let clock = ManualClock::default();
        let mut prober = Prober::default();
        prober.wish(Bitrate::from_bits_per_second(1_000_000));
        let probe = prober.next(0.0, clock.now()).unwrap();
        assert_eq!((probe.bytes, prober.next(0.0, clock.now())), (2500, None));
        let mut free_at = 0.0_f64;
        for packet in 0..10 {
            prober.note_sent(Some(probe.cluster), 250);
            let sent = f64::from(packet) * 2.0;
            free_at = free_at.max(sent) + packet_ms;
            assert_eq!(prober.outcome(Duration::ZERO, clock.now()), None);
            let moment = (packet >= lost).then_some(Moment { sent, arrived: free_at });
            prober.note_reported(Some(probe.cluster), moment, 250);
        }
        prober.outcome(Duration::ZERO, clock.now())
    }

    #[test]
    fn a_fast_link_passes_and_a_slow_one_is_measured() {
        assert_eq!(outcome(0.1, 0), Some(Outcome::Passed(Bitrate::from_bits_per_second(1_000_000))));
        assert_eq!(outcome(4.0, 0), Some(Outcome::Limited(Bitrate::from_bits_per_second(475_000))));
        assert_eq!(outcome(0.1, 8), None, "two packets say nothing");
    }

    #[test]
    fn no_arrival_makes_a_probe_faster_than_it_was_sent() {
        assert_eq!(outcome(0.0, 0), Some(Outcome::Passed(Bitrate::from_bits_per_second(1_000_000))));
        assert_eq!(outcome(-5.0, 0), Some(Outcome::Passed(Bitrate::from_bits_per_second(1_000_000))));
    }

    #[test]
    fn a_probe_of_which_nothing_is_heard_is_given_up() {
        let clock = ManualClock::default();
        let mut prober = Prober::default();
        prober.wish(Bitrate::from_bits_per_second(1_000_000));
        prober.next(0.0, clock.now()).unwrap();
        clock.advance(PATIENCE * 2);
        assert_eq!(prober.outcome(Duration::ZERO, clock.now()), None);
        assert!(prober.is_idle());
    }
}
