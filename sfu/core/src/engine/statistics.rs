//! What is measured of participants, for those who look at a call from outside.

use super::Engine;
use crate::{
    encoding::Encoding,
    id::{PublicationId, SubscriptionId, TransportId},
    srtp::Profile,
    subscription::SendStatistics,
    totals::StreamReception,
};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{TrackKind, TrackSubscription},
    statistics::{
        InboundRtpStatistics, MediaStatistics, OutboundRtpStatistics, RemoteInboundRtpStatistics, SrtpCipher,
        TransportPurpose, TransportStatistics,
    },
};
use std::{collections::BTreeMap, time::Instant};

impl Engine {
    /// What is measured of a participant's media, and `receives` says that what it receives is wanted, too; `None` if it
    /// is in no session.
    pub fn statistics(
        &self,
        participant: ConnectionId,
        receives: bool,
        now: Instant,
    ) -> Option<MediaStatistics> {
        let known = self.sessions.get(self.sessions.find(participant)?)?;
        let transports =
            [(known.publish, TransportPurpose::Publish), (known.subscribe, TransportPurpose::Subscribe)];
        let transports = transports.into_iter().filter_map(|(id, purpose)| self.of_transport(id?, purpose));
        let inbound = known.publications.iter().flat_map(|id| self.of_publication(*id, now));
        let outbound =
            receives.then(|| known.subscribe.map_or_else(Vec::new, |it| self.of_subscriptions(it)));
        Some(MediaStatistics {
            transports: transports.collect(),
            inbound_rtp: inbound.collect(),
            outbound_rtp: outbound,
        })
    }

    /// How streams were received, as was said since this was asked last; not all of it if that is more than some
    /// thousands.
    pub fn take_receptions(&mut self) -> impl Iterator<Item = StreamReception> {
        self.forwarding.totals.receptions.drain(..)
    }

    /// What participants were told last of each track that they receive. It looks at all: for once a second, not more.
    pub fn subscriptions_told(&self) -> impl Iterator<Item = (TrackKind, &TrackSubscription)> {
        self.allocations.all_told()
    }

    fn of_transport(&self, id: TransportId, purpose: TransportPurpose) -> Option<TransportStatistics> {
        let transport = self.transports.get(id)?;
        let told = transport.congestion.as_ref().map(|congestion| congestion.bandwidth());
        // Before the first feedback it is a guess.
        let told = told.filter(|told| told.round_trip.is_some());
        Some(TransportStatistics {
            purpose,
            dtls_state: transport.dtls_state(),
            srtp_cipher: transport.profile().map(|profile| match profile {
                Profile::Aes128Gcm => SrtpCipher::Aes128Gcm,
                Profile::Aes256Gcm => SrtpCipher::Aes256Gcm,
                Profile::Aes128CmHmacSha1_80 => SrtpCipher::Aes128Cm,
            }),
            available_outgoing_bitrate: told.map(|told| told.estimate.bits_per_second()),
            current_round_trip_time: told.and_then(|told| told.round_trip).map(|time| time.as_secs_f64()),
            fraction_lost: told.and_then(|told| told.loss),
        })
    }

    fn of_publication(&self, id: PublicationId, now: Instant) -> impl Iterator<Item = InboundRtpStatistics> {
        let publication = self.forwarding.publication(id);
        let encodings = self.forwarding.encodings_of(id);
        encodings.filter_map(move |(_, encoding)| {
            let publication = publication?;
            let (named, description) = (publication.named(), &publication.description);
            let Encoding { statistics, arrivals, rates, name, size, .. } = encoding;
            let active = encoding.is_live && !encoding.is_paused(now);
            let rate = rates.measured().last().copied().filter(|_| active).unwrap_or_default();
            Some(InboundRtpStatistics {
                track_id: named.id,
                source: named.source,
                kind: encoding.kind,
                mime_type: description.forwarded.codec.mime_type(),
                mid: description.mid.clone(),
                rid: name.rid.clone(),
                ssrc: name.ssrc,
                active,
                packets_received: arrivals.received(),
                packets_lost: arrivals.lost(),
                bytes_received: statistics.bytes(),
                bitrate: rate.bits_per_second(),
                jitter: statistics.jitter_seconds(),
                nack_count: encoding.nacks,
                pli_count: encoding.key_frame.asked().into(),
                frame_width: size.map(|(width, _)| width),
                frame_height: size.map(|(_, height)| height),
            })
        })
    }

    fn of_subscriptions(&self, transport: TransportId) -> Vec<OutboundRtpStatistics> {
        let told = self.allocations.told(transport).iter().map(|told| (told.track_id, told)).collect();
        let all = self.forwarding.receivers(transport);
        all.filter_map(|id| self.of_subscription(id, &told)).collect()
    }

    fn of_subscription(
        &self,
        id: SubscriptionId,
        told: &BTreeMap<TrackId, &TrackSubscription>,
    ) -> Option<OutboundRtpStatistics> {
        let subscription = self.forwarding.outgoing(id)?;
        let track_id = self.forwarding.publication(subscription.publication)?.named().id;
        let told = told.get(&track_id);
        let SendStatistics { packets, octets, resent, nacks, picture_losses, reception, round_trip, .. } =
            subscription.statistics;
        Some(OutboundRtpStatistics {
            track_id,
            kind: subscription.kind,
            ssrc: subscription.ssrc,
            layer: told.and_then(|told| told.layer),
            reason: told.map(|told| told.reason),
            packets_sent: packets,
            bytes_sent: octets,
            retransmitted_packets_sent: resent,
            nack_count: nacks,
            pli_count: picture_losses,
            remote_inbound_rtp: reception.map(|reception| RemoteInboundRtpStatistics {
                fraction_lost: reception.fraction_lost(),
                packets_lost: reception.lost.into(),
                jitter: reception.jitter_seconds(subscription.kind),
                round_trip_time: round_trip.map(|time| time.as_secs_f64()),
            }),
        })
    }
}
