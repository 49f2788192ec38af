//! Sending what has waited for its turn.

use super::Forwarding;
use crate::{
    congestion::Waiting, id::TransportId, output::Output, pacer::Release, subscription::Subscription,
    transport::Transport, transports::Transports,
};
use common::protocol::media::TrackKind;
use std::time::Instant;

/// What became of packets that were to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// For the first time.
    pub(crate) first: u64,
    /// Once more.
    pub(crate) again: u64,
    /// Padding alone.
    pub(crate) padding: u64,
    /// Not, for they would have waited for too long.
    pub(crate) overdue: u64,
}

impl Sent {
    /// What became of one that was released.
    const fn of(release: Release<Waiting>, is_sent: bool) -> Self {
        let mut sent = Self { first: 0, again: 0, padding: 0, overdue: 0 };
        match (release, is_sent) {
            (Release::Packet(Waiting::First(..)), true) => sent.first = 1,
            (Release::Packet(Waiting::Again(..)), true) => sent.again = 1,
            (Release::Padding(_), true) => sent.padding = 1,
            (Release::Packet(_), false) => sent.overdue = 1,
            (Release::Padding(_), false) => {}
        }
        sent
    }

    /// And these.
    pub(crate) const fn add(&mut self, other: Self) {
        self.first = self.first.wrapping_add(other.first);
        self.again = self.again.wrapping_add(other.again);
        self.padding = self.padding.wrapping_add(other.padding);
        self.overdue = self.overdue.wrapping_add(other.overdue);
    }
}

impl Forwarding {
    /// When something that waits is to be sent.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        self.releases.next()
    }

    /// Sends what has waited for long enough.
    pub(crate) fn release_due(
        &mut self,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) -> Sent {
        let mut sent = Sent::default();
        while let Some(id) = self.releases.take_due(now) {
            sent.add(self.release(id, transports, now, output));
        }
        sent
    }

    /// Sends what may be sent by now on a transport, of what waits there, and sees to it that the rest is sent in
    /// its time.
    pub(crate) fn release(
        &mut self,
        id: TransportId,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) -> Sent {
        let mut sent = Sent::default();
        let Some(transport) = transports.get_mut(id) else { return sent };
        let Some(congestion) = &mut transport.congestion else { return sent };
        sent.overdue = congestion.take_refused();
        if congestion.next_release().is_some() {
            self.release_from(id, transport, now, output, &mut sent);
        }
        transports.note_sent(id);
        sent
    }

    fn release_from(
        &mut self,
        id: TransportId,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
        sent: &mut Sent,
    ) {
        let Some(congestion) = &mut transport.congestion else { return };
        let (estimate, mut pacer) = (congestion.estimate(), congestion.begin_release(now));
        pacer.release(estimate, now, |release, cluster| {
            if let Some(congestion) = &mut transport.congestion {
                congestion.set_cluster(cluster);
            }
            let bytes = match release {
                Release::Packet(waiting) => self.send_waiting(waiting, transport, now, output),
                Release::Padding(bytes) => self.pad(id, bytes, transport, now, output),
            };
            sent.add(Sent::of(release, bytes.is_some()));
            bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
        });
        if let Some(congestion) = &mut transport.congestion {
            congestion.end_release(pacer);
            match congestion.next_release() {
                Some(at) => self.releases.set(id, at),
                None => self.releases.remove(id),
            }
        }
    }

    /// Sends a packet that has waited; its bytes on the network, or `None` if it is kept no more, or nobody gets it
    /// any more.
    fn send_waiting(
        &mut self,
        waiting: Waiting,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        match waiting {
            Waiting::First(subscription, number) => {
                let subscription = self.subscriptions.get_mut(subscription)?;
                subscription.send_waiting(number, &self.encodings, transport, now, output)
            }
            Waiting::Again(subscription, number) => {
                let subscription = self.subscriptions.get_mut(subscription)?;
                subscription.send_again(number, &self.encodings, transport, now, output)
            }
        }
    }

    /// Sends padding alone, of about so many bytes, in a stream of the transport that has room for it.
    fn pad(
        &mut self,
        id: TransportId,
        bytes: u64,
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let streams = &self.egress.get(id)?.subscriptions;
        let picture = |fits: fn(&Subscription) -> bool| {
            let fits = |it: &Subscription| it.kind == TrackKind::Video && fits(it);
            streams.values().find(|id| self.subscriptions.get(*id).is_some_and(fits))
        };
        // One that the receiver has got something of, if there is one.
        let subscription = picture(Subscription::has_begun).or_else(|| picture(|_| true))?;
        self.subscriptions.get_mut(subscription)?.pad(bytes, transport, now, output)
    }
}
