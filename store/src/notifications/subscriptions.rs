//! Devices that can be pushed to, and the key by which their push services know us.

use crate::{column, error::StoreError, seal::Place, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{AccountId, PushSubscriptionId, SignInId, UserId},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

/// The most subscriptions of a user; with one more, the oldest goes.
///
/// More let people have more devices; each is one push for whatever they are notified of.
pub const SUBSCRIPTIONS_MAX: u32 = 20;

/// A device that can be pushed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushSubscription {
    /// UUIDv7: later ones sort later.
    pub id: PushSubscriptionId,
    /// The host of its push service.
    #[cfg_attr(feature = "openapi", schema(example = "updates.push.services.mozilla.com"))]
    pub service: String,
    /// When it was made, or made again.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A subscription as a device has got it from its push service.
#[derive(Debug, Clone, Copy)]
pub struct NewSubscription<'a> {
    /// Whose device it is.
    pub user: UserId,
    /// With which it ends.
    pub sign_in: Option<SignInId>,
    /// The SHA-256 of its endpoint: of two with one endpoint the later is right.
    pub endpoint_sha256: [u8; 32],
    /// The host of its push service.
    pub service: &'a str,
    /// Endpoint and keys, as the sender reads them.
    pub secret: &'a Secret,
}

/// The two halves of the key by which push services know an account.
#[derive(Debug, Clone)]
pub struct PushKeys {
    /// Uncompressed, as devices want it: 65 bytes.
    pub public_key: Vec<u8>,
    /// PKCS #8 in base64.
    pub private_key: Secret,
}

pub(crate) const fn place(account: AccountId, id: PushSubscriptionId) -> Place {
    Place { table: "push_subscriptions", column: "sealed", account, row: id.as_uuid() }
}

pub(crate) const fn place_of_key(account: AccountId) -> Place {
    Place { table: "push_keys", column: "private_key", account, row: account.as_uuid() }
}

/// Keeps a subscription, in place of one with the same endpoint, whosever that was.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn subscribe(
    tx: &mut TenantTx,
    new: &NewSubscription<'_>,
    clock: &dyn Clock,
) -> Result<PushSubscription, StoreError> {
    let id = PushSubscriptionId::generate(clock);
    let sealed = tx.keyring().seal(place(tx.account(), id), new.secret)?;
    let account = tx.account_column();
    query!("DELETE FROM push_subscriptions WHERE endpoint_sha256 = $1", new.endpoint_sha256.as_slice())
        .execute(tx.connection())
        .await?;
    query!(
        "DELETE FROM push_subscriptions WHERE user_id = $1 AND id <= (
             SELECT id FROM push_subscriptions WHERE user_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)",
        new.user.as_uuid(),
        i64::from(SUBSCRIPTIONS_MAX) - 1
    )
    .execute(tx.connection())
    .await?;
    let made = query_as!(
        PushSubscription,
        "INSERT INTO push_subscriptions
             (account_id, id, user_id, sign_in_id, endpoint_sha256, service, sealed, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (account_id, endpoint_sha256) DO UPDATE SET id = excluded.id, user_id = excluded.user_id,
             sign_in_id = excluded.sign_in_id, sealed = excluded.sealed, created_at = excluded.created_at
         RETURNING id, service, created_at",
        account,
        id.as_uuid(),
        new.user.as_uuid(),
        new.sign_in.map(SignInId::as_uuid),
        new.endpoint_sha256.as_slice(),
        &*column::text(new.service),
        sealed,
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(made)
}

/// A user's subscriptions, the latest first: at most [`SUBSCRIPTIONS_MAX`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, user: UserId) -> Result<Vec<PushSubscription>, StoreError> {
    let found = query_as!(
        PushSubscription,
        "SELECT id, service, created_at FROM push_subscriptions WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
        user.as_uuid(),
        i64::from(SUBSCRIPTIONS_MAX)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
}

/// Forgets a user's subscription; false if there is none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &mut TenantTx, user: UserId, id: PushSubscriptionId) -> Result<bool, StoreError> {
    let done =
        query!("DELETE FROM push_subscriptions WHERE id = $1 AND user_id = $2", id.as_uuid(), user.as_uuid())
            .execute(tx.connection())
            .await?;
    Ok(done.rows_affected() > 0)
}

/// The account's key, if it has been made.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn keys(tx: &mut TenantTx) -> Result<Option<PushKeys>, StoreError> {
    let row = query!("SELECT public_key, private_key FROM push_keys").fetch_optional(tx.connection()).await?;
    let Some(row) = row else { return Ok(None) };
    let private_key = tx.keyring().open(place_of_key(tx.account()), &row.private_key)?;
    Ok(Some(PushKeys { public_key: row.public_key, private_key }))
}

/// Keeps a key as the account's for ever, unless it has one: devices subscribe for one key alone.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert_keys(tx: &mut TenantTx, new: &PushKeys, clock: &dyn Clock) -> Result<(), StoreError> {
    let account: Uuid = tx.account_column();
    let sealed = tx.keyring().seal(place_of_key(tx.account()), &new.private_key)?;
    query!(
        "INSERT INTO push_keys (account_id, public_key, private_key, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id) DO NOTHING",
        account,
        &new.public_key,
        sealed,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
