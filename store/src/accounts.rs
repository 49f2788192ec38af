//! Accounts: the tenants.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::AccountId};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, types::Json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What an account has chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// The language of what Switchboard itself writes to customers, as a BCP 47 tag.
    #[cfg_attr(feature = "openapi", schema(example = "de-DE"))]
    pub locale: Option<String>,
    /// The time zone for what people read, as an IANA name.
    #[cfg_attr(feature = "openapi", schema(example = "Europe/Berlin"))]
    pub time_zone: Option<String>,
    /// Days after which resolved conversations are deleted with their messages; null: never.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3650))]
    pub retention_days: Option<u16>,
    /// Who opens a room by joining a name that nobody has joined before.
    pub named_rooms: NamedRooms,
}

/// Who may open rooms by joining them under a name. Whoever may enter rooms joins those that are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NamedRooms {
    /// Nobody.
    Nobody,
    /// Users with the permission `rooms.create`.
    #[default]
    Creators,
    /// Every user who may enter rooms.
    Everybody,
}

/// The account with its settings and feature flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// The tenant that everything else belongs to.
    pub id: AccountId,
    /// For people, 1 to 200 characters.
    pub name: String,
    /// What was never chosen is at its default.
    pub settings: Settings,
    /// What is switched on for it.
    pub features: BTreeMap<String, bool>,
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
    let (id, name) = (tx.account(), name.into_owned());
    Ok(Account { id, name, settings: Settings::default(), features: BTreeMap::new() })
}

/// The account of the transaction; `None` if it does not exist.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx) -> Result<Option<Account>, StoreError> {
    let row = query_as!(
        Row,
        r#"SELECT id, name, settings AS "settings: Json<Settings>", features AS "features: Json<BTreeMap<String, bool>>"
           FROM accounts"#
    )
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(Account::from))
}

struct Row {
    id: Uuid,
    name: String,
    settings: Json<Settings>,
    features: Json<BTreeMap<String, bool>>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        let Row { id, name, settings: Json(settings), features: Json(features) } = row;
        Self { id: id.into(), name, settings, features }
    }
}

/// Locks the account of the transaction and returns it, so that changes to it queue.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn lock(tx: &mut TenantTx) -> Result<Account, StoreError> {
    let row = query_as!(
        Row,
        r#"SELECT id, name, settings AS "settings: Json<Settings>", features AS "features: Json<BTreeMap<String, bool>>"
           FROM accounts FOR NO KEY UPDATE"#
    )
        .fetch_optional(tx.connection())
        .await?;
    row.map(Account::from).ok_or(StoreError::NoAccount)
}

/// Writes the account of the transaction as `account` says.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(tx: &mut TenantTx, account: &Account) -> Result<(), StoreError> {
    query!(
        "UPDATE accounts SET name = $1, settings = $2, features = $3",
        &*column::text(&account.name),
        Json(&account.settings) as _,
        Json(&account.features) as _
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
