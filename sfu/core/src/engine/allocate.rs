//! Who gets which layer: what participants wish of the tracks that they receive, and what becomes of it.

use super::Engine;
use crate::{
    allocation::{Decision, Demand, Encoding, Pausing, Size, Supply},
    allocations::INTERVAL,
    bandwidth::RATE_MAX,
    id::{PublicationId, SubscriptionId, TransportId},
    layer::{ENCODINGS_MAX, EncodingState, Target},
    moment::after,
    output::{MediaEvent, Output},
};
use common::{
    id::ConnectionId,
    protocol::media::{
        LayerReason, Selection, TrackKind, TrackLayer, TrackSubscription, TrackWish, WantedEncoding,
    },
};
use std::time::Instant;

/// So many times what would be sent is probed for: what rises must leave something over.
const ROOM: f64 = 1.25;

impl Engine {
    /// A participant wishes this of tracks of others, and of those that are not named what the selection says, whatever
    /// it wished before. Does nothing if it is in no session.
    pub fn set_wishes(
        &mut self,
        participant: ConnectionId,
        wishes: &[TrackWish],
        selection: Selection,
        now: Instant,
    ) {
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get_mut(id));
        let Some(known) = known else { return };
        known.selection = selection;
        known.wishes = wishes.iter().map(|wish| (wish.track_id, wish.into())).collect();
        if let Some(transport) = known.subscribe {
            self.allocations.look_at(transport, now);
        }
    }

    /// A participant speaks, or does no longer, as it is shown to people: who speaks goes before who does not.
    pub fn set_speaking(&mut self, participant: ConnectionId, speaks: bool) {
        if let Some(id) = self.sessions.find(participant) {
            self.sessions.note_speaking(id, speaks);
        }
    }

    /// Tells a participant again what it gets, and what is wanted of what it sends: it may not have heard it.
    pub fn tell_layers(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get(id));
        let Some(known) = known else { return };
        if let Some(transport) = known.subscribe {
            self.allocations.tell_again(transport, now);
        }
        for &publication in &known.publications {
            self.tell_wanted(publication, output);
        }
    }

    /// Looks at the transports and tracks that are due.
    pub(super) fn allocate_due(&mut self, now: Instant, output: &mut Output) {
        while let Some(id) = self.allocations.take_due(now) {
            self.allocate(id, now, output);
        }
        while let Some(id) = self.allocations.asked.take_due(now) {
            let uses = self.forwarding.uses(id).map(|uses| self.or_recorded(id, uses));
            if uses.is_some_and(|uses| self.allocations.asked.look(id, uses, now)) {
                self.tell_wanted(id, output);
            }
        }
    }

    /// Divides what a transport carries over what goes out on it.
    fn allocate(&mut self, id: TransportId, now: Instant, output: &mut Output) {
        let (mut demands, mut decisions) =
            (std::mem::take(&mut self.allocations.demands), std::mem::take(&mut self.allocations.decisions));
        demands.clear();
        decisions.clear();
        demands.extend(self.forwarding.receivers(id).filter_map(|it| self.demand(id, it, now)));
        demands.sort_unstable_by_key(|demand| demand.key);
        let owner = self.transports.owner(id).and_then(|owner| self.sessions.get(owner));
        let last_n = owner.and_then(|owner| owner.selection.last_n).map(usize::from);
        let transport = self.transports.get_mut(id).filter(|transport| transport.is_connected());
        if let (false, Some(transport), Some(share)) =
            (demands.is_empty(), transport, self.allocations.share(id).filter(|share| !share.is_left_alone))
        {
            let congestion = transport.congestion.as_ref();
            // Who does not tell what arrives is sent all of it.
            let estimate = congestion.and_then(|known| known.dividable(now)).unwrap_or(RATE_MAX);
            share.allocator.set_pausing(match congestion {
                // Where no padding can be sent, nothing would show that there is room for what is paused.
                Some(known) if transport.takes_retransmissions && known.is_settled(now) => Pausing::Always,
                Some(_) if transport.takes_retransmissions => Pausing::Settling,
                Some(_) | None => Pausing::Never,
            });
            share.allocator.set_last_n(last_n);
            decisions.extend_from_slice(share.allocator.allocate(estimate, &demands, now));
            if let Some(congestion) = &mut transport.congestion {
                congestion.set_wanted(share.allocator.wanted().times(ROOM));
            }
        }
        // Both are in the order of their keys.
        for (decision, demand) in decisions.iter().zip(&demands) {
            self.carry_out(decision, demand, now, output);
        }
        self.tell_subscriptions(id, &decisions, now, output);
        if self.allocations.share(id).is_some_and(|share| share.is_in_use(&decisions)) {
            self.allocations.look_at(id, after(now, INTERVAL));
        }
        (self.allocations.demands, self.allocations.decisions) = (demands, decisions);
    }

    /// What is known of a track that goes out on a transport.
    fn demand(
        &self,
        transport: TransportId,
        id: SubscriptionId,
        now: Instant,
    ) -> Option<Demand<SubscriptionId>> {
        let received = self.forwarding.received(id, now)?;
        let publication = self.forwarding.outgoing(id)?.publication;
        let known = self.forwarding.publication(publication)?;
        let subscriber = self.transports.owner(transport).and_then(|owner| self.sessions.get(owner))?;
        let publisher = self.transports.owner(known.transport).and_then(|owner| self.sessions.get(owner));
        let mut encodings = [Encoding::default(); ENCODINGS_MAX];
        for ((place, state), encoding) in received.encodings.iter().enumerate().zip(&mut encodings) {
            *encoding = supplied(state, self.allocations.asked.is_on_request(publication, place, now));
        }
        Some(Demand {
            key: id,
            source: known.named().source,
            wish: subscriber.wish(received.track),
            is_speaking: publisher.is_some_and(|publisher| publisher.speaks),
            spoke: publisher.map_or(0, |publisher| publisher.spoke),
            encodings,
        })
    }

    /// Has that forwarded which was decided.
    fn carry_out(
        &mut self,
        decision: &Decision<SubscriptionId>,
        demand: &Demand<SubscriptionId>,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(subscription) = self.forwarding.outgoing(decision.key) else { return };
        let target = target_of(decision, demand, subscription.target);
        if subscription.target == target {
            return;
        }
        let publication = subscription.publication;
        let wanted = self.forwarding.set_target(decision.key, target);
        self.want_key_frames(wanted, now, output);
        self.allocations.asked.note_change(publication, now);
    }

    /// Tells a participant what it gets, if that is new.
    fn tell_subscriptions(
        &mut self,
        id: TransportId,
        decisions: &[Decision<SubscriptionId>],
        now: Instant,
        output: &mut Output,
    ) {
        let forwarding = &self.forwarding;
        let now_so = decisions.iter().filter_map(|decision| {
            let received = forwarding.received(decision.key, now)?;
            let layer = decision.target.and(received.encoding).map(|encoding| {
                let known = received.encodings.get(usize::from(encoding));
                let size = known.and_then(|known| known.size);
                TrackLayer {
                    encoding,
                    width: size.map(|(width, _)| width),
                    height: size.map(|(_, height)| height),
                }
            });
            let kind = forwarding.outgoing(decision.key)?.kind;
            Some((kind, TrackSubscription { track_id: received.track, layer, reason: decision.reason }))
        });
        let news = self.allocations.share(id).and_then(|share| share.news(now_so, now));
        let owner = self.transports.owner(id).and_then(|owner| self.sessions.get(owner));
        // A player has nobody to be told by.
        let owner = owner.filter(|owner| owner.plays.is_none());
        if let (Some(subscriptions), Some(owner)) = (news, owner) {
            output.event(MediaEvent::Subscriptions { participant: owner.connection, subscriptions });
        }
    }

    /// Tells the publisher of a track which of its encodings somebody wants.
    pub(super) fn tell_wanted(&self, id: PublicationId, output: &mut Output) {
        let Some(publication) = self.forwarding.publication(id) else { return };
        let owner = self.transports.owner(publication.transport).and_then(|owner| self.sessions.get(owner));
        let encodings = self.forwarding.encodings_of(id).enumerate();
        let encodings: Vec<WantedEncoding> = encodings
            .filter_map(|(place, (_, encoding))| {
                let rid = encoding.name.rid.clone()?;
                Some(WantedEncoding { rid, wanted: !self.allocations.asked.is_off(id, place) })
            })
            .collect();
        if let Some(owner) = owner.filter(|_| !encodings.is_empty()) {
            let track = publication.named().id;
            output.event(MediaEvent::Layers { participant: owner.connection, track, encodings });
        }
    }
}

