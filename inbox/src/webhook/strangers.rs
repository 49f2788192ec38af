//! How often somebody may name channels that do not exist, or forge what comes through one that does.
//!
//! Each such request costs a look-up in the store. Whoever has delivered through a channel before is not
//! counted: a provider sends for all channels from few addresses, and one channel that is set up wrongly must
//! not cost the others theirs.

use common::{
    address::ClientNetwork,
    bucket::{Buckets, Rate},
    clock::Clock,
    id::ChannelId,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Requests that name an unknown channel, per client's network.
///
/// More lets a provider go on longer with channels that were deleted; fewer costs the store less.
pub(crate) const UNKNOWN: Rate = Rate::per_second(100, 10);

/// Requests through one known channel by a client's network that has never had a right signature for it.
pub(crate) const UNPROVED: Rate = Rate::per_second(100, 10);

/// Entries of each kind that are kept. Of buckets the one that is nearest to full goes first; of channels and
/// proofs, which cost a look-up to learn again, all go at once.
const ENTRIES_MAX: usize = 50_000;

type Network = Option<ClientNetwork>;

/// Who has shown what, as far as this process remembers.
pub(crate) struct Strangers {
    unknown: Buckets,
    unproved: Buckets,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    channels: BTreeSet<ChannelId>,
    proofs: BTreeSet<(Network, ChannelId)>,
}

impl Strangers {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let buckets = |rate| Buckets::new(rate, ENTRIES_MAX, Arc::clone(clock));
        Self { unknown: buckets(UNKNOWN), unproved: buckets(UNPROVED), shown: Mutex::default() }
    }

    /// Whether the channel may be looked up for this client.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn admit(&self, network: Network, channel: ChannelId) -> Result<(), Duration> {
        let (is_known, is_proved) = {
            let shown = self.shown();
            (shown.channels.contains(&channel), shown.proofs.contains(&(network, channel)))
        };
        match (is_proved, is_known) {
            (true, _) => Ok(()),
            (false, true) => self.unproved.take(&(network, channel)),
            (false, false) => self.unknown.take(&network),
        }
    }

    /// The channel exists.
    pub(super) fn note_known(&self, channel: ChannelId) {
        let mut shown = self.shown();
        if shown.channels.len() >= ENTRIES_MAX {
            shown.channels.clear();
        }
        shown.channels.insert(channel);
    }

    /// The client knows the channel's secret.
    pub(super) fn note_proved(&self, network: Network, channel: ChannelId) {
        let mut shown = self.shown();
        if shown.proofs.len() >= ENTRIES_MAX {
            shown.proofs.clear();
        }
        shown.proofs.insert((network, channel));
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{address::ClientAddress, clock::ManualClock};

    fn network(last: u8) -> Network {
        Some(ClientAddress([127, 0, 0, last].into()).network())
    }

    fn strangers() -> (Arc<ManualClock>, Strangers) {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        (clock, Strangers::new(&shared))
    }

    #[test]
    fn who_names_channels_that_do_not_exist_is_slowed_and_nobody_else() {
        let (clock, strangers) = strangers();
        let admit = |network, channel| strangers.admit(network, channel);
        let known = ChannelId::generate(&*clock);
        strangers.note_known(known);
        for _ in 0..UNKNOWN.burst {
            admit(network(1), ChannelId::generate(&*clock)).unwrap();
        }
        let wait = admit(network(1), ChannelId::generate(&*clock)).unwrap_err();
        assert!(admit(network(1), known).is_ok(), "the same network delivers through a channel that exists");
        assert!(admit(network(2), ChannelId::generate(&*clock)).is_ok());
        clock.advance(wait);
        assert!(admit(network(1), ChannelId::generate(&*clock)).is_ok());
    }

    #[test]
    fn who_forges_is_slowed_at_that_channel_and_who_has_its_secret_is_not() {
        let (clock, strangers) = strangers();
        let admit = |network, channel| strangers.admit(network, channel);
        let (one, other) = (ChannelId::generate(&*clock), ChannelId::generate(&*clock));
        for channel in [one, other] {
            strangers.note_known(channel);
        }
        while admit(network(1), one).is_ok() {}
        assert!(admit(network(1), other).is_ok() && admit(network(2), one).is_ok());
        strangers.note_proved(network(1), one);
        assert!(admit(network(1), one).is_ok());
    }
}
