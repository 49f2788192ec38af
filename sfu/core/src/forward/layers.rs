//! Which of a track's encodings each of its subscribers gets.

use super::Forwarding;
use crate::{
    allocations::Use,
    encoding::{Encodings, Subscriber},
    id::{EncodingId, PublicationId, SubscriptionId, TransportId},
    keyframe::ASK_AGAIN_INTERVAL,
    layer::{ENCODINGS_MAX, EncodingState, ReceivedTrack, Target},
    moment::after,
    publication::Publication,
    subscription::Subscription,
};
use std::time::Instant;

/// What of a track fits a target best.
struct Choice {
    encoding: EncodingId,
    /// Its place among the track's, the smallest being 0.
    rank: usize,
    /// Up to which temporal layer.
    temporal: u8,
}

impl Choice {
    /// The encoding that is meant if it comes or none does, and else the best that comes and is smaller, or the
    /// smallest.
    fn of(publication: &Publication, encodings: &Encodings, target: Target) -> Option<Self> {
        let Target::Layer { encoding, temporal } = target else { return None };
        let all = publication.encodings.as_slice();
        let meant = usize::from(encoding).min(all.len().checked_sub(1)?);
        let is_live = |rank: &usize| {
            let encoding = all.get(*rank).and_then(|id| encodings.get(*id));
            encoding.is_some_and(|encoding| encoding.is_live)
        };
        let mut ranks = (0..=meant).rev().chain(meant..all.len());
        let rank = ranks.find(is_live).unwrap_or(meant);
        // A smaller one takes less than what was meant anyway.
        let temporal = if rank < meant { u8::MAX } else { temporal };
        Some(Self { encoding: *all.get(rank)?, rank, temporal })
    }
}

impl Forwarding {
    /// From now on a subscriber is to get this of its track. The encoding that it waits for since then, if any.
    pub(crate) fn set_target(&mut self, id: SubscriptionId, target: Target) -> Option<EncodingId> {
        self.subscriptions.get_mut(id)?.target = target;
        self.retarget(id, true)
    }

    /// Goes by which encodings come now. Unless it `may_fall` a subscription stays with what it has if what it could
    /// have instead is less. The encoding that it waits for since then, if any.
    pub(super) fn retarget(&mut self, id: SubscriptionId, may_fall: bool) -> Option<EncodingId> {
        let subscription = self.subscriptions.get_mut(id)?;
        let publication = self.publications.get(subscription.publication)?;
        let choice = Choice::of(publication, &self.encodings, subscription.target);
        let rank = |encoding| publication.encodings.iter().position(|it| *it == encoding);
        let current = subscription.current.and_then(rank);
        let is_less = choice.as_ref().is_some_and(|it| current.is_some_and(|current| it.rank < current));
        if is_less && !may_fall {
            return None;
        }
        let before = subscription.sources();
        let encoding = choice.as_ref().map(|choice| choice.encoding);
        subscription.want(encoding, choice.map_or(0, |choice| choice.temporal), is_less);
        let (after, transport) = (subscription.sources(), subscription.transport);
        let subscriber = Subscriber { subscription: id, transport };
        for source in before.into_iter().flatten().filter(|it| !after.contains(&Some(*it))) {
            self.leave(source, id);
        }
        if let Some(source) = encoding.filter(|it| !before.contains(&Some(*it)))
            && let Some(encoding) = self.encodings.get_mut(source)
        {
            encoding.subscribers.push(subscriber);
        }
        encoding.filter(|it| !before.contains(&Some(*it)))
    }

    /// A subscription is not shown the packets of an encoding any more.
    pub(super) fn leave(&mut self, encoding: EncodingId, id: SubscriptionId) {
        if let Some(encoding) = self.encodings.get_mut(encoding) {
            encoding.subscribers.retain(|subscriber| subscriber.subscription != id);
        }
    }

    /// An encoding has begun, or goes on: those who can have more than before are to get it. The encodings that are
    /// waited for since then are added to `wanted`.
    pub(crate) fn note_beginning(&mut self, id: PublicationId, wanted: &mut Vec<EncodingId>) {
        self.retarget_all(id, false, wanted);
    }

