//! Fills a budget with layers.

use super::{
    Decision, Demand, ENOUGH_SHARE, Layer, Supply,
    ladder::{Ladder, Rung},
    rank::Rank,
};
use crate::bandwidth::Bitrate;
use common::protocol::media::LayerReason;
use std::time::Instant;

/// A picture that competes for bandwidth. Levels count the rungs of its ladder; 0 is nothing.
#[derive(Debug)]
pub(super) struct Candidate<K> {
    pub(super) rank: Rank<K>,
    /// Its place among the demands.
    pub(super) at: usize,
    pub(super) ladder: Ladder,
    /// The level that it had.
    pub(super) held: usize,
    /// The most that it may have without a rise.
    pub(super) ceiling: usize,
    /// It comes in one encoding: there is nothing smaller to give way to.
    pub(super) is_single: bool,
    /// Its smallest layer is kept even if there is less.
    pub(super) is_kept: bool,
    /// As many as are wanted at most go before it.
    pub(super) is_left_out: bool,
    /// Since when there has been less, if there still is.
    pub(super) excessive_since: Instant,
    /// There was less when it was [filled](Filling::Kept) last.
    pub(super) is_excessive: bool,
    /// The level that it has without a rise.
    pub(super) kept: usize,
    /// The level that it was [filled](fill) to.
    pub(super) level: usize,
}

impl<K> Candidate<K> {
    /// The highest level that it may be filled to.
    fn most(&self, filling: Filling) -> usize {
        match filling {
            _ if self.is_left_out => 0,
            Filling::Kept => self.ceiling,
            Filling::Risen => self.ladder.len(),
        }
    }
}

impl<K: Copy> Candidate<K> {
    /// What is sent at this level, and why no more.
    pub(super) fn decide(&self, demand: &Demand<K>, rungs: &[Rung], level: usize) -> Decision<K> {
        let desired = self.ladder.layer(rungs, level);
        let target = desired.and_then(|desired| sendable(demand, desired));
        let reason = if self.ladder.len() == 0 {
            LayerReason::NotSent
        } else if self.is_left_out {
            LayerReason::LastN
        } else if level < self.ladder.len() {
            LayerReason::Bandwidth
        } else if target != desired {
            LayerReason::NotSent
        } else if self.ladder.is_cut {
            LayerReason::Size
        } else {
            LayerReason::Best
        };
        Decision { key: demand.key, target, desired, reason }
    }
}

/// What comes now of a layer: the same, or all of the next smaller encoding that comes.
fn sendable<K>(demand: &Demand<K>, desired: Layer) -> Option<Layer> {
    let mut encodings = (0..=desired.encoding).zip(&demand.encodings);
    let (encoding, known) = encodings.rfind(|(_, known)| known.supply == Supply::Sent)?;
    if encoding == desired.encoding {
        return Some(desired);
    }
    let temporal = u8::try_from(known.layers().saturating_sub(1)).unwrap_or(0);
    Some(Layer { encoding, temporal })
}

/// To what levels are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// What may stay as it is, and what nothing held back, up to the ceiling of each.
    Kept,
    /// Whatever there is room for.
    Risen,
}

/// Sets the levels to what fits into a budget: the smallest layer of each in order, then class by class, within a class
/// in turns. What does not fit is passed over, and what comes after it tried.
pub(super) fn fill<K>(candidates: &mut [Candidate<K>], rungs: &[Rung], budget: Bitrate, filling: Filling) {
    let mut left = budget.bits_per_second();
    for candidate in candidates.iter_mut() {
        candidate.level = 0;
        raise_first(candidate, rungs, &mut left, filling);
    }
    let mut raise = |candidate: &mut Candidate<K>| {
        let next = candidate.level.saturating_add(1);
        let has = candidate.ladder.rate(rungs, candidate.level).bits_per_second();
        let more = candidate.ladder.rate(rungs, next).bits_per_second().saturating_sub(has);
        let fits = next <= candidate.most(filling) && more <= left;
        if fits {
            left = left.saturating_sub(more);
            candidate.level = next;
        }
        fits
    };
    for class in candidates.chunk_by_mut(|one, other| one.rank.class == other.rank.class) {
        let mut is_any_raised = true;
        while is_any_raised {
            is_any_raised = false;
            for candidate in class.iter_mut().filter(|candidate| candidate.level > 0) {
                is_any_raised |= raise(candidate);
            }
        }
    }
}

/// Gives a picture its smallest layer, if there is room for it or it is to be kept all the same. One of a single encoding
/// takes nothing from the others then: it is not what is too much for long.
fn raise_first<K>(candidate: &mut Candidate<K>, rungs: &[Rung], left: &mut u64, filling: Filling) {
    if candidate.most(filling) == 0 {
        return;
    }
    let rate = candidate.ladder.rate(rungs, 1);
    let is_kept = filling == Filling::Kept && candidate.is_kept;
    let needed =
        if filling == Filling::Kept && candidate.is_single { rate.times(ENOUGH_SHARE) } else { rate };
    let fits = needed.bits_per_second() <= *left;
    if filling == Filling::Kept {
        candidate.is_excessive = !fits;
    }
    if fits || (is_kept && !candidate.is_single) {
        *left = left.saturating_sub(rate.bits_per_second());
    }
    candidate.level = usize::from(fits || is_kept);
}

/// Whether the levels are better than those that are kept: whether the first step in which they differ, in the order
/// in which a budget is filled, is one that they have.
pub(super) fn is_better<K>(candidates: &[Candidate<K>]) -> bool {
    let is_shown = candidates.iter().map(|candidate| (candidate.kept > 0, candidate.level > 0));
    let is_at =
        |level: usize| move |candidate: &Candidate<K>| (candidate.kept >= level, candidate.level >= level);
    let better = candidates.chunk_by(|one, other| one.rank.class == other.rank.class).flat_map(|class| {
        let most = class.iter().map(|candidate| candidate.kept.max(candidate.level)).max().unwrap_or(0);
        (2..=most).flat_map(move |level| class.iter().map(is_at(level)))
    });
    let mut steps = is_shown.chain(better);
    steps.find(|(kept, risen)| kept != risen).is_some_and(|(_, risen)| risen)
}
