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

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use std::time::Duration;

    /// A request of now, with what became of it.
    fn asked(decided: bool, lasts: Option<Duration>, ended: bool) -> (elevations::Elevation, OffsetDateTime) {
        let clock = ManualClock::default();
        let now = clock.utc();
        let user = UserId::generate(&clock);
        let it = elevations::Elevation {
            id: ElevationId::generate(&clock),
            user_id: user,
            role_name: "ADMIN".to_owned(),
            permissions: Permissions::ALL,
            reason: "a try".to_owned(),
            minutes: 10,
            requested_at: now,
            decided_by: decided.then_some(user),
            decided_at: decided.then_some(now),
            expires_at: lasts.map(|time| now + time),
            ended_at: ended.then_some(now),
        };
        (it, now)
    }

    #[test]
    fn a_status_follows_from_what_happened_and_from_the_time() {
        let (minutes, none) = (Duration::from_secs(600), Duration::ZERO);
        let before = |time: Duration| time - Duration::from_nanos(1);
        for (decided, lasts, ended, after, status) in [
            (false, None, false, none, ElevationStatus::Pending),
            (false, None, false, before(DECIDED_WITHIN), ElevationStatus::Pending),
            (false, None, false, DECIDED_WITHIN, ElevationStatus::Lapsed),
            (true, None, false, none, ElevationStatus::Denied),
            (true, None, false, 2 * DECIDED_WITHIN, ElevationStatus::Denied),
            (true, Some(minutes), false, none, ElevationStatus::Active),
            (true, Some(minutes), false, before(minutes), ElevationStatus::Active),
            (true, Some(minutes), false, minutes, ElevationStatus::Over),
            (true, Some(minutes), true, none, ElevationStatus::Over),
            (true, Some(minutes), true, 2 * minutes, ElevationStatus::Over),
        ] {
            let (it, now) = asked(decided, lasts, ended);
            let shown = Elevation::of(it, now + after);
            assert_eq!(shown.status, status, "{after:?} after");
            for other in [ElevationStatus::Pending, ElevationStatus::Active] {
                assert_eq!(
                    shown.require(other, "changed").is_ok(),
                    other == status,
                    "{status:?} as {other:?}"
                );
            }
        }
    }

    #[test]
    fn a_refusal_names_the_status_that_it_has_and_the_one_that_it_needs() {
        let (it, now) = asked(true, None, false);
        let refused = Elevation::of(it, now).require(ElevationStatus::Active, "ended").unwrap_err();
        assert_eq!(refused.detail(), "it is denied and can only be ended while it is active");
    }
}
