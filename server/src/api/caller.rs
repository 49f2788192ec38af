//! Who is calling, from the request's Bearer token (RFC 6750).

use super::{App, problem::Problem};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use common::{
    error::ErrorCode,
    id::{AccountId, SessionId, UserId},
    token::{self, Role},
};
use std::sync::Arc;
use tracing::{Span, debug, field::display};

/// An authenticated caller. A handler that takes one cannot be reached without a good token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) account: AccountId,
    pub(super) user: UserId,
    pub(super) role: Role,
    /// The name that an outside issuer gives.
    pub(super) name: Option<String>,
    /// The sign-in; `None` for users of an outside issuer.
    pub(super) session: Option<SessionId>,
}

impl Caller {
    /// Lets callers pass who may do at least what `role` may.
    pub(super) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| refuse(ErrorCode::UNAUTHENTICATED, "a Bearer token is needed"))?;
        let issuers = Arc::clone(&app.issuers.borrow());
        let caller = token::verify(token, &issuers, app.clock.utc()).map_err(|error| {
            debug!(error = &error as &dyn std::error::Error, "A token was refused");
            refuse(error.code(), "the token is not valid or has expired")
        })?;
        Span::current().record("account.id", display(caller.account)).record("user.id", display(caller.user));
        Ok(Self {
            account: caller.account,
            user: caller.user,
            role: caller.role,
            name: caller.name,
            session: caller.session,
        })
    }
}

fn refuse(code: ErrorCode, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
}
