//! What of a call is written down, by whoever runs it and nobody else.

use super::Fenced;
use crate::{hub::Hub, mailbox};
use common::{
    error::Chain,
    id::{AccountId, UserId},
};
use signalling_core::call::{Effect, RING_TIME};
use std::time::Duration;
use store::{
    StoreError,
    calls::{self, Tenure, Transfer},
};
use tokio::time::{sleep, timeout};
use tracing::warn;

/// How often what could not be stored is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How often at most: then the people matter more than the record.
const ATTEMPTS: u32 = 10;

/// How long it may take to find out whether another instance runs the call. Without a store none can begin to.
const CHECK_TIME: Duration = Duration::from_secs(2);

pub(super) struct Records {
    hub: Hub,
    account: AccountId,
    tenure: Tenure,
    caller: UserId,
    /// The instance's pauses after which it was still this one that ran the call.
    pauses: u64,
    /// What could not be stored when it was announced.
    owed: Vec<Effect>,
}

impl Records {
    pub(super) fn new(hub: &Hub, (account, caller): (AccountId, UserId), tenure: Tenure) -> Self {
        // One that begins in the midst of a pause is looked at after it.
        let pauses = hub.0.heart.pauses(hub.clock().now()).unwrap_or_default();
        Self { hub: hub.clone(), account, tenure, caller, pauses, owed: Vec::new() }
    }

    pub(super) const fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// Before anything is done: if this instance stood still for so long that another may run the call by now, the
    /// store says whether one does. False if it cannot be told: what changes the call finds out, because that is
    /// written first.
    pub(super) async fn is_sure(&mut self) -> Result<bool, Fenced> {
        let pauses = self.hub.0.heart.pauses(self.hub.clock().now());
        if pauses == Some(self.pauses) {
            return Ok(true);
        }
        match timeout(CHECK_TIME, self.is_ours()).await {
            Ok(Ok(false)) => Err(Fenced),
            Ok(Ok(true)) => {
                self.pauses = pauses.unwrap_or(self.pauses);
                Ok(true)
            }
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    async fn is_ours(&self) -> Result<bool, StoreError> {
        let mut tx = self.hub.store().reading(self.account).await?;
        let standing = calls::standing(&mut tx, self.tenure.call, self.caller).await?;
        Ok(standing.is_some_and(|standing| standing.tenure == self.tenure))
    }

    /// Writes it down, or gives that up for now.
    pub(super) async fn write(&mut self, effect: Effect) -> Result<(), Fenced> {
        self.catch_up().await?;
        for _ in 0..ATTEMPTS {
            match self.try_to_write(&effect).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Fenced),
                Err(error) => {
                    let call = self.tenure.call;
                    warn!(call.id = %call, error = %Chain(&error), "Call {call} cannot be recorded yet; will retry");
                    sleep(RETRY).await;
                }
            }
        }
        self.owed.push(effect);
        Ok(())
    }

    /// Whether something is still to be written down.
    pub(super) const fn is_owing(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Tries once more to write down what is owed.
    pub(super) async fn catch_up(&mut self) -> Result<(), Fenced> {
        while let Some(effect) = self.owed.first() {
            match self.try_to_write(effect).await {
                Ok(true) => drop(self.owed.remove(0)),
                Ok(false) => return Err(Fenced),
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// False if another instance runs the call.
    async fn try_to_write(&self, effect: &Effect) -> Result<bool, StoreError> {
        let mut tx = self.hub.store().tenant(self.account).await?;
        let (tenure, clock) = (self.tenure, self.hub.clock());
        let mut entries = Some(Vec::new());
        let is_ours = match *effect {
            Effect::RecordInvited { user, invitation } => {
                let by = (invitation.by, invitation.is_transfer);
                let is_ours = calls::invite(&mut tx, tenure, user, by, clock).await?;
                if is_ours {
                    calls::notify_rung(&mut tx, tenure.call, user, RING_TIME, clock).await?;
                }
                is_ours
            }
            Effect::RecordAnswer { user, by } => calls::answer(&mut tx, tenure, user, by, clock).await?,
            Effect::RecordDevice { user, device } => calls::move_to(&mut tx, tenure, user, device).await?,
            Effect::RecordOut { user, reason } => {
                entries = calls::leave(&mut tx, tenure, user, reason, clock).await?;
                entries.is_some()
            }
            Effect::RecordTransfer(ref transfer) => {
                let transfer = transfer.as_ref().map(|transfer| Transfer {
                    by: transfer.destination.by,
                    room: transfer.destination.room,
                    awaited: transfer.awaited.iter().copied().collect(),
                    until: clock.utc() + transfer.time,
                });
                calls::note_transfer(&mut tx, tenure, transfer.as_ref()).await?
            }
            Effect::RecordEnd(reason) => {
                entries = calls::end(&mut tx, tenure, reason, clock).await?;
                entries.is_some()
            }
            Effect::TellIncoming { .. }
            | Effect::TellAnswered { .. }
            | Effect::TellResumed { .. }
            | Effect::TellChanged { .. }
            | Effect::TellRunner { .. }
            | Effect::TellTransferring { .. }
            | Effect::TellTransferFailed { .. }
            | Effect::TellEnded { .. } => true,
        };
        tx.commit().await?;
        mailbox::tell(&self.hub, self.account, entries.unwrap_or_default());
        Ok(is_ours)
    }
}
