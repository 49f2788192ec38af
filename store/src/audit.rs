//! The audit log. An entry is written in the transaction of the change that it records, and is never changed.

mod object;

pub use object::Object;

use crate::{
    column::{self, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ActorId, ApiKeyId, AuditEntryId, ObjectId, UserId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{query, query_as};
use std::net::IpAddr;
use time::OffsetDateTime;
use uuid::Uuid;

/// The caller that an audit entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// A program, by its key.
    ApiKey(ApiKeyId),
    /// Switchboard itself: a job, or an operator's command.
    System,
}

impl Actor {
    /// The kind's name on the wire and in the store.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "apiKey",
            Self::System => "system",
        }
    }

    /// The id of the person or the key.
    pub const fn id(self) -> Option<ActorId> {
        match self {
            Self::User(id) => Some(ActorId::from_uuid(id.as_uuid())),
            Self::ApiKey(id) => Some(ActorId::from_uuid(id.as_uuid())),
            Self::System => None,
        }
    }
}

/// Something that is done.
#[derive(Debug, Clone, Copy)]
pub struct AuditRecord<'a> {
    /// The caller who did it.
    pub actor: Actor,
    /// The client's address, as the server sees it.
    pub address: Option<IpAddr>,
    /// Subject and past participle, as `user.updated`.
    pub action: &'static str,
    /// To which thing.
    pub object: Object,
    /// As it was; `None` if it was not there. Without secrets.
    pub before: Option<&'a Value>,
    /// As it is; `None` if it is gone. Without secrets.
    pub after: Option<&'a Value>,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// UUIDv7: later ones sort later.
    pub id: AuditEntryId,
    /// When it was done.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `user`, `apiKey` or `system`.
    #[cfg_attr(feature = "openapi", schema(example = "user"))]
    pub actor_kind: String,
    /// The user or key; null for the system.
    pub actor_id: Option<ActorId>,
    /// The network address that the request came from.
    #[cfg_attr(feature = "openapi", schema(example = "192.0.2.1"))]
    pub address: Option<String>,
    /// Subject and past participle, as `role.updated`.
    #[cfg_attr(feature = "openapi", schema(example = "role.updated"))]
    pub action: String,
    /// The kind of thing that it was done to.
    #[cfg_attr(feature = "openapi", schema(example = "role"))]
    pub object_kind: String,
    /// That thing.
    pub object_id: ObjectId,
    /// As it was; null if it was not there or is not shown.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub before: Option<Value>,
    /// As it was from then on; null if it is gone or is not shown.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub after: Option<Value>,
}

/// A filter of the audit log; a member that is `None` lets everything through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// About this thing only.
    pub object: Option<ObjectId>,
    /// By this actor only.
    pub actor: Option<ActorId>,
    /// Of this action only.
    pub action: Option<&'a str>,
}

/// Records an entry, in the transaction that does what it tells of.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn record(tx: &mut TenantTx, entry: &AuditRecord<'_>, clock: &dyn Clock) -> Result<(), StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO audit_entries
             (account_id, id, at, actor_kind, actor_id, address, action, object_kind, object_id, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        account,
        AuditEntryId::generate(clock).as_uuid(),
        clock.utc(),
        entry.actor.kind(),
        entry.actor.id().map(ActorId::as_uuid),
        entry.address.map(|address| address.to_string()),
        entry.action,
        entry.object.kind(),
        entry.object.id().as_uuid(),
        entry.before.map(column::json),
        entry.after.map(column::json)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A page of [`list`]: the clause has an index of its own, the rest of the filter thins it out.
macro_rules! page {
    ($tx:expr, $filter:expr, $before:expr, $limit:expr, $clause:literal, $driver:expr) => {
        query_as!(
            AuditEntry,
            r#"SELECT id, at, actor_kind, actor_id AS "actor_id!: OptionalId", address, action, object_kind, object_id, before, after
             FROM audit_entries WHERE "#
                + $clause
                + " AND id < $1 AND ($2::uuid IS NULL OR object_id = $2) AND ($3::uuid IS NULL OR actor_id = $3)
                   AND ($4::text IS NULL OR action = $4)
                 ORDER BY id DESC LIMIT $5",
            $before.map_or(Uuid::max(), AuditEntryId::as_uuid),
            $filter.object.map(ObjectId::as_uuid),
            $filter.actor.map(ActorId::as_uuid),
            $filter.action,
            i64::from($limit),
            $driver
        )
        .fetch_all($tx.connection())
        .await?
    };
}

/// The latest entries first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    filter: Filter<'_>,
    before: Option<AuditEntryId>,
    limit: u16,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = if let Some(object) = filter.object {
        page!(tx, filter, before, limit, "object_id = $6", object.as_uuid())
    } else if let Some(actor) = filter.actor {
        page!(tx, filter, before, limit, "actor_id = $6", actor.as_uuid())
    } else if let Some(action) = filter.action {
        page!(tx, filter, before, limit, "action = $6", action)
    } else {
        page!(tx, filter, before, limit, "$6", true)
    };
    Ok(rows)
}
