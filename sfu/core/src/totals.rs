//! What all tracks together have carried, and how well they were received: for an operator's metrics.
//!
//! It is counted about once a second from what each track knows of itself, and when the track ends: no packet costs more
//! for it, and what is kept does not grow with how many tracks there are.

use common::protocol::media::TrackKind;

/// How many receptions are kept until they are [taken](crate::Engine::take_receptions); those that come then are left out.
///
/// More say more exactly how well a shard with thousands of streams is received; each takes 40 bytes.
const RECEPTIONS_MAX: usize = 4096;

/// Packets of a stream that count as lost at most, each time it is counted.
///
/// A sender that leaves out more has begun its numbers anew, and a receiver that says more tells what is not so.
const LOST_MAX: u64 = 512;

/// A stream whose packets come less evenly counts as this uneven, in seconds: receivers say it, who may say anything.
const JITTER_MAX: f64 = 10.0;

/// Something of sound, and of pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByKind<T> {
    /// Of sound.
    pub audio: T,
    /// Of pictures.
    pub video: T,
}

impl<T> ByKind<T> {
    const fn of_mut(&mut self, kind: TrackKind) -> &mut T {
        match kind {
            TrackKind::Audio => &mut self.audio,
            TrackKind::Video => &mut self.video,
        }
    }
}

/// What streams have carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Packets, without those that were sent again.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Packets that were missing when it was looked, and had not been the time before; some of them may have come later.
    pub lost: u64,
    /// Packets that the server has sent again.
    pub retransmitted: u64,
    /// Requests for missing packets, by whom they were to be sent to.
    pub nacks: u64,
    /// Requests for key frames, likewise.
    pub plis: u64,
    /// Key frames that have begun to come.
    pub key_frames: u64,
}

impl Carried {
    /// What is more than had been `counted`, which is then as much. Packets that were missing may become fewer; those that
    /// are missing from then on count again.
    pub(crate) fn uncounted(self, counted: &mut Self) -> Self {
        let more = |now: u64, before: &mut u64| {
            let more = now.saturating_sub(*before);
            *before = now.max(*before);
            more
        };
        Self {
            packets: more(self.packets, &mut counted.packets),
            bytes: more(self.bytes, &mut counted.bytes),
            lost: self.lost.saturating_sub(std::mem::replace(&mut counted.lost, self.lost)).min(LOST_MAX),
            retransmitted: more(self.retransmitted, &mut counted.retransmitted),
            nacks: more(self.nacks, &mut counted.nacks),
            plis: more(self.plis, &mut counted.plis),
            key_frames: more(self.key_frames, &mut counted.key_frames),
        }
    }

    const fn add(&mut self, more: Self) {
        self.packets = self.packets.wrapping_add(more.packets);
        self.bytes = self.bytes.wrapping_add(more.bytes);
        self.lost = self.lost.wrapping_add(more.lost);
        self.retransmitted = self.retransmitted.wrapping_add(more.retransmitted);
        self.nacks = self.nacks.wrapping_add(more.nacks);
        self.plis = self.plis.wrapping_add(more.plis);
        self.key_frames = self.key_frames.wrapping_add(more.key_frames);
    }

    /// The share that was lost of what was sent, if anything was.
    #[expect(clippy::cast_precision_loss, reason = "a share of what came within about a second")]
    fn fraction_lost(self) -> Option<f64> {
        let sent = self.packets.saturating_add(self.lost);
        (sent > 0).then(|| self.lost as f64 / sent as f64)
    }
}

/// Which way a stream goes, as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From its publisher to the server.
    Inbound,
    /// From the server to a subscriber.
    Outbound,
}

/// How a stream was received within about the last second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamReception {
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it is sound or a picture.
    pub kind: TrackKind,
    /// The share of its packets that was lost, from 0 to 1.
    pub fraction_lost: f64,
    /// The variation of arrival times, in seconds (RFC 3550, section 6.4.1).
    pub jitter: f64,
    /// How long the way there and back takes, in seconds, where that is known.
    pub round_trip: Option<f64>,
}

/// Of all tracks that there are, and that there were.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) inbound: ByKind<Carried>,
    pub(crate) outbound: ByKind<Carried>,
    pub(crate) receptions: Vec<StreamReception>,
}

impl Default for Totals {
    /// With room for all that it keeps, so that it is made once.
    fn default() -> Self {
        let (inbound, outbound) = (ByKind::default(), ByKind::default());
        Self { inbound, outbound, receptions: Vec::with_capacity(RECEPTIONS_MAX) }
    }
}

impl Totals {
    /// An encoding has carried so much more, with this jitter in seconds.
    pub(crate) fn count_inbound(&mut self, kind: TrackKind, more: Carried, jitter: f64) {
        self.inbound.of_mut(kind).add(more);
        if let Some(fraction_lost) = more.fraction_lost() {
            let direction = Direction::Inbound;
            self.note(StreamReception { direction, kind, fraction_lost, jitter, round_trip: None });
        }
    }

    /// A subscription has carried so much more, and its receiver has said this of it since.
    pub(crate) fn count_outbound(
        &mut self,
        kind: TrackKind,
        more: Carried,
        reception: Option<StreamReception>,
    ) {
        self.outbound.of_mut(kind).add(more);
        if let Some(reception) = reception {
            self.note(reception);
        }
    }

    /// Keeps it if there is room.
    fn note(&mut self, reception: StreamReception) {
        if self.receptions.len() < RECEPTIONS_MAX {
            self.receptions.push(StreamReception { jitter: reception.jitter.min(JITTER_MAX), ..reception });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missing_and_came_does_not_hide_what_is_missing_next() {
        let mut counted = Carried::default();
        let mut total = Carried::default();
        for (packets, lost) in [(10, 2), (20, 0), (25, 1), (30, 4)] {
            total.add(Carried { packets, lost, ..Carried::default() }.uncounted(&mut counted));
        }
        assert_eq!((total.packets, total.lost), (30, 2 + 1 + 3));
        assert_eq!(Carried::default().fraction_lost(), None);
        assert_eq!(Carried { packets: 3, lost: 1, ..Carried::default() }.fraction_lost(), Some(0.25));
    }

    #[test]
    fn nobody_fills_the_figures_by_what_they_say() {
        let mut totals = Totals::default();
        let said = Carried { packets: 1, lost: 8_388_607, ..Carried::default() };
        let more = said.uncounted(&mut Carried::default());
        totals.count_inbound(TrackKind::Video, more, f64::from(u32::MAX) / 48_000.0);
        assert_eq!((totals.inbound.video.lost, totals.receptions[0].jitter), (LOST_MAX, JITTER_MAX));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut totals = Totals::default();
        let more = Carried { packets: 1, ..Carried::default() };
        for _ in 0..2 * RECEPTIONS_MAX {
            totals.count_inbound(TrackKind::Audio, more, 0.001);
        }
        assert_eq!(totals.receptions.len(), RECEPTIONS_MAX);
        assert_eq!(totals.inbound.audio.packets, 2 * RECEPTIONS_MAX as u64);
    }
}
