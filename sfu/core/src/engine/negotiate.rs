//! Offers and answers: what a participant sends, and what it is offered.

use super::{AnswerError, Engine};
use crate::{
    output::{MediaEvent, Offer, Output},
    publication::Publication,
    sdp::{
        Local, SdpError, answer,
        offer::{self, OfferedSection, OfferedStream},
        parse::{Remote, Section},
    },
    subscription::Subscription,
    transport::Transport,
};
use common::{
    id::ConnectionId,
    protocol::media::{OfferedTrack, TrackKind},
};
use is::IceCreds;
use std::{collections::BTreeSet, time::Instant};

/// Tracks that one participant may send.
const TRACKS_MAX: usize = 8;

impl Engine {
    /// Takes an offer of what a participant sends, and answers it.
    ///
    /// Offering again on the same transport adds and removes tracks.
    ///
    /// # Errors
    /// [`SdpError`]; then nothing has changed.
    pub fn publish(
        &mut self,
        participant: ConnectionId,
        offer: &str,
        now: Instant,
        output: &mut Output,
    ) -> Result<String, SdpError> {
        let remote = Remote::parse(offer)?;
        let known = self.participants.get(&participant).ok_or(SdpError::UnknownParticipant)?;
        let (session, publish) = (known.session, known.publish);
        if remote.sections.is_empty() {
            return Err(SdpError::Missing("media sections"));
        }
        if remote.sections.iter().filter(|section| answer::takes(section)).count() > TRACKS_MAX {
            return Err(SdpError::TooMany("tracks"));
        }
        let credentials = IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() };
        let place = match publish {
            Some(place) => {
                if let Some(Some(transport)) = self.transports.get_mut(place) {
                    transport.set_remote(credentials);
                }
                place
            }
            None => {
                let own = self.credentials();
                let fingerprint = remote.fingerprint.clone();
                let transport =
                    Transport::new(&self.identity, own, credentials, fingerprint, remote.is_passive, now);
                self.add_transport(participant, transport)
            }
        };
        let mut version = 0;
        if let Some(known) = self.participants.get_mut(&participant) {
            known.publish = Some(place);
            known.published += 1;
            version = known.published;
        }
        let changed = self.update_publications(participant, place, &remote);
        let text = match self.transports.get(place) {
            Some(Some(transport)) => {
                let local = self.local(&transport.credentials);
                answer::write(&remote, local, u64::try_from(place).unwrap_or(0), version)
            }
            _ => String::new(),
        };
        if changed {
            self.offer_others(session, participant, output);
        }
        Ok(text)
    }

    fn local<'a>(&'a self, credentials: &'a IceCreds) -> Local<'a> {
        Local {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pass,
            fingerprint: &self.identity.fingerprint,
            candidates: &self.identity.candidates,
        }
    }

    /// Makes a participant's publications those of its description; whether that changed any.
    fn update_publications(&mut self, owner: ConnectionId, transport: usize, remote: &Remote) -> bool {
        let taken: Vec<&Section> = remote.sections.iter().filter(|section| answer::takes(section)).collect();
        let mids: BTreeSet<&str> = taken.iter().map(|section| section.mid.as_str()).collect();
        let ended: Vec<u64> = self
            .publications_of(owner)
            .filter(|(_, publication)| !mids.contains(publication.mid.as_str()))
            .map(|(id, _)| id)
            .collect();
        let mut changed = !ended.is_empty();
        for id in ended {
            self.remove_publication(id);
        }
        for section in taken {
            let known = self.publications_of(owner).any(|(_, publication)| publication.mid == section.mid);
            if let (false, Some(kind), Some(payload_type)) = (known, section.kind, section.payload_type) {
                self.add_publication(owner, transport, section, kind, payload_type);
                changed = true;
            }
        }
        changed
    }

    fn add_publication(
        &mut self,
        owner: ConnectionId,
        transport: usize,
        section: &Section,
        kind: TrackKind,
        payload_type: u8,
    ) {
        self.last_publication += 1;
        let id = self.last_publication;
        let mut publication = Publication::new(owner, transport, section.mid.clone(), kind, payload_type);
        publication.rtx_payload_type = section.rtx_payload_type;
        publication.ssrc = section.ssrc;
        if let Some(ssrc) = section.ssrc {
            self.streams.insert((transport, ssrc), super::Stream { publication: id, is_rtx: false });
        }
        if let Some(ssrc) = section.rtx_ssrc {
            self.streams.insert((transport, ssrc), super::Stream { publication: id, is_rtx: true });
        }
        self.publications.insert(id, publication);
    }

    /// Offers everybody in a session, but one, what has changed.
    pub(super) fn offer_others(&mut self, session: u64, except: ConnectionId, output: &mut Output) {
        let others: Vec<ConnectionId> = self.sessions.get(&session).into_iter().flatten().copied().collect();
        for other in others {
            if other != except {
                self.offer(other, output);
            }
        }
    }

    /// Offers a participant what it may receive now, unless that is what it was
    /// offered last. One offer at a time: while one is unanswered it is only
    /// noted that there will be another.
    pub(super) fn offer(&mut self, participant: ConnectionId, output: &mut Output) {
        let Some(known) = self.participants.get_mut(&participant).filter(|known| known.receives) else {
            return;
        };
        if known.offering.pending.is_some() {
            known.offering.is_outdated = true;
            return;
        }
        if self.update_sections(participant) {
            self.write_offer(participant, output);
        }
    }

    /// Fits the sections to the tracks that there are; whether any changed.
    fn update_sections(&mut self, participant: ConnectionId) -> bool {
        let Some(session) = self.participants.get(&participant).map(|known| known.session) else {
            return false;
        };
        let members = self.sessions.get(&session);
        let tracks: Vec<(ConnectionId, TrackKind)> = self
            .publications
            .values()
            .filter(|publication| publication.owner != participant)
            .filter(|publication| members.is_some_and(|members| members.contains(&publication.owner)))
            .map(|publication| (publication.owner, publication.kind))
            .collect();
        let Some(known) = self.participants.get_mut(&participant) else { return false };
        let mut wanted = tracks;
        let mut changed = false;
        for section in &mut known.offering.sections {
            let Some(stream) = section.stream else { continue };
            match wanted.iter().position(|track| *track == (stream.from, section.kind)) {
                Some(at) => {
                    wanted.swap_remove(at);
                }
                None => {
                    section.stream = None;
                    changed = true;
                }
            }
        }
        for (from, kind) in wanted {
            changed = true;
            let (ssrc, rtx_ssrc) = (self.stream_number(), self.stream_number());
            let stream = Some(OfferedStream { from, ssrc, rtx_ssrc });
            let Some(known) = self.participants.get_mut(&participant) else { return changed };
            let sections = &mut known.offering.sections;
            match sections.iter_mut().find(|section| section.kind == kind && section.stream.is_none()) {
                Some(free) => free.stream = stream,
                None => sections.push(OfferedSection { mid: sections.len().to_string(), kind, stream }),
            }
        }
        changed
    }

    fn write_offer(&mut self, participant: ConnectionId, output: &mut Output) {
        let missing =
            self.participants.get(&participant).is_some_and(|known| known.offering.credentials.is_none());
        let fresh = missing.then(|| self.credentials());
        let Some(known) = self.participants.get_mut(&participant) else { return };
        known.offering.credentials = known.offering.credentials.take().or(fresh);
        known.offering.revision += 1;
        known.offering.is_outdated = false;
        let Some(known) = self.participants.get(&participant) else { return };
        let offering = &known.offering;
        let Some(credentials) = &offering.credentials else { return };
        let setup = offering.setup.unwrap_or("actpass");
        let sdp = offer::write(
            &offering.sections,
            self.local(credentials),
            known.session,
            offering.revision,
            setup,
        );
        let tracks = offering
            .sections
            .iter()
            .filter_map(|section| {
                let stream = section.stream?;
                Some(OfferedTrack {
                    mid: section.mid.clone(),
                    connection_id: stream.from,
                    kind: section.kind,
                })
            })
            .collect();
        let offer = Offer { revision: offering.revision, sdp, tracks };
        if let Some(known) = self.participants.get_mut(&participant) {
            known.offering.pending = Some(offer.clone());
        }
        output.event(MediaEvent::Offer { participant, offer });
    }

    /// Takes the answer to an offer; what it accepts is forwarded from now on.
    ///
    /// # Errors
    /// [`AnswerError`]; then nothing has changed.
    pub fn answer(
        &mut self,
        participant: ConnectionId,
        revision: u64,
        sdp: &str,
        now: Instant,
        output: &mut Output,
    ) -> Result<(), AnswerError> {
        let known = self.participants.get(&participant).ok_or(AnswerError::NothingOffered)?;
        let pending = known.offering.pending.as_ref().ok_or(AnswerError::NothingOffered)?;
        if pending.revision != revision {
            return Err(AnswerError::Stale { current: pending.revision });
        }
        let remote = Remote::parse(sdp)?;
        let (subscribe, own) = (known.subscribe, known.offering.credentials.clone());
        let credentials = IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() };
        let place = match (subscribe, own) {
            (Some(place), _) => {
                if let Some(Some(transport)) = self.transports.get_mut(place) {
                    transport.set_remote(credentials);
                }
                place
            }
            (None, Some(own)) => {
                let fingerprint = remote.fingerprint.clone();
                let transport =
                    Transport::new(&self.identity, own, credentials, fingerprint, remote.is_passive, now);
                self.add_transport(participant, transport)
            }
            (None, None) => return Err(AnswerError::NothingOffered),
        };
        let Some(known) = self.participants.get_mut(&participant) else { return Ok(()) };
        known.subscribe = Some(place);
        known.offering.setup.get_or_insert(if remote.is_passive { "active" } else { "passive" });
        known.offering.pending = None;
        let is_outdated = known.offering.is_outdated;
        let sections = known.offering.sections.clone();
        self.subscribe(participant, place, &sections, &remote);
        if is_outdated {
            self.offer(participant, output);
        }
        Ok(())
    }

    /// Makes a participant's subscriptions those that it has accepted.
    fn subscribe(
        &mut self,
        subscriber: ConnectionId,
        place: usize,
        sections: &[OfferedSection],
        remote: &Remote,
    ) {
        let is_connected =
            matches!(self.transports.get(place), Some(Some(transport)) if transport.is_connected());
        let accepted =
            |mid: &str| remote.sections.iter().any(|section| section.mid == mid && section.receives);
        for (&id, publication) in &mut self.publications {
            let offered = sections.iter().find_map(|section| {
                let stream = section.stream?;
                let fits = (stream.from, section.kind) == (publication.owner, publication.kind);
                (fits && accepted(&section.mid)).then_some(stream)
            });
            let wanted = offered.map(|stream| stream.ssrc);
            publication.subscriptions.retain(|one| one.subscriber != subscriber || Some(one.ssrc) == wanted);
            let Some(OfferedStream { ssrc, rtx_ssrc, .. }) = offered else { continue };
            if publication.subscriptions.iter().any(|one| one.subscriber == subscriber) {
                continue;
            }
            let subscription = Subscription::new(subscriber, place, ssrc, rtx_ssrc, publication.kind);
            publication.subscriptions.push(subscription);
            self.feedback.insert((place, ssrc), id);
            if is_connected {
                publication.want_keyframe();
            }
        }
    }
}
