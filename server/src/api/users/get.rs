//! One user.

use super::super::{
    App,
    caller::Caller,
    etag::Tagged,
    extract::Id,
    problem::{Document, Problem},
};
use axum::extract::State;
use common::id::UserId;
use store::users::{self, User};

/// Reads one user.
#[utoipa::path(
    get, path = "/v1/users/{id}", params(("id" = UserId, Path, description = "The user")),
    responses((status = 200, body = User), (status = 404, body = Document)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Tagged<User>, Problem> {
    let mut tx = app.read(&caller).await?;
    let user = users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    tx.commit().await?;
    Ok(Tagged(user))
}
