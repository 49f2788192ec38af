//! Roles that the account has named, beside the three fixed ones.

use super::{
    etag::{self, IfMatch},
    extract::Body,
    fields,
    named::parts::*,
    users::may_give,
};
use common::{
    id::RoleId,
    permission::{Permission, Permissions},
    revocation::Ended,
};
use serde::Deserialize;
use store::{
    ChangeError, TenantTx,
    roles::{self, NamedRole},
};
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
    /// Unique in the account.
    #[schema(example = "manager")]
    name: String,
    /// The permissions of those who have it.
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
}

/// What to change about a role; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRole {
    /// Unique in the account.
    name: Option<String>,
    /// The permissions of those who have it.
    #[schema(value_type = Option<Vec<Permission>>)]
    permissions: Option<Permissions>,
}

impl Checked for CreateRole {
    fn check(&mut self, caller: &Caller) -> Result<(), Problem> {
        fields::normalize([&mut self.name], fields::name)?;
        may_give(caller, self.permissions)
    }
}

impl Named for NamedRole {
    type Create = CreateRole;
    const KIND: &'static str = "role";
    const CREATED: Option<&'static str> = Some("role.created");
    const DELETED: &'static str = "role.deleted";

    async fn create(tx: &mut TenantTx, new: &CreateRole, app: &App) -> Result<Self, ChangeError> {
        roles::create(tx, &new.name, new.permissions, &*app.clock).await
    }
}

named::handlers!(NamedRole, RoleId, CreateRole, "/v1/roles", "role", "roles");

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
    Body(mut body): Body<UpdateRole>,
) -> Result<Tagged<NamedRole>, Problem> {
    fields::normalize(&mut body.name, fields::name)?;
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = NamedRole::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("role"))?;
    if_match.check(&before)?;
    let permissions = body.permissions.unwrap_or(before.permissions);
    may_give(&caller, permissions)?;
    may_give(&caller, before.permissions)?;
    let name = body.name.as_ref().unwrap_or(&before.name);
    let role = roles::update(&mut tx, id, name, permissions, &*app.clock).await;
    let after = role.map_err(|error| Problem::refused("role", error))?;
    caller.audit(&app, &mut tx, "role.updated", id, (Some(&before), Some(&after))).await?;
    let is_narrowed = !after.permissions.includes(before.permissions);
    let concerned = if is_narrowed { roles::holders(&mut tx, id).await? } else { Vec::new() };
    tx.commit().await?;
    app.ended(concerned.into_iter().map(Ended::Permissions)).await;
    Ok(Tagged(after))
}
