//! What comes in, and to whom it goes out.

use crate::{
    by_ssrc::BySsrc,
    id::{PublicationId, SubscriptionId, TransportId},
    output::Output,
    publication::{Arrival, Description, Publication, Subscriber},
    rtp::header::Header,
    srtp::Opened,
    subscription::Subscription,
    transports::Transports,
};
use common::protocol::media::TrackKind;
use slotmap::{SecondaryMap, SlotMap};
use std::time::Instant;

/// The first two bytes of a retransmission's payload: the original number (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

/// What an incoming stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) publication: PublicationId,
    pub(crate) is_rtx: bool,
}

/// What comes in on one transport.
#[derive(Default)]
struct Ingress {
    streams: BySsrc<Stream>,
    publications: Vec<PublicationId>,
}

/// What goes out on one transport.
#[derive(Default)]
struct Egress {
    subscriptions: BySsrc<SubscriptionId>,
    /// With packets of this batch. Pictures go before voices: their packets are longer, and a run of
    /// datagrams ends with its first shorter one.
    pictures: Vec<(PublicationId, SubscriptionId)>,
    voices: Vec<(PublicationId, SubscriptionId)>,
}

/// What an RTP packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// A packet of this track.
    pub(crate) publication: PublicationId,
    /// The first of a stream that no description named.
    pub(crate) is_of_new_stream: bool,
    /// `None` if it is more than the track may send.
    pub(crate) arrival: Option<Arrival>,
}

/// All tracks, who gets each, and what of them is not forwarded yet.
#[derive(Default)]
pub(crate) struct Forwarding {
    publications: SlotMap<PublicationId, Publication>,
    subscriptions: SlotMap<SubscriptionId, Subscription>,
    ingress: SecondaryMap<TransportId, Ingress>,
    egress: SecondaryMap<TransportId, Egress>,
    /// Tracks that have begun so far.
    begun: u64,
    /// Tracks with packets of this batch.
    fresh: Vec<PublicationId>,
    /// Transports on which something of this batch goes out.
    due: Vec<TransportId>,
}

impl Forwarding {
    pub(crate) fn publication(&self, id: PublicationId) -> Option<&Publication> {
        self.publications.get(id)
    }

    pub(crate) fn publication_mut(&mut self, id: PublicationId) -> Option<&mut Publication> {
        self.publications.get_mut(id)
    }

