//! What comes in, and to whom it goes out.

mod count;
mod flush;
mod layers;
mod receive;
mod release;

use crate::{
    by_ssrc::BySsrc,
    encoding::{Encoding, Encodings, Name},
    id::{EncodingId, PublicationId, SubscriptionId, TransportId},
    publication::{Description, Publication},
    schedule::Schedule,
    sdp::parse::Section,
    subscription::{PayloadTypes, Subscription},
    totals::Totals,
};
pub(crate) use receive::Received;
pub(crate) use release::Sent;
use slotmap::{Key, SecondaryMap, SlotMap};
use std::time::Instant;

/// What an incoming stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) encoding: EncodingId,
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
    pictures: Vec<(EncodingId, SubscriptionId)>,
    voices: Vec<(EncodingId, SubscriptionId)>,
}

/// All tracks, who gets each, and what of them is not forwarded yet.
#[derive(Default)]
pub(crate) struct Forwarding {
    publications: SlotMap<PublicationId, Publication>,
    encodings: Encodings,
    subscriptions: SlotMap<SubscriptionId, Subscription>,
    ingress: SecondaryMap<TransportId, Ingress>,
    egress: SecondaryMap<TransportId, Egress>,
    /// Tracks that have begun so far.
    begun: u64,
    /// Encodings with packets of this batch.
    fresh: Vec<EncodingId>,
    /// Transports on which something of this batch goes out.
    due: Vec<TransportId>,
    /// Encodings in whose place others have gone out since this batch.
    replaced: Vec<(EncodingId, SubscriptionId)>,
    /// When what waits for its turn on a transport is to be sent.
    releases: Schedule<TransportId>,
    pub(crate) totals: Totals,
}

impl Forwarding {
    pub(crate) fn publication(&self, id: PublicationId) -> Option<&Publication> {
        self.publications.get(id)
    }

    pub(crate) fn encoding(&self, id: EncodingId) -> Option<&Encoding> {
        self.encodings.get(id)
    }

    pub(crate) fn encoding_mut(&mut self, id: EncodingId) -> Option<&mut Encoding> {
        self.encodings.get_mut(id)
    }

    /// Encodings with packets of this batch.
    pub(crate) fn fresh(&self) -> &[EncodingId] {
        &self.fresh
    }

    /// The encodings of a track, the best last.
    pub(crate) fn encodings_of(&self, id: PublicationId) -> impl Iterator<Item = (EncodingId, &Encoding)> {
        let encodings = self.publications.get(id).into_iter().flat_map(|publication| &publication.encodings);
        encodings.filter_map(|id| Some((*id, self.encodings.get(*id)?)))
    }

