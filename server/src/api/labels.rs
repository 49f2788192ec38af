//! Labels: words that sort conversations.

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
use common::{id::LabelId, permission::Permission};
use serde::{Deserialize, Serialize};
use store::labels;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("labels", "Words that sort conversations.")
        .needs(Permission::ConversationsRead, endpoints![list, get])
        .needs(Permission::LabelsManage, endpoints![create, update, delete])
}

/// A word that sorts conversations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Label {
    /// Its id.
    id: LabelId,
    /// Its name, unique in the account.
    name: String,
    /// Its color as `#rrggbb`.
    color: String,
}

impl From<labels::Label> for Label {
    fn from(it: labels::Label) -> Self {
        Self { id: it.id, name: it.name, color: it.color }
    }
}

/// A label to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateLabel {
    /// Its name, unique in the account.
    #[schema(example = "VIP")]
    name: String,
    /// Its color as `#rrggbb`.
    #[schema(example = "#1f6feb")]
    color: String,
}

/// What to change about a label; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateLabel {
    /// Its name, unique in the account.
    name: Option<String>,
    /// Its color as `#rrggbb`.
    color: Option<String>,
}

/// Lists the account's labels in the order of their creation.
#[utoipa::path(get, path = "/v1/labels", params(PageParams), responses((status = 200, body = Page<Label>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Label>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let items = labels::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(items, |it| it.id.to_string(), Label::from)))
}

/// Reads one label.
#[utoipa::path(
    get, path = "/v1/labels/{id}", params(("id" = LabelId, Path, description = "The label")),
    responses((status = 200, body = Label), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<LabelId>) -> Result<Tagged<Label>, Problem> {
    let mut tx = app.read(&caller).await?;
    let found = labels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("label"))?;
    tx.commit().await?;
    Ok(Tagged(found.into()))
}

/// Creates a label.
#[utoipa::path(
    post, path = "/v1/labels", request_body = CreateLabel, params(once::Header),
    responses(
        (status = 201, body = Label),
        (status = 403, body = Document),
        (status = 409, description = "Another has the same", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateLabel>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    let color = fields::color(&body.color)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let created = labels::create(&mut tx, name, color, &*app.clock).await;
    let created = Label::from(created.map_err(|error| Problem::refused("label", error))?);
    once.created(tx, &caller, &created).await
}

/// Changes a label.
#[utoipa::path(
    patch, path = "/v1/labels/{id}", request_body = UpdateLabel,
    params(("id" = LabelId, Path, description = "The label"), etag::Header),
    responses(
        (status = 200, body = Label),
        (status = 404, body = Document),
        (status = 409, description = "Another has the same", body = Document),
        (status = 412, body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<LabelId>,
    if_match: IfMatch,
    Body(body): Body<UpdateLabel>,
) -> Result<Tagged<Label>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let color = body.color.as_deref().map(fields::color).transpose()?;
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = labels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("label"))?;
    let before = Label::from(before);
    if_match.check(&before)?;
    let after =
        labels::update(&mut tx, id, name.unwrap_or(&before.name), color.unwrap_or(&before.color)).await;
    let after = Label::from(after.map_err(|error| Problem::refused("label", error))?);
    tx.commit().await?;
    Ok(Tagged(after))
}

/// Deletes a label.
#[utoipa::path(
    delete, path = "/v1/labels/{id}", params(("id" = LabelId, Path, description = "The label")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, body = Document),
        (status = 409, description = "It is in use", body = Document),
    ),
)]
async fn delete(State(app): State<App>, caller: Caller, Id(id): Id<LabelId>) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = labels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("label"))?;
    labels::delete(&mut tx, id).await.map_err(|error| Problem::refused("label", error))?;
    let object = ("label", id.as_uuid());
    caller.did(&app, &mut tx, "label.deleted", object, (Some(&Label::from(before)), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
