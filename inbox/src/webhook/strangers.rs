//! How often somebody may name channels that do not exist, or forge what comes through one that does.
//!
//! Each such request costs a look-up in the store. Whoever has delivered through a channel before is not
//! counted: a provider sends for all channels from few addresses, and one channel that is set up wrongly must
//! not cost the others theirs.

use common::{
    address::ClientNetwork,
    bucket::{Bucket, Rate},
    id::ChannelId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Requests that name an unknown channel, per client's network.
///
/// More lets a provider go on longer with channels that were deleted; fewer costs the store less.
pub(crate) const UNKNOWN: Rate = Rate { burst: 100, per_second: 10 };

/// Requests through one known channel by a client's network that has never had a right signature for it.
pub(crate) const UNPROVED: Rate = Rate { burst: 100, per_second: 10 };

/// Entries of each kind that are kept. When there are more, those that tell nothing any more go; if that is not
/// enough all are forgotten, and everybody starts anew.
const ENTRIES_MAX: usize = 50_000;

type Network = Option<ClientNetwork>;

/// Who has shown what, as far as this process remembers.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    known: BTreeSet<ChannelId>,
    proved: BTreeSet<(Network, ChannelId)>,
    buckets: BTreeMap<(Network, Option<ChannelId>), Bucket>,
}

impl Strangers {
    /// Whether the channel may be looked up for this client.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(&self, network: Network, channel: ChannelId, now: Instant) -> Result<(), Duration> {
        let mut memory = self.memory();
        if memory.proved.contains(&(network, channel)) {
            return Ok(());
        }
        let (key, rate) = if memory.known.contains(&channel) {
            ((network, Some(channel)), UNPROVED)
        } else {
            ((network, None), UNKNOWN)
        };
        if memory.buckets.len() >= ENTRIES_MAX {
            memory.buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        if memory.buckets.len() >= ENTRIES_MAX {
            memory.buckets.clear();
        }
        memory.buckets.entry(key).or_insert_with(|| Bucket::new(rate, now)).take(now)
    }

    /// The channel exists.
    pub(super) fn note_known(&self, channel: ChannelId) {
        let mut memory = self.memory();
        if memory.known.len() >= ENTRIES_MAX {
            memory.known.clear();
        }
        memory.known.insert(channel);
    }

    /// The client knows the channel's secret.
    pub(super) fn note_proved(&self, network: Network, channel: ChannelId) {
        let mut memory = self.memory();
        if memory.proved.len() >= ENTRIES_MAX {
            memory.proved.clear();
        }
        memory.proved.insert((network, channel));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        address::ClientAddress,
        clock::{Clock, ManualClock},
    };

    fn network(last: u8) -> Network {
        Some(ClientAddress([127, 0, 0, last].into()).network())
    }

    #[test]
    fn who_names_channels_that_do_not_exist_is_slowed_and_nobody_else() {
        let (clock, strangers) = (ManualClock::default(), Strangers::default());
        let admit = |network, channel| strangers.admit(network, channel, clock.now());
        let known = ChannelId::generate(&clock);
        strangers.note_known(known);
        for _ in 0..UNKNOWN.burst {
            admit(network(1), ChannelId::generate(&clock)).unwrap();
        }
        let wait = admit(network(1), ChannelId::generate(&clock)).unwrap_err();
        assert!(admit(network(1), known).is_ok(), "the same network delivers through a channel that exists");
        assert!(admit(network(2), ChannelId::generate(&clock)).is_ok());
        clock.advance(wait);
        assert!(admit(network(1), ChannelId::generate(&clock)).is_ok());
    }

    #[test]
    fn who_forges_is_slowed_at_that_channel_and_who_has_its_secret_is_not() {
        let (clock, strangers) = (ManualClock::default(), Strangers::default());
        let admit = |network, channel| strangers.admit(network, channel, clock.now());
        let (one, other) = (ChannelId::generate(&clock), ChannelId::generate(&clock));
        for channel in [one, other] {
            strangers.note_known(channel);
        }
        while admit(network(1), one).is_ok() {}
        assert!(admit(network(1), other).is_ok() && admit(network(2), one).is_ok());
        strangers.note_proved(network(1), one);
        assert!(admit(network(1), one).is_ok());
    }
}