    /// How many tracks come in, and how many go out.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.publications.len(), self.subscriptions.len())
    }

    /// A track begins; `None` if the section says none that can be taken. It may take the place of a `former` one of
    /// this section, in another format: of which encoding a stream is its packets say only until they were received
    /// (RFC 8852, section 3), and that stays so.
    pub(crate) fn publish(
        &mut self,
        transport: TransportId,
        section: &Section,
        former: Option<PublicationId>,
        now: Instant,
    ) -> Option<PublicationId> {
        let description = Description::of(section)?;
        let (codec, has_rtx) = (description.forwarded.codec, description.rtx_payload_type.is_some());
        let former: Vec<Name> = former.map_or_else(Vec::new, |id| {
            self.encodings_of(id).map(|(_, encoding)| encoding.name.clone()).collect()
        });
        let ingress = self.ingress.entry(transport)?.or_default();
        self.begun = self.begun.saturating_add(1);
        let id = self.publications.insert(Publication::new(transport, self.begun, description, now));
        ingress.publications.push(id);
        let publication = self.publications.get_mut(id)?;
        for name in Description::encodings(section) {
            let former = former.iter().find(|former| name.rid.is_some() && former.rid == name.rid);
            let streams = [
                (name.ssrc.or(former.and_then(|former| former.ssrc)), false),
                (name.rtx_ssrc.or(former.and_then(|former| former.rtx_ssrc)), true),
            ];
            let encoding = self.encodings.insert(Encoding::new((id, transport), name, codec, has_rtx));
            publication.encodings.push(encoding);
            for (ssrc, is_rtx) in streams {
                if let Some(ssrc) = ssrc {
                    ingress.streams.insert(ssrc, Stream { encoding, is_rtx });
                }
            }
        }
        Some(id)
    }

    /// Whether a section still means a track: the same one, under the same numbers as far as it says them.
    pub(crate) fn is_said_by(&self, id: PublicationId, section: &Section) -> bool {
        let Some(publication) = self.publications.get(id) else { return false };
        let said = Description::encodings(section);
        let mut both = self.encodings_of(id).zip(&said);
        publication.description.is_said_by(section)
            && publication.encodings.len() == said.len()
            && both.all(|((_, known), said): (_, &Name)| known.name.is_said_by(said))
    }

    /// A track ends, for everybody.
    pub(crate) fn unpublish(&mut self, id: PublicationId) {
        let Some(gone) = self.publications.remove(id) else { return };
        for id in gone.subscriptions {
            match self.subscriptions.get(id) {
                Some(player) if player.plays => {
                    let _waits_for_nothing = self.turn(id, None);
                }
                Some(_) | None => self.remove(id),
            }
        }
        for id in &gone.encodings {
            let Some(mut gone) = self.encodings.remove(*id) else { continue };
            count::count_encoding(&mut self.totals, &mut gone);
            // A player may be about to go on with another track.
            for subscriber in gone.subscribers {
                if let Some(player) = self.subscriptions.get_mut(subscriber.subscription) {
                    player.lose(*id);
                }
            }
        }
        if let Some(ingress) = self.ingress.get_mut(gone.transport) {
            ingress.publications.retain(|publication| *publication != id);
            ingress.streams.retain(|stream| !gone.encodings.contains(&stream.encoding));
        }
    }

    /// A track goes out to one more. The encoding that it waits for.
    pub(crate) fn subscribe(&mut self, subscription: Subscription) -> Option<EncodingId> {
        let Subscription { publication, transport, ssrc, target, .. } = subscription;
        let publication = self.publications.get_mut(publication)?;
        let egress = self.egress.entry(transport)?.or_default();
        let subscription = self.subscriptions.insert(subscription);
        publication.subscriptions.push(subscription);
        egress.subscriptions.insert(ssrc, subscription);
        self.set_target(subscription, target)
    }

    fn remove(&mut self, id: SubscriptionId) {
        let Some(mut gone) = self.subscriptions.remove(id) else { return };
        count::count_subscription(&mut self.totals, &mut gone);
        if let Some(egress) = self.egress.get_mut(gone.transport) {
            egress.subscriptions.remove(gone.ssrc);
        }
    }

    /// Tracks will go out to a player, one after the other.
    pub(crate) fn play(&mut self, subscription: Subscription) -> Option<SubscriptionId> {
        let Subscription { transport, ssrc, .. } = subscription;
        let egress = self.egress.entry(transport)?.or_default();
        let id = self.subscriptions.insert(subscription);
        egress.subscriptions.insert(ssrc, id);
        Some(id)
    }

    /// A player goes on with this track, under these payload types, as soon as it can; or with none for now. Does nothing
    /// if it has that track. The encoding that it waits for since then, if any.
    pub(crate) fn turn(
        &mut self,
        id: SubscriptionId,
        to: Option<(PublicationId, PayloadTypes)>,
    ) -> Option<EncodingId> {
        let subscription = self.subscriptions.get_mut(id).filter(|it| it.plays)?;
        let publication = to.map_or_else(PublicationId::null, |(publication, _)| publication);
        let former = subscription.publication;
        if former == publication {
            return None;
        }
        let sources = subscription.sources();
        subscription.turn(publication, to.map(|(_, types)| types));
        if let Some(former) = self.publications.get_mut(former) {
            former.subscriptions.retain(|subscription| *subscription != id);
        }
        match self.publications.get_mut(publication) {
            Some(known) => known.subscriptions.push(id),
            None => sources.into_iter().flatten().for_each(|source| self.leave(source, id)),
        }
        self.retarget(id, true)
    }

    /// A track goes out to one less.
    pub(crate) fn unsubscribe(&mut self, id: SubscriptionId) {
        let Some(mut gone) = self.subscriptions.remove(id) else { return };
        count::count_subscription(&mut self.totals, &mut gone);
        if let Some(publication) = self.publications.get_mut(gone.publication) {
            publication.subscriptions.retain(|subscription| *subscription != id);
        }
        for encoding in gone.sources().into_iter().flatten() {
            self.leave(encoding, id);
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
        self.releases.remove(transport);
    }

    /// The tracks that come in on a transport, the oldest first.
    pub(crate) fn publications_on(&self, transport: TransportId) -> Vec<PublicationId> {
        self.ingress.get(transport).map_or_else(Vec::new, |ingress| ingress.publications.clone())
    }

    /// The encodings that come in on a transport, those of the oldest track first.
    pub(crate) fn encodings_on(&self, transport: TransportId) -> Vec<EncodingId> {
        let publications = self.ingress.get(transport).into_iter().flat_map(|ingress| &ingress.publications);
        publications.flat_map(|id| self.encodings_of(*id).map(|(id, _)| id)).collect()
    }

    /// The tracks that go out on a transport.
    pub(crate) fn subscriptions_on(&self, transport: TransportId) -> Vec<SubscriptionId> {
        let egress = self.egress.get(transport).into_iter();
        egress.flat_map(|egress| egress.subscriptions.values()).collect()
    }

    /// Looks at each encoding that comes in on a transport, those of the oldest track first.
    pub(crate) fn for_each_encoding_on(
        &mut self,
        transport: TransportId,
        mut look: impl FnMut(&mut Encoding),
    ) {
        let Some(ingress) = self.ingress.get(transport) else { return };
        let publications = ingress.publications.iter().filter_map(|id| self.publications.get(*id));
        for id in publications.flat_map(|publication| &publication.encodings) {
            if let Some(encoding) = self.encodings.get_mut(*id) {
                look(encoding);
            }
        }
    }

    /// Looks at each that an encoding goes out to, or is to.
    pub(crate) fn for_each_subscription_of(
        &mut self,
        id: EncodingId,
        mut look: impl FnMut(&mut Subscription),
    ) {
        let Some(encoding) = self.encodings.get(id) else { return };
        for subscriber in &encoding.subscribers {
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

    /// An outgoing track, and what it may be of.
    pub(crate) fn subscription_mut(&mut self, id: SubscriptionId) -> Option<(&mut Subscription, &Encodings)> {
        Some((self.subscriptions.get_mut(id)?, &self.encodings))
    }

    /// Encodings that come in, or may.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn encodings(&self) -> usize {
        self.encodings.len()
    }

    /// Incoming and outgoing streams.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn streams(&self) -> (usize, usize) {
        let incoming = self.ingress.values().map(|ingress| ingress.streams.len()).sum();
        let outgoing = self.egress.values().map(|egress| egress.subscriptions.len()).sum();
        (incoming, outgoing)
    }
}
