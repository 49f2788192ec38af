//! What a call holds for as long as it goes on, so that both are busy and do not call each other.

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

/// A call's leases: of both people, and of the two together. They are given back when this is dropped.
pub(super) struct Leases {
    account: AccountId,
    caller: UserId,
    callee: UserId,
    own: Option<LeaseGuard>,
    theirs: Option<LeaseGuard>,
    between: Option<LeaseGuard>,
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
    pub(super) const fn new(account: AccountId, caller: UserId, callee: UserId) -> Self {
        Self { account, caller, callee, own: None, theirs: None, between: None }
    }

    /// Takes them for a new call. Whether the callee is busy is seen by [`is_whole`](Self::is_whole).
    pub(super) async fn take(&mut self, hub: &Hub) -> Result<Option<Taken>, Failure> {
        self.between = take(hub, &CallBetween::new(self.account, self.caller, self.callee)).await?;
        if self.between.is_none() {
            // Of two who call each other at once the other's call is what rings here.
            return Ok(Some(Taken::Between));
        }
        self.own = take(hub, &UserInCall(self.account, self.caller)).await?;
        if self.own.is_none() {
            return Ok(Some(Taken::Caller));
        }
        self.theirs = take(hub, &UserInCall(self.account, self.callee)).await?;
        Ok(None)
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.own.is_some() && self.theirs.is_some() && self.between.is_some()
    }

    /// Takes those that are missing: an instance that has died has them for a while yet.
    pub(super) async fn complete(&mut self, hub: &Hub) {
        if self.between.is_none() {
            let between = CallBetween::new(self.account, self.caller, self.callee);
            self.between = take(hub, &between).await.ok().flatten();
        }
        for (place, user) in [(&mut self.own, self.caller), (&mut self.theirs, self.callee)] {
            if place.is_none() {
                *place = take(hub, &UserInCall(self.account, user)).await.ok().flatten();
            }
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
