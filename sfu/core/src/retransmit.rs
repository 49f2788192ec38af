//! Packets that were lost: asking publishers for them, and sending them to subscribers again.

use crate::{
    congestion::Waiting,
    forward::Forwarding,
    id::{EncodingId, SubscriptionId},
    output::Output,
    pacer::Urgency,
    rtcp::{
        nack::{self, Loss},
        receiver_report,
    },
    schedule::Schedule,
    subscription::Wish,
    transports::Transports,
};
use std::time::Instant;

/// When missing packets of each encoding are to be asked for (NACK; RFC 4585, section 6.2.1).
#[derive(Default)]
pub(crate) struct Retransmission {
    deadlines: Schedule<EncodingId>,
    /// Used again and again.
    missing: Vec<u16>,
    packet: Vec<u8>,
}

/// What became of a request to send again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Resent {
    /// Packets that were sent.
    pub(crate) packets: u64,
    /// The transport's budget was used up.
    pub(crate) is_exhausted: bool,
}

impl Retransmission {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Packets of an encoding are missing and may be asked for then.
    pub(crate) fn note_gap(&mut self, id: EncodingId, ask_at: Instant) {
        self.deadlines.set_if_earlier(id, ask_at);
    }

    /// Takes an encoding whose missing packets are to be [asked for](Self::ask).
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<EncodingId> {
        self.deadlines.take_due(now)
    }

    /// Asks a publisher for what is missing; whether some of it was given up, so that only a key frame helps.
    pub(crate) fn ask(
        &mut self,
        id: EncodingId,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let Some(encoding) = forwarding.encoding_mut(id) else { return false };
        if let Some(next) = encoding.arrivals.ask(now, &mut self.missing) {
            self.deadlines.set(id, next);
        }
        // What nobody gets nobody misses.
        let is_missed = !encoding.subscribers.is_empty();
        let transport = transports.get_mut(encoding.transport);
        let ssrc = encoding.name.ssrc.filter(|_| is_missed && !self.missing.is_empty());
        if let (Some(ssrc), Some(transport)) = (ssrc, transport) {
            self.packet.clear();
            receiver_report::write(&mut self.packet, ssrc, &[]);
            nack::write(&mut self.packet, ssrc, ssrc, &self.missing);
            transport.send_rtcp(&self.packet, output);
            encoding.nacks = encoding.nacks.saturating_add(1);
        }
        encoding.arrivals.take_hopeless() && is_missed
    }

    /// The encoding is gone.
    pub(crate) fn forget(&mut self, id: EncodingId) {
        self.deadlines.remove(id);
    }

    /// Sends a subscriber again what it asks for. What has to wait for its turn does so on its transport.
    pub(crate) fn resend(
        id: SubscriptionId,
        loss: Loss,
        forwarding: &mut Forwarding,
        transports: &mut Transports,
        now: Instant,
        output: &mut Output,
    ) -> Resent {
        let mut resent = Resent::default();
        let Some((subscription, encodings)) = forwarding.subscription_mut(id) else { return resent };
        let Some(transport) = transports.get_mut(subscription.transport) else { return resent };
        transport.begin_batch(now);
        for wire in loss.sequences() {
            match subscription.grant(wire, encodings, transport, now) {
                Wish::Granted(number, payload) => {
                    let waiting = Waiting::Again(id, number);
                    if transport.admits(waiting, payload, Urgency::Retransmission)
                        && subscription.send_again(number, encodings, transport, now, output).is_some()
                    {
                        resent.packets = resent.packets.saturating_add(1);
                    }
                }
                Wish::Deferred | Wish::Needless => {}
                Wish::Exhausted => {
                    resent.is_exhausted = true;
                    break;
                }
            }
        }
        transport.end_batch(now);
        resent
    }
}
