//! Sealing everything with the newest key, so that older ones can be destroyed.

use crate::{
    channels, connect::Store, error::StoreError, idempotency, notifications, seal::Place, tenant::TenantTx,
    webhooks,
};
use common::id::{ChannelId, PushSubscriptionId, WebhookId};
use sqlx::query;

/// The result of sealing the secrets anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Sealed with the newest key now, and with an older one before.
    pub changed: u32,
    /// Sealed with the newest key already.
    pub current: u32,
    /// Cannot be opened with any of the keys.
    pub lost: u32,
}

impl Resealed {
    /// The secret under the newest key, if it was under another.
    fn look(&mut self, tx: &TenantTx, place: Place, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match tx.keyring().reseal(place, sealed) {
            Ok(None) => {
                self.current += 1;
                Ok(None)
            }
            Ok(fresh) => {
                self.changed += 1;
                Ok(fresh)
            }
            Err(StoreError::Unsealable) => {
                self.lost += 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Seals every secret of every account with the newest key. It may be repeated, and cut short; servers may go on
/// meanwhile if they have the newest key too.
///
/// # Errors
/// [`StoreError::Database`]; accounts before it are done.
pub async fn all(store: &Store) -> Result<Resealed, StoreError> {
    let mut done = Resealed::default();
    for (account, _) in store.system().retentions().await? {
        let mut tx = store.tenant(account).await?;
        of_channels(&mut tx, &mut done).await?;
        of_webhooks(&mut tx, &mut done).await?;
        of_answers(&mut tx, &mut done).await?;
        of_push(&mut tx, &mut done).await?;
        tx.commit().await?;
    }
    Ok(done)
}

async fn of_channels(tx: &mut TenantTx, done: &mut Resealed) -> Result<(), StoreError> {
    let rows =
        query!("SELECT id, access_token, app_secret, verify_token FROM channels ORDER BY id FOR UPDATE")
            .fetch_all(tx.connection())
            .await?;
    for row in rows {
        let place = |column| channels::place(column, tx.account(), ChannelId::from_uuid(row.id));
        let access_token = done.look(tx, place("access_token"), &row.access_token)?;
        let app_secret = done.look(tx, place("app_secret"), &row.app_secret)?;
        let verify_token = done.look(tx, place("verify_token"), &row.verify_token)?;
        query!(
            "UPDATE channels SET access_token = coalesce($2, access_token), app_secret = coalesce($3, app_secret),
                                 verify_token = coalesce($4, verify_token)
             WHERE id = $1",
            row.id,
            access_token,
            app_secret,
            verify_token
        )
        .execute(tx.connection())
        .await?;
    }
    Ok(())
}

async fn of_webhooks(tx: &mut TenantTx, done: &mut Resealed) -> Result<(), StoreError> {
    let rows =
        query!("SELECT id, secret FROM webhooks ORDER BY id FOR UPDATE").fetch_all(tx.connection()).await?;
    for row in rows {
        let place = webhooks::place(tx.account(), WebhookId::from_uuid(row.id));
        if let Some(secret) = done.look(tx, place, &row.secret)? {
            query!("UPDATE webhooks SET secret = $2 WHERE id = $1", row.id, secret)
                .execute(tx.connection())
                .await?;
        }
    }
    Ok(())
}

async fn of_push(tx: &mut TenantTx, done: &mut Resealed) -> Result<(), StoreError> {
    let rows = query!("SELECT id, sealed FROM push_subscriptions ORDER BY id FOR UPDATE")
        .fetch_all(tx.connection())
        .await?;
    for row in rows {
        let place = notifications::place(tx.account(), PushSubscriptionId::from_uuid(row.id));
        if let Some(sealed) = done.look(tx, place, &row.sealed)? {
            query!("UPDATE push_subscriptions SET sealed = $2 WHERE id = $1", row.id, sealed)
                .execute(tx.connection())
                .await?;
        }
    }
    let keys = query!("SELECT private_key FROM push_keys FOR UPDATE").fetch_optional(tx.connection()).await?;
    if let Some(keys) = keys
        && let Some(sealed) = done.look(tx, notifications::place_of_key(tx.account()), &keys.private_key)?
    {
        query!("UPDATE push_keys SET private_key = $1", sealed).execute(tx.connection()).await?;
    }
    Ok(())
}

/// Answers that are kept for retries may show a secret that is shown once.
async fn of_answers(tx: &mut TenantTx, done: &mut Resealed) -> Result<(), StoreError> {
    let rows = query!(
        r#"SELECT actor_id, key, answer AS "answer!" FROM idempotent_requests WHERE answer IS NOT NULL
           ORDER BY actor_id, key FOR UPDATE"#
    )
    .fetch_all(tx.connection())
    .await?;
    for row in rows {
        if let Some(answer) = done.look(tx, idempotency::place(tx, row.actor_id.into()), &row.answer)? {
            query!(
                "UPDATE idempotent_requests SET answer = $3 WHERE actor_id = $1 AND key = $2",
                row.actor_id,
                row.key,
                answer
            )
            .execute(tx.connection())
            .await?;
        }
    }
    Ok(())
}
