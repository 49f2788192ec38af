//! A transaction that sees one account.

use crate::{begin::begin, error::StoreError, seal::SealKeyring};
use common::id::AccountId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction, raw_sql};
use uuid::Uuid;

/// A transaction that sees one account's rows and no others.
///
/// Dropping it rolls back. Every function of this crate that touches tenant
/// data takes one, so a query without an account cannot be written.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    keyring: SealKeyring,
    account: AccountId,
    /// Whether this transaction holds the account's inbox sequence; see [`crate::outbox`].
    pub(crate) holds_inbox: bool,
}

/// The access that a transaction has to the rows it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read them.
    Read,
    /// Change them too.
    Write,
}

/// A point in a transaction.
#[derive(Debug)]
#[must_use = "what follows a mark is either kept or undone"]
pub struct Mark {
    holds_inbox: bool,
}

impl TenantTx {
    pub(crate) async fn begin(
        pool: &PgPool,
        keyring: SealKeyring,
        account: AccountId,
        access: Access,
    ) -> Result<Self, StoreError> {
        // In one round trip. LOCAL to the transaction: without it a pooled connection would carry this
        // account into the next request. (SET takes no parameters; an id is digits and dashes.)
        let mode = match access {
            Access::Read => "BEGIN READ ONLY",
            Access::Write => "BEGIN",
        };
        let statement = format!("{mode}; SET LOCAL app.account_id = '{account}'");
        let tx = begin(pool, AssertSqlSafe(statement)).await?;
        Ok(Self { tx, keyring, account, holds_inbox: false })
    }

    /// The account it sees.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Makes everything that was done lasting and visible.
    ///
    /// # Errors
    /// [`StoreError::Database`]; then nothing was done, unless the connection
    /// was lost at the very end, when it may have been.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }

    /// Marks a point that [`Self::undo`] can go back to. One at a time.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mark(&mut self) -> Result<Mark, StoreError> {
        raw_sql("SAVEPOINT mark").execute(self.connection()).await?;
        Ok(Mark { holds_inbox: self.holds_inbox })
    }

    /// Keeps what was done since the mark, if the transaction commits.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep(&mut self, _mark: Mark) -> Result<(), StoreError> {
        raw_sql("RELEASE mark").execute(self.connection()).await?;
        Ok(())
    }

    /// Undoes what was done since the mark, also after a statement has failed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn undo(&mut self, mark: Mark) -> Result<(), StoreError> {
        // A savepoint outlives the rollback to it: without the release, each thing undone would leave one open until
        // the end.
        raw_sql("ROLLBACK TO mark; RELEASE mark").execute(self.connection()).await?;
        // Locks that were taken since are gone too.
        self.holds_inbox = mark.holds_inbox;
        Ok(())
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    pub(crate) const fn keyring(&self) -> &SealKeyring {
        &self.keyring
    }

    /// The account as a column.
    pub(crate) const fn account_column(&self) -> Uuid {
        self.account.as_uuid()
    }
}
