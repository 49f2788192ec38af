//! Who gets which layer: divides what a subscriber's network carries over the tracks that it receives.
//!
//! One [`Allocator`] per transport towards a subscriber, asked about ten times a second. Voices come first, and are
//! never paused: what they send is taken off the estimate, with room for one more to begin where some are silent.
//! What is left goes to pictures, in the order of [`rank`]: first the smallest layer of each, then better ones, those
//! ranked alike in turns, and never more than is seen at the size at which each is shown.
//!
//! ```text
//! demands ──► ladders: the layers worth sending, by rate ──► kept: what was sent, as far as the estimate carries it
//!                                                      └───► risen: the best, within what was there for a while
//! ```
//!
//! What the network no longer carries is given up at once. More is sent only if the least of the last
//! [`HOLD_TIME`] carries it with a margin, and after a rise that had to be taken back only when its patience is
//! over: an estimate that swings by a tenth changes nothing, and one that falls because more is sent is not tried for
//! ever. What no lack of bandwidth has held back (a picture that comes into view) needs no patience.
//!
//! A picture that comes in one encoding has nothing smaller to give way to: it is paused only where it takes clearly
//! more than there is, and has for a while. While an estimate still [settles](Pausing::Settling) no picture is paused
//! for it.

mod demand;
mod floor;
mod ladder;
mod plan;
mod rank;
#[cfg(test)]
mod tests;

pub use demand::{Demand, ENCODINGS_MAX, Encoding, Layer, Size, Supply, TEMPORAL_LAYERS_MAX, Wish};
pub use floor::HOLD_TIME;

use crate::{bandwidth::Bitrate, moment::after};
use common::protocol::media::{LayerReason, TrackKind};
use floor::Floor;
use ladder::{Ladder, Rung};
use plan::Candidate;
use rank::Turn;
use std::time::{Duration, Instant};

/// The share of the estimate that must be left over when more is sent than before.
///
/// More wastes what is there; less than what an estimate swings by makes pictures change with it.
const RISE_MARGIN: f64 = 0.1;

/// A rise that is taken back within this time came too early.
const TRIAL_TIME: Duration = Duration::from_secs(10);

/// How long nothing rises after something fell, at first and at most: it doubles with each rise that came too early.
const PATIENCE_MIN: Duration = HOLD_TIME;
const PATIENCE_MAX: Duration = Duration::from_secs(16);

/// A picture of one encoding is too much where there is less than this share of what it takes.
///
/// More pauses pictures that nearly fit; less lets the network lose what is too much.
const ENOUGH_SHARE: f64 = 0.8;

/// For how long a picture of one encoding may be too much before it is paused: it may be a scene that changes, or an
/// estimate that comes back.
const OVERLOAD_TIME: Duration = HOLD_TIME;

/// What somebody who speaks sends: Opus at 32 kbit/s in packets of 20 ms, with the headers of RTP and SRTP.
const VOICE: Bitrate = Bitrate::from_bits_per_second(48_000);

/// Who sends less is silent for now (discontinuous transmission, RFC 7587, section 3.1.3).
const SILENCE: Bitrate = Bitrate::from_bits_per_second(16_000);

/// What is to be sent of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<K> {
    /// That of the [`Demand`].
    pub key: K,
    /// What is to be forwarded; `None`: nothing for now.
    pub target: Option<Layer>,
    /// What would be, if its publisher sent it: it is to be asked to.
    pub desired: Option<Layer>,
    /// Why it is no more.
    pub reason: LayerReason,
}

/// Whether pictures are paused for lack of bandwidth. What is not sent at all cannot be made smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pausing {
    /// The smallest layer of each is sent, whatever the estimate is.
    Never,
    /// The estimate is a first guess: what is sent stays, and of others as many begin as it has room for, at least one.
    Settling,
    /// As the estimate says.
    #[default]
    Always,
}

/// Divides one transport's bandwidth. See the [module](self).
#[derive(Debug)]
pub struct Allocator<K> {
    /// Those of the last call, in the order of their keys.
    decisions: Vec<Decision<K>>,
    /// Buffers, which are used again.
    candidates: Vec<Candidate<K>>,
    rungs: Vec<Rung>,
    next: Vec<Decision<K>>,
    /// Pictures that are sent though they are too much, in the order of their keys, and since when.
    excessive: Vec<(K, Instant)>,
    floor: Floor,
    pausing: Pausing,
    last_n: Option<usize>,
    wanted: Bitrate,
    rose_at: Option<Instant>,
    /// Before that nothing rises.
    waits_until: Option<Instant>,
    patience: Duration,
}

