//! Accounts: the tenants.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::AccountId};
use serde_json::{Map, Value};
use sqlx::{query, query_as};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// UUIDv7: later ones sort later.
    pub id: AccountId,
    /// Its name, for people.
    pub name: String,
    /// What it has chosen; an object.
    pub settings: Value,
    /// What is switched on for it, by name; an object of booleans.
    pub features: Value,
}

/// Creates the account of the transaction, which was begun with a fresh id.
///
/// # Errors
/// [`StoreError::Database`], also if the account exists.
pub async fn create(tx: &mut TenantTx, name: &str, clock: &dyn Clock) -> Result<Account, StoreError> {
    let name = column::text(name);
    query!(
        "WITH account AS (INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3) RETURNING id)
         INSERT INTO inbox_sequences (account_id) SELECT id FROM account",
        tx.account_column(),
        &*name,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    let empty = || Value::Object(Map::new());
    Ok(Account { id: tx.account(), name: name.into_owned(), settings: empty(), features: empty() })
}

/// The account of the transaction; `None` if it does not exist.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx) -> Result<Option<Account>, StoreError> {
    let row = query_as!(Account, "SELECT id, name, settings, features FROM accounts")
        .fetch_optional(tx.connection())
        .await?;
    Ok(row)
}

/// Locks the account of the transaction and returns it, so that changes to it queue.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn lock(tx: &mut TenantTx) -> Result<Account, StoreError> {
    let row = query_as!(Account, "SELECT id, name, settings, features FROM accounts FOR NO KEY UPDATE")
        .fetch_optional(tx.connection())
        .await?;
    row.ok_or(StoreError::NoAccount)
}

/// Writes the account of the transaction as `account` says.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(tx: &mut TenantTx, account: &Account) -> Result<(), StoreError> {
    query!(
        "UPDATE accounts SET name = $1, settings = $2, features = $3",
        &*column::text(&account.name),
        column::json(&account.settings),
        column::json(&account.features)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
