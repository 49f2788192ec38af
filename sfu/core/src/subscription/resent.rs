//! What a subscriber was sent again a moment ago.

use crate::{buffer::PICTURE_PACKETS, rtp::sequence::SeqNo};
use std::time::{Duration, Instant};

/// When each packet that is still there was sent again last.
///
/// One place for each place of the track's buffer, so that none is forgotten before its packet is.
#[derive(Debug, Default)]
pub(super) struct Resent {
    /// None before the first, for most never ask.
    places: Vec<Option<(SeqNo, Instant)>>,
}

impl Resent {
    fn place(sequence: SeqNo) -> usize {
        let length = u64::try_from(PICTURE_PACKETS).unwrap_or(1);
        usize::try_from(sequence.extended().checked_rem(length).unwrap_or(0)).unwrap_or(0)
    }

    /// Whether a packet was sent again less than `interval` ago.
    pub(super) fn is_recent(&self, sequence: SeqNo, interval: Duration, now: Instant) -> bool {
        let last = self.places.get(Self::place(sequence)).copied().flatten();
        let last = last.filter(|(of, _)| *of == sequence);
        last.is_some_and(|(_, at)| now.saturating_duration_since(at) < interval)
    }

    /// Notes that a packet is sent again.
    pub(super) fn note(&mut self, sequence: SeqNo, now: Instant) {
        if self.places.is_empty() {
            self.places.resize(PICTURE_PACKETS, None);
        }
        if let Some(place) = self.places.get_mut(Self::place(sequence)) {
            *place = Some((sequence, now));
        }
    }
}
