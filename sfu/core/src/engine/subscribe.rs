//! What participants receive: our offers, and their answers.

use super::{AnswerError, Engine};
use crate::{
    id::{ParticipantId, PublicationId, TransportId},
    layer::Target,
    loss::LossReason,
    moment::after,
    negotiation::offering::{ANSWER_TIME, SECTIONS_PER_KIND_MAX, UNANSWERED_MAX},
    output::{MediaEvent, Offer, Output},
    sdp::{
        extension::TRANSPORT_SEQUENCE_ID,
        parse::Remote,
        sections::{OfferedStream, Track},
    },
    subscription::Subscription,
    transport::{PeerDescription, Transport, credentials::Credentials},
};
use common::{id::ConnectionId, protocol::media::TrackKind};
use std::{collections::BTreeMap, time::Instant};

impl Engine {
    /// The offer that a participant has not answered yet.
    pub fn pending_offer(&self, participant: ConnectionId) -> Option<Offer> {
        self.negotiations.offering(self.sessions.find(participant)?)?.pending().cloned()
    }

    /// Offers those who are in a session with somebody what has changed.
    pub(super) fn offer_others(&mut self, id: ParticipantId, now: Instant, output: &mut Output) {
        let others: Vec<ParticipantId> = self.sessions.others(id).map(|(other, _)| other).collect();
        for other in others {
            self.offer(other, now, output);
        }
        self.cast_players(id, now, output);
    }

    /// Offers a participant what it may receive now, unless that is what it was
    /// offered last. One offer at a time: while one may still be answered it is
    /// only noted that there will be another.
    pub(super) fn offer(&mut self, id: ParticipantId, now: Instant, output: &mut Output) {
        if self.sessions.get(id).is_none_or(|known| !known.receives) {
            return;
        }
        let Some(offering) = self.negotiations.offering_mut(id) else { return };
        if offering.is_awaited() {
            offering.note_change();
            return;
        }
        let tracks = self.tracks_for(id);
        let Some(offering) = self.negotiations.offering_mut(id) else { return };
        if offering.update(tracks) || offering.restarts() {
            self.write_offer(id, now, output);
        }
    }

    /// A participant's network has changed: it is offered the same under new credentials, as soon as it has answered
    /// what it was offered before (RFC 8445, section 9). Does nothing if it has answered nothing yet.
    pub fn restart_ice(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(id) = self.sessions.find(participant) else { return };
        let transport = self.sessions.get(id).and_then(|known| self.transports.get(known.subscribe?));
        let has_answered = transport.is_some_and(Transport::is_described);
        if let (true, Some(offering)) = (has_answered, self.negotiations.offering_mut(id)) {
            offering.restart();
            self.offer(id, now, output);
        }
    }

    /// What others in its session send: everybody's first voice and picture
    /// before anybody's second, and never more than an offer has room for.
    fn tracks_for(&self, id: ParticipantId) -> Vec<Track> {
        let mut ranked: Vec<(usize, Track)> = Vec::new();
        for (_, other) in self.sessions.others(id) {
            let (mut voices, mut pictures) = (0_usize.., 0_usize..);
            for &publication in &other.publications {
                let Some(known) = self.forwarding.publication(publication) else { continue };
                let (format, number, from) = (known.description.forwarded, known.number, other.connection);
                let rank = match format.codec.kind() {
                    TrackKind::Audio => voices.next(),
                    TrackKind::Video => pictures.next(),
                };
                let track = Track { publication, number, from, format, named: known.named() };
                ranked.push((rank.unwrap_or(usize::MAX), track));
            }
        }
        ranked.sort_by_key(|(rank, track)| (*rank, track.number));
        let (mut voices, mut pictures) = (0..SECTIONS_PER_KIND_MAX, 0..SECTIONS_PER_KIND_MAX);
        let has_room = |track: &Track| match track.kind() {
            TrackKind::Audio => voices.next().is_some(),
            TrackKind::Video => pictures.next().is_some(),
        };
        ranked.into_iter().map(|(_, track)| track).filter(has_room).collect()
    }

    /// Credentials for an offer: checks under them may come before the answer does.
    fn expect_checks(&mut self, id: ParticipantId, now: Instant) -> Credentials {
        let own = self.credentials();
        match self.sessions.get(id).and_then(|known| known.subscribe) {
            Some(known) => self.transports.expect_restart(known, own.clone()),
            None => {
                let opened = self.open_transport(id, own.clone(), now);
                if let Some(known) = self.sessions.get_mut(id) {
                    known.subscribe = Some(opened);
                }
            }
        }
        own
    }

    fn write_offer(&mut self, id: ParticipantId, now: Instant, output: &mut Output) {
        let Some(offering) = self.negotiations.offering(id) else { return };
        let kept = offering.credentials().filter(|_| !offering.restarts()).cloned();
        let credentials = match kept {
            Some(kept) => kept,
            None => self.expect_checks(id, now),
        };
        let local = self.identity.local(&credentials);
        let (Some(known), Some(offering)) = (self.sessions.get(id), self.negotiations.offering_mut(id))
        else {
            return;
        };
        let offer = offering.write(local, known.session.number());
        output.event(MediaEvent::Offer { participant: known.connection, offer });
        self.negotiations.await_answer(id, after(now, ANSWER_TIME));
    }

