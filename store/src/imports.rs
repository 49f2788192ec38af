//! Many contacts at once: the rows of a file, worked on in batches, each with what became of it.

mod batch;

pub use batch::{BATCH, Progress, work};

use crate::{
    column::{self, to_count},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ContactId, ImportId},
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
    /// Its name.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// The user or API key that began it.
    pub created_by: Uuid,
    /// When.
    pub created_at: OffsetDateTime,
    /// Rows of the file.
    pub rows: u32,
    /// Contacts that were created.
    pub created: u32,
    /// Rows that an existing contact was recognised in.
    pub updated: u32,
    /// Rows that could not be used.
    pub failed: u32,
    /// When the last row was done.
    pub finished_at: Option<OffsetDateTime>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A contact was created.
    Created,
    /// An existing contact was recognised.
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

    fn parse(name: &str) -> Result<Self, StoreError> {
        let all = [Self::Created, Self::Updated, Self::Failed];
        let found = all.into_iter().find(|outcome| outcome.as_str() == name);
        found.ok_or(StoreError::Unreadable { column: "outcome" })
    }
}

/// The report on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowReport {
    /// Which, from 1 in the order of the file.
    pub number: u32,
    /// What became of it; `None` until it is done.
    pub outcome: Option<Outcome>,
    /// The contact.
    pub contact: Option<ContactId>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

struct Row {
    id: Uuid,
    created_by: Uuid,
    created_at: OffsetDateTime,
    row_count: i32,
    created: i32,
    updated: i32,
    failed: i32,
    finished_at: Option<OffsetDateTime>,
}

impl From<Row> for Import {
    fn from(row: Row) -> Self {
        Self {
            id: ImportId::from_uuid(row.id),
            created_by: row.created_by,
            created_at: row.created_at,
            rows: to_count(row.row_count),
            created: to_count(row.created),
            updated: to_count(row.updated),
            failed: to_count(row.failed),
            finished_at: row.finished_at,
        }
    }
}

/// Takes the rows of a file, to be worked on from now on. Those that are errors are reported as such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    tx: &mut TenantTx,
    by: Uuid,
    rows: &[Result<ImportedContact, String>],
    clock: &dyn Clock,
) -> Result<Import, StoreError> {
    let account = tx.account_column();
    let id = ImportId::generate(clock);
    let failed = rows.iter().filter(|row| row.is_err()).count();
    let as_column = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let import = query_as!(
        Row,
        "INSERT INTO imports (account_id, id, created_by, created_at, row_count, failed, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $4)
         RETURNING id, created_by, created_at, row_count, created, updated, failed, finished_at",
        account,
        id.as_uuid(),
        by,
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
    Ok(import.into())
}

/// The import with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ImportId) -> Result<Option<Import>, StoreError> {
    let row = query_as!(
        Row,
        "SELECT id, created_by, created_at, row_count, created, updated, failed, finished_at FROM imports
         WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(Import::from))
}

/// The account's imports, the latest first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    before: Option<ImportId>,
    limit: u16,
) -> Result<Vec<Import>, StoreError> {
    let rows = query_as!(
        Row,
        "SELECT id, created_by, created_at, row_count, created, updated, failed, finished_at FROM imports
         WHERE id < $1 ORDER BY id DESC LIMIT $2",
        before.map_or(Uuid::max(), ImportId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Import::from).collect())
}

struct ReportRow {
    number: i32,
    outcome: Option<String>,
    contact_id: Option<Uuid>,
    error: Option<String>,
}

/// A page of [`report`], one statement for each index.
macro_rules! reports {
    ($tx:expr, $id:expr, $after:expr, $limit:expr, $clause:literal, $driver:expr) => {
        query_as!(
            ReportRow,
            "SELECT number, outcome, contact_id, error FROM import_rows WHERE "
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
) -> Result<Vec<RowReport>, StoreError> {
    let rows = match outcome {
        Some(outcome) => reports!(tx, id, after, limit, "outcome = $4", outcome.as_str()),
        None => reports!(tx, id, after, limit, "$4", true),
    };
    let reports = rows.into_iter().map(|row| {
        Ok(RowReport {
            number: to_count(row.number),
            outcome: row.outcome.as_deref().map(Outcome::parse).transpose()?,
            contact: row.contact_id.map(ContactId::from_uuid),
            error: row.error,
        })
    });
    reports.collect()
}

/// Forgets imports that were finished before `time`.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn prune(tx: &mut TenantTx, time: OffsetDateTime) -> Result<(), StoreError> {
    query!("DELETE FROM imports WHERE finished_at < $1", time).execute(tx.connection()).await?;
    Ok(())
}
