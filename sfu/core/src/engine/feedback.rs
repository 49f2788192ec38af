//! What participants say about what they send and receive.

use super::Engine;
use crate::{
    address::TransportAddress,
    encoding::SenderClock,
    forward::Sent,
    id::TransportId,
    output::Output,
    retransmit::Retransmission,
    rtcp::{
        self, Packet, nack::Loss, report_block::ReportBlocks, sender_report::SenderReport,
        transport_feedback::TransportFeedback,
    },
    subscription::SendStatistics,
};
use std::time::Instant;

impl Engine {
    pub(super) fn handle_rtcp(
        &mut self,
        source: TransportAddress,
        datagram: &mut [u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let id = self.transports.by_address(source)?;
        let length = self.transports.get_mut(id)?.open_rtcp(datagram, now)?;
        let compound = datagram.get(..length)?;
        for packet in rtcp::packets(compound) {
            match packet {
                Packet::SenderReport(report, blocks) => {
                    self.note_sender_report(id, report, now, output);
                    self.note_reception(id, blocks, now);
                }
                Packet::ReceiverReport(report) => self.note_reception(id, report.blocks, now),
                Packet::Nack(nack) => {
                    self.count(id, nack.media, |statistics| &mut statistics.nacks);
                    nack.losses().for_each(|loss| self.resend(id, nack.media, loss, now, output));
                }
                Packet::Pli(pli) => self.note_picture_loss(id, pli.media, now, output),
                Packet::Fir(fir) => {
                    fir.requests().for_each(|it| self.note_picture_loss(id, it.media, now, output));
                }
                Packet::TransportFeedback(feedback) => self.note_arrivals(id, feedback, now, output),
                // Rates are worked out here, and what ends is what a description leaves out.
                Packet::SourceDescription(_) | Packet::Goodbye(_) | Packet::Remb(_) => {}
            }
        }
        Some(())
    }

    /// A publisher says where its stream stands.
    fn note_sender_report(
        &mut self,
        id: TransportId,
        report: SenderReport,
        now: Instant,
        output: &mut Output,
    ) {
        let (forwarding, transports) = (&mut self.forwarding, &mut self.transports);
        if let Some(stream) = forwarding.stream(id, report.ssrc).filter(|stream| !stream.is_rtx) {
            let clock = SenderClock { ntp: report.ntp, rtp_time: report.rtp_time };
            self.reports.pass_on(stream.encoding, clock, forwarding, transports, now, output);
        }
    }

    /// A subscriber says how it receives, and so how long the way to it is.
    fn note_reception(&mut self, id: TransportId, blocks: ReportBlocks<'_>, now: Instant) {
        for block in blocks.iter() {
            let subscription = self.forwarding.subscription(id, block.ssrc);
            let known = subscription.and_then(|subscription| self.forwarding.subscription_mut(subscription));
            if let Some((subscription, _)) = known {
                subscription.note_reception(&block, now);
            }
        }
    }

    /// A subscriber says which of what was sent to it arrived when, of whichever stream.
    fn note_arrivals(
        &mut self,
        id: TransportId,
        feedback: TransportFeedback<'_>,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(transport) = self.transports.get_mut(id) else { return };
        let forwarded = transport.budget.forwarded(now);
        let Some(congestion) = &mut transport.congestion else { return };
        congestion.note_arrivals(feedback, forwarded, now);
        // There may be a probe to send, or room for what waits.
        let sent = self.forwarding.release(id, &mut self.transports, now, output);
        self.note_sent(sent);
    }

    /// A subscriber misses packets.
    fn resend(&mut self, id: TransportId, ssrc: u32, loss: Loss, now: Instant, output: &mut Output) {
        let (forwarding, transports) = (&mut self.forwarding, &mut self.transports);
        let Some(subscription) = forwarding.subscription(id, ssrc) else { return };
        let resent = Retransmission::resend(subscription, loss, forwarding, transports, now, output);
        let mut sent = self.forwarding.release(id, &mut self.transports, now, output);
        sent.add(Sent { again: resent.packets, ..Sent::default() });
        self.note_sent(sent);
        self.stats.resends_refused = self.stats.resends_refused.wrapping_add(resent.is_exhausted.into());
    }

    /// A subscriber cannot decode without a key frame.
    fn note_picture_loss(&mut self, id: TransportId, ssrc: u32, now: Instant, output: &mut Output) {
        self.count(id, ssrc, |statistics| &mut statistics.picture_losses);
        let subscription = self.forwarding.subscription(id, ssrc);
        let known = subscription.and_then(|subscription| self.forwarding.subscription_mut(subscription));
        if let Some(encoding) = known.and_then(|(subscription, _)| subscription.source()) {
            self.want_key_frame(encoding, now, output);
        }
    }

    /// Counts something that a subscriber has said of an outgoing stream.
    fn count(&mut self, id: TransportId, ssrc: u32, counter: impl FnOnce(&mut SendStatistics) -> &mut u64) {
        let subscription = self.forwarding.subscription(id, ssrc);
        let known = subscription.and_then(|subscription| self.forwarding.subscription_mut(subscription));
        if let Some((subscription, _)) = known {
            let count = counter(&mut subscription.statistics);
            *count = count.saturating_add(1);
        }
    }
}
