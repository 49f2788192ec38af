//! The only ways from a caller to the account's rows: to read them, or to change them.
//!
//! A reader is checked against the list of what ended (the extractor of [`Caller`] does that), and gets a
//! transaction in which the database refuses every change. A writer is checked against the store itself,
//! here, in the transaction that writes: a handler cannot forget it, because it has no other to write in.
//!
//! And a caller with an elevation leaves nothing behind that outlasts it: a permission that
//! is not for daily work ([`is_for_work`](common::permission::Permission::is_for_work)) has to last.

use super::{App, caller::Caller, problem::Problem};
use axum::http::StatusCode;
use common::error::ErrorCode;
use store::{TenantTx, accounts, standing};

impl App {
    /// Reads what the route is for.
    pub(super) async fn read(&self, caller: &Caller) -> Result<TenantTx, Problem> {
        Ok(self.store.reading(caller.account).await?)
    }

    /// Changes what the route is for; beyond daily work, if the caller has the route's permission lastingly.
    pub(super) async fn begin(&self, caller: &Caller) -> Result<TenantTx, Problem> {
        require_to_change(caller)?;
        self.begin_ending(caller).await
    }

    /// The same for what outlasts daily work, though its permission is for that too: who else may come in.
    pub(super) async fn begin_lasting(&self, caller: &Caller) -> Result<TenantTx, Problem> {
        caller.needed.map_or(Ok(()), |permission| caller.require_lasting(permission))?;
        self.begin_ending(caller).await
    }

    /// The same for what only ends something, or puts it on record: an elevation is enough.
    pub(super) async fn begin_ending(&self, caller: &Caller) -> Result<TenantTx, Problem> {
        let mut tx = self.store.tenant(caller.account).await?;
        self.check(caller, &mut tx).await?;
        Ok(tx)
    }

    /// As [`begin`](Self::begin), exclusively: others who change the account's set-up wait until it ends, so that
    /// what was read in it is still so when it is written.
    pub(super) async fn begin_exclusive(&self, caller: &Caller) -> Result<TenantTx, Problem> {
        require_to_change(caller)?;
        let mut tx = self.store.tenant(caller.account).await?;
        // The account's row stands for its whole set-up: roles, users and channels refer to each other, and one lock
        // for all of them leaves no order in which two changes could wait for each other.
        accounts::lock(&mut tx).await?;
        // After the wait: it may have been for who dismissed the caller.
        self.check(caller, &mut tx).await?;
        Ok(tx)
    }

    async fn check(&self, caller: &Caller, tx: &mut TenantTx) -> Result<(), Problem> {
        if standing::holds(tx, &caller.writer(), &*self.clock).await? {
            return Ok(());
        }
        let detail = "the sign-in, the key or something that the token allows has ended";
        Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, detail))
    }
}

/// Whether the caller may change something by the route's permission, which they have.
fn require_to_change(caller: &Caller) -> Result<(), Problem> {
    match caller.needed {
        // Otherwise an elevation of an hour could create a role, a key or a user that stays.
        Some(permission) if !permission.is_for_work() => caller.require_lasting(permission),
        Some(_) | None => Ok(()),
    }
}
