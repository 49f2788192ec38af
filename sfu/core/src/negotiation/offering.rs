//! What one participant is offered, until it has answered.

use crate::{
    id::PublicationId,
    output::Offer,
    sdp::{
        Local, offer,
        parse::{Named, Remote},
        sections::{Fitted, OfferedSection, OfferedSections, OfferedStream, Track},
    },
    transport::credentials::Credentials,
};
use common::protocol::media::OfferedTrack;
use std::{collections::BTreeMap, time::Duration};

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
pub(crate) struct Offering {
    sections: OfferedSections,
    /// The newest offer had no room for some tracks: the next one has.
    is_waiting: bool,
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

    /// The same track under SSRCs that were never used.
    const fn renew(&mut self, stream: OfferedStream) -> OfferedStream {
        OfferedStream { ssrc: self.next(), rtx_ssrc: self.next(), ..stream }
    }

    fn stream(&mut self, Track { publication, from, named, .. }: Track) -> OfferedStream {
        OfferedStream { publication, from, named, ssrc: self.next(), rtx_ssrc: self.next(), taken: None }
    }
}

impl Offering {
    /// Nothing is offered yet. Stream numbers are counted up from `start`.
    pub(crate) fn new(start: u32) -> Self {
        Self {
            sections: OfferedSections::default(),
            is_waiting: false,
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
    pub(crate) fn pending(&self) -> Option<&Offer> {
        self.pending.as_ref().map(|pending| &pending.offer)
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn sections(&self) -> usize {
        self.sections.as_slice().len()
    }

    /// Whether an answer may still come, so that another offer has to wait.
    pub(crate) fn is_awaited(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.is_overdue)
    }

    /// Whether ICE is to be restarted by the next offer, or there is more to offer than the last one said.
    pub(crate) const fn is_outdated(&self) -> bool {
        self.is_outdated || self.is_waiting || self.restarts
    }

    /// There is more to offer than the offer that is awaited says.
    pub(crate) const fn note_change(&mut self) {
        self.is_outdated = true;
    }

    /// The next offer restarts ICE.
    pub(crate) const fn restart(&mut self) {
        self.restarts = true;
    }

    /// Whether the next offer restarts ICE.
    pub(crate) const fn restarts(&self) -> bool {
        self.restarts
    }

    /// Our credentials on the transport that is offered.
    pub(crate) const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Fits the sections to the tracks that there are; whether any changed.
    pub(crate) fn update(&mut self, tracks: Vec<Track>) -> bool {
        let Self { sections, numbers, .. } = self;
        let fitted = sections.fit(tracks, SECTIONS_PER_KIND_MAX, |track| numbers.stream(track));
        let Fitted { has_changed, is_waiting } = fitted;
        self.is_waiting = is_waiting;
        has_changed
    }

    /// Writes the offer of all that there is now, in the session with this number.
    pub(crate) fn write(&mut self, local: Local<'_>, session: u64) -> Offer {
        self.credentials = Some(Credentials { ufrag: local.ufrag.to_owned(), pwd: local.pwd.to_owned() });
        self.revision = self.revision.saturating_add(1);
        self.is_outdated = false;
        self.restarts = false;
        let setup = self.setup.unwrap_or("actpass");
        let sdp = offer::write(self.sections.as_slice(), local, session, self.revision, setup);
        let offer = Offer { revision: self.revision, sdp, tracks: self.tracks() };
        self.pending = Some(Pending { offer: offer.clone(), is_overdue: false });
        offer
    }

    /// The time to answer is over; how many offers in a row were not answered.
    pub(crate) fn expire(&mut self) -> u8 {
        self.unanswered = self.unanswered.saturating_add(1);
        if let Some(pending) = &mut self.pending {
            pending.is_overdue = true;
        }
        self.unanswered
    }

    /// The answer has come; what it accepts each publication as.
    pub(crate) fn take_answer(&mut self, remote: &Remote) -> BTreeMap<PublicationId, OfferedStream> {
        self.setup.get_or_insert(if remote.is_passive { "active" } else { "passive" });
        self.pending = None;
        self.unanswered = 0;
        self.settle(remote)
    }

    /// What an answer accepts each publication as.
    fn settle(&mut self, remote: &Remote) -> BTreeMap<PublicationId, OfferedStream> {
        let Self { sections, numbers, .. } = self;
        let mut accepted = BTreeMap::new();
        let accept = |stream: OfferedStream| {
            accepted.insert(stream.publication, stream);
        };
        let taken = |section: &OfferedSection| remote.taken(&section.mid, section.format);
        sections.settle(taken, accept, |stream| numbers.renew(stream));
        accepted
    }

    fn tracks(&self) -> Vec<OfferedTrack> {
        let track = |section: &OfferedSection| {
            let stream = section.stream()?;
            let mid = section.mid.clone();
            let Named { id: track_id, source } = stream.named;
            Some(OfferedTrack { mid, track_id, connection_id: stream.from, kind: section.kind(), source })
        };
        self.sections.as_slice().iter().filter_map(track).collect()
    }
}
