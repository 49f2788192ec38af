//! Doing more for a while: somebody asks, somebody else agrees, and it ends by itself.

mod create;
mod decide;
mod end;
mod list;

use super::{
    problem::Problem,
    routes::{Routes, endpoints},
};
use axum::http::StatusCode;
use common::{
    error::ErrorCode,
    id::{ElevationId, UserId},
    permission::{Permission, Permissions},
};
use serde::Serialize;
use store::elevations::{self, DECIDED_WITHIN};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("elevations", "More permissions for a while: a user asks, somebody else agrees.")
        .any_caller(endpoints![list::list, create::create, end::end])
        .needs(Permission::UsersManage, endpoints![decide::decide_elevation])
}

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
    /// UUIDv7: later ones sort later.
    id: ElevationId,
    /// Who asked.
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
    status: ElevationStatus,
    /// When it was asked for; nobody can agree a day later.
    #[serde(with = "time::serde::rfc3339")]
    requested_at: OffsetDateTime,
    /// Who agreed or refused; null until then.
    decided_by: Option<UserId>,
    /// When that was; null until then.
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
