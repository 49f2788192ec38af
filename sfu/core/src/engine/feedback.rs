//! What participants say about what they send and receive.

use super::Engine;
use crate::{
    output::Output,
    publication::Publication,
    rtcp::read::{self, RtcpItem},
    subscription::{Again, Subscription},
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
        let place = *self.by_address.get(&source)?;
        let length = self.transports.get_mut(place)?.as_mut()?.open_rtcp(datagram, now)?;
        let compound = datagram.get(..length)?;
        read::for_each_item(compound, |item| match item {
            RtcpItem::SenderReport { ssrc, ntp, rtp_time } => {
                self.note_report(place, ssrc, ntp, rtp_time, now, output)
            }
            RtcpItem::Reception { ssrc, report, since } => {
                if let Some(subscription) = self.subscription(place, ssrc) {
                    subscription.note_reception(report, since, now);
                }
            }
            RtcpItem::Nack { ssrc, first, following } => {
                self.resend(place, ssrc, (first, following), now, output)
            }
            RtcpItem::KeyframeRequest { ssrc } => {
                if let Some(&publication) = self.feedback.get(&(place, ssrc)) {
                    self.want_keyframe(publication, now, output);
                }
            }
        });
        Some(())
    }

    /// The outgoing stream of this number.
    fn subscription(&mut self, place: usize, ssrc: u32) -> Option<&mut Subscription> {
        let publication = self.publications.get_mut(self.feedback.get(&(place, ssrc))?)?;
        publication.subscription(place, ssrc)
    }

    fn note_report(
        &mut self,
        place: usize,
        ssrc: u32,
        ntp: u64,
        rtp_time: u32,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(stream) = self.streams.get(&(place, ssrc)).filter(|stream| !stream.is_rtx) else { return };
        let Some(publication) = self.publications.get_mut(&stream.publication) else { return };
        publication.log.note_report(ntp, now);
        if !publication.take_report(now) {
            return;
        }
        for subscription in &mut publication.subscriptions {
            if let Some(Some(transport)) = self.transports.get_mut(subscription.transport) {
                subscription.report(ntp, rtp_time, transport, now, output);
            }
        }
    }

    /// Sends again what is asked for: the first packet, and those of the sixteen after it whose bit is set.
    fn resend(
        &mut self,
        place: usize,
        ssrc: u32,
        (first, following): (u16, u16),
        now: Instant,
        output: &mut Output,
    ) {
        let Some(id) = self.feedback.get(&(place, ssrc)) else { return };
        let Some(publication) = self.publications.get_mut(id) else { return };
        let Publication { subscriptions, buffer, log, .. } = publication;
        let Some(subscription) =
            subscriptions.iter_mut().find(|one| one.transport == place && one.ssrc == ssrc)
        else {
            return;
        };
        let Some(Some(transport)) = self.transports.get_mut(place) else { return };
        let others = (0..16_u16).filter(|bit| following.unbounded_shr((*bit).into()) & 1 != 0);
        let wires = others.map(|bit| first.wrapping_add(bit).wrapping_add(1));
        for wire in std::iter::once(first).chain(wires) {
            let found = log.extend(wire).and_then(|sequence| Some((sequence, buffer.get(sequence)?)));
            let Some((sequence, packet)) = found else { continue };
            match subscription.resend(sequence, packet, transport, now, output) {
                Again::Sent => {
                    self.stats.packets_resent = self.stats.packets_resent.wrapping_add(1);
                    self.stats.packets_forwarded = self.stats.packets_forwarded.wrapping_add(1);
                }
                Again::Needless => {}
                Again::Exhausted => {
                    self.stats.resends_refused = self.stats.resends_refused.wrapping_add(1);
                    return;
                }
            }
        }
    }
}
