//! Ending a user's connections.

use super::super::{
    App,
    caller::Caller,
    extract::Id,
    hub,
    problem::{Document, Problem},
};
use axum::{extract::State, http::StatusCode};
use common::{id::UserId, subject::hub::ConnectionSelector};
use store::users;

/// Ends a user's connections to the hub. A device whose sign-in is still good connects again.
#[utoipa::path(
    delete, path = "/v1/users/{id}/connections", params(("id" = UserId, Path, description = "The user")),
    responses(
        (status = 204, description = "They are ended"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "A part of the hub did not answer: ask again", body = Document),
    ),
)]
pub(super) async fn disconnect_user(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    users::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("user"))?;
    tx.commit().await?;
    hub::disconnect(&app, caller.account, ConnectionSelector::User(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
