//! What participants say about what they send and receive.

use super::Engine;
use crate::{
    output::Output,
    report::Reports,
    retransmit::Retransmission,
    rtcp::read::{self, RtcpItem},
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
        let (forwarding, transports) = (&mut self.forwarding, &mut self.transports);
        read::for_each_item(compound, |item| match item {
            RtcpItem::SenderReport { ssrc, ntp, rtp_time } => {
                let stream = forwarding.stream(id, ssrc).filter(|stream| !stream.is_rtx);
                if let Some(stream) = stream {
                    let clocks = (ntp, rtp_time);
                    Reports::pass_on(stream.publication, clocks, forwarding, transports, now, output);
                }
            }
            RtcpItem::Reception { ssrc, report, since } => {
                let subscription = forwarding.subscription(id, ssrc);
                let known = subscription.and_then(|subscription| forwarding.subscription_mut(subscription));
                if let Some((subscription, _)) = known {
                    subscription.note_reception(report, since, now);
                }
            }
            RtcpItem::Nack { ssrc, first, following } => {
                let Some(subscription) = forwarding.subscription(id, ssrc) else { return };
                let wanted = (first, following);
                let resent =
                    Retransmission::resend(subscription, wanted, forwarding, transports, now, output);
                let stats = &mut self.stats;
                stats.packets_resent = stats.packets_resent.wrapping_add(resent.packets);
                stats.packets_forwarded = stats.packets_forwarded.wrapping_add(resent.packets);
                stats.resends_refused = stats.resends_refused.wrapping_add(resent.is_exhausted.into());
            }
            RtcpItem::KeyframeRequest { ssrc } => {
                let subscription = forwarding.subscription(id, ssrc);
                let known = subscription.and_then(|subscription| forwarding.subscription_mut(subscription));
                if let Some(publication) = known.map(|(subscription, _)| subscription.publication) {
                    self.key_frames.want(publication, forwarding, transports, now, output);
                }
            }
        });
        Some(())
    }
}
