//! Another name or role, and who may sign in.

use super::{
    super::{
        App,
        caller::Caller,
        etag::{self, IfMatch, Tagged},
        extract::{Body, Id, present},
        fields, hub,
        problem::{Document, Problem},
    },
    may_give,
};
use axum::extract::State;
use common::{
    id::{RoleId, UserId},
    revocation::Ended,
    subject::hub::ConnectionSelector,
    token::Role,
};
use serde::Deserialize;
use store::users::{self, User, UserChange};
use utoipa::ToSchema;

/// What to change about a user; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateUser {
    /// The name that others see.
    name: Option<String>,
    /// One of the three fixed roles.
    role: Option<Role>,
    /// The account's own role that decides instead; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<RoleId>)]
    role_id: Option<Option<RoleId>>,
    /// False: cannot sign in any more, and is signed out everywhere.
    active: Option<bool>,
    /// False: lifts the lock that too many wrong passwords have put on.
    locked: Option<bool>,
}

/// Changes a user. A user who is deactivated, or may do less than before, is signed out: what they write is refused
/// at once, what they read within five seconds.
#[utoipa::path(
    patch, path = "/v1/users/{id}", request_body = UpdateUser,
    params(("id" = UserId, Path, description = "The user"), etag::Header),
    responses(
        (status = 200, body = User),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "It is the last administrator, or there is no such role", body = Document),
        (status = 412, description = "`resource.changedMeanwhile`", body = Document),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<UserId>,
    if_match: IfMatch,
    Body(body): Body<UpdateUser>,
) -> Result<Tagged<User>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let change = UserChange { name, role: body.role, role_id: body.role_id, active: body.active };
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    if_match.check(&before)?;
    let decides = body.active.is_some() || body.role.is_some() || body.role_id.is_some();
    if before.email.is_none() && decides {
        return Err(Problem::conflict("this user's issuer decides what they may do"));
    }
    // Neither raise somebody above oneself nor touch somebody who is.
    may_give(&caller, before.permissions)?;
    let (after, ended) = users::update(&mut tx, id, &change, &*app.clock).await?;
    may_give(&caller, after.permissions)?;
    if body.locked == Some(false) {
        users::forgive_wrong_passwords(&mut tx, id).await?;
    }
    caller.audit(&app, &mut tx, "user.updated", id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    if !after.permissions.includes(before.permissions) || after.deactivated_at.is_some() {
        app.ended(ended.into_iter().map(Ended::SignIn)).await;
        hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(id)).await;
    }
    Ok(Tagged(after))
}