    /// Looks which encodings of a track have stopped: those who get them are to get others. The encodings of which
    /// somebody waits for a key frame that may be asked for are added to `wanted`, and the moment to look again is
    /// returned.
    pub(crate) fn look_after(
        &mut self,
        id: PublicationId,
        now: Instant,
        wanted: &mut Vec<EncodingId>,
    ) -> Option<Instant> {
        let silent = self.note_silence(id, now);
        self.retarget_all(id, true, wanted);
        let subscriptions = self.publications.get(id).into_iter().flat_map(|it| &it.subscriptions);
        let waiting = subscriptions.filter_map(|it| self.subscriptions.get(*it)).filter(|it| it.is_waiting());
        let mut is_awaited = false;
        for id in waiting.filter_map(|subscription| subscription.wanted) {
            is_awaited = true;
            let encoding = self.encodings.get(id);
            wanted.extend(encoding.filter(|it| it.key_frame.may_repeat(now)).map(|_| id));
        }
        let again = is_awaited.then(|| after(now, ASK_AGAIN_INTERVAL));
        silent.into_iter().chain(again).min()
    }

    /// Notes which encodings of a track have stopped, where there are several. The moment to look again.
    fn note_silence(&mut self, id: PublicationId, now: Instant) -> Option<Instant> {
        let all = &self.publications.get(id)?.encodings;
        let mut next: Option<Instant> = None;
        for id in all.iter().filter(|_| all.len() > 1) {
            let Some(encoding) = self.encodings.get_mut(*id).filter(|it| it.is_live) else { continue };
            match encoding.silent_at().filter(|at| now < *at) {
                Some(at) => next = Some(next.map_or(at, |next| next.min(at))),
                None => encoding.is_live = false,
            }
        }
        next
    }

    fn retarget_all(&mut self, id: PublicationId, may_fall: bool, wanted: &mut Vec<EncodingId>) {
        let mut index = 0_usize;
        while let Some(&subscription) = self.publications.get(id).and_then(|it| it.subscriptions.get(index)) {
            wanted.extend(self.retarget(subscription, may_fall));
            index = index.saturating_add(1);
        }
    }

    /// What becomes of a track's encodings; `None` of a track that is gone, or that has only one.
    pub(crate) fn uses(&self, id: PublicationId) -> Option<[Use; ENCODINGS_MAX]> {
        let publication = self.publications.get(id).filter(|it| it.encodings.len() > 1)?;
        let best = publication.encodings.len().checked_sub(1)?;
        let mut uses = [Use::default(); ENCODINGS_MAX];
        for ((_, encoding), known) in self.encodings_of(id).zip(&mut uses) {
            known.is_live = encoding.is_live;
        }
        for subscription in publication.subscriptions.iter().filter_map(|it| self.subscriptions.get(*it)) {
            if let Target::Layer { encoding, .. } = subscription.target
                && let Some(known) = uses.get_mut(usize::from(encoding).min(best))
            {
                known.is_wanted = true;
            }
            // Nor may that stop which goes out until the other begins.
            for ((id, _), known) in self.encodings_of(id).zip(&mut uses) {
                known.is_wanted |= subscription.current == Some(id);
            }
        }
        Some(uses)
    }

    /// The tracks that go out on a transport.
    pub(crate) fn receivers(&self, transport: TransportId) -> impl Iterator<Item = SubscriptionId> {
        let egress = self.egress.get(transport).into_iter();
        egress.flat_map(|egress| egress.subscriptions.values())
    }

    /// A track that goes out.
    pub(crate) fn outgoing(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(id)
    }

    /// A track as a subscriber receives it.
    pub(crate) fn received(&self, id: SubscriptionId, now: Instant) -> Option<ReceivedTrack> {
        let subscription = self.subscriptions.get(id)?;
        let publication = self.publications.get(subscription.publication)?;
        let mut encodings = [EncodingState::default(); ENCODINGS_MAX];
        for (state, (_, encoding)) in encodings.iter_mut().zip(self.encodings_of(subscription.publication)) {
            *state = EncodingState {
                is_live: encoding.is_live && !encoding.is_paused(now),
                rates: encoding.rates.measured(),
                temporal_layers: encoding.rates.layers(),
                size: encoding.size,
            };
        }
        let rank = |encoding| publication.encodings.iter().position(|it| *it == encoding);
        let encoding = subscription.current.and_then(rank).and_then(|rank| u8::try_from(rank).ok());
        let track = publication.named().id;
        Some(ReceivedTrack { track, target: subscription.target, encoding, encodings })
    }
}
