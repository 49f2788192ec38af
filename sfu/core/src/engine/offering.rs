//! What a participant is offered, and its answers.

use super::{AnswerError, Engine};
use crate::{
    loss::LossReason,
    output::{MediaEvent, Offer, Output},
    sdp::{
        offer::{self, OfferedSection, OfferedStream},
        parse::Remote,
    },
    subscription::Subscription,
    transport::{Description, Transport, credentials::Credentials},
};
use common::{
    id::ConnectionId,
    protocol::media::{OfferedTrack, TrackKind},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long an offer may go unanswered before another takes its place.
///
/// Meanwhile its receiver learns of no other track, so longer blinds the others'
/// news to a client that failed; shorter repeats work for one that is slow.
/// LiveKit gives a negotiation as long.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(15);

/// How many offers in a row may go unanswered.
///
/// After that a participant without any connected transport counts as lost. One
/// that sends, or receives what it accepted before, stays, and is offered again
/// only when tracks change.
pub(crate) const UNANSWERED_MAX: u8 = 3;

/// Sections of each kind in one offer at most.
///
/// Enough for everybody's voice and picture in a session of 100, and few enough
/// that the answer fits into a description, for which a browser writes up to
/// 480 bytes a section. Tracks beyond are not offered. Everybody's first voice
/// and picture come before anybody's second, and neither kind takes places of
/// the other, so that nobody crowds out the others.
pub(crate) const SECTIONS_PER_KIND_MAX: usize = 100;

/// What is offered to a participant.
pub(super) struct Offering {
    sections: Vec<OfferedSection>,
    revision: u64,
    /// The newest offer, until it is answered.
    pending: Option<Pending>,
    /// Tracks have changed since `pending` was made.
    is_outdated: bool,
    /// Offers since the last answer whose time ran out.
    unanswered: u8,
    /// Made with the first offer, for the transport that it opens; and anew with each restart of ICE.
    credentials: Option<Credentials>,
    /// The next offer restarts ICE.
    restarts: bool,
    /// What was agreed about the DTLS client's part, once it was.
    setup: Option<&'static str>,
    numbers: StreamNumbers,
}

struct Pending {
    offer: Offer,
    made_at: Instant,
    /// Its time ran out. A late answer is still taken, but nothing waits for it.
    is_overdue: bool,
}

/// Stream numbers (SSRC) for one participant's subscribe transport, none twice.
///
/// Their uniqueness keeps AES-GCM safe: a nonce is made of the stream's number
/// and the packet's (RFC 7714, section 8.1), and a stream that begins counts
/// from its beginning. Counted up from a random start instead of drawn, for
/// after some thousand streams draws would meet.
struct StreamNumbers(u32);

impl StreamNumbers {
    const fn next(&mut self) -> u32 {
        self.0 = match self.0.wrapping_add(1) {
            // Means "none" in places (RFC 3550 forbids nothing; browsers do).
            0 => 1,
            number => number,
        };
        self.0
    }

    fn stream(&mut self, publication: u64, from: ConnectionId) -> OfferedStream {
        OfferedStream { publication, from, ssrc: self.next(), rtx_ssrc: self.next() }
    }
}

/// A track that somebody may receive.
#[derive(Clone, Copy)]
struct Track {
    publication: u64,
    from: ConnectionId,
    kind: TrackKind,
}

impl Offering {
    /// Nothing is offered yet. Stream numbers are counted up from `start`.
    pub(super) const fn new(start: u32) -> Self {
        Self {
            sections: Vec::new(),
            revision: 0,
            pending: None,
            is_outdated: false,
            unanswered: 0,
            credentials: None,
            restarts: false,
            setup: None,
            numbers: StreamNumbers(start),
        }
    }

    /// The newest offer, if it is not answered.
    pub(super) fn pending(&self) -> Option<&Offer> {
        self.pending.as_ref().map(|pending| &pending.offer)
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(super) const fn sections(&self) -> usize {
        self.sections.len()
    }

    /// Whether an answer may still come, so that another offer has to wait.
    fn is_awaited(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.is_overdue)
    }

    /// Fits the sections to the tracks that there are; whether any changed. There are never more
    /// sections of a kind than there were tracks of it at once.
    fn update(&mut self, tracks: Vec<Track>) -> bool {
        let mut wanted: BTreeMap<u64, Track> = BTreeMap::new();
        wanted.extend(tracks.into_iter().map(|track| (track.publication, track)));
        let mut changed = false;
        for section in &mut self.sections {
            let Some(stream) = section.stream else { continue };
            if wanted.remove(&stream.publication).is_none() {
                section.stream = None;
                changed = true;
            }
        }
        for Track { publication, from, kind } in wanted.into_values() {
            let stream = Some(self.numbers.stream(publication, from));
            let mid = self.sections.len().to_string();
            match self.sections.iter_mut().find(|section| section.kind == kind && section.stream.is_none()) {
                Some(free) => free.stream = stream,
                None => self.sections.push(OfferedSection { mid, kind, stream }),
            }
            changed = true;
        }
        changed
    }

    /// What an answer accepts each publication as.
    ///
    /// The streams that it does not accept get other numbers, under which they
    /// are offered next: what is taken again is a new stream, whose receiver and
    /// sender both count it from its beginning.
    fn settle(&mut self, remote: &Remote) -> BTreeMap<u64, OfferedStream> {
        let mids = remote.accepted();
        let mut accepted = BTreeMap::new();
        for section in &mut self.sections {
            let Some(stream) = &mut section.stream else { continue };
            if mids.contains(section.mid.as_str()) {
                accepted.insert(stream.publication, *stream);
            } else {
                *stream = self.numbers.stream(stream.publication, stream.from);
            }
        }
        accepted
    }

    fn tracks(&self) -> Vec<OfferedTrack> {
        let track = |section: &OfferedSection| {
            let stream = section.stream?;
            let mid = section.mid.clone();
            Some(OfferedTrack { mid, connection_id: stream.from, kind: section.kind })
        };
        self.sections.iter().filter_map(track).collect()
    }
}

impl Engine {
    /// Offers everybody in a session, but one, what has changed.
    pub(super) fn offer_others(
        &mut self,
        session: u64,
        except: ConnectionId,
        now: Instant,
        output: &mut Output,
    ) {
        let others: Vec<ConnectionId> = self.sessions.get(&session).into_iter().flatten().copied().collect();
        for other in others {
            if other != except {
                self.offer(other, now, output);
            }
        }
    }

    /// Offers a participant what it may receive now, unless that is what it was
    /// offered last. One offer at a time: while one may still be answered it is
    /// only noted that there will be another.
    pub(super) fn offer(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(known) = self.participants.get_mut(&participant).filter(|known| known.receives) else {
            return;
        };
        if known.offering.is_awaited() {
            known.offering.is_outdated = true;
            return;
        }
        let tracks = self.tracks_for(participant);
        let Some(known) = self.participants.get_mut(&participant) else { return };
        if known.offering.update(tracks) || known.offering.restarts {
            self.write_offer(participant, now, output);
        }
    }

    /// A participant's network has changed: it is offered the same under new credentials, as soon as it has answered
    /// what it was offered before (RFC 8445, section 9). Does nothing if it has answered nothing yet.
    pub fn restart_ice(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(known) = self.participants.get_mut(&participant) else { return };
        let transport = known.subscribe.and_then(|place| self.transports.get(place)?.as_ref());
        if transport.is_some_and(Transport::is_described) {
            known.offering.restarts = true;
            self.offer(participant, now, output);
        }
    }

    /// What others in its session send: everybody's first voice and picture
    /// before anybody's second, and never more than an offer has room for.
    fn tracks_for(&self, participant: ConnectionId) -> Vec<Track> {
        let session = self.participants.get(&participant).map(|known| known.session);
        let members = session.and_then(|session| self.sessions.get(&session));
        let others = members.into_iter().flatten().filter(|member| **member != participant);
        let mut ranked: Vec<(usize, Track)> = Vec::new();
        for &from in others {
            let (mut voices, mut pictures) = (0_usize.., 0_usize..);
            for (publication, one) in self.publications_of(from) {
                let rank = match one.kind {
                    TrackKind::Audio => voices.next(),
                    TrackKind::Video => pictures.next(),
                };
                ranked.push((rank.unwrap_or(usize::MAX), Track { publication, from, kind: one.kind }));
            }
        }
        ranked.sort_by_key(|(rank, track)| (*rank, track.publication));
        let (mut voices, mut pictures) = (0..SECTIONS_PER_KIND_MAX, 0..SECTIONS_PER_KIND_MAX);
        let has_room = |track: &Track| match track.kind {
            TrackKind::Audio => voices.next().is_some(),
            TrackKind::Video => pictures.next().is_some(),
        };
        ranked.into_iter().map(|(_, track)| track).filter(has_room).collect()
    }

    /// Credentials to offer: checks under them may come before the answer does.
    fn expect_checks(&mut self, participant: ConnectionId, now: Instant) -> Credentials {
        let own = self.credentials();
        match self.participants.get(&participant).and_then(|known| known.subscribe) {
            Some(place) => self.expect_restart(place, own.clone()),
            None => {
                let place = self.open_transport(participant, own.clone(), now);
                if let Some(known) = self.participants.get_mut(&participant) {
                    known.subscribe = Some(place);
                }
            }
        }
        own
    }

    fn write_offer(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(known) = self.participants.get(&participant) else { return };
        let kept = known.offering.credentials.clone().filter(|_| !known.offering.restarts);
        let credentials = match kept {
            Some(kept) => kept,
            None => self.expect_checks(participant, now),
        };
        let Some(known) = self.participants.get_mut(&participant) else { return };
        let offering = &mut known.offering;
        offering.credentials = Some(credentials.clone());
        offering.revision = offering.revision.saturating_add(1);
        offering.is_outdated = false;
        offering.restarts = false;
        let Some(known) = self.participants.get(&participant) else { return };
        let offering = &known.offering;
        let local = self.local(&credentials);
        let setup = offering.setup.unwrap_or("actpass");
        let sdp = offer::write(&offering.sections, local, known.session, offering.revision, setup);
        let offer = Offer { revision: offering.revision, sdp, tracks: offering.tracks() };
        if let Some(known) = self.participants.get_mut(&participant) {
            known.offering.pending = Some(Pending { offer: offer.clone(), made_at: now, is_overdue: false });
        }
        output.event(MediaEvent::Offer { participant, offer });
    }

    /// Gives up waiting for answers that do not come.
    pub(super) fn expire_offers(&mut self, now: Instant, output: &mut Output) {
        let overdue = |pending: &Pending| {
            !pending.is_overdue && now.saturating_duration_since(pending.made_at) >= ANSWER_TIME
        };
        let late: Vec<ConnectionId> = self
            .participants
            .iter()
            .filter(|(_, known)| known.offering.pending.as_ref().is_some_and(overdue))
            .map(|(id, _)| *id)
            .collect();
        for participant in late {
            let is_connected = self.is_connected(participant);
            let tracks = self.tracks_for(participant);
            let Some(known) = self.participants.get_mut(&participant) else { continue };
            let offering = &mut known.offering;
            offering.unanswered = offering.unanswered.saturating_add(1);
            if let Some(pending) = &mut offering.pending {
                pending.is_overdue = true;
            }
            let changed = offering.update(tracks);
            if offering.unanswered >= UNANSWERED_MAX && !is_connected {
                output.event(MediaEvent::Lost { participant, reason: LossReason::Unanswered });
            } else if changed || offering.unanswered < UNANSWERED_MAX {
                self.write_offer(participant, now, output);
            }
        }
    }

    /// Whether media can flow on any of a participant's transports.
    fn is_connected(&self, participant: ConnectionId) -> bool {
        let known = self.participants.get(&participant);
        let places = known.into_iter().flat_map(|known| [known.publish, known.subscribe]).flatten();
        places
            .filter_map(|place| self.transports.get(place))
            .flatten()
            .any(|transport| transport.is_connected())
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
        let known = self.participants.get(&participant).ok_or(AnswerError::NothingOffered)?;
        let pending = known.offering.pending().ok_or(AnswerError::NothingOffered)?;
        if pending.revision != revision {
            return Err(AnswerError::Stale { current: pending.revision });
        }
        let (Some(place), Some(own)) = (known.subscribe, known.offering.credentials.clone()) else {
            return Err(AnswerError::NothingOffered);
        };
        let client = Description::of(remote);
        let transport = self.transports.get(place).and_then(Option::as_ref);
        if transport.is_some_and(|transport| !transport.is_described()) {
            self.describe_transport(place, client, now, output);
        } else if transport.is_some_and(|transport| {
            transport.credentials().ufrag != own.ufrag || transport.is_restarted_by(&client.credentials)
        }) {
            self.restart_transport(place, (own, client.credentials), now, output);
        }
        let Some(known) = self.participants.get_mut(&participant) else { return Ok(()) };
        let offering = &mut known.offering;
        offering.setup.get_or_insert(if remote.is_passive { "active" } else { "passive" });
        offering.pending = None;
        offering.unanswered = 0;
        let is_outdated = offering.is_outdated || offering.restarts;
        let accepted = offering.settle(remote);
        self.subscribe(participant, place, &accepted);
        if is_outdated {
            self.offer(participant, now, output);
        }
        Ok(())
    }

    /// Makes a participant's subscriptions those that it has accepted.
    fn subscribe(&mut self, subscriber: ConnectionId, place: usize, accepted: &BTreeMap<u64, OfferedStream>) {
        let is_connected =
            matches!(self.transports.get(place), Some(Some(transport)) if transport.is_connected());
        for (id, publication) in &mut self.publications {
            let offered = accepted.get(id);
            publication.subscriptions.retain(|one| {
                let stays = one.subscriber != subscriber || Some(one.ssrc) == offered.map(|it| it.ssrc);
                if !stays {
                    self.feedback.remove(&(one.transport, one.ssrc));
                }
                stays
            });
            let Some(&OfferedStream { ssrc, rtx_ssrc, .. }) = offered else { continue };
            if publication.subscriptions.iter().any(|one| one.subscriber == subscriber) {
                continue;
            }
            let subscription = Subscription::new(subscriber, place, ssrc, rtx_ssrc, publication.kind);
            publication.subscriptions.push(subscription);
            self.feedback.insert((place, ssrc), *id);
            if is_connected {
                publication.want_keyframe();
            }
        }
    }
}
