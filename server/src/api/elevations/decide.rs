//! Agreeing, or not.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        idempotency::{self, Retryable},
        problem::{Document, Problem},
        users::may_give,
    },
    Elevation, ElevationStatus,
};
use axum::{extract::State, http::StatusCode, response::Response};
use common::{error::ErrorCode, id::ElevationId};
use serde::Deserialize;
use std::time::Duration;
use store::elevations;
use utoipa::ToSchema;

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DecideElevation {
    /// Whether it shall be.
    approve: bool,
}

/// Decides on somebody else's request. Nobody can agree to more than they lastingly may do themselves.
/// Whoever asked gets it with their next access token.
#[utoipa::path(
    post, path = "/v1/elevations/{id}/decision", request_body = DecideElevation,
    params(("id" = ElevationId, Path, description = "The elevation"), idempotency::Header),
    responses(
        (status = 200, body = Elevation),
        (status = 403, description = "It is one's own, or goes beyond one's own permissions", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`resource.invalidTransition`: it is decided", body = Document),
    ),
)]
pub(super) async fn decide_elevation(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ElevationId>,
    Retryable(body, idempotency): Retryable<DecideElevation>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let missing = || Problem::not_found("elevation");
    let now = app.clock.utc();
    let before = Elevation::of(elevations::lock(&mut tx, id).await?.ok_or_else(missing)?, now);
    if before.user_id == person.user {
        let detail = "somebody else has to decide on this";
        return Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail));
    }
    may_give(&caller, before.permissions)?;
    before.require(ElevationStatus::Pending, "decided on")?;
    let time = Duration::from_secs(u64::from(before.minutes) * 60);
    let until = body.approve.then(|| now + time);
    elevations::decide(&mut tx, id, person.user, until, &*app.clock).await?;
    let after = Elevation::of(elevations::lock(&mut tx, id).await?.ok_or_else(missing)?, now);
    let action = if body.approve { "elevation.approved" } else { "elevation.denied" };
    caller.audit(&app, &mut tx, action, id, (Some(&before), Some(&after))).await?;
    idempotency.answer(StatusCode::OK, tx, &caller, &after).await
}
