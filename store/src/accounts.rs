//! Accounts: the tenants.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::AccountId};
use sqlx::query;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, for people.
    pub name: String,
}

/// Creates the account of the transaction, which was begun with a fresh id.
///
/// # Errors
/// [`StoreError::Database`], also if the account exists.
pub async fn create(tx: &mut TenantTx, name: &str, clock: &dyn Clock) -> Result<Account, StoreError> {
    let name = column::text(name);
    query!(
        "WITH account AS (INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) RETURNING id)
         INSERT INTO inbox_streams (account_id) SELECT id FROM account",
        tx.account_column(),
        &*name,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(Account { id: tx.account(), name: name.into_owned() })
}

/// The account of the transaction; `None` if it does not exist.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx) -> Result<Option<Account>, StoreError> {
    let row = query!("SELECT id, name FROM accounts").fetch_optional(tx.connection()).await?;
    Ok(row.map(|row| Account { id: AccountId::from_uuid(row.id), name: row.name }))
}
