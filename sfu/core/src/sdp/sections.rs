//! The sections of the offers to one participant: which track each carries, and what becomes of those
//! whose track has ended.

use super::{
    codec::Format,
    parse::{Named, Taken},
};
use crate::id::PublicationId;
use common::{id::ConnectionId, protocol::media::TrackKind};
use std::collections::BTreeSet;

/// A track in an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfferedStream {
    pub(crate) publication: PublicationId,
    pub(crate) from: ConnectionId,
    pub(crate) named: Named,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    /// What was agreed on for it last.
    pub(crate) taken: Option<Taken>,
}

/// A track that somebody may receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) publication: PublicationId,
    /// Grows from one that began to the next.
    pub(crate) number: u64,
    pub(crate) from: ConnectionId,
    /// In which it is offered.
    pub(crate) format: &'static Format<'static>,
    pub(crate) named: Named,
}

impl Track {
    pub(crate) const fn kind(&self) -> TrackKind {
        self.format.codec.kind()
    }
}

/// What a section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Live(OfferedStream),
    /// Its track has ended. Only the same participant's next one comes here: there are clients that play
    /// nothing of another's in a section that they know.
    Free(ConnectionId),
    /// It is offered with port 0, and that is not answered yet.
    Closing,
    /// Both sides have said port 0: it may come back as another section (RFC 8829, section 5.2.2).
    Closed,
}

/// A section of an offer. Its place among the others never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    pub(crate) mid: String,
    /// Of the track that it carries, or carried last.
    pub(crate) format: &'static Format<'static>,
    pub(crate) slot: Slot,
}

impl OfferedSection {
    pub(crate) const fn kind(&self) -> TrackKind {
        self.format.codec.kind()
    }

    /// Whether it is offered with port 0.
    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.slot, Slot::Closing | Slot::Closed)
    }

    /// The track that it carries.
    pub(crate) const fn stream(&self) -> Option<&OfferedStream> {
        match &self.slot {
            Slot::Live(stream) => Some(stream),
            Slot::Free(_) | Slot::Closing | Slot::Closed => None,
        }
    }
}

/// What became of the tracks that were to be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fitted {
    /// The sections are other ones than before.
    pub(crate) has_changed: bool,
    /// There was no room for some: there is after the next answer.
    pub(crate) is_waiting: bool,
}

/// The sections of the offers to one participant.
#[derive(Debug, Default)]
pub(crate) struct OfferedSections {
    sections: Vec<OfferedSection>,
    /// Mids that were given: none comes twice.
    named: u64,
}

impl OfferedSections {
    pub(crate) fn as_slice(&self) -> &[OfferedSection] {
        &self.sections
    }

    /// Fits the sections to the tracks that there are, with never more than `most` sections of a kind, and
    /// one. New streams get their numbers from `number`.
    pub(crate) fn fit(
        &mut self,
        mut tracks: Vec<Track>,
        most: usize,
        mut number: impl FnMut(Track) -> OfferedStream,
    ) -> Fitted {
        let mut has_changed = self.free(&tracks);
        let known: BTreeSet<PublicationId> =
            self.sections.iter().filter_map(|it| Some(it.stream()?.publication)).collect();
        tracks.retain(|track| !known.contains(&track.publication));
        tracks.sort_unstable_by_key(|track| track.number);
        let mut is_waiting = false;
        for track in tracks {
            match self.place(track, most) {
                Some(section) => {
                    section.slot = Slot::Live(number(track));
                    has_changed = true;
                }
                None => {
                    is_waiting = true;
                    has_changed |= self.make_room(track.kind());
                }
            }
        }
        Fitted { has_changed, is_waiting }
    }

    /// Frees the sections of tracks that have ended, and closes those that are free if their owner has
    /// no tracks any more. The first stays: with it the transport would end (RFC 8843, section 7.5.3).
    fn free(&mut self, tracks: &[Track]) -> bool {
        let publications: BTreeSet<PublicationId> = tracks.iter().map(|track| track.publication).collect();
        let owners: BTreeSet<ConnectionId> = tracks.iter().map(|track| track.from).collect();
        let mut has_changed = false;
        for (index, section) in self.sections.iter_mut().enumerate() {
            if let Slot::Live(stream) = section.slot
                && !publications.contains(&stream.publication)
            {
                section.slot = Slot::Free(stream.from);
                has_changed = true;
            }
            if let Slot::Free(owner) = section.slot
                && index > 0
                && !owners.contains(&owner)
            {
                section.slot = Slot::Closing;
                has_changed = true;
            }
        }
        has_changed
    }

    /// A section for a track: one that its owner had for another of this format, one that has been closed,
    /// or a new one.
    fn place(&mut self, track: Track, most: usize) -> Option<&mut OfferedSection> {
        let Track { from, format, .. } = track;
        let of_kind = |section: &OfferedSection| section.kind() == track.kind();
        let own = |it: &OfferedSection| it.format == format && it.slot == Slot::Free(from);
        let own = self.sections.iter().position(own);
        let closed = || self.sections.iter().position(|it| of_kind(it) && it.slot == Slot::Closed);
        if let Some(index) = own {
            return self.sections.get_mut(index);
        }
        if let Some(index) = closed() {
            let mid = self.name();
            let section = self.sections.get_mut(index)?;
            (section.mid, section.format) = (mid, format);
            return Some(section);
        }
        // The first one cannot be closed, so it does not count once it carries nothing.
        let idle = self.sections.first().filter(|it| of_kind(it) && it.stream().is_none());
        let count = self.sections.iter().filter(|it| of_kind(it)).count();
        if count >= most.saturating_add(idle.into_iter().count()) {
            return None;
        }
        let mid = self.name();
        self.sections.push(OfferedSection { mid, format, slot: Slot::Closed });
        self.sections.last_mut()
    }

    /// Closes one that is kept for its owner, so that somebody else's track finds room next time.
    fn make_room(&mut self, kind: TrackKind) -> bool {
        let mut kept = self.sections.iter_mut().skip(1);
        let kept = kept.find(|section| section.kind() == kind && matches!(section.slot, Slot::Free(_)));
        kept.map(|section| section.slot = Slot::Closing).is_some()
    }

    fn name(&mut self) -> String {
        let mid = self.named.to_string();
        self.named = self.named.saturating_add(1);
        mid
    }

    /// Goes by an answer to the newest offer: what it takes, as `taken` says, is handed to `accept`. What it
    /// does not accept gets other numbers, under which it is offered next: what is taken again is a new
    /// stream, whose receiver and sender both count it from its beginning.
    pub(crate) fn settle(
        &mut self,
        taken: impl Fn(&OfferedSection) -> Option<Taken>,
        mut accept: impl FnMut(OfferedStream),
        mut renumber: impl FnMut(OfferedStream) -> OfferedStream,
    ) {
        for section in &mut self.sections {
            let taken = taken(section);
            match &mut section.slot {
                Slot::Live(stream) if taken.is_some() => {
                    stream.taken = taken;
                    accept(*stream);
                }
                Slot::Live(stream) => *stream = renumber(*stream),
                slot @ Slot::Closing => *slot = Slot::Closed,
                Slot::Free(_) | Slot::Closed => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
