//! Roles that the account has named, beside the three fixed ones.

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
    users::may_give,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    id::RoleId,
    permission::{Permission, Permissions},
    revocation::Ended,
};
use serde::Deserialize;
use store::roles::{self, NamedRole};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("roles", "Sets of permissions that the account has named, beside the three fixed roles.")
        .needs(Permission::UsersRead, endpoints![list, get])
        .needs(Permission::RolesManage, endpoints![create, update, delete])
}

/// A role to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRole {
    /// Its name.
    #[schema(example = "manager")]
    name: String,
    /// What who has it may do.
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
}

/// What to change about a role; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRole {
    /// Its name.
    name: Option<String>,
    /// What who has it may do.
    #[schema(value_type = Option<Vec<Permission>>)]
    permissions: Option<Permissions>,
}

/// Lists the account's roles in the order of their creation.
#[utoipa::path(get, path = "/v1/roles", params(PageParams), responses((status = 200, body = Page<NamedRole>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<NamedRole>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let roles = roles::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(roles, |role| role.id.to_string(), |role| role)))
}

/// Reads one role.
#[utoipa::path(
    get, path = "/v1/roles/{id}", params(("id" = RoleId, Path, description = "The role")),
    responses((status = 200, body = NamedRole), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoleId>,
) -> Result<Tagged<NamedRole>, Problem> {
    let mut tx = app.read(&caller).await?;
    let role = roles::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("role"))?;
    tx.commit().await?;
    Ok(Tagged(role))
}

/// Creates a role. Nobody can name permissions that they do not have.
#[utoipa::path(
    post, path = "/v1/roles", request_body = CreateRole, params(once::Header),
    responses(
        (status = 201, body = NamedRole),
        (status = 403, body = Document),
        (status = 409, description = "The name is taken", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateRole>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    may_give(&caller, body.permissions)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let role = roles::create(&mut tx, name, body.permissions, &*app.clock).await;
    let role = role.map_err(|error| Problem::refused("role", error))?;
    caller.did(&app, &mut tx, "role.created", ("role", role.id.as_uuid()), (None, Some(&role))).await?;
    once.created(tx, &caller, &role).await
}

/// Changes a role. Users who have it get what it allows now with their next access token; if it allows less,
/// their present ones are good no more.
#[utoipa::path(
    patch, path = "/v1/roles/{id}", request_body = UpdateRole,
    params(("id" = RoleId, Path, description = "The role"), etag::Header),
    responses(
        (status = 200, body = NamedRole),
        (status = 404, body = Document),
        (status = 409, description = "The name is taken", body = Document),
        (status = 412, body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoleId>,
    if_match: IfMatch,
    Body(body): Body<UpdateRole>,
) -> Result<Tagged<NamedRole>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = roles::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("role"))?;
    if_match.check(&before)?;
    let permissions = body.permissions.unwrap_or(before.permissions);
    may_give(&caller, permissions)?;
    may_give(&caller, before.permissions)?;
    let name = name.unwrap_or(&before.name);
    let role = roles::update(&mut tx, id, name, permissions, &*app.clock).await;
    let after = role.map_err(|error| Problem::refused("role", error))?;
    let object = ("role", id.as_uuid());
    caller.did(&app, &mut tx, "role.updated", object, (Some(&before), Some(&after))).await?;
    let is_narrowed = !after.permissions.includes(before.permissions);
    let concerned = if is_narrowed { roles::holders(&mut tx, id).await? } else { Vec::new() };
    tx.commit().await?;
    app.ended(concerned.into_iter().map(Ended::Permissions)).await;
    Ok(Tagged(after))
}

/// Deletes a role that nobody has.
#[utoipa::path(
    delete, path = "/v1/roles/{id}", params(("id" = RoleId, Path, description = "The role")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, body = Document),
        (status = 409, description = "Users have it", body = Document),
    ),
)]
async fn delete(State(app): State<App>, caller: Caller, Id(id): Id<RoleId>) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = roles::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("role"))?;
    roles::delete(&mut tx, id).await.map_err(|error| Problem::refused("role", error))?;
    caller.did(&app, &mut tx, "role.deleted", ("role", id.as_uuid()), (Some(&before), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
