//! Asking for more.

use super::{
    super::{
        App,
        caller::Caller,
        fields,
        idempotency::{self, Retryable},
        problem::{Document, Problem},
    },
    Elevation,
};
use axum::{extract::State, http::StatusCode, response::Response};
use common::{error::ErrorCode, id::RoleId, token::Role};
use serde::Deserialize;
use store::{
    Named as _,
    elevations::{self, NewElevation},
    roles::NamedRole,
};
use utoipa::ToSchema;

/// The longest time that can be asked for, in minutes: a working day.
const MINUTES_MAX: u16 = 8 * 60;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// An elevation to be asked for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateElevation {
    /// The role, if it is one of the three.
    #[schema(example = "ADMIN")]
    role: Option<Role>,
    /// Or one of the account's own.
    role_id: Option<RoleId>,
    /// Why it is needed; who decides reads it.
    #[schema(example = "A customer wants everything about them erased.")]
    reason: String,
    /// For how long, 1 to 480 minutes from when somebody agrees.
    #[schema(minimum = 1, maximum = 480, example = 60)]
    minutes: u16,
}

/// Asks to do more for a while. Nothing changes until somebody else agrees.
#[utoipa::path(
    post, path = "/v1/elevations", request_body = CreateElevation, params(idempotency::Header),
    responses(
        (status = 201, body = Elevation),
        (status = 403, description = "An API key asks, or an outside issuer's user", body = Document),
        (status = 409, description = "There is no such role, it allows nothing more, or too many requests wait", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateElevation>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    if person.sign_in.is_none() {
        let detail = "your issuer decides what you may do";
        return Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail));
    }
    let reason = fields::text(&body.reason, REASON_BYTES_MAX)?;
    if body.minutes == 0 || body.minutes > MINUTES_MAX {
        return Err(Problem::invalid("minutes must be 1 to 480"));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let (role_name, permissions) = match (body.role, body.role_id) {
        (Some(role), None) => (role.as_str().to_owned(), role.permissions()),
        (None, Some(id)) => {
            let role = NamedRole::find(&mut tx, id).await?;
            let role = role.ok_or_else(|| Problem::conflict("there is no such role"))?;
            (role.name, role.permissions)
        }
        (Some(_), Some(_)) | (None, None) => return Err(Problem::invalid("name either role or roleId")),
    };
    if person.lasting.includes(permissions) {
        return Err(Problem::conflict("you may do all of that already"));
    }
    let new =
        NewElevation { user: person.user, role_name: &role_name, permissions, reason, minutes: body.minutes };
    let asked = elevations::request(&mut tx, &new, &*app.clock).await?;
    let asked = asked.ok_or_else(|| Problem::conflict("ten of your requests wait already"))?;
    let asked = Elevation::of(asked, app.clock.utc());
    caller.audit(&app, &mut tx, "elevation.requested", asked.id, (None, Some(&asked))).await?;
    idempotency.created(tx, &caller, &asked).await
}
