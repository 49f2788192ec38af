//! Ending it before its time.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        hub,
        problem::{Document, Problem},
    },
    Elevation, ElevationStatus,
};
use axum::{Json, extract::State};
use common::{id::ElevationId, permission::Permission, revocation::Ended, subject::hub::ConnectionSelector};
use store::elevations;

/// Ends an elevation before its time: one's own, or as who manages users anybody's. Access tokens that have
/// it are good no more: for writing at once, for reading within five seconds. The next ones go without it.
#[utoipa::path(
    post, path = "/v1/elevations/{id}/end", params(("id" = ElevationId, Path, description = "The elevation")),
    responses(
        (status = 200, body = Elevation),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`resource.invalidTransition`: it does not last", body = Document),
    ),
)]
pub(super) async fn end(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ElevationId>,
) -> Result<Json<Elevation>, Problem> {
    let mut tx = app.begin(&caller).await?;
    let missing = || Problem::not_found("elevation");
    let now = app.clock.utc();
    let before = Elevation::of(elevations::lock(&mut tx, id).await?.ok_or_else(missing)?, now);
    if caller.token.as_ref().is_none_or(|token| token.user != before.user_id) {
        caller.require(Permission::UsersManage)?;
    }
    before.require(ElevationStatus::Active, "ended")?;
    elevations::end(&mut tx, id, &*app.clock).await?;
    let after = Elevation::of(elevations::lock(&mut tx, id).await?.ok_or_else(missing)?, now);
    caller.audit(&app, &mut tx, "elevation.ended", id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    app.ended([Ended::Elevation(after.user_id)]).await;
    hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(after.user_id)).await;
    Ok(Json(after))
}
