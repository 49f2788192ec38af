//! The answer to who gets no socket.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::error::ErrorCode;
use ingress::Problem;
use std::time::Duration;

/// How soon who found no place should try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why there is no socket.
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    code: ErrorCode,
    detail: &'static str,
}

impl Refused {
    pub(crate) const fn new(status: StatusCode, code: ErrorCode, detail: &'static str) -> Self {
        Self { status, code, detail }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.status, self.code, self.detail);
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // What this server speaks (RFC 6455, section 4.4, and RFC 9110, section 15.5.22).
            let spoken = [(header::SEC_WEBSOCKET_VERSION, "13"), (header::UPGRADE, "websocket")];
            return (spoken, problem).into_response();
        }
        let is_passing = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        let problem =
            if is_passing.contains(&self.status) { problem.retry_after(RETRY_AFTER) } else { problem };
        problem.into_response()
    }
}
