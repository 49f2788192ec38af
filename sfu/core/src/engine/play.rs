//! Players: who receives one sound and one picture by an offer of their own, whoever sends it (WHEP,
//! draft-ietf-wish-whep-03).
//!
//! What is shown is decided elsewhere, by the names of tracks, and may be asked for before there is such a track, or
//! while there is none: what goes out waits for it, and goes on with it under the numbers that it has.

use super::Engine;
use crate::{
    id::{ParticipantId, PublicationId, SubscriptionId, TransportId},
    layer::Target,
    output::Output,
    sdp::{
        SdpError,
        parse::Remote,
        play::{self, PlayedSection},
    },
    sessions::{Cast, Playing},
    subscription::{PayloadTypes, Subscription},
    transport::PeerDescription,
};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::TrackKind,
};
use rand::Rng;
use slotmap::Key;
use std::time::Instant;

impl Engine {
    /// Answers a player's offer: it is sent what it is [shown](Self::cast) from now on, and others do not see it.
    ///
    /// The same offer with other credentials restarts ICE, and the answer has other ones, too.
    ///
    /// # Errors
    /// [`SdpError`]; then nothing has changed.
    pub fn play(
        &mut self,
        participant: ConnectionId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> Result<String, SdpError> {
        let id = self.sessions.find(participant).ok_or(SdpError::UnknownParticipant)?;
        play::check(remote)?;
        let known = self.sessions.get(id).and_then(|known| known.subscribe);
        let transport = match known {
            Some(transport) => self.restart_player(transport, remote, now, output)?,
            None => self.begin_to_play(id, remote, now, output),
        };
        let version = self.negotiations.next_answer(id);
        let sections = self.sessions.get(id).and_then(|known| known.plays.as_ref());
        let sections: Vec<PlayedSection> =
            sections.into_iter().flat_map(|it| &it.sections).map(|(section, _)| section.clone()).collect();
        let text = self.transports.get(transport).map_or_else(String::new, |known| {
            let local = self.identity.local(known.credentials());
            play::write(remote, &sections, local, participant, (transport.data().as_ffi(), version))
        });
        self.cast_player(id, now, output);
        Ok(text)
    }

    /// These players of a session are shown this from now on.
    pub fn cast(&mut self, players: &[ConnectionId], cast: Cast, now: Instant, output: &mut Output) {
        for &player in players {
            let Some(id) = self.sessions.find(player) else { continue };
            if let Some(known) = self.sessions.get_mut(id) {
                known.cast = cast;
            }
            self.cast_player(id, now, output);
        }
    }

    fn restart_player(
        &mut self,
        transport: TransportId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> Result<TransportId, SdpError> {
        let peer = PeerDescription::of(remote);
        let known = self.transports.get(transport).filter(|known| known.expects(&peer.fingerprint));
        let known = known.ok_or(SdpError::Unusable("fingerprint"))?;
        if known.is_restarted_by(&peer.credentials) {
            let own = self.credentials();
            self.transports.restart(transport, own, peer.credentials, now);
            self.drive(transport, now, output);
        }
        Ok(transport)
    }

    /// Opens the transport of a player, on which what it is shown will go out.
    fn begin_to_play(
        &mut self,
        id: ParticipantId,
        remote: &Remote,
        now: Instant,
        output: &mut Output,
    ) -> TransportId {
        let own = self.credentials();
        let transport = self.open_transport(id, own, now);
        if let Some(known) = self.sessions.get_mut(id) {
            known.subscribe = Some(transport);
        }
        if let Some(known) = self.transports.get_mut(transport) {
            known.agree_on_arrivals(remote.arrival_number(), now);
            known.takes_retransmissions = remote.sections.iter().any(|it| it.rtx_payload_type.is_some());
        }
        let sections = self.played_sections(remote);
        let sections = sections.into_iter().filter_map(|section| {
            let subscription = self.played(&section, transport, now)?;
            Some((section, self.forwarding.play(subscription)?))
        });
        let playing = Playing { sections: sections.collect() };
        self.sessions.play(id, playing);
        self.describe_transport(transport, PeerDescription::of(remote), now, output);
        transport
    }

    /// The first section of each kind in which something can be played. Their stream numbers are unlike each other, as
    /// AES-GCM needs it (RFC 7714, section 8.1), and none is 0.
    fn played_sections(&mut self, remote: &Remote) -> Vec<PlayedSection> {
        let start = self.random.next_u32() & 0x7FFF_FFF0;
        let mut numbers = (1_u32..).map(|number| start | number);
        let mut next = || numbers.next().unwrap_or(1);
        [TrackKind::Audio, TrackKind::Video]
            .into_iter()
            .filter_map(|kind| {
                let mut of_kind = remote.sections.iter().filter(|section| section.kind == Some(kind));
                let section = of_kind.find(|section| play::takes(section))?;
                PlayedSection::of(section, next(), next())
            })
            .collect()
    }

    /// What will go out in a section, once there is something to go out.
    fn played(&self, section: &PlayedSection, transport: TransportId, now: Instant) -> Option<Subscription> {
        let is_estimated = self.transports.get(transport)?.congestion.is_some();
        // What a line carries shows when something has arrived: until then no more goes than it must.
        let first = if is_estimated { Target::SMALLEST } else { Target::BEST };
        let types = PayloadTypes::from(section.formats.first()?);
        let (way, numbers) = ((PublicationId::null(), transport), (section.ssrc, section.rtx_ssrc));
        let mut subscription = Subscription::new(way, numbers, (section.kind, types), first, now);
        subscription.plays = true;
        subscription.agree_on_red(section.formats.first()?.red.is_some());
        Some(subscription)
    }

    /// What is sent in somebody's session has changed: the tracks may be there that its players are to be shown, or be
    /// others under the same names.
    pub(super) fn cast_players(&mut self, id: ParticipantId, now: Instant, output: &mut Output) {
        let session = self.sessions.get(id).map(|known| known.session);
        let players = session.map_or_else(Vec::new, |session| self.sessions.players(session).to_vec());
        for player in players {
            self.cast_player(player, now, output);
        }
    }

    /// Has that go out to a player which it is to be shown, as far as it comes and in a format that the player takes.
    fn cast_player(&mut self, id: ParticipantId, now: Instant, output: &mut Output) {
        let Some(known) = self.sessions.get(id) else { return };
        let (Some(playing), Some(transport)) = (&known.plays, known.subscribe) else { return };
        let turn = |(section, subscription): &(PlayedSection, SubscriptionId)| {
            let track = known.cast.track(section.kind).and_then(|track| self.track(id, track));
            (*subscription, track.and_then(|track| Some((track, self.types(section, track)?))))
        };
        let turns: Vec<_> = playing.sections.iter().map(turn).collect();
        for (subscription, to) in turns {
            let former = self.forwarding.outgoing(subscription).map(|known| known.publication);
            let wanted = self.forwarding.turn(subscription, to);
            self.want_key_frames(wanted, now, output);
            // Of either other encodings may be wanted now.
            let both = former.into_iter().chain(to.map(|(publication, _)| publication));
            for publication in both.filter(|publication| !publication.is_null()) {
                self.allocations.asked.note_change(publication, now);
            }
        }
        self.allocations.look_at(transport, now);
    }

    /// The track of this name in somebody's session.
    fn track(&self, id: ParticipantId, track: TrackId) -> Option<PublicationId> {
        let session = self.sessions.get(id)?.session;
        let members = self.sessions.members(session).iter().filter_map(|member| self.sessions.get(*member));
        let mut publications = members.flat_map(|member| &member.publications).copied();
        publications.find(|it| self.forwarding.publication(*it).is_some_and(|it| it.named().id == track))
    }

    /// Under which payload types a track goes out in a section; `None` if the player takes nothing like it.
    fn types(&self, section: &PlayedSection, publication: PublicationId) -> Option<PayloadTypes> {
        let format = self.forwarding.publication(publication)?.description.forwarded;
        section.formats.iter().find(|chosen| chosen.forwarded == format).map(PayloadTypes::from)
    }
}
