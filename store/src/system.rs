//! What crosses accounts: a few look-ups that find out the account, and the queues.
//!
//! Runs as `switchboard_system`, which may read and write only the columns that
//! these functions name. Once the account is known, work goes on in a
//! [`crate::tenant`] transaction.

mod queues;
mod raw_events;

pub use queues::{ClaimedDelivery, ClaimedReply, OutboxClaim, OutboxRow};
pub use raw_events::{NewRawEvent, RawEvent, RawEventClaim};

use crate::{
    channels, column, error::StoreError, seal::SealKeyring, sessions::TokenHash, users::normal_email,
};
use common::{
    id::{AccountId, ChannelId, UserId},
    protocol::inbox::ChannelKind,
    secret::Secret,
    token::Role,
};
use sqlx::{PgPool, query, query_scalar};

/// The functions that cross accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct System {
    pool: PgPool,
    keyring: SealKeyring,
}

/// A channel as its webhook needs it.
#[derive(Debug, Clone)]
pub struct WebhookChannel {
    /// Whose it is.
    pub account: AccountId,
    /// Its id.
    pub id: ChannelId,
    /// Its kind.
    pub kind: ChannelKind,
    /// Signs what the provider sends.
    pub app_secret: Secret,
    /// What the provider must know to subscribe.
    pub verify_token: Secret,
}

/// A user as signing in needs them.
#[derive(Debug, Clone)]
pub struct SignInUser {
    /// Whose user.
    pub account: AccountId,
    /// Their id.
    pub id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password's hash in PHC format.
    pub password_hash: Secret,
}

impl System {
    pub(crate) const fn new(pool: PgPool, keyring: SealKeyring) -> Self {
        Self { pool, keyring }
    }

    /// The channel that a webhook names.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] or [`StoreError::Database`].
    pub async fn channel(&self, id: ChannelId) -> Result<Option<WebhookChannel>, StoreError> {
        let Some(row) = query!(
            "SELECT account_id, kind, app_secret, verify_token FROM channels WHERE id = $1",
            id.as_uuid()
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        let account = AccountId::from_uuid(row.account_id);
        Ok(Some(WebhookChannel {
            account,
            id,
            kind: column::channel_kind(&row.kind)?,
            app_secret: self.keyring.open(channels::place("app_secret", account, id), &row.app_secret)?,
            verify_token: self
                .keyring
                .open(channels::place("verify_token", account, id), &row.verify_token)?,
        }))
    }

    /// The user who signs in with this e-mail address.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<SignInUser>, StoreError> {
        let email = normal_email(email);
        let Some(row) = query!(
            r#"SELECT account_id, id, name, role, password_hash AS "password_hash!" FROM users
               WHERE email = $1 AND password_hash IS NOT NULL"#,
            email
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        Ok(Some(SignInUser {
            account: AccountId::from_uuid(row.account_id),
            id: UserId::from_uuid(row.id),
            email,
            name: row.name,
            role: column::role(&row.role)?,
            password_hash: Secret::new(row.password_hash),
        }))
    }

    /// The account that a refresh token belongs to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn account_of_refresh_token(&self, token: &TokenHash) -> Result<Option<AccountId>, StoreError> {
        let account =
            query_scalar!("SELECT account_id FROM refresh_tokens WHERE hash = $1", token.as_slice())
                .fetch_optional(&self.pool)
                .await?;
        Ok(account.map(AccountId::from_uuid))
    }
}
