//! Teams: agents who answer together.

use super::{
    etag::{self, IfMatch},
    extract::Body,
    fields,
    named::parts::*,
};
use common::{
    id::{TeamId, UserId},
    permission::Permission,
};
use serde::{Deserialize, Serialize};
use store::{
    ChangeError, TenantTx,
    teams::{self, Team},
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("teams", "Agents who answer together.")
        .needs(Permission::UsersRead, endpoints![list, get, get_team_members])
        .needs(Permission::TeamsManage, endpoints![create, update, delete, set_team_members])
}

/// A team to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateTeam {
    /// Unique in the account.
    #[schema(example = "Billing")]
    name: String,
}

/// What to change about a team; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateTeam {
    /// Unique in the account.
    name: Option<String>,
}

impl Checked for CreateTeam {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize([&mut self.name], fields::name)
    }
}

impl Checked for UpdateTeam {
    fn check(&mut self, _caller: &Caller) -> Result<(), Problem> {
        fields::normalize(&mut self.name, fields::name)
    }
}

impl Named for Team {
    type Create = CreateTeam;
    const KIND: &'static str = "team";
    const DELETED: &'static str = "team.deleted";

    async fn create(tx: &mut TenantTx, new: &CreateTeam, app: &App) -> Result<Self, ChangeError> {
        teams::create(tx, &new.name, &*app.clock).await
    }
}

impl Changed for Team {
    type Update = UpdateTeam;

    async fn update(
        tx: &mut TenantTx,
        id: TeamId,
        before: &Self,
        change: &UpdateTeam,
    ) -> Result<Self, ChangeError> {
        teams::update(tx, id, change.name.as_ref().unwrap_or(&before.name)).await
    }
}

named::handlers!(Team, TeamId, CreateTeam, UpdateTeam, "/v1/teams", "team", "teams");

/// All members of a team.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TeamMembers {
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
    Team::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
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
    Team::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("team"))?;
    if_match.check(&TeamMembers { user_ids: teams::members(&mut tx, id).await? })?;
    let set = teams::set_members(&mut tx, id, &body.user_ids).await;
    set.map_err(|error| Problem::refused("team", error))?;
    let user_ids = teams::members(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Tagged(TeamMembers { user_ids }))
}
