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
use common::{error::ErrorCode, permission::Permission};
use store::elevations::{Elevation, ElevationStatus};

pub(super) fn routes() -> Routes {
    Routes::of("elevations", "More permissions for a while: a user asks, somebody else agrees.")
        .any_caller(endpoints![list::list, create::create, end::end])
        .needs(Permission::UsersManage, endpoints![decide::decide_elevation])
}

/// Lets an elevation be changed only from this status.
fn require(elevation: &Elevation, status: ElevationStatus, done: &str) -> Result<(), Problem> {
    if elevation.status == status {
        return Ok(());
    }
    let detail = format!("it is {:?} and can only be {done} while it is {status:?}", elevation.status);
    Err(Problem::new(StatusCode::CONFLICT, ErrorCode::INVALID_TRANSITION, detail.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::{
        clock::{Clock, ManualClock},
        id::{ElevationId, UserId},
        permission::Permissions,
    };

    #[test]
    fn a_refusal_names_the_status_that_it_has_and_the_one_that_it_needs() {
        let clock = ManualClock::default();
        let elevation = Elevation {
            id: ElevationId::generate(&clock),
            user_id: UserId::generate(&clock),
            role_name: "ADMIN".to_owned(),
            permissions: Permissions::ALL,
            reason: "a try".to_owned(),
            minutes: 10,
            status: ElevationStatus::Denied,
            requested_at: clock.utc(),
            decided_by: None,
            decided_at: None,
            expires_at: None,
            ended_at: None,
        };
        assert!(require(&elevation, ElevationStatus::Denied, "ended").is_ok());
        let refused = require(&elevation, ElevationStatus::Active, "ended").unwrap_err();
        assert_eq!(refused.detail(), "It is denied and can only be ended while it is active");
    }
}
