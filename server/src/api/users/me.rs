//! Who is calling.

use super::super::{App, caller::Caller, problem::Problem};
use axum::{Json, extract::State, http::StatusCode};
use common::error::ErrorCode;
use store::{
    elevations,
    users::{self, User},
};

/// Who is calling?
#[utoipa::path(get, path = "/v1/me", responses((status = 200, body = User)))]
pub(super) async fn get_me(State(app): State<App>, caller: Caller) -> Result<Json<User>, Problem> {
    let person = caller.person()?;
    let mut tx = app.read(&caller).await?;
    let user = users::find(&mut tx, person.user).await?;
    let elevated = elevations::active(&mut tx, person.user, &*app.clock).await?;
    tx.commit().await?;
    match user {
        Some(user) => {
            let permissions = elevated.map_or(user.permissions, |(more, _)| user.permissions.or(more));
            Ok(Json(User { permissions, ..user }))
        }
        // An outside issuer's user, whom only the token knows.
        None if person.sign_in.is_none() => Ok(Json(User {
            id: person.user,
            name: person.name.clone().unwrap_or_default(),
            email: None,
            role: person.role,
            role_id: None,
            permissions: person.permissions,
            account_id: caller.account,
            deactivated_at: None,
        })),
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, "this user is no more")),
    }
}