impl<K> Default for Allocator<K> {
    fn default() -> Self {
        Self {
            decisions: Vec::new(),
            candidates: Vec::new(),
            rungs: Vec::new(),
            next: Vec::new(),
            excessive: Vec::new(),
            floor: Floor::default(),
            pausing: Pausing::default(),
            last_n: None,
            wanted: Bitrate::ZERO,
            rose_at: None,
            waits_until: None,
            patience: PATIENCE_MIN,
        }
    }
}

impl<K: Copy + Ord> Allocator<K> {
    /// Whether pictures are paused for lack of bandwidth from now on.
    pub const fn set_pausing(&mut self, pausing: Pausing) {
        self.pausing = pausing;
    }

    /// So many pictures are sent at most from now on.
    pub const fn set_last_n(&mut self, last_n: Option<usize>) {
        self.last_n = last_n;
    }

    /// What is to be sent of each track, in the order of their keys, over a network that carries `estimate`.
    ///
    /// Pictures take no more than voices leave of it, but for those that are not paused yet. No key may be there twice.
    pub fn allocate(&mut self, estimate: Bitrate, demands: &[Demand<K>], now: Instant) -> &[Decision<K>] {
        let voices = reserved(demands);
        let budget = less(estimate, voices);
        self.line_up(demands, now);
        self.leave_out(demands);
        let floor = less(self.floor.note(budget, now), estimate.times(RISE_MARGIN));
        plan::fill(&mut self.candidates, &self.rungs, budget, plan::Filling::Kept);
        self.note_excessive();
        for candidate in &mut self.candidates {
            candidate.kept = candidate.level;
        }
        if self.candidates.iter().any(|candidate| candidate.kept < candidate.held && !candidate.is_left_out) {
            self.fall(now);
        }
        plan::fill(&mut self.candidates, &self.rungs, floor, plan::Filling::Risen);
        let waits = self.waits_until.is_some_and(|until| now < until);
        let rises = !waits && plan::is_better(&self.candidates);
        if rises {
            self.rose_at = Some(now);
            self.waits_until = Some(after(now, HOLD_TIME));
        }
        self.decide(demands, rises);
        self.wanted = self.candidates.iter().filter(|candidate| !candidate.is_left_out).fold(
            voices,
            |sum, candidate| {
                let all = candidate.ladder.rate(&self.rungs, candidate.ladder.len());
                Bitrate::from_bits_per_second(sum.bits_per_second().saturating_add(all.bits_per_second()))
            },
        );
        &self.decisions
    }

    /// What would be sent if the network carried everything, as of the last call: so far it is worth being probed.
    pub const fn wanted(&self) -> Bitrate {
        self.wanted
    }

    /// What is sent of each track since the last call, in the order of their keys.
    pub fn decisions(&self) -> &[Decision<K>] {
        &self.decisions
    }

    /// Ranks the pictures that may be sent, each with what is worth sending of it.
    fn line_up(&mut self, demands: &[Demand<K>], now: Instant) {
        self.candidates.clear();
        self.rungs.clear();
        for (at, demand) in demands.iter().enumerate() {
            if demand.source.kind() == TrackKind::Audio || !demand.wish.is_shown() {
                continue;
            }
            let ladder = Ladder::build(demand, &mut self.rungs);
            let known = self.decisions.binary_search_by_key(&demand.key, |decision| decision.key);
            let before = known.ok().and_then(|known| self.decisions.get(known));
            let held = before.and_then(|before| before.desired);
            let held = held.map_or(0, |layer| ladder.up_to(&self.rungs, layer));
            // Whatever bandwidth did not hold back may be had as soon as there is room for it.
            let is_bound = before.is_some_and(|before| before.reason == LayerReason::Bandwidth);
            let least = usize::from(self.pausing == Pausing::Settling).min(ladder.len());
            let ceiling = if is_bound { held.max(least) } else { ladder.len() };
            // Before it is known what a picture takes it has begun.
            let is_begun = held > 0 || before.is_some_and(|before| before.reason == LayerReason::NotSent);
            let is_single = demand.is_single();
            let known = self.excessive.binary_search_by_key(&demand.key, |(key, _)| *key).ok();
            let since = known.and_then(|known| self.excessive.get(known)).map_or(now, |(_, since)| *since);
            let is_tolerated = is_single && now.saturating_duration_since(since) < OVERLOAD_TIME;
            self.candidates.push(Candidate {
                rank: rank::of(demand),
                at,
                ladder,
                held,
                ceiling,
                is_single,
                is_kept: match self.pausing {
                    Pausing::Never => true,
                    Pausing::Settling => is_begun || is_tolerated,
                    Pausing::Always => is_tolerated,
                },
                is_left_out: false,
                excessive_since: since,
                is_excessive: false,
                kept: 0,
                level: 0,
            });
        }
        self.candidates.sort_unstable_by_key(|candidate| candidate.rank);
        // Where there are voices alone nothing would show that there is room for more.
        let first = self.candidates.iter_mut().find(|candidate| candidate.ladder.len() > 0);
        if let Some(first) = first.filter(|_| self.pausing == Pausing::Settling) {
            first.is_kept = true;
        }
    }

