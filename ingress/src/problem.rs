//! Errors as clients get them: problem documents (RFC 9457) with our stable codes.

mod refusals;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    error::{Chain, ErrorCode},
    permission::Permission,
    problem::Document,
    text,
};
use std::{borrow::Cow, error::Error, time::Duration};
use store::{ChangeError, StoreError};
use tracing::{debug, error, warn};

/// How soon a client should try again when a part of the server is away.
const AWAY_RETRY: Duration = Duration::from_secs(2);

/// An error answer: a problem document with its status and headers.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: ErrorCode,
    detail: Cow<'static, str>,
    pointer: Option<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// An error with its HTTP status, its stable code and an explanation for people, which gets its capital letter.
    pub fn new(status: StatusCode, code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: text::sentence(detail), pointer: None, retry_after: None }
    }

    /// The same error with the member of the request's body that is at fault.
    #[must_use]
    pub fn of_member(self, name: &str) -> Self {
        Self { pointer: Some(format!("/{name}")), ..self }
    }

    /// The member at fault as a JSON Pointer, if it is one.
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// What went wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// There is no such thing in the caller's account.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// A field or parameter is not valid.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::INVALID_BODY, detail)
    }

    /// It exists already, or contradicts what exists.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::CONFLICT, detail)
    }

    /// The caller lacks a permission.
    pub fn forbidden(permission: Permission) -> Self {
        let detail = format!("this needs the permission {}", permission.as_str());
        Self::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, detail)
    }

    /// A change of a thing of kind `what` that the store refuses.
    pub fn refused(what: &str, error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(what),
            ChangeError::Store(error) => error.into(),
            ChangeError::Taken { member: Some(member) } => {
                Self::conflict(format!("another {what} has this {member}")).of_member(member)
            }
            ChangeError::Taken { member: None } => Self::conflict(format!("another {what} is the same")),
            ChangeError::Referenced => {
                Self::conflict("this is still in use, or something that is named here does not exist")
            }
        }
    }

    /// A part that this needs is away; the same request may work soon.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, detail).retry_after(AWAY_RETRY)
    }

    /// Switchboard failed: logs why, tells the caller nothing of it.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        error!(error = %Chain(error), "A request failed; this is a bug");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::INTERNAL, "internal error")
    }

    /// The same error with the time after which a retry makes sense.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        Self { retry_after: Some(delay), ..self }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_no_account() {
            // A token of an outside issuer, or of an account that is gone.
            debug!("A token names an account that does not exist");
            let detail = "the token is of no account of this installation";
            return Self::new(StatusCode::UNAUTHORIZED, ErrorCode::INVALID_TOKEN, detail);
        }
        if error.is_away() || error.is_conflict() {
            warn!(error = %Chain(&error), "The database did not serve a request");
            return Self::unavailable("the database is busy or away");
        }
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let document =
            Document::new(title, self.status.as_u16(), &self.detail, &self.code).at(self.pointer());
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Document::MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(delay) = self.retry_after {
            // Whole seconds on the wire (RFC 9110, section 10.2.3); rounded up, so that nobody is early.
            let seconds = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What a path answers to methods that it does not offer.
pub async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::METHOD_NOT_ALLOWED,
        "this path does not offer that method",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_how_to_go_on() {
        let away = Problem::unavailable("away").retry_after(Duration::from_millis(1200)).into_response();
        assert_eq!(away.headers()[header::RETRY_AFTER], "2", "nobody is early");
        assert_eq!(away.headers()[header::CONTENT_TYPE], "application/problem+json");
        let unknown =
            Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::UNAUTHENTICATED, "who?").into_response();
        assert_eq!(unknown.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert!(!unknown.headers().contains_key(header::RETRY_AFTER));
    }
}
