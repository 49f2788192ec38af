//! Queries across accounts: a few look-ups that find the account, and the queues.
//!
//! Runs as `switchboard_system`, which may read and write only the columns that
//! these functions name. Once the account is known, work goes on in a
//! [`crate::tenant`] transaction.

mod attachments;
mod calls;
mod deliveries;
mod notifications;
mod queues;
mod raw_events;
mod recordings;
mod replies;
mod reviews;
mod revocations;
mod room_events;
mod turns;

pub use calls::NODE_SILENCE;
pub use deliveries::ClaimedDelivery;
pub use notifications::ClaimedNotification;
pub use queues::{OutboxClaim, OutboxRow};
pub use raw_events::{NewRawEvent, RawEvent, RawEventClaim};
pub use replies::ClaimedReply;
pub(crate) use reviews::REVIEWS_KEPT_FOR;
pub use reviews::{ReviewMark, Reviews};
pub use room_events::LostSession;
pub use turns::{Shares, Taken, Turn};

use crate::{
    api_keys::KeyHash, channels, column::Named, error::StoreError, invitations::InvitationHash,
    join_links::JoinLinkHash, seal::SealKeyring, sign_ins::TokenHash, users::normal_email,
};
use common::{
    clock::Clock,
    id::{AccountId, ApiKeyId, ChannelId, ConversationId, ImportId, UserId},
    permission::Permissions,
    protocol::inbox::ChannelKind,
    secret::Secret,
};
use sqlx::{PgPool, query, query_scalar};
use std::time::Duration;
use time::OffsetDateTime;

/// The functions that cross accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct System {
    pool: PgPool,
    keyring: SealKeyring,
}

/// A channel as its webhook needs it.
#[derive(Debug, Clone)]
pub struct WebhookChannel {
    /// The account that has connected it.
    pub account: AccountId,
    /// The channel of the path that the provider posts to.
    pub id: ChannelId,
    /// What provider it is of.
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
    /// Their password's hash in PHC format.
    pub password_hash: Secret,
    /// Until when nobody may try to sign in as them.
    pub locked_until: Option<OffsetDateTime>,
}

/// A program that calls.
#[derive(Debug, Clone, Copy)]
pub struct KeyHolder {
    /// The account that the key is of.
    pub account: AccountId,
    /// By which key.
    pub key: ApiKeyId,
    /// What it may do.
    pub permissions: Permissions,
}

/// How exactly is it known when a key was last used? A write per request would cost more than it tells.
const KEY_USE_NOTED_EVERY: Duration = Duration::from_secs(5 * 60);

impl System {
    pub(crate) const fn new(pool: PgPool, keyring: SealKeyring) -> Self {
        Self { pool, keyring }
    }