    /// Leaves those pictures out for which there is no turn.
    fn leave_out(&mut self, demands: &[Demand<K>]) {
        let Some(last_n) = self.last_n.filter(|last_n| *last_n < self.candidates.len()) else { return };
        self.candidates.sort_unstable_by_key(|candidate| {
            let is_missing = candidate.ladder.len() == 0;
            demands.get(candidate.at).map(|demand| Turn::of(demand, candidate.rank, is_missing))
        });
        self.candidates.iter_mut().skip(last_n).for_each(|candidate| candidate.is_left_out = true);
        self.candidates.sort_unstable_by_key(|candidate| candidate.rank);
    }

    /// Notes which pictures take more than there is, and since when.
    fn note_excessive(&mut self) {
        self.excessive.clear();
        let excessive = self.candidates.iter().filter(|it| it.is_excessive && it.level > 0);
        self.excessive.extend(excessive.map(|it| (it.rank.key(), it.excessive_since)));
        self.excessive.sort_unstable_by_key(|(key, _)| *key);
    }

    /// Something has to be given up: what rose a moment ago did so too early, and the next rise waits for longer.
    fn fall(&mut self, now: Instant) {
        let rose = self.rose_at.take();
        let is_early = rose.is_some_and(|rose| now.saturating_duration_since(rose) < TRIAL_TIME);
        self.patience =
            if is_early { self.patience.saturating_mul(2).min(PATIENCE_MAX) } else { PATIENCE_MIN };
        self.waits_until = Some(after(now, self.patience));
    }

    fn decide(&mut self, demands: &[Demand<K>], rises: bool) {
        self.next.clear();
        let without = demands
            .iter()
            .filter(|demand| demand.source.kind() == TrackKind::Audio || !demand.wish.is_shown());
        self.next.extend(without.map(simple));
        for candidate in &self.candidates {
            let Some(demand) = demands.get(candidate.at) else { continue };
            let level = if rises { candidate.level } else { candidate.kept };
            self.next.push(candidate.decide(demand, &self.rungs, level));
        }
        self.next.sort_unstable_by_key(|decision| decision.key);
        std::mem::swap(&mut self.decisions, &mut self.next);
    }

    /// The memory that it has, in entries of its buffers.
    #[cfg(test)]
    fn capacity(&self) -> [usize; 5] {
        let mut both = [self.decisions.capacity(), self.next.capacity()];
        both.sort_unstable();
        let [less, more] = both;
        [less, more, self.candidates.capacity(), self.rungs.capacity(), self.excessive.capacity()]
    }
}

/// What is left of a rate.
fn less(rate: Bitrate, taken: Bitrate) -> Bitrate {
    Bitrate::from_bits_per_second(rate.bits_per_second().saturating_sub(taken.bits_per_second()))
}

/// What becomes of a voice, and of a picture that nobody sees: it does not depend on bandwidth.
fn simple<K: Copy>(demand: &Demand<K>) -> Decision<K> {
    let reason = if !demand.wish.is_enabled {
        LayerReason::Disabled
    } else if demand.source.kind() == TrackKind::Video {
        LayerReason::Hidden
    } else {
        LayerReason::Best
    };
    let layer = (reason == LayerReason::Best).then_some(Layer { encoding: 0, temporal: 0 });
    Decision { key: demand.key, target: layer, desired: layer, reason }
}

/// What voices take: what they send, and as much as one of them would who begins to speak.
fn reserved<K>(demands: &[Demand<K>]) -> Bitrate {
    let voices = demands
        .iter()
        .filter(|demand| demand.source.kind() == TrackKind::Audio && demand.wish.is_enabled)
        .map(|demand| demand.encodings[0].rate());
    let (sum, is_any_silent) = voices.fold((0_u64, false), |(sum, is_any_silent), rate| {
        (sum.saturating_add(rate.bits_per_second()), is_any_silent || rate < SILENCE)
    });
    let spare = if is_any_silent { VOICE.bits_per_second() } else { 0 };
    Bitrate::from_bits_per_second(sum.saturating_add(spare))
}
