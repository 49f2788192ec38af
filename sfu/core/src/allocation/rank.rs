//! Which picture goes before which.

use super::Demand;
use common::protocol::media::{TrackPriority, TrackSource};
use std::cmp::Reverse;

/// What pictures have in common that get better in turns: the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    priority: Reverse<TrackPriority>,
    is_camera: bool,
    is_silent: bool,
}

/// The turn of a picture where only so many are wanted: the most important first, and of those that are alike who has
/// spoken last. What does not come at all takes no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn<K> {
    is_missing: bool,
    class: Class,
    spoke: Reverse<u64>,
    rank: Rank<K>,
}

impl<K: Copy> Turn<K> {
    /// The turn of the picture of this rank.
    pub(super) const fn of(demand: &Demand<K>, rank: Rank<K>, is_missing: bool) -> Self {
        Self { is_missing, class: rank.class, spoke: Reverse(demand.spoke), rank }
    }
}

/// The place of a picture among the others of a subscriber: the most important first. Of those in one class the
/// largest goes first, by powers of two: a picture whose edge moves by a pixel keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<K> {
    pub(super) class: Class,
    area: Reverse<u32>,
    key: K,
}

impl<K: Copy> Rank<K> {
    /// That of the picture.
    pub(super) const fn key(&self) -> K {
        self.key
    }
}

/// The rank of a picture.
pub(super) fn of<K: Copy>(demand: &Demand<K>) -> Rank<K> {
    let class = Class {
        priority: Reverse(demand.wish.priority),
        is_camera: demand.source != TrackSource::Screen,
        is_silent: !demand.is_speaking,
    };
    let area = demand.wish.size.map_or(u32::MAX, |size| {
        u32::from(size.width).saturating_mul(size.height.into()).checked_ilog2().unwrap_or(0)
    });
    Rank { class, area: Reverse(area), key: demand.key }
}