/// What is known of an encoding, for deciding.
fn supplied(state: &EncodingState, is_on_request: bool) -> Encoding {
    let supply = match (state.is_live, is_on_request) {
        (true, _) => Supply::Sent,
        (false, true) => Supply::OnRequest,
        (false, false) => Supply::Missing,
    };
    let size = state.size.map(|(width, height)| Size { width, height });
    // Of what has stopped for now, as a voice that is muted, nothing is taken.
    let rates = if supply == Supply::Missing { Default::default() } else { state.rates };
    Encoding { supply, rates, temporal_layers: state.temporal_layers, size }
}

/// What is to be forwarded in the place of what is: what was desired, as what does not come yet has what is smaller in
/// its place. What is not sent at all may begin small: to know more there must be something.
fn target_of(decision: &Decision<SubscriptionId>, demand: &Demand<SubscriptionId>, before: Target) -> Target {
    if demand.source.kind() == TrackKind::Audio {
        return if decision.desired.is_some() { Target::BEST } else { Target::Paused };
    }
    match (decision.desired, decision.reason) {
        (Some(layer), _) => {
            let known = demand.encodings.get(usize::from(layer.encoding));
            // All of it is also what is not counted yet.
            let is_all =
                known.is_none_or(|known| usize::from(layer.temporal).saturating_add(1) >= known.layers());
            let temporal = if is_all { u8::MAX } else { layer.temporal };
            Target::Layer { encoding: layer.encoding, temporal }
        }
        (None, LayerReason::NotSent) if before == Target::Paused => Target::SMALLEST,
        (None, LayerReason::NotSent) => before,
        (None, _) => Target::Paused,
    }
}
