//! When what waits may be sent, so that no queue fills in the network that need not.
//!
//! One [`Pacer`] per transport towards a subscriber. Packets are released in bursts of [`BURST`], each at once:
//! a burst leaves the machine in one call, and to the estimate it is one packet
//! ([`GROUP_MS`](crate::bandwidth::GROUP_MS)). A voice waits for nothing; what was asked for again goes before
//! pictures, whose receiver already waits for it. Like the rest of the core it has no clock: the owner calls
//! [`Pacer::release`] after [`Pacer::next_deadline`], and whenever something was enqueued.

use crate::{
    bandwidth::{Bitrate, ClusterId, Probe},
    moment::after,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What is released at once: as much as the rate carries in this time.
///
/// Longer makes larger bursts, which cost less to send and fill queues; beyond 5 ms they are several groups to
/// the estimate, and look like a queue.
pub const BURST: Duration = Duration::from_millis(5);

/// No burst is larger, however high the rate: the socket sends runs of no more at once.
pub const BURST_BYTES_MAX: u64 = 60_000;

/// How much faster than the estimate it is sent, so that a key frame does not wait for long.
///
/// Higher sends key frames sooner, into the network's queue instead of ours.
const PACE: f64 = 1.5;

/// The longest that anything is meant to wait: where more waits than the pace carries in this time, it is sent
/// faster, and what has waited for so long goes though voices took more than there is.
///
/// Longer keeps to the estimate when it falls, and makes pictures late.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// Packets that may wait. What comes then is refused: pictures that would wait longer are of no use.
pub const WAITING_MAX: usize = 1024;

/// The size of padding, in bytes: a packet that was sent before, or an empty one.
const PADDING_BYTES: (u64, u64) = (50, 1200);

/// What a packet is, which decides how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// A voice: sent at once, but what it takes others have to wait for.
    Audio,
    /// What was asked for again.
    Retransmission,
    /// Pictures.
    Video,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release<T> {
    /// A packet that waited.
    Packet(T),
    /// Something of about so many bytes, so that a probe is as fast as it has to be.
    Padding(u64),
}

/// A packet that waits.
#[derive(Debug)]
struct Entry<T> {
    packet: T,
    bytes: u64,
    since: Instant,
}

/// A probe that is being sent.
#[derive(Debug)]
struct Probing {
    probe: Probe,
    since: Instant,
    bytes: u64,
    packets: u32,
}

/// What waits on one transport. `T` is what its owner finds a packet by.
#[derive(Debug)]
pub struct Pacer<T> {
    audio: VecDeque<Entry<T>>,
    retransmissions: VecDeque<Entry<T>>,
    video: VecDeque<Entry<T>>,
    /// Bytes that wait.
    waiting: u64,
    /// When what has been released has passed at its pace.
    free_at: Instant,
    /// Nothing but voices is released before that: a burst was, a moment ago.
    next_burst: Instant,
    probing: Option<Probing>,
}

impl<T> Pacer<T> {
    /// One in which nothing waits.
    pub const fn new(now: Instant) -> Self {
        Self {
            audio: VecDeque::new(),
            retransmissions: VecDeque::new(),
            video: VecDeque::new(),
            waiting: 0,
            free_at: now,
            next_burst: now,
            probing: None,
        }
    }

    /// Lets a packet wait for its turn.
    ///
    /// # Errors
    /// The packet itself, if [`WAITING_MAX`] wait already.
    pub fn enqueue(&mut self, packet: T, bytes: usize, urgency: Urgency, now: Instant) -> Result<(), T> {
        let queue = match urgency {
            Urgency::Audio => &mut self.audio,
            Urgency::Retransmission => &mut self.retransmissions,
            Urgency::Video => &mut self.video,
        };
        if queue.len() >= WAITING_MAX {
            return Err(packet);
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.waiting = self.waiting.saturating_add(bytes);
        queue.push_back(Entry { packet, bytes, since: now });
        Ok(())
    }

    /// Bytes that wait.
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The bytes that may go at once, past what waits: none where something does, or a probe is sent.
    pub fn room(&self, estimate: Bitrate, now: Instant) -> u64 {
        if self.waiting > 0 || self.probing.is_some() {
            return 0;
        }
        let rest = BURST.saturating_sub(self.free_at.saturating_duration_since(now));
        estimate.times(PACE).bytes_in(rest).min(BURST_BYTES_MAX)
    }

    /// Notes bytes that went past what waits: what comes after them has to wait for that.
    pub fn note_passed(&mut self, bytes: u64, estimate: Bitrate, now: Instant) {
        if bytes > 0 {
            self.free_at = self.free_at.max(now);
            self.spend(bytes, estimate);
        }
    }

    /// Begins a probe. One that is still being sent is given up.
    pub const fn probe(&mut self, probe: Probe, now: Instant) {
        self.probing = Some(Probing { probe, since: now, bytes: 0, packets: 0 });
    }

    /// When something is to be released; `None` if nothing waits.
    pub fn next_deadline(&self) -> Option<Instant> {
        let is_idle = self.waiting == 0 && self.probing.is_none();
        // Voices do not wait for their turn, and may take all of it for ever.
        let overdue_at = self.oldest().map(|since| after(since, WAIT_MAX).max(self.next_burst));
        let due_at = overdue_at.map_or(self.free_at, |overdue_at| overdue_at.min(self.free_at));
        (!is_idle).then_some(due_at)
    }

    /// Since when that waits which has waited for longest, voices apart.
    fn oldest(&self) -> Option<Instant> {
        let queues = [&self.retransmissions, &self.video].into_iter();
        let packets = queues.filter_map(|queue| queue.front()).map(|entry| entry.since);
        packets.chain(self.probing.as_ref().map(|probing| probing.since)).min()
    }

    /// Releases what is due at this estimate, in order, each with the probe that it is part of. `send` tells how
    /// many bytes went: none of a packet that is not there any more, and none where there is no padding, which ends
    /// the probe.
    pub fn release(
        &mut self,
        estimate: Bitrate,
        now: Instant,
        mut send: impl FnMut(Release<T>, Option<ClusterId>) -> u64,
    ) {
        let is_due = self.next_deadline().is_some_and(|at| at <= now);
        // Time in which nothing waited is not made up for.
        self.free_at = self.free_at.max(now);
        if is_due {
            // Nor is what voices took, by that which is overdue.
            self.free_at = now;
            self.next_burst = after(now, BURST);
        }
        while let Some(Entry { packet, bytes, .. }) = self.audio.pop_front() {
            let sent = self.take(bytes, send(Release::Packet(packet), None));
            self.spend(sent, estimate);
        }
        let (limit, mut burst) = (after(now, BURST), 0_u64);
        while is_due && self.free_at < limit && burst < BURST_BYTES_MAX {
            let cluster = self.probing.as_ref().map(|probing| probing.probe.cluster);
            let sent = if let Some(Entry { packet, bytes, .. }) = self.next() {
                self.take(bytes, send(Release::Packet(packet), cluster))
            } else if let Some(Probing { probe, .. }) = &self.probing {
                let share = probe.bytes.checked_div(probe.packets.into()).unwrap_or(0);
                let sent = send(Release::Padding(share.clamp(PADDING_BYTES.0, PADDING_BYTES.1)), cluster);
                if sent == 0 {
                    self.probing = None;
                }
                sent
            } else {
                return;
            };
            if sent > 0 {
                self.spend(sent, estimate);
                self.note_probed(sent);
            }
            burst = burst.saturating_add(sent);
        }
    }

    fn next(&mut self) -> Option<Entry<T>> {
        self.retransmissions.pop_front().or_else(|| self.video.pop_front())
    }

    /// A packet of so many bytes waits no more. What went of it.
    const fn take(&mut self, bytes: u64, sent: u64) -> u64 {
        self.waiting = self.waiting.saturating_sub(bytes);
        sent
    }

    /// The rate at which is sent: that of the probe, or above the estimate, and fast enough that nothing is late.
    fn pace(&self, estimate: Bitrate) -> Bitrate {
        if let Some(probing) = &self.probing {
            return probing.probe.rate;
        }
        let in_time = Bitrate::of(self.waiting, WAIT_MAX).unwrap_or_default();
        estimate.times(PACE).max(in_time)
    }

    fn spend(&mut self, bytes: u64, estimate: Bitrate) {
        let time = self.pace(estimate).time_of(bytes).unwrap_or(WAIT_MAX);
        self.free_at = after(self.free_at, time);
    }

    fn note_probed(&mut self, sent: u64) {
        let Some(probing) = &mut self.probing else { return };
        probing.bytes = probing.bytes.saturating_add(sent);
        probing.packets = probing.packets.saturating_add(1);
        if probing.bytes >= probing.probe.bytes && probing.packets >= probing.probe.packets {
            self.probing = None;
        }
    }
}

#[cfg(test)]
mod tests;
