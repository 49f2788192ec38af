//! What a participant sends: its offers, and our answers.

use super::Engine;
use crate::{
    output::Output,
    publication::Publication,
    sdp::{
        Local, SdpError, answer,
        parse::{Remote, Section},
    },
    transport::{Description, credentials::Credentials},
};
use common::{id::ConnectionId, protocol::media::TrackKind};
use std::time::Instant;

/// Tracks that one participant may send.
pub(crate) const TRACKS_MAX: usize = 8;

impl Engine {
    /// Takes an offer of what a participant sends, and answers it.
    ///
    /// Offering again on the same transport adds and removes tracks; with other credentials it restarts ICE, and the
    /// answer has other ones, too.
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
        let known = self.participants.get(&participant).ok_or(SdpError::UnknownParticipant)?;
        let (session, publish) = (known.session, known.publish);
        if remote.sections.is_empty() {
            return Err(SdpError::Missing("media sections"));
        }
        if remote.sections.iter().filter(|section| answer::takes(section)).count() > TRACKS_MAX {
            return Err(SdpError::TooMany("tracks"));
        }
        let client = Description::of(remote);
        let place = match publish {
            Some(place) => {
                let transport = self.transports.get(place).and_then(Option::as_ref);
                if transport.is_some_and(|transport| transport.is_restarted_by(&client.credentials)) {
                    let own = self.credentials();
                    self.restart_transport(place, (own, client.credentials), now, output);
                }
                place
            }
            None => {
                let own = self.credentials();
                let place = self.open_transport(participant, own, now);
                self.describe_transport(place, client, now, output);
                place
            }
        };
        let mut version = 0;
        if let Some(known) = self.participants.get_mut(&participant) {
            known.publish = Some(place);
            known.published = known.published.saturating_add(1);
            version = known.published;
        }
        let changed = self.update_publications(participant, place, remote, now);
        let text = match self.transports.get(place) {
            Some(Some(transport)) => {
                let local = self.local(transport.credentials());
                answer::write(remote, local, u64::try_from(place).unwrap_or(0), version)
            }
            _ => String::new(),
        };
        if changed {
            self.offer_others(session, participant, now, output);
        }
        Ok(text)
    }

    pub(super) fn local<'a>(&'a self, credentials: &'a Credentials) -> Local<'a> {
        Local {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &self.identity.fingerprint,
            candidates: &self.identity.candidates,
        }
    }

    /// Makes a participant's publications those of its description; whether that changed any.
    ///
    /// A track that comes under other numbers than before is another: its receivers count it anew.
    fn update_publications(
        &mut self,
        owner: ConnectionId,
        transport: usize,
        remote: &Remote,
        now: Instant,
    ) -> bool {
        let taken: Vec<&Section> = remote.sections.iter().filter(|section| answer::takes(section)).collect();
        let ended: Vec<u64> = self
            .publications_of(owner)
            .filter(|(_, publication)| !taken.iter().any(|section| publication.is_described_by(section)))
            .map(|(id, _)| id)
            .collect();
        let mut changed = !ended.is_empty();
        for id in ended {
            self.remove_publication(id);
        }
        for section in taken {
            let known = self.publications_of(owner).any(|(_, publication)| publication.mid == section.mid);
            if let (false, Some(kind), Some(payload_type)) = (known, section.kind, section.payload_type) {
                self.add_publication(owner, transport, section, (kind, payload_type), now);
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
        (kind, payload_type): (TrackKind, u8),
        now: Instant,
    ) {
        self.last_publication = self.last_publication.saturating_add(1);
        let id = self.last_publication;
        let mut publication =
            Publication::new(owner, transport, section.mid.clone(), kind, payload_type, now);
        publication.rtx_payload_type = section.rtx_payload_type;
        publication.ssrc = section.ssrc;
        publication.rtx_ssrc = section.rtx_ssrc;
        if let Some(ssrc) = section.ssrc {
            self.streams.insert((transport, ssrc), super::Stream { publication: id, is_rtx: false });
        }
        if let Some(ssrc) = section.rtx_ssrc {
            self.streams.insert((transport, ssrc), super::Stream { publication: id, is_rtx: true });
        }
        self.publications.insert(id, publication);
        if let Some(known) = self.participants.get_mut(&owner) {
            known.publications.insert(id);
        }
    }
}
