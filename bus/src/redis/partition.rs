//! Partitions: into which all that the bus has in Redis is divided.
//!
//! A Redis Cluster divides keys and channels into 16,384 slots, and each of its servers owns some; a script may use keys of
//! one slot alone. So what belongs together has the same tag (the part of a key in braces, which alone decides on the slot),
//! and there are few tags, so that each instance can say in each that it lives. It is the same on a single server: a
//! Redis may become a cluster without another key.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>

use std::sync::LazyLock;

/// How many partitions there are.
///
/// More would be of use to clusters of more servers than this; each costs each instance a write in three seconds and
/// a subscription. All instances must agree on it.
pub(crate) const PARTITIONS: u8 = 64;

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// Slots in a row, of which one partition's tag has one: servers that own equally many slots own equally many partitions.
const SLOTS_EACH: u16 = SLOTS / PARTITIONS as u16;

/// One of [`PARTITIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Partition(u8);

/// By partition, its tag: the smallest number whose slot is among the partition's.
static TAGS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let tag = |partition: Partition| (0..).find(|tag: &u32| partition.contains(slot(&tag.to_string())));
    Partition::all().filter_map(tag).collect()
});

impl Partition {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    /// The one that something of this name lies in.
    pub(crate) fn of(name: &str) -> Self {
        // The remainder is below 64.
        Self(u8::try_from(slot(name) % u16::from(PARTITIONS)).unwrap_or_default())
    }

    /// What keys and channels have in braces.
    pub(crate) fn tag(self) -> u32 {
        TAGS.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The slot of its keys and channels.
    pub(crate) fn slot(self) -> u16 {
        slot(&self.tag().to_string())
    }

    const fn contains(self, slot: u16) -> bool {
        slot / SLOTS_EACH == self.0 as u16
    }
}

/// CRC-16/XMODEM of a tag, modulo the number of slots, as the specification of clusters has it.
fn slot(tag: &str) -> u16 {
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

/// Some of the partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Partitions(u64);

impl Partitions {
    pub(crate) const ALL: Self = Self(u64::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn contains(self, partition: Partition) -> bool {
        self.0 & (1 << partition.0) != 0
    }

    pub(crate) const fn insert(&mut self, partition: Partition) {
        self.0 |= 1 << partition.0;
    }

    pub(crate) const fn remove(&mut self, partition: Partition) {
        self.0 &= !(1 << partition.0);
    }

    /// Those that are not in `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that are in `other`, too.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Partition> {
        Partition::all().filter(move |partition| self.contains(*partition))
    }
}

impl FromIterator<Partition> for Partitions {
    fn from_iter<I: IntoIterator<Item = Partition>>(partitions: I) -> Self {
        let mut some = Self::NONE;
        partitions.into_iter().for_each(|partition| some.insert(partition));
        some
    }
}

/// One `T` for each partition.
pub(crate) struct ByPartition<T>(Vec<T>);

impl<T> ByPartition<T> {
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self(Partition::all().map(|_| make()).collect())
    }

    #[expect(clippy::indexing_slicing, reason = "there is one for each partition, by construction")]
    pub(crate) fn of(&self, partition: Partition) -> &T {
        &self.0[usize::from(partition.0)]
    }

    #[expect(clippy::indexing_slicing, reason = "there is one for each partition, by construction")]
    pub(crate) fn of_mut(&mut self, partition: Partition) -> &mut T {
        &mut self.0[usize::from(partition.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The check value of CRC-16/XMODEM, and what `CLUSTER KEYSLOT` of a real server says.
    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!((slot("foo"), slot("bar"), slot("")), (12_182, 5_061, 0));
    }

    #[test]
    fn tags_are_spread_evenly_over_the_slots() {
        for (at, partition) in Partition::all().enumerate() {
            assert_eq!(usize::from(partition.slot()) / usize::from(SLOTS_EACH), at);
        }
        assert_eq!(TAGS.len(), usize::from(PARTITIONS));
    }

    #[test]
    fn what_is_named_is_spread_over_all_partitions() {
        let mut counts: BTreeMap<Partition, u32> = BTreeMap::new();
        for number in 0..64_000 {
            *counts.entry(Partition::of(&format!("hub.room.{number}"))).or_default() += 1;
        }
        assert_eq!(counts.len(), usize::from(PARTITIONS));
        assert!(counts.values().all(|count| (700..1_300).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_set_of_partitions_has_what_was_put_in_and_not_taken_out() {
        let mut some: Partitions = Partition::all().take(3).collect();
        assert_eq!((some.count(), Partitions::ALL.count()), (3, 64));
        some.remove(Partition(1));
        assert_eq!(some.iter().collect::<Vec<_>>(), [Partition(0), Partition(2)]);
        let rest = Partitions::ALL.without(some);
        assert!(rest.and(some).is_empty() && rest.contains(Partition(1)) && !rest.contains(Partition(2)));
    }
}
