//! What participants say about what they send and receive.

use super::Engine;
use crate::{
    id::TransportId,
    output::Output,
    report::Reports,
    retransmit::Retransmission,
    rtcp::{self, Packet, nack::Loss, report_block::ReportBlocks, sender_report::SenderReport},
};
use std::{net::SocketAddr, time::Instant};

impl Engine {
    pub(super) fn handle_rtcp(
        &mut self,
        source: SocketAddr,
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
                    nack.losses().for_each(|loss| self.resend(id, nack.media, loss, now, output));
                }
                Packet::Pli(pli) => self.note_picture_loss(id, pli.media, now, output),
                Packet::Fir(fir) => {
                    fir.requests().for_each(|it| self.note_picture_loss(id, it.media, now, output));
                }
                // Nothing is adapted to what a line takes, and what ends is what a description leaves out.
                Packet::SourceDescription(_)
                | Packet::Goodbye(_)
                | Packet::Remb(_)
                | Packet::TransportFeedback(_) => {}
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
            let clocks = (report.ntp, report.rtp_time);
            Reports::pass_on(stream.encoding, clocks, forwarding, transports, now, output);
        }
    }

    /// A subscriber says how it receives, and so how long the way to it is.
    fn note_reception(&mut self, id: TransportId, blocks: ReportBlocks<'_>, now: Instant) {
        for block in blocks.iter().filter(|block| block.last_report != 0) {
            let subscription = self.forwarding.subscription(id, block.ssrc);
            let known = subscription.and_then(|subscription| self.forwarding.subscription_mut(subscription));
            if let Some((subscription, _)) = known {
                subscription.note_reception(block.last_report, block.since_last_report, now);
            }
        }
    }

    /// A subscriber misses packets.
    fn resend(&mut self, id: TransportId, ssrc: u32, loss: Loss, now: Instant, output: &mut Output) {
        let (forwarding, transports) = (&mut self.forwarding, &mut self.transports);
        let Some(subscription) = forwarding.subscription(id, ssrc) else { return };
        let resent = Retransmission::resend(subscription, loss, forwarding, transports, now, output);
        let stats = &mut self.stats;
        stats.packets_resent = stats.packets_resent.wrapping_add(resent.packets);
        stats.packets_forwarded = stats.packets_forwarded.wrapping_add(resent.packets);
        stats.resends_refused = stats.resends_refused.wrapping_add(resent.is_exhausted.into());
    }

    /// A subscriber cannot decode without a key frame.
    fn note_picture_loss(&mut self, id: TransportId, ssrc: u32, now: Instant, output: &mut Output) {
        let subscription = self.forwarding.subscription(id, ssrc);
        let known = subscription.and_then(|subscription| self.forwarding.subscription_mut(subscription));
        if let Some(encoding) = known.map(|(subscription, _)| subscription.encoding) {
            self.want_key_frame(encoding, now, output);
        }
    }
}