    /// Gives up waiting for answers that do not come.
    pub(super) fn expire_offers(&mut self, now: Instant, output: &mut Output) {
        while let Some(id) = self.negotiations.take_due(now) {
            let is_connected = self.is_connected(id);
            let tracks = self.tracks_for(id);
            let (Some(known), Some(offering)) = (self.sessions.get(id), self.negotiations.offering_mut(id))
            else {
                continue;
            };
            let unanswered = offering.expire();
            if unanswered >= UNANSWERED_MAX && !is_connected {
                output.event(MediaEvent::Lost {
                    participant: known.connection,
                    reason: LossReason::Unanswered,
                });
            } else if offering.update(tracks) || offering.restarts() || unanswered < UNANSWERED_MAX {
                self.write_offer(id, now, output);
            }
        }
    }

    /// Whether media can flow on any of a participant's transports.
    fn is_connected(&self, id: ParticipantId) -> bool {
        let known = self.sessions.get(id);
        let transports = known.into_iter().flat_map(|known| [known.publish, known.subscribe]).flatten();
        transports.filter_map(|id| self.transports.get(id)).any(|transport| transport.is_connected())
    }

    /// Takes the answer to an offer; what it accepts is forwarded from now on.
    ///
    /// # Errors
    /// [`AnswerError`]; then nothing has changed.
    pub fn answer(
        &mut self,
        participant: ConnectionId,
        revision: u64,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> Result<(), AnswerError> {
        let id = self.sessions.find(participant).ok_or(AnswerError::NothingOffered)?;
        let offering = self.negotiations.offering(id).ok_or(AnswerError::NothingOffered)?;
        let pending = offering.pending().ok_or(AnswerError::NothingOffered)?;
        if pending.revision != revision {
            return Err(AnswerError::Stale { current: pending.revision });
        }
        let own = offering.credentials().cloned().ok_or(AnswerError::NothingOffered)?;
        let transport = self.sessions.get(id).and_then(|known| known.subscribe);
        let transport = transport.ok_or(AnswerError::NothingOffered)?;
        self.note_answer(transport, own, remote, now, output);
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.agree_on_arrivals(remote.tells_arrivals().then_some(TRANSPORT_SEQUENCE_ID), now);
            transport.takes_retransmissions = remote.takes_retransmissions();
        }
        self.negotiations.note_answer(id);
        let Some(offering) = self.negotiations.offering_mut(id) else { return Ok(()) };
        let is_outdated = offering.is_outdated();
        let accepted = offering.take_answer(remote);
        self.subscribe(transport, &accepted, now, output);
        if is_outdated {
            self.offer(id, now, output);
        }
        Ok(())
    }

    /// Notes what an answer says of its transport: who the client is, or under which other credentials it restarts ICE.
    fn note_answer(
        &mut self,
        id: TransportId,
        own: Credentials,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) {
        let peer = PeerDescription::of(remote);
        let Some(transport) = self.transports.get(id) else { return };
        if !transport.is_described() {
            self.describe_transport(id, peer, now, output);
        } else if transport.credentials().ufrag != own.ufrag || transport.is_restarted_by(&peer.credentials) {
            self.transports.restart(id, own, peer.credentials, now);
            self.drive(id, now, output);
        }
    }

    /// Makes what goes out on a participant's transport that which it has accepted.
    fn subscribe(
        &mut self,
        transport: TransportId,
        accepted: &BTreeMap<PublicationId, OfferedStream>,
        now: Instant,
        output: &mut Output,
    ) {
        for id in self.forwarding.subscriptions_on(transport) {
            let known = self.forwarding.subscription_mut(id);
            let stays = known.is_some_and(|(subscription, _)| {
                accepted.get(&subscription.publication).is_some_and(|it| it.ssrc == subscription.ssrc)
            });
            if !stays {
                self.forwarding.unsubscribe(id);
            }
        }
        let known = self.transports.get(transport);
        let is_connected = known.is_some_and(|transport| transport.is_connected());
        // What a line carries shows when something has arrived: until then no more goes than it must.
        let is_estimated = known.is_some_and(|transport| transport.congestion.is_some());
        let first = if is_estimated { Target::SMALLEST } else { Target::BEST };
        for (&publication, &OfferedStream { ssrc, rtx_ssrc, taken, .. }) in accepted {
            let Some(known) = self.forwarding.publication(publication) else { continue };
            let has_red = taken.is_some_and(|taken| taken.has_red);
            if let Some(id) = self.forwarding.subscription(transport, ssrc) {
                if let Some((subscription, _)) = self.forwarding.subscription_mut(id) {
                    subscription.agree_on_red(has_red);
                }
                continue;
            }
            let (format, way) = (known.description.forwarded, (publication, transport));
            let types = (format.codec.kind(), format.into());
            let mut subscription = Subscription::new(way, (ssrc, rtx_ssrc), types, first, now);
            subscription.agree_on_red(has_red);
            let wanted = self.forwarding.subscribe(subscription);
            if let Some(wanted) = wanted.filter(|_| is_connected) {
                self.want_key_frame(wanted, now, output);
            }
        }
        self.allocations.look_at(transport, now);
    }
}
