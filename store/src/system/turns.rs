//! Taking replies and deliveries by turns, so that no target and no account
//! keeps others waiting.
//!
//! Work waits per target (a webhook, a channel), targets per account. Each target and each account has a
//! row that says when it is worth looking at, never later than something of it may be taken. Whoever takes
//! work has the accounts it looks at for itself until it commits, so what is in flight is counted exactly,
//! over all instances; a row that somebody else has is left for the next time.

use common::id::AccountId;
use std::time::Duration;
use uuid::Uuid;

/// How much may be in flight at once, over all instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    pub(super) per_target: u16,
    pub(super) per_account: u16,
}

impl Shares {
    /// So much per webhook or channel, and so much per account; at least one of each.
    ///
    /// More gets through a backlog sooner; less spares a slow receiver and leaves more to others.
    pub fn new(per_target: u16, per_account: u16) -> Self {
        Self { per_target: per_target.max(1), per_account: per_account.max(1) }
    }
}

/// The request of a sender with free slots.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a, Target> {
    /// How much it can take.
    pub limit: u16,
    /// For how long nobody else will take it.
    pub lease: Duration,
    /// What may be in flight.
    pub shares: Shares,
    /// The targets whose work this sender has finished since it last asked: there is room for more of theirs.
    pub freed: &'a [(AccountId, Target)],
    /// How much this sender has under way of an account: no less is in flight, although what the store knew of
    /// it may be gone, as the deliveries of a webhook are when it is deleted.
    pub under_way: &'a [(AccountId, u16)],
}

/// The answer to a sender's [`Turn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<Work, Target> {
    /// What to do.
    pub work: Vec<Work>,
    /// The freed targets that another sender had locked: name them again next time.
    pub missed: Vec<(AccountId, Target)>,
    /// Whether there was more to take.
    pub more: bool,
}

impl<Work, Target> Taken<Work, Target> {
    pub(super) const fn nothing() -> Self {
        Self { work: Vec::new(), missed: Vec::new(), more: false }
    }
}

/// How a turn begins. A plan that was made while a table was empty would read all of it later.
pub(super) const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off";

/// How many accounts are looked at in one turn: few, so that other senders find some too.
const ACCOUNTS_MAX: u16 = 16;

/// Targets of an account that are looked at beside those that something can be taken of: their rows may
/// have become due for no reason.
const TARGETS_SPARE: i64 = 8;

impl<Target> Turn<'_, Target> {
    /// How many accounts to look at, beside those of freed targets.
    pub(super) fn accounts(&self) -> i64 {
        i64::from(self.limit.clamp(1, ACCOUNTS_MAX))
    }

    /// How many targets of each of these accounts to look at.
    pub(super) fn targets(&self, accounts: usize) -> i64 {
        let accounts = i64::try_from(accounts).unwrap_or(i64::MAX);
        // No more queues are locked than this turn can serve: the others stay free for other senders.
        let share = i64::from(self.limit).checked_div(accounts).unwrap_or(0);
        share.clamp(1, i64::from(self.shares.per_account)) + TARGETS_SPARE
    }

    /// How much this sender has under way of each of these accounts.
    pub(super) fn under_way_of(&self, accounts: &[Uuid]) -> Vec<i64> {
        let of = |account: &Uuid| {
            let found = self.under_way.iter().find(|(id, _)| id.as_uuid() == *account);
            found.map_or(0, |(_, count)| i64::from(*count))
        };
        accounts.iter().map(of).collect()
    }
}
