//! What a participant sends: its offers, and our answers.

use super::Engine;
use crate::{
    id::{ParticipantId, PublicationId, TransportId},
    output::Output,
    sdp::{
        SdpError, answer,
        extension::Extension,
        parse::{Remote, Section},
    },
    transport::PeerDescription,
};
use common::id::ConnectionId;
use slotmap::Key;
use std::time::Instant;

/// Tracks that one participant may send.
pub(crate) const TRACKS_MAX: usize = 8;

impl Engine {
    /// Takes an offer of what a participant sends, and answers it.
    ///
    /// Offering again on the same transport adds and removes tracks; with other credentials it restarts ICE, and the
    /// answer has other ones, too. With another certificate it begins anew, and its tracks are others.
    ///
    /// # Errors
    /// [`SdpError`]; then nothing has changed.
    pub fn publish(
        &mut self,
        participant: ConnectionId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> Result<String, SdpError> {
        let id = self.sessions.find(participant).ok_or(SdpError::UnknownParticipant)?;
        if remote.sections.is_empty() {
            return Err(SdpError::Missing("media sections"));
        }
        if remote.sections.iter().filter(|section| answer::takes(section)).count() > TRACKS_MAX {
            return Err(SdpError::TooMany("tracks"));
        }
        answer::check(remote)?;
        let transport = self.published_transport(id, remote, now, output);
        self.arrival_feedback.agree(transport, remote.extensions.id(Extension::TransportSequence), now);
        self.agree_on_data(transport, remote.data(), now);
        let version = self.negotiations.next_answer(id);
        let changed = self.update_publications(id, transport, remote, now, output);
        let text = self.transports.get(transport).map_or_else(String::new, |known| {
            let local = self.identity.local(known.credentials());
            answer::write(remote, local, transport.data().as_ffi(), version)
        });
        if changed {
            self.offer_others(id, now, output);
        }
        Ok(text)
    }

    /// The transport that an offer is about: opened by the first, restarted by one with other credentials, and replaced
    /// where the certificate is another: no association goes over to that (RFC 8842, section 3.1).
    fn published_transport(
        &mut self,
        id: ParticipantId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> TransportId {
        let peer = PeerDescription::of(remote);
        if let Some(known) = self.sessions.get(id).and_then(|known| known.publish) {
            let transport = self.transports.get(known);
            if transport.is_some_and(|transport| transport.expects(&peer.fingerprint)) {
                if transport.is_some_and(|transport| transport.is_restarted_by(&peer.credentials)) {
                    let own = self.credentials();
                    self.transports.restart(known, own, peer.credentials, now);
                    self.drive(known, now, output);
                }
                return known;
            }
            self.close_transport(known, output);
        }
        let own = self.credentials();
        let opened = self.open_transport(id, own, now);
        self.describe_transport(opened, peer, now, output);
        if let Some(known) = self.sessions.get_mut(id) {
            known.publish = Some(opened);
        }
        opened
    }

    /// Makes what a participant sends that which its description says; whether that changed anything.
    ///
    /// A track that comes under other SSRCs than before is another: its receivers count it anew.
    fn update_publications(
        &mut self,
        owner: ParticipantId,
        transport: TransportId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let taken: Vec<&Section> = remote.sections.iter().filter(|section| answer::takes(section)).collect();
        let known: Vec<PublicationId> =
            self.sessions.get(owner).map_or_else(Vec::new, |known| known.publications.clone());
        let (mut stay, mut gone): (Vec<(PublicationId, &str)>, Vec<PublicationId>) = Default::default();
        for &id in &known {
            let is_said = |section: &&&Section| self.forwarding.is_said_by(id, section);
            match taken.iter().find(is_said) {
                Some(section) => stay.push((id, &section.mid)),
                None => gone.push(id),
            }
        }
        let mut publications: Vec<PublicationId> = stay.iter().map(|(id, _)| *id).collect();
        let mut renewed: Vec<PublicationId> = Vec::new();
        for section in taken {
            if stay.iter().all(|(_, mid)| *mid != section.mid) {
                let mid = |id| self.forwarding.publication(id).map(|known| known.description.mid.as_str());
                let former = gone.iter().copied().find(|id| mid(*id) == Some(section.mid.as_str()));
                let published = self.forwarding.publish(transport, section, former, now);
                publications.extend(published);
                renewed.extend(published.filter(|_| former.is_some()));
            }
        }
        gone.into_iter().for_each(|id| self.unpublish(id, output));
        let changed = publications != known;
        if let Some(known) = self.sessions.get_mut(owner) {
            known.publications = publications;
        }
        // What the sender was told of the former track, that nobody wants some of its encodings, it may still go by.
        renewed.into_iter().for_each(|id| self.tell_wanted(id, output));
        changed
    }
}
