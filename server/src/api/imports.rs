//! Many contacts at once, from a file: taken at once, worked on in the background, reported row by row.

mod read;

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    idempotency::{self, RetryableFile},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{
    Json,
    extract::{Request, State},
    response::Response,
};
use common::{id::ImportId, permission::Permission};
use read::Format;
use serde::Deserialize;
use store::imports::{self, ContactImport, ImportedRow, Outcome};
use utoipa::IntoParams;

pub(super) fn routes() -> Routes {
    Routes::of("contact-imports", "Many contacts at once, from a file.")
        .needs(Permission::ContactsManage, endpoints![create, list, get, list_contact_import_rows])
        .body_bytes_max(FILE_BYTES_MAX)
}

/// The largest file.
pub(super) const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportParams {
    /// Only rows of which this became.
    #[param(inline)]
    outcome: Option<Outcome>,
}

/// Imports contacts from a file of at most 50,000 rows and 16 MiB. A row changes the contact that has its
/// e-mail address, or else its phone number; or it becomes a new one. CSV (RFC 4180) has a header: `name`,
/// `email` and `phone` are those, each other column an attribute. NDJSON has an object per line, with
/// `name`, `email`, `phone` and `attributes`.
#[utoipa::path(
    post, path = "/v1/contact-imports", params(idempotency::Header),
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
    let RetryableFile { content_type, bytes, idempotency } = RetryableFile::read(request).await?;
    let format = Format::of(&content_type)?;
    let rows = tokio::task::spawn_blocking(move || format.rows(&bytes));
    let rows = rows.await.map_err(|error| Problem::internal(&error))??;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let import = imports::create(&mut tx, caller.actor_id(), &rows, &*app.clock).await?;
    caller.audit(&app, &mut tx, "contacts.imported", import.id, (None, Some(&import))).await?;
    idempotency.created(tx, &caller, &import).await
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
    Ok(Json(params.page(items, |it| it.id.to_string())))
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
    Ok(Json(import))
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
    let rows = imports::report(&mut tx, id, params.outcome, after, page.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(page.page(rows, |row| row.number.to_string())))
}
