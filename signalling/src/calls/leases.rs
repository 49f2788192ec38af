//! What a call holds for as long as it goes on, so that all of its people are busy, and two do not call each other.

use crate::{failure::bus_failed, hub::Hub};
use bus::{Acquired, LeaseGuard};
use common::{
    id::{AccountId, UserId},
    protocol::Failure,
    subject::{
        LeaseName,
        hub::{CallBetween, UserInCall},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// A call's leases: of everybody who is part of it, and of the first two together. They are given back when this is
/// dropped, each person's as soon as they are out of it.
pub(super) struct Leases {
    account: AccountId,
    /// Those that are missing, too.
    people: BTreeMap<UserId, Option<LeaseGuard>>,
    /// Until one of the two is out of it.
    between: Option<(UserId, UserId, Option<LeaseGuard>)>,
}

/// Whose they are already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The two of them are in a call with each other.
    Between,
    /// The caller is in a call.
    Caller,
}

impl Leases {
    /// Of a call between two, and as many more.
    pub(super) fn new(account: AccountId, people: impl IntoIterator<Item = UserId>) -> Self {
        let people: Vec<UserId> = people.into_iter().collect();
        let between = match people[..] {
            [one, other, ..] => Some((one, other, None)),
            [..] => None,
        };
        Self { account, people: people.into_iter().map(|user| (user, None)).collect(), between }
    }

    /// Takes them for a new call of `caller`. Whether the callee is busy is seen by [`is_whole`](Self::is_whole).
    pub(super) async fn take(&mut self, hub: &Hub, caller: UserId) -> Result<Option<Taken>, Failure> {
        if let Some((one, other, between)) = &mut self.between {
            *between = take(hub, &CallBetween::new(self.account, *one, *other)).await?;
            if between.is_none() {
                // Of two who call each other at once the other's call is what rings here.
                return Ok(Some(Taken::Between));
            }
        }
        if !self.invite(hub, caller).await? {
            return Ok(Some(Taken::Caller));
        }
        let rung: Vec<UserId> = self.people.keys().copied().filter(|user| *user != caller).collect();
        for user in rung {
            let _or_busy = self.invite(hub, user).await?;
        }
        Ok(None)
    }

    /// Takes the lease of one who is rung into the call. False if they are in another.
    pub(super) async fn invite(&mut self, hub: &Hub, user: UserId) -> Result<bool, Failure> {
        let lease = take(hub, &UserInCall(self.account, user)).await?;
        let is_held = lease.is_some();
        self.people.insert(user, lease);
        Ok(is_held)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.people.values().all(Option::is_some)
            && self.between.as_ref().is_none_or(|(_, _, between)| between.is_some())
    }

    /// Gives back those of all others.
    pub(super) fn keep(&mut self, people: &BTreeSet<UserId>) {
        self.people.retain(|user, _| people.contains(user));
        self.between.take_if(|(one, other, _)| !people.contains(one) || !people.contains(other));
    }

    /// Takes those that are missing: an instance that has died has them for a while yet.
    pub(super) async fn complete(&mut self, hub: &Hub) {
        if let Some((one, other, between @ None)) = &mut self.between {
            *between = take(hub, &CallBetween::new(self.account, *one, *other)).await.ok().flatten();
        }
        for (user, lease) in self.people.iter_mut().filter(|(_, lease)| lease.is_none()) {
            *lease = take(hub, &UserInCall(self.account, *user)).await.ok().flatten();
        }
    }
}

async fn take(hub: &Hub, lease: &impl LeaseName) -> Result<Option<LeaseGuard>, Failure> {
    match hub.bus().acquire(lease).await {
        Ok(Acquired::Held(lease)) => Ok(Some(lease)),
        Ok(Acquired::Taken(_)) => Ok(None),
        Err(error) => Err(bus_failed(&error)),
    }
}