    /// The channel that a webhook names, unless it is switched off.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] or [`StoreError::Database`].
    pub async fn channel(&self, id: ChannelId) -> Result<Option<WebhookChannel>, StoreError> {
        let Some(row) = query!(
            r#"SELECT account_id, kind AS "kind: Named<ChannelKind>", app_secret, verify_token FROM channels
               WHERE id = $1 AND disabled_at IS NULL"#,
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
            kind: row.kind.into(),
            app_secret: self.keyring.open(channels::place("app_secret", account, id), &row.app_secret)?,
            verify_token: self
                .keyring
                .open(channels::place("verify_token", account, id), &row.verify_token)?,
        }))
    }

    /// The users who sign in with this e-mail address, at most one of each account, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn users_by_email(&self, email: &str) -> Result<Vec<SignInUser>, StoreError> {
        let email = normal_email(email);
        let rows = query!(
            r#"SELECT account_id, id, password_hash AS "password_hash!", locked_until FROM users
               WHERE email = $1 AND password_hash IS NOT NULL AND deactivated_at IS NULL
               ORDER BY id LIMIT 100"#,
            email
        )
        .fetch_all(&self.pool)
        .await?;
        let user = rows.into_iter().map(|row| SignInUser {
            account: AccountId::from_uuid(row.account_id),
            id: UserId::from_uuid(row.id),
            password_hash: Secret::new(row.password_hash),
            locked_until: row.locked_until,
        });
        Ok(user.collect())
    }

    /// The oldest password hash that belongs to this e-mail address, in whatever account.
    ///
    /// Others of the address are made with its salt, so that verifying a password is one piece of work
    /// however many accounts know the address, and its time does not tell.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn password_hash_of_email(&self, email: &str) -> Result<Option<Secret>, StoreError> {
        let email = normal_email(email);
        let hash = query_scalar!(
            r#"SELECT password_hash AS "password_hash!" FROM users
               WHERE email = $1 AND password_hash IS NOT NULL ORDER BY id LIMIT 1"#,
            email
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(hash.map(Secret::new))
    }

    /// The caller with this API key; `None` if it is unknown, expired or revoked. Records that it was used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn api_key(&self, hash: &KeyHash, clock: &dyn Clock) -> Result<Option<KeyHolder>, StoreError> {
        let now = clock.utc();
        let Some(row) = query!(
            "SELECT account_id, id, permissions, last_used_at FROM api_keys
             WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
            hash.as_slice(),
            now
        )
        .fetch_optional(&self.pool)
        .await?
        else {
            return Ok(None);
        };
        if row.last_used_at.is_none_or(|at| at < now - KEY_USE_NOTED_EVERY) {
            query!("UPDATE api_keys SET last_used_at = $2 WHERE hash = $1", hash.as_slice(), now)
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(KeyHolder {
            account: AccountId::from_uuid(row.account_id),
            key: ApiKeyId::from_uuid(row.id),
            permissions: Permissions::from_names(&row.permissions),
        }))
    }

    /// Snoozed conversations whose time has come, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn due_conversations(
        &self,
        limit: u16,
        clock: &dyn Clock,
    ) -> Result<Vec<(AccountId, ConversationId)>, StoreError> {
        let rows = query!(
            "SELECT account_id, id FROM conversations WHERE status = 'snoozed' AND snoozed_until <= $1
             ORDER BY snoozed_until LIMIT $2",
            clock.utc(),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        let ids = rows
            .into_iter()
            .map(|row| (AccountId::from_uuid(row.account_id), ConversationId::from_uuid(row.id)));
        Ok(ids.collect())
    }

    /// Takes an import that is due, for `lease`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_import(
        &self,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Option<(AccountId, ImportId)>, StoreError> {
        let now = clock.utc();
        let row = query!(
            "UPDATE imports SET due_at = $2
             WHERE (account_id, id) = (SELECT account_id, id FROM imports WHERE finished_at IS NULL AND due_at <= $1
                                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING account_id, id",
            now,
            now + lease
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (AccountId::from_uuid(row.account_id), ImportId::from_uuid(row.id))))
    }

    /// The account that an invitation is to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn account_of_invitation(
        &self,
        hash: &InvitationHash,
    ) -> Result<Option<AccountId>, StoreError> {
        let account = query_scalar!("SELECT account_id FROM invitations WHERE hash = $1", hash.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        Ok(account.map(AccountId::from_uuid))
    }

    /// The account that a join link leads into.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn account_of_join_link(&self, hash: &JoinLinkHash) -> Result<Option<AccountId>, StoreError> {
        let account = query_scalar!("SELECT account_id FROM join_links WHERE hash = $1", hash.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        Ok(account.map(AccountId::from_uuid))
    }

    /// All accounts, with the days after which each forgets what is resolved, if it does.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn retentions(&self) -> Result<Vec<(AccountId, Option<u16>)>, StoreError> {
        let rows = query!("SELECT id, settings ->> 'retentionDays' AS days FROM accounts ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        let days = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(rows.into_iter().map(|row| (AccountId::from_uuid(row.id), days(row.days))).collect())
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
