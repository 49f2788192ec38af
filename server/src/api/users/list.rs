//! The account's users.

use super::super::{
    App,
    caller::Caller,
    extract::Params,
    page::{Page, PageParams},
    problem::Problem,
};
use axum::{Json, extract::State};
use store::users::{self, User};

/// Lists the account's users in the order of their creation.
#[utoipa::path(get, path = "/v1/users", params(PageParams), responses((status = 200, body = Page<User>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<User>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let users = users::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(users, |user| user.id.to_string())))
}
