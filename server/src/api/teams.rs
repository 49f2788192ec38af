//! Teams: agents who answer together.

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
use common::{
    id::{TeamId, UserId},
    permission::Permission,
};
use serde::{Deserialize, Serialize};
use store::teams;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("teams", "Agents who answer together.")
        .needs(Permission::UsersRead, endpoints![list, get, get_team_members])
        .needs(Permission::TeamsManage, endpoints![create, update, delete, set_team_members])
}

/// Agents who answer together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    /// Its id.
    id: TeamId,
    /// Its name, unique in the account.
    name: String,
}

impl From<teams::Team> for Team {
    fn from(it: teams::Team) -> Self {
        Self { id: it.id, name: it.name }
    }
}

/// A team to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateTeam {
    /// Its name, unique in the account.
    #[schema(example = "Billing")]
    name: String,
}

/// What to change about a team; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateTeam {
    /// Its name, unique in the account.
    name: Option<String>,
}

/// Lists the account's teams in the order of their creation.
#[utoipa::path(get, path = "/v1/teams", params(PageParams), responses((status = 200, body = Page<Team>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Team>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let items = teams::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(items, |it| it.id.to_string(), Team::from)))
}

/// Reads one team.
#[utoipa::path(
    get, path = "/v1/teams/{id}", params(("id" = TeamId, Path, description = "The team")),
    responses((status = 200, body = Team), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<TeamId>) -> Result<Tagged<Team>, Problem> {
    let mut tx = app.read(&caller).await?;
    let found = teams::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    tx.commit().await?;
    Ok(Tagged(found.into()))
}

/// Creates a team.
#[utoipa::path(
    post, path = "/v1/teams", request_body = CreateTeam, params(once::Header),
    responses(
        (status = 201, body = Team),
        (status = 403, body = Document),
        (status = 409, description = "Another has the same", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateTeam>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let created = teams::create(&mut tx, name, &*app.clock).await;
    let created = Team::from(created.map_err(|error| Problem::refused("team", error))?);
    once.created(tx, &caller, &created).await
}

/// Changes a team.
#[utoipa::path(
    patch, path = "/v1/teams/{id}", request_body = UpdateTeam,
    params(("id" = TeamId, Path, description = "The team"), etag::Header),
    responses(
        (status = 200, body = Team),
        (status = 404, body = Document),
        (status = 409, description = "Another has the same", body = Document),
        (status = 412, body = Document),
    ),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<TeamId>,
    if_match: IfMatch,
    Body(body): Body<UpdateTeam>,
) -> Result<Tagged<Team>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = teams::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    let before = Team::from(before);
    if_match.check(&before)?;
    let after = teams::update(&mut tx, id, name.unwrap_or(&before.name)).await;
    let after = Team::from(after.map_err(|error| Problem::refused("team", error))?);
    tx.commit().await?;
    Ok(Tagged(after))
}

/// Deletes a team.
#[utoipa::path(
    delete, path = "/v1/teams/{id}", params(("id" = TeamId, Path, description = "The team")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, body = Document),
        (status = 409, description = "It is in use", body = Document),
    ),
)]
async fn delete(State(app): State<App>, caller: Caller, Id(id): Id<TeamId>) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = teams::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    teams::delete(&mut tx, id).await.map_err(|error| Problem::refused("team", error))?;
    let object = ("team", id.as_uuid());
    caller.did(&app, &mut tx, "team.deleted", object, (Some(&Team::from(before)), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is in a team.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TeamMembers {
    /// The users, in no order; at most 1,000.
    user_ids: Vec<UserId>,
}

/// Users in a team at most.
const MEMBERS_MAX: usize = 1000;

/// Reads who is in a team.
#[utoipa::path(
    get, path = "/v1/teams/{id}/members", params(("id" = TeamId, Path, description = "The team")),
    responses((status = 200, body = TeamMembers), (status = 404, body = Document)),
)]
async fn get_team_members(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<TeamId>,
) -> Result<Tagged<TeamMembers>, Problem> {
    let mut tx = app.read(&caller).await?;
    teams::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    let user_ids = teams::members(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Tagged(TeamMembers { user_ids }))
}

/// Makes these users a team's members, and nobody else.
#[utoipa::path(
    put, path = "/v1/teams/{id}/members", request_body = TeamMembers,
    params(("id" = TeamId, Path, description = "The team"), etag::Header),
    responses(
        (status = 200, body = TeamMembers),
        (status = 404, body = Document),
        (status = 409, description = "The account has no such user", body = Document),
        (status = 412, body = Document),
    ),
)]
async fn set_team_members(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<TeamId>,
    if_match: IfMatch,
    Body(body): Body<TeamMembers>,
) -> Result<Tagged<TeamMembers>, Problem> {
    if body.user_ids.len() > MEMBERS_MAX {
        return Err(Problem::invalid("userIds has more than 1,000 users"));
    }
    let mut tx = app.begin_exclusive(&caller).await?;
    teams::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    if_match.check(&TeamMembers { user_ids: teams::members(&mut tx, id).await? })?;
    let set = teams::set_members(&mut tx, id, &body.user_ids).await;
    set.map_err(|error| Problem::refused("team", error))?;
    let user_ids = teams::members(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Tagged(TeamMembers { user_ids }))
}
