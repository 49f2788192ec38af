//! Texts that agents often send.

use super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Params},
    fields,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{id::CannedResponseId, permission::Permission};
use serde::{Deserialize, Serialize};
use store::canned_responses;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("canned-responses", "Texts that agents often send.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::CannedResponsesManage, endpoints![create, update, delete])
}

/// A text that is often sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CannedResponse {
    /// Its id.
    id: CannedResponseId,
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    shortcode: String,
    /// What it says.
    text: String,
}

impl From<canned_responses::CannedResponse> for CannedResponse {
    fn from(it: canned_responses::CannedResponse) -> Self {
        Self { id: it.id, shortcode: it.shortcode, text: it.text }
    }
}

/// A canned response to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateCannedResponse {
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    #[schema(example = "hello")]
    shortcode: String,
    /// What it says.
    #[schema(example = "Hello, how can I help?")]
    text: String,
}

/// What to change about a canned response; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateCannedResponse {
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    shortcode: Option<String>,
    /// What it says.
    text: Option<String>,
}

/// Lists the account's canned responses in the order of their creation.
#[utoipa::path(get, path = "/v1/canned-responses", params(PageParams), responses((status = 200, body = Page<CannedResponse>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<CannedResponse>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let items = canned_responses::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(items, |it| it.id.to_string(), CannedResponse::from)))
}

/// Reads one canned response.
#[utoipa::path(
    get, path = "/v1/canned-responses/{id}", params(("id" = CannedResponseId, Path, description = "The canned response")),
    responses((status = 200, body = CannedResponse), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CannedResponseId>,
) -> Result<Tagged<CannedResponse>, Problem> {
    let mut tx = app.read(&caller).await?;
    let found =
        canned_responses::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("canned response"))?;
    tx.commit().await?;
    Ok(Tagged(found.into()))
}

/// Creates a canned response.
#[utoipa::path(
    post, path = "/v1/canned-responses", request_body = CreateCannedResponse, params(once::Header),
    responses(
        (status = 201, body = CannedResponse),
        (status = 403, body = Document),
        (status = 409, description = "Another has the same", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateCannedResponse>,
) -> Result<Response, Problem> {
    let shortcode = fields::shortcode(&body.shortcode)?;
    let text = fields::long_text(&body.text)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let created = canned_responses::create(&mut tx, shortcode, text, &*app.clock).await;
    let created = CannedResponse::from(created.map_err(|error| Problem::refused("canned response", error))?);
    once.created(tx, &caller, &created).await
}

/// Changes a canned response.
#[utoipa::path(
    patch, path = "/v1/canned-responses/{id}", request_body = UpdateCannedResponse,
    params(("id" = CannedResponseId, Path, description = "The canned response"), etag::Header),
    responses(
        (status = 200, body = CannedResponse),
        (status = 404, body = Document),
        (status = 409, description = "Another has the same", body = Document),
        (status = 412, body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CannedResponseId>,
    if_match: IfMatch,
    Body(body): Body<UpdateCannedResponse>,
) -> Result<Tagged<CannedResponse>, Problem> {
    let shortcode = body.shortcode.as_deref().map(fields::shortcode).transpose()?;
    let text = body.text.as_deref().map(fields::long_text).transpose()?;
    let mut tx = app.begin_exclusive(&caller).await?;
    let before =
        canned_responses::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("canned response"))?;
    let before = CannedResponse::from(before);
    if_match.check(&before)?;
    let after = canned_responses::update(
        &mut tx,
        id,
        shortcode.unwrap_or(&before.shortcode),
        text.unwrap_or(&before.text),
    )
    .await;
    let after = CannedResponse::from(after.map_err(|error| Problem::refused("canned response", error))?);
    tx.commit().await?;
    Ok(Tagged(after))
}

/// Deletes a canned response.
#[utoipa::path(
    delete, path = "/v1/canned-responses/{id}", params(("id" = CannedResponseId, Path, description = "The canned response")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, body = Document),
        (status = 409, description = "It is in use", body = Document),
    ),
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<CannedResponseId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before =
        canned_responses::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("canned response"))?;
    canned_responses::delete(&mut tx, id)
        .await
        .map_err(|error| Problem::refused("canned response", error))?;
    let object = ("cannedResponse", id.as_uuid());
    caller
        .did(&app, &mut tx, "cannedResponse.deleted", object, (Some(&CannedResponse::from(before)), None))
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
