//! Many contacts at once: the rows of a file, worked on in batches, each with what became of it.

mod batch;

pub use batch::{BATCH, Progress, work};

use crate::{
    column::{self, Count, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ActorId, ContactId, ImportId},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

/// Rows that are written by one statement.
const CHUNK: usize = 1000;

/// A contact as a row of a file describes it; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportedContact {
    /// What the contact is to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its e-mail address, by which it is recognised first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its phone number, by which it is recognised otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Members to set.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
}

/// An import and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContactImport {
    /// UUIDv7: later ones sort later.
    pub id: ImportId,
    /// The user or API key that began it.
    pub created_by: ActorId,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Rows in the file.
    pub rows: u32,
    /// Rows that are done; grows by up to 1,000 at a time.
    pub done: u32,
    /// Of those, contacts that were created.
    pub created: u32,
    /// Rows in which an existing contact was recognised.
    pub updated: u32,
    /// Rows that could not be used; the report says why.
    pub failed: u32,
    /// When the last row was done; null while it goes on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RowOutcome))]
pub enum Outcome {
    /// A contact was created.
    Created,
    /// An existing contact was recognised, and changed if the row says something new.
    Updated,
    /// It cannot be used.
    Failed,
}

impl Outcome {
    /// Its name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Failed => "failed",
        }
    }
}

/// The report on a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportedRow {
    /// From 1 in the order of the file; the header of a CSV is none.
    pub number: u32,
    /// What became of it; null until it is done.
    pub outcome: Option<Outcome>,
    /// The contact that was created or recognised.
    pub contact_id: Option<ContactId>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// Takes the rows of a file, to be worked on from now on. Those that are errors are reported as such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    tx: &mut TenantTx,
    by: ActorId,
    rows: &[Result<ImportedContact, String>],
    clock: &dyn Clock,
) -> Result<ContactImport, StoreError> {
    let account = tx.account_column();
    let id = ImportId::generate(clock);
    let failed = rows.iter().filter(|row| row.is_err()).count();
    let as_column = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let import = query_as!(
        ContactImport,
        r#"INSERT INTO imports (account_id, id, created_by, created_at, row_count, failed, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $4)
         RETURNING id, created_by, created_at, row_count AS "rows: Count", created + updated + failed AS "done!: Count",
                created AS "created: Count", updated AS "updated: Count", failed AS "failed: Count", finished_at"#,
        account,
        id.as_uuid(),
        by.as_uuid(),
        clock.utc(),
        as_column(rows.len()),
        as_column(failed)
    )
    .fetch_one(tx.connection())
    .await?;
    for (chunk, rows) in rows.chunks(CHUNK).enumerate() {
        let numbers: Vec<i32> = (0..rows.len()).map(|at| as_column(chunk * CHUNK + at + 1)).collect();
        let (mut data, mut errors) = (Vec::new(), Vec::new());
        for row in rows {
            data.push(match row {
                Ok(contact) => serde_json::to_value(contact).ok().map(|value| column::json(&value)),
                Err(_) => None,
            });
            errors.push(row.as_ref().err().map(|error| column::text(error).into_owned()));
        }
        query!(
            "INSERT INTO import_rows (account_id, import_id, number, data, error, outcome)
             SELECT $1, $2, number, data, error, CASE WHEN error IS NOT NULL THEN 'failed' END
             FROM unnest($3::integer[], $4::jsonb[], $5::text[]) AS row (number, data, error)",
            account,
            id.as_uuid(),
            &numbers,
            &data as &[Option<Value>],
            &errors as &[Option<String>]
        )
        .execute(tx.connection())
        .await?;
    }
    Ok(import)
}

/// The import with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ImportId) -> Result<Option<ContactImport>, StoreError> {
    let row = query_as!(
        ContactImport,
        r#"SELECT id, created_by, created_at, row_count AS "rows: Count", created + updated + failed AS "done!: Count",
                created AS "created: Count", updated AS "updated: Count", failed AS "failed: Count", finished_at FROM imports
         WHERE id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// The account's imports, the latest first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    before: Option<ImportId>,
    limit: u16,
) -> Result<Vec<ContactImport>, StoreError> {
    let rows = query_as!(
        ContactImport,
        r#"SELECT id, created_by, created_at, row_count AS "rows: Count", created + updated + failed AS "done!: Count",
                created AS "created: Count", updated AS "updated: Count", failed AS "failed: Count", finished_at FROM imports
         WHERE id < $1 ORDER BY id DESC LIMIT $2"#,
        before.map_or(Uuid::max(), ImportId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// A page of [`report`], one statement for each index.
macro_rules! reports {
    ($tx:expr, $id:expr, $after:expr, $limit:expr, $clause:literal, $driver:expr) => {
        query_as!(
            ImportedRow,
            r#"SELECT number AS "number: Count", outcome AS "outcome: Outcome", contact_id AS "contact_id!: OptionalId",
                      error FROM import_rows WHERE "#
                + $clause
                + " AND import_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            $id.as_uuid(),
            i32::try_from($after).unwrap_or(i32::MAX),
            i64::from($limit),
            $driver
        )
        .fetch_all($tx.connection())
        .await?
    };
}

/// The report on the rows after number `after`, with this outcome if one is asked for, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn report(
    tx: &mut TenantTx,
    id: ImportId,
    outcome: Option<Outcome>,
    after: u32,
    limit: u16,
) -> Result<Vec<ImportedRow>, StoreError> {
    let rows = match outcome {
        Some(outcome) => reports!(tx, id, after, limit, "outcome = $4", outcome.as_str()),
        None => reports!(tx, id, after, limit, "$4", true),
    };
    Ok(rows)
}

/// Forgets imports that were finished before `time`.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn prune(tx: &mut TenantTx, time: OffsetDateTime) -> Result<(), StoreError> {
    query!("DELETE FROM imports WHERE finished_at < $1", time).execute(tx.connection()).await?;
    Ok(())
}
