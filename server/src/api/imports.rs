//! Many contacts at once, from a file: taken at once, worked on in the background, reported row by row.

mod read;

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    once::{self, RetryableFile},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{
    Json,
    extract::{Request, State},
    response::Response,
};
use common::{
    id::{ContactId, ImportId},
    permission::Permission,
};
use read::Format;
use serde::{Deserialize, Serialize};
use store::imports;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(super) fn routes() -> Routes {
    Routes::of("contact-imports", "Many contacts at once, from a file.")
        .needs(Permission::ContactsManage, endpoints![create, list, get, list_contact_import_rows])
        .body_bytes_max(FILE_BYTES_MAX)
}

/// The largest file.
pub(super) const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How far an import is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactImport {
    /// Its id.
    id: ImportId,
    /// The user or API key that began it.
    created_by: Uuid,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// Rows in the file.
    rows: u32,
    /// Rows that are done; grows by up to 1,000 at a time.
    done: u32,
    /// Of those, contacts that were created.
    created: u32,
    /// Rows in which an existing contact was recognised.
    updated: u32,
    /// Rows that could not be used; the report says why.
    failed: u32,
    /// When the last row was done; null while it goes on.
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
}

impl From<imports::ContactImport> for ContactImport {
    fn from(it: imports::ContactImport) -> Self {
        Self {
            id: it.id,
            created_by: it.created_by,
            created_at: it.created_at,
            rows: it.rows,
            done: it.done,
            created: it.created,
            updated: it.updated,
            failed: it.failed,
            finished_at: it.finished_at,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowOutcome {
    /// A contact was created.
    Created,
    /// An existing contact was recognised, and changed if the row says something new.
    Updated,
    /// It cannot be used.
    Failed,
}

impl From<imports::Outcome> for RowOutcome {
    fn from(it: imports::Outcome) -> Self {
        match it {
            imports::Outcome::Created => Self::Created,
            imports::Outcome::Updated => Self::Updated,
            imports::Outcome::Failed => Self::Failed,
        }
    }
}

impl From<RowOutcome> for imports::Outcome {
    fn from(it: RowOutcome) -> Self {
        match it {
            RowOutcome::Created => Self::Created,
            RowOutcome::Updated => Self::Updated,
            RowOutcome::Failed => Self::Failed,
        }
    }
}

/// The report on a row.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportedRow {
    /// Which, from 1 in the order of the file; the header of a CSV is none.
    number: u32,
    /// What became of it; null until it is done.
    outcome: Option<RowOutcome>,
    /// The contact.
    contact_id: Option<ContactId>,
    /// Why it cannot be used.
    error: Option<String>,
}

/// Which rows of a report.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportParams {
    /// Only rows of which this became.
    #[param(inline)]
    outcome: Option<RowOutcome>,
}

/// Imports contacts from a file of at most 50,000 rows and 16 MiB. A row changes the contact that has its
/// e-mail address, or else its phone number; or it becomes a new one. CSV (RFC 4180) has a header: `name`,
/// `email` and `phone` are those, each other column an attribute. NDJSON has an object per line, with
/// `name`, `email`, `phone` and `attributes`.
#[utoipa::path(
    post, path = "/v1/contact-imports", params(once::Header),
    request_body(content(
        (String = "text/csv", example = "name,email,city\nGrace Hopper,grace@example.com,New York\n"),
        (String = "application/x-ndjson", example = "{\"name\":\"Grace Hopper\",\"phone\":\"+1 555 0100\"}\n"),
    )),
    responses(
        (status = 201, body = ContactImport),
        (status = 403, body = Document),
        (status = 413, description = "The file has too many bytes or rows", body = Document),
        (status = 415, body = Document),
        (status = 422, description = "There is nothing in it, or its header cannot be used", body = Document),
    ),
)]
async fn create(State(app): State<App>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let RetryableFile { content_type, bytes, once } = RetryableFile::read(request).await?;
    let format = Format::of(&content_type)?;
    let rows = tokio::task::spawn_blocking(move || format.rows(&bytes));
    let rows = rows.await.map_err(|error| Problem::internal(&error))??;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let import = imports::create(&mut tx, caller.id().as_uuid(), &rows, &*app.clock).await?;
    let import = ContactImport::from(import);
    let object = ("import", import.id.as_uuid());
    caller.did(&app, &mut tx, "contacts.imported", object, (None, Some(&import))).await?;
    once.created(tx, &caller, &import).await
}

/// Lists the account's imports, the latest first. They are kept for 30 days.
#[utoipa::path(
    get, path = "/v1/contact-imports", params(PageParams),
    responses((status = 200, body = Page<ContactImport>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ContactImport>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let items = imports::list(&mut tx, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(items, |it| it.id.to_string(), ContactImport::from)))
}

/// Reads how far an import is.
#[utoipa::path(
    get, path = "/v1/contact-imports/{id}", params(("id" = ImportId, Path, description = "The import")),
    responses((status = 200, body = ContactImport), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ImportId>,
) -> Result<Json<ContactImport>, Problem> {
    let mut tx = app.read(&caller).await?;
    let import = imports::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("import"))?;
    tx.commit().await?;
    Ok(Json(import.into()))
}

/// Reads what became of the rows, in the order of the file.
#[utoipa::path(
    get, path = "/v1/contact-imports/{id}/rows", 
    params(("id" = ImportId, Path, description = "The import"), PageParams, ReportParams),
    responses((status = 200, body = Page<ImportedRow>), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn list_contact_import_rows(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ImportId>,
    Params(page): Params<PageParams>,
    Params(params): Params<ReportParams>,
) -> Result<Json<Page<ImportedRow>>, Problem> {
    let after = page.cursor(|text| text.parse().ok())?.unwrap_or(0);
    let mut tx = app.read(&caller).await?;
    imports::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("import"))?;
    let outcome = params.outcome.map(imports::Outcome::from);
    let rows = imports::report(&mut tx, id, outcome, after, page.limit() + 1).await?;
    tx.commit().await?;
    let item = |row: imports::ImportedRow| ImportedRow {
        number: row.number,
        outcome: row.outcome.map(RowOutcome::from),
        contact_id: row.contact_id,
        error: row.error,
    };
    Ok(Json(page.page(rows, |row| row.number.to_string(), item)))
}
