//! Doing more for a while: somebody asks, somebody else agrees, and it ends by itself.

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    fields, hub,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
    users::may_give,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::{ElevationId, RoleId, UserId},
    permission::{Permission, Permissions},
    revocation::Ended,
    subject::hub::ConnectionSelector,
    token::Role,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::{
    elevations::{self, DECIDED_WITHIN, NewElevation},
    roles,
};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("elevations", "More permissions for a while: a user asks, somebody else agrees.")
        .any_caller(endpoints![list, create, end])
        .needs(Permission::UsersManage, endpoints![decide_elevation])
}

/// The longest time that can be asked for, in minutes: a working day.
const MINUTES_MAX: u16 = 8 * 60;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// How far an elevation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ElevationStatus {
    /// Nobody has decided yet.
    Pending,
    /// Somebody agreed, and it lasts.
    Active,
    /// Somebody did not agree.
    Denied,
    /// Nobody decided within a day.
    Lapsed,
    /// Its time is over, or it was ended before.
    Over,
}

/// A time in which a user may do more, or a request for one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Elevation {
    /// Its id.
    id: ElevationId,
    /// Who.
    user_id: UserId,
    /// What the role was called when it was asked for.
    role_name: String,
    /// What it allowed then; nothing else is given.
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
    /// Why it is needed.
    reason: String,
    /// For how many minutes it was asked.
    minutes: u32,
    /// How far it is.
    status: ElevationStatus,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    requested_at: OffsetDateTime,
    /// Who decided.
    decided_by: Option<UserId>,
    /// When.
    #[serde(with = "time::serde::rfc3339::option")]
    decided_at: Option<OffsetDateTime>,
    /// Until when it lasts; null unless somebody agreed.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// When it was ended before that.
    #[serde(with = "time::serde::rfc3339::option")]
    ended_at: Option<OffsetDateTime>,
}

impl Elevation {
    fn of(it: elevations::Elevation, now: OffsetDateTime) -> Self {
        let status = match (it.decided_at, it.expires_at) {
            (None, _) if it.requested_at + DECIDED_WITHIN > now => ElevationStatus::Pending,
            (None, _) => ElevationStatus::Lapsed,
            (Some(_), None) => ElevationStatus::Denied,
            (Some(_), Some(until)) if it.ended_at.is_none() && until > now => ElevationStatus::Active,
            (Some(_), Some(_)) => ElevationStatus::Over,
        };
        Self {
            id: it.id,
            user_id: it.user_id,
            role_name: it.role_name,
            permissions: it.permissions,
            reason: it.reason,
            minutes: it.minutes,
            status,
            requested_at: it.requested_at,
            decided_by: it.decided_by,
            decided_at: it.decided_at,
            expires_at: it.expires_at,
            ended_at: it.ended_at,
        }
    }

    /// Lets it be changed only from this status.
    fn require(&self, status: ElevationStatus, done: &str) -> Result<(), Problem> {
        if self.status == status {
            return Ok(());
        }
        let detail = format!("it is {:?} and can only be {done} while it is {status:?}", self.status);
        Err(Problem::new(StatusCode::CONFLICT, ErrorCode::INVALID_TRANSITION, detail.to_lowercase()))
    }
}

/// What somebody asks for.
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

/// What somebody decides.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DecideElevation {
    /// Whether it shall be.
    approve: bool,
}

/// Lists elevations, the latest first: all for who manages users, one's own for others.
#[utoipa::path(
    get, path = "/v1/elevations", params(PageParams),
    responses((status = 200, body = Page<Elevation>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Elevation>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let of = match caller.require(Permission::UsersManage) {
        Ok(()) => None,
        Err(_) => Some(caller.person()?.user),
    };
    let mut tx = app.read(&caller).await?;
    let items = elevations::list(&mut tx, of, before, params.limit() + 1).await?;
    tx.commit().await?;
    let now = app.clock.utc();
    let items = items.into_iter().map(|it| Elevation::of(it, now)).collect();
    Ok(Json(params.page(items, |it: &Elevation| it.id.to_string())))
}

/// Asks to do more for a while. Nothing changes until somebody else agrees.
#[utoipa::path(
    post, path = "/v1/elevations", request_body = CreateElevation, params(once::Header),
    responses(
        (status = 201, body = Elevation),
        (status = 403, description = "An API key asks, or an outside issuer's user", body = Document),
        (status = 409, description = "There is no such role, it allows nothing more, or too many requests wait", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateElevation>,
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
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let (role_name, permissions) = match (body.role, body.role_id) {
        (Some(role), None) => (role.as_str().to_owned(), role.permissions()),
        (None, Some(id)) => {
            let role = roles::find(&mut tx, id).await?;
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
    let object = ("elevation", asked.id.as_uuid());
    caller.audit(&app, &mut tx, "elevation.requested", object, (None, Some(&asked))).await?;
    once.created(tx, &caller, &asked).await
}

/// Decides on somebody else's request. Nobody can agree to more than they lastingly may do themselves.
/// Who asked gets it with their next access token.
#[utoipa::path(
    post, path = "/v1/elevations/{id}/decision", request_body = DecideElevation,
    params(("id" = ElevationId, Path, description = "The elevation"), once::Header),
    responses(
        (status = 200, body = Elevation),
        (status = 403, description = "It is one's own, or goes beyond one's own permissions", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`resource.invalidTransition`: it is decided", body = Document),
    ),
)]
async fn decide_elevation(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ElevationId>,
    Retryable(body, once): Retryable<DecideElevation>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let missing = || Problem::not_found("elevation");
    let now = app.clock.utc();
    let before = Elevation::of(elevations::hold(&mut tx, id).await?.ok_or_else(missing)?, now);
    if before.user_id == person.user {
        let detail = "somebody else has to decide on this";
        return Err(Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail));
    }
    may_give(&caller, before.permissions)?;
    before.require(ElevationStatus::Pending, "decided on")?;
    let time = Duration::from_secs(u64::from(before.minutes) * 60);
    let until = body.approve.then(|| now + time);
    elevations::decide(&mut tx, id, person.user, until, &*app.clock).await?;
    let after = Elevation::of(elevations::hold(&mut tx, id).await?.ok_or_else(missing)?, now);
    let action = if body.approve { "elevation.approved" } else { "elevation.denied" };
    caller.audit(&app, &mut tx, action, ("elevation", id.as_uuid()), (Some(&before), Some(&after))).await?;
    once.answer(StatusCode::OK, tx, &caller, &after).await
}

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
async fn end(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ElevationId>,
) -> Result<Json<Elevation>, Problem> {
    let mut tx = app.begin(&caller).await?;
    let missing = || Problem::not_found("elevation");
    let now = app.clock.utc();
    let before = Elevation::of(elevations::hold(&mut tx, id).await?.ok_or_else(missing)?, now);
    if caller.token.as_ref().is_none_or(|token| token.user != before.user_id) {
        caller.require(Permission::UsersManage)?;
    }
    before.require(ElevationStatus::Active, "ended")?;
    elevations::end(&mut tx, id, &*app.clock).await?;
    let after = Elevation::of(elevations::hold(&mut tx, id).await?.ok_or_else(missing)?, now);
    let object = ("elevation", id.as_uuid());
    caller.audit(&app, &mut tx, "elevation.ended", object, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    app.ended([Ended::Elevation(after.user_id)]).await;
    hub::disconnect_if_reached(&app, caller.account, ConnectionSelector::User(after.user_id)).await;
    Ok(Json(after))
}
