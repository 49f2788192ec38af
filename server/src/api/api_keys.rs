//! API keys: how programs sign in. A key is shown once, when it is made.

use super::{
    App,
    auth::new_token,
    caller::Caller,
    extract::{Id, Params},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
    users::may_give,
};
use axum::{Json, extract::State, response::Response};
use common::{
    id::ApiKeyId,
    permission::{Permission, Permissions},
};
use ingress::{KEY_PREFIX, hash_of_key};
use serde::{Deserialize, Serialize};
use store::api_keys::{self, ApiKey, NewApiKey};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("api-keys", "How programs sign in. A key is shown once, when it is made.")
        .needs(Permission::ApiKeysManage, endpoints![list, get, create, revoke])
}

/// How much of a key is kept to tell it by.
const HINT_CHARS: usize = 8;

/// A new key, with itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedApiKey {
    #[serde(flatten)]
    about: ApiKey,
    /// The key, for `Authorization: Bearer`. It is not shown again.
    key: String,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateApiKey {
    /// Its name, for people.
    #[schema(example = "Reporting")]
    name: String,
    /// The permissions of those who have it.
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
    /// When it ceases to be good; absent: never.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// Lists the account's keys in the order of their creation, those that were revoked too.
#[utoipa::path(
    get, path = "/v1/api-keys", params(PageParams),
    responses((status = 200, body = Page<ApiKey>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ApiKey>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let keys = api_keys::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(keys, |key| key.id.to_string())))
}

/// Reads one key.
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", params(("id" = ApiKeyId, Path, description = "The key")),
    responses((status = 200, body = ApiKey), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<ApiKeyId>) -> Result<Json<ApiKey>, Problem> {
    let mut tx = app.read(&caller).await?;
    let key = api_keys::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("API key"))?;
    tx.commit().await?;
    Ok(Json(key))
}

/// Makes a key. The answer is the only place where it is ever shown.
#[utoipa::path(
    post, path = "/v1/api-keys", request_body = CreateApiKey, params(idempotency::Header),
    responses((status = 201, body = CreatedApiKey), (status = 403, body = Document)),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateApiKey>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    may_give(&caller, body.permissions)?;
    if body.expires_at.is_some_and(|at| at <= app.clock.utc()) {
        return Err(Problem::invalid("expiresAt has passed"));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let key = format!("{KEY_PREFIX}{}", new_token()?);
    let new = NewApiKey {
        name,
        hash: &hash_of_key(&key),
        hint: key.get(..HINT_CHARS).unwrap_or(KEY_PREFIX),
        permissions: body.permissions,
        created_by: caller.id(),
        expires_at: body.expires_at,
    };
    let about = api_keys::create(&mut tx, &new, &*app.clock).await?;
    caller.audit(&app, &mut tx, "apiKey.created", about.id, (None, Some(&about))).await?;
    idempotency.created(tx, &caller, &CreatedApiKey { about, key }).await
}

/// Revokes a key for good.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", params(("id" = ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "Revoked", body = ApiKey), (status = 404, body = Document)),
)]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ApiKeyId>,
) -> Result<Json<ApiKey>, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    let before = api_keys::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("API key"))?;
    let after = api_keys::revoke(&mut tx, id, &*app.clock).await?;
    let after = after.ok_or_else(|| Problem::not_found("API key"))?;
    caller.audit(&app, &mut tx, "apiKey.revoked", id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    Ok(Json(after))
}
