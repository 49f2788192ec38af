//! Which packets have been opened, so that none is opened twice (RFC 3711, section 3.3.2).

/// Streams of one transport that are remembered at once, for RTP and for RTCP.
///
/// Only packets that open are remembered, so a stranger takes no place; who has
/// the keys could invent streams, and then loses the memory of its own. Fewer
/// would forget a stream that rests while others come and go: if its counter has
/// wrapped it does not open again (RFC 3711, section 3.3.1).
pub(crate) const STREAMS_MAX: usize = 64;

/// Packets by which one may be late (RFC 3711, section 3.3.2: at least 64).
const WINDOW: u64 = 128;

/// The numbers of one stream that have been seen.
#[derive(Debug, Clone, Copy)]
struct Window {
    ssrc: u32,
    highest: u64,
    /// Bit `n`: `highest - n` has been seen.
    seen: u128,
    /// When it was last written to, by the count of packets; zero once the stream has ended.
    used: u64,
}

impl Window {
    const fn is_new(&self, number: u64) -> bool {
        match self.highest.checked_sub(number) {
            None => true,
            Some(behind) => behind < WINDOW && self.seen & bit(behind) == 0,
        }
    }

    const fn note(&mut self, number: u64) {
        if let Some(behind) = self.highest.checked_sub(number) {
            self.seen |= bit(behind);
        } else {
            let ahead = number.saturating_sub(self.highest);
            self.seen = if ahead < WINDOW { self.seen.unbounded_shl(low(ahead)) | 1 } else { 1 };
            self.highest = number;
        }
    }
}

/// Bit `n`; none if there is no such bit.
const fn bit(n: u64) -> u128 {
    if n < WINDOW { 1_u128.unbounded_shl(low(n)) } else { 0 }
}

#[expect(clippy::cast_possible_truncation, reason = "below the width of the window")]
const fn low(n: u64) -> u32 {
    n as u32
}

/// The streams that are remembered, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// In the order of their SSRCs.
    known: Vec<Window>,
    packets: u64,
}

/// Where a stream is remembered, or would be: valid until the next packet is noted.
pub(super) type Place = Result<usize, usize>;

impl Windows {
    /// Streams that are remembered.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) const fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn find(&self, ssrc: u32) -> Place {
        self.known.binary_search_by_key(&ssrc, |window| window.ssrc)
    }

    /// The highest number of a stream.
    pub(super) fn highest(&self, place: Place) -> Option<u64> {
        self.known.get(place.ok()?).map(|window| window.highest)
    }

    /// Whether a number has not been seen, as far as can be told.
    pub(super) fn is_new(&self, place: Place, number: u64) -> bool {
        place.ok().and_then(|at| self.known.get(at)).is_none_or(|window| window.is_new(number))
    }

    /// Notes a packet that has been opened. A stream that is new takes the place of one that has ended, or of
    /// the one that was silent for longest, if there are too many.
    pub(super) fn note(&mut self, place: Place, ssrc: u32, number: u64) {
        self.packets = self.packets.wrapping_add(1);
        match place {
            Ok(at) => {
                if let Some(window) = self.known.get_mut(at) {
                    window.note(number);
                    window.used = self.packets;
                }
            }
            Err(at) => {
                let new = Window { ssrc, highest: number, seen: 1, used: self.packets };
                let at = self.make_room(at);
                self.known.insert(at.min(self.known.len()), new);
            }
        }
    }

    /// Makes room for one more; where the one that was to stand at this place stands then.
    fn make_room(&mut self, at: usize) -> usize {
        if self.known.len() < STREAMS_MAX {
            return at;
        }
        let oldest = self.known.iter().enumerate().min_by_key(|(_, window)| window.used);
        let Some((oldest, _)) = oldest else { return at };
        self.known.remove(oldest);
        if oldest < at { at.saturating_sub(1) } else { at }
    }

    /// A stream has ended: its place is the first to be taken. Until then its packets stay seen.
    pub(super) fn retire(&mut self, ssrc: u32) {
        if let Some(window) = self.find(ssrc).ok().and_then(|at| self.known.get_mut(at)) {
            window.used = 0;
        }
    }
}