    /// How many tracks come in, and how many go out.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.publications.len(), self.subscriptions.len())
    }

    /// A track begins.
    pub(crate) fn publish(
        &mut self,
        transport: TransportId,
        description: Description,
        now: Instant,
    ) -> Option<PublicationId> {
        self.begun = self.begun.saturating_add(1);
        let streams = [(description.ssrc, false), (description.rtx_ssrc, true)];
        let publication = Publication::new(transport, self.begun, description, now);
        let ingress = self.ingress.entry(transport)?.or_default();
        let id = self.publications.insert(publication);
        ingress.publications.push(id);
        for (ssrc, is_rtx) in streams {
            if let Some(ssrc) = ssrc {
                ingress.streams.insert(ssrc, Stream { publication: id, is_rtx });
            }
        }
        Some(id)
    }

    /// A track ends, for everybody.
    pub(crate) fn unpublish(&mut self, id: PublicationId) {
        let Some(gone) = self.publications.remove(id) else { return };
        for Subscriber { subscription, transport } in gone.subscribers {
            if let Some(gone) = self.subscriptions.remove(subscription)
                && let Some(egress) = self.egress.get_mut(transport)
            {
                egress.subscriptions.remove(gone.ssrc);
            }
        }
        if let Some(ingress) = self.ingress.get_mut(gone.transport) {
            ingress.publications.retain(|publication| *publication != id);
            ingress.streams.retain(|stream| stream.publication != id);
        }
    }

    /// A track goes out to one more.
    pub(crate) fn subscribe(&mut self, subscription: Subscription) -> Option<SubscriptionId> {
        let Subscription { publication, transport, ssrc, .. } = subscription;
        let publication = self.publications.get_mut(publication)?;
        let egress = self.egress.entry(transport)?.or_default();
        let subscription = self.subscriptions.insert(subscription);
        publication.subscribers.push(Subscriber { subscription, transport });
        egress.subscriptions.insert(ssrc, subscription);
        Some(subscription)
    }

    /// A track goes out to one less.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        let Some(gone) = self.subscriptions.remove(id) else { return };
        if let Some(publication) = self.publications.get_mut(gone.publication) {
            publication.subscribers.retain(|subscriber| subscriber.subscription != id);
        }
        if let Some(egress) = self.egress.get_mut(gone.transport) {
            egress.subscriptions.remove(gone.ssrc);
        }
    }

    /// Nothing comes in or goes out on this transport any more.
    pub(crate) fn forget_transport(&mut self, transport: TransportId) {
        for id in self.subscriptions_on(transport) {
            self.unsubscribe(id);
        }
        for id in self.publications_on(transport) {
            self.unpublish(id);
        }
        self.egress.remove(transport);
        self.ingress.remove(transport);
    }

    /// The tracks that come in on a transport, the oldest first.
    pub(crate) fn publications_on(&self, transport: TransportId) -> Vec<PublicationId> {
        self.ingress.get(transport).map_or_else(Vec::new, |ingress| ingress.publications.clone())
    }

    /// The tracks that go out on a transport.
    pub(crate) fn subscriptions_on(&self, transport: TransportId) -> Vec<SubscriptionId> {
        let egress = self.egress.get(transport).into_iter();
        egress.flat_map(|egress| egress.subscriptions.values()).collect()
    }

    /// Looks at each track that comes in on a transport, the oldest first.
    pub(crate) fn for_each_publication_on(
        &mut self,
        transport: TransportId,
        mut look: impl FnMut(&mut Publication),
    ) {
        let Some(ingress) = self.ingress.get(transport) else { return };
        for id in &ingress.publications {
            if let Some(publication) = self.publications.get_mut(*id) {
                look(publication);
            }
        }
    }

    /// Looks at each that a track goes out to.
    pub(crate) fn for_each_subscription_of(
        &mut self,
        id: PublicationId,
        mut look: impl FnMut(&mut Subscription),
    ) {
        let Some(publication) = self.publications.get(id) else { return };
        for subscriber in &publication.subscribers {
            if let Some(subscription) = self.subscriptions.get_mut(subscriber.subscription) {
                look(subscription);
            }
        }
    }

    /// The incoming stream of this SSRC.
    pub(crate) fn stream(&self, transport: TransportId, ssrc: u32) -> Option<Stream> {
        self.ingress.get(transport)?.streams.get(ssrc)
    }

    /// The outgoing stream of this SSRC.
    pub(crate) fn subscription(&self, transport: TransportId, ssrc: u32) -> Option<SubscriptionId> {
        self.egress.get(transport)?.subscriptions.get(ssrc)
    }

    /// An outgoing track, and what it is of.
    pub(crate) fn subscription_mut(
        &mut self,
        id: SubscriptionId,
    ) -> Option<(&mut Subscription, &mut Publication)> {
        let subscription = self.subscriptions.get_mut(id)?;
        let publication = self.publications.get_mut(subscription.publication)?;
        Some((subscription, publication))
    }

    /// Takes an RTP packet; `bytes` is what it was on the network. It goes out with
    /// [`flush`](Self::flush). `None` if it belongs to no track.
    pub(crate) fn receive(
        &mut self,
        transport: TransportId,
        Opened { header, payload }: Opened<'_>,
        bytes: usize,
        now: Instant,
    ) -> Option<Received> {
        let known = self.stream(transport, header.ssrc);
        let is_of_new_stream = known.is_none();
        let Stream { publication: id, is_rtx } = known.or_else(|| self.bind(transport, &header))?;
        let publication = self.publications.get_mut(id)?;
        if !publication.incoming.take(bytes, now) {
            return Some(Received { publication: id, is_of_new_stream, arrival: None });
        }
        let (wire, has_padding, payload) = if is_rtx {
            let (original, rest) = payload.split_first_chunk::<ORIGINAL_BYTES>()?;
            (u16::from_be_bytes(*original), false, strip_padding(&header, rest)?)
        } else {
            (header.sequence, header.has_padding, payload)
        };
        let was_fresh = !publication.fresh.is_empty();
        let arrival = publication.receive(&header, (wire, is_rtx), (has_padding, payload), now);
        if !was_fresh && !publication.fresh.is_empty() {
            self.fresh.push(id);
        }
        Some(Received { publication: id, is_of_new_stream, arrival: Some(arrival) })
    }

    /// What a stream is that no description named: that of the only track that may have its payload type, and
    /// that its packet names if it names any.
    fn bind(&mut self, transport: TransportId, header: &Header<'_>) -> Option<Stream> {
        let ingress = self.ingress.get_mut(transport)?;
        let fits = |description: &Description| {
            let is_media = description.payload_type == header.payload_type && description.ssrc.is_none();
            let is_rtx = description.rtx_payload_type == Some(header.payload_type);
            (is_media || is_rtx) && description.is_named_in(header)
        };
        let of = |id: &PublicationId| self.publications.get(*id).map(|it| &it.description);
        let mut nameless = ingress.publications.iter().filter(|id| of(id).is_some_and(fits));
        let (&id, None) = (nameless.next()?, nameless.next()) else { return None };
        let description = &mut self.publications.get_mut(id)?.description;
        let is_rtx = description.payload_type != header.payload_type;
        // One of each: who sends under ever new SSRCs leaves nothing behind.
        let known = if is_rtx { &mut description.rtx_ssrc } else { &mut description.ssrc };
        if let Some(before) = known.replace(header.ssrc) {
            ingress.streams.remove(before);
        }
        let stream = Stream { publication: id, is_rtx };
        ingress.streams.insert(header.ssrc, stream);
        Some(stream)
    }

    /// Forwards what has come since the last call, subscriber by subscriber, so that datagrams to one
    /// address lie together; how many packets that were.
    pub(crate) fn flush(&mut self, transports: &mut Transports, now: Instant, output: &mut Output) -> u64 {
        for id in &self.fresh {
            let Some(publication) = self.publications.get(*id) else { continue };
            for subscriber in &publication.subscribers {
                let Some(egress) = self.egress.get_mut(subscriber.transport) else { continue };
                if egress.pictures.is_empty() && egress.voices.is_empty() {
                    self.due.push(subscriber.transport);
                }
                match publication.description.kind {
                    TrackKind::Video => egress.pictures.push((*id, subscriber.subscription)),
                    TrackKind::Audio => egress.voices.push((*id, subscriber.subscription)),
                }
            }
        }
        let mut forwarded = 0_u64;
        for id in self.due.drain(..) {
            let (Some(egress), Some(transport)) = (self.egress.get_mut(id), transports.get_mut(id)) else {
                continue;
            };
            for (publication, subscription) in egress.pictures.drain(..).chain(egress.voices.drain(..)) {
                let publication = self.publications.get(publication);
                let subscription = self.subscriptions.get_mut(subscription);
                let (Some(publication), Some(subscription)) = (publication, subscription) else { continue };
                for sequence in &publication.fresh {
                    if let Some(packet) = publication.buffer.get(*sequence) {
                        subscription.send(*sequence, packet, transport, now, output);
                        forwarded = forwarded.wrapping_add(1);
                    }
                }
            }
        }
        for id in self.fresh.drain(..) {
            if let Some(publication) = self.publications.get_mut(id) {
                publication.fresh.clear();
            }
        }
        forwarded
    }

    /// Incoming and outgoing streams.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn streams(&self) -> (usize, usize) {
        let incoming = self.ingress.values().map(|ingress| ingress.streams.len()).sum();
        let outgoing = self.egress.values().map(|egress| egress.subscriptions.len()).sum();
        (incoming, outgoing)
    }
}

/// A retransmission that is only padding probes the network and carries nothing.
fn strip_padding<'a>(header: &Header<'_>, payload: &'a [u8]) -> Option<&'a [u8]> {
    if !header.has_padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding)?).filter(|rest| !rest.is_empty())
}
