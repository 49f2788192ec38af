//! Requests that may be sent again (`Idempotency-Key`): done once, answered the same.

use super::{App, caller::Caller, extract::raw, fields, memory, problem::Problem};
use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{error::ErrorCode, secret::Secret};
use serde::{Serialize, de::DeserializeOwned};
use store::{
    TenantTx,
    idempotency::{self, Answer, Claim, Keyed},
};
use utoipa::IntoParams;

/// The header, for the reference.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Header {
    /// Chosen once per request, 1 to 128 characters: sent again after a lost answer, it is done once
    /// and answered the same. With another body or path it is refused: 409.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// A JSON body that is taken once under its sender's key.
pub(super) struct Retryable<T>(pub(super) T, pub(super) Idempotency);

/// The key, if there is one, and what makes the request this request.
pub(super) struct Idempotency(Option<Key>);

struct Key {
    key: String,
    fingerprint: [u8; 32],
}

/// A file that is taken once under its sender's key.
pub(super) struct RetryableFile {
    /// Its declared content type; empty if it has none.
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
    pub(super) idempotency: Idempotency,
}

/// The part of a request that is known before its body is read.
struct UnreadRequest {
    key: Option<String>,
    fingerprint: Context,
}

impl UnreadRequest {
    fn new(request: &Request) -> Result<Self, Problem> {
        let key = request.headers().get("idempotency-key").map(fields::idempotency_key).transpose()?;
        let mut fingerprint = Context::new(&SHA256);
        // A key alone does not make a request: the same one under another path is a client's mistake, which is told
        // and not answered with another request's answer.
        fingerprint.update(request.method().as_str().as_bytes());
        fingerprint.update(b" ");
        fingerprint.update(request.uri().path().as_bytes());
        fingerprint.update(b"\n");
        Ok(Self { key: key.map(str::to_owned), fingerprint })
    }

    fn with_body(mut self, body: &[u8]) -> Idempotency {
        self.fingerprint.update(body);
        Idempotency(self.key.map(|key| {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(self.fingerprint.finish().as_ref());
            Key { key, fingerprint: bytes }
        }))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Retryable<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let unread = UnreadRequest::new(&request)?;
        let json = raw(request, state).await?;
        let body = serde_json::from_str(json.get()).map_err(|error| Problem::invalid(error.to_string()))?;
        Ok(Self(body, unread.with_body(json.get().as_bytes())))
    }
}

impl RetryableFile {
    /// Reads it: once it is known that who sends it may.
    ///
    /// # Errors
    /// As [`memory::read`].
    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let unread = UnreadRequest::new(&request)?;
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let (_, bytes) = memory::read(request).await?;
        let idempotency = unread.with_body(&bytes);
        Ok(Self { content_type, bytes, idempotency })
    }
}

impl Idempotency {
    fn keyed(&self, caller: &Caller) -> Option<Keyed<'_>> {
        let Key { key, fingerprint } = self.0.as_ref()?;
        Some(Keyed { actor: caller.actor_id(), key, fingerprint: *fingerprint })
    }

    /// The answer that was given already; `None`: do it now, in `tx`.
    pub(super) async fn answered(
        &self,
        app: &App,
        tx: &mut TenantTx,
        caller: &Caller,
    ) -> Result<Option<Response>, Problem> {
        Ok(self.done(app, tx, caller).await?.map(|answer| replayed(&answer)))
    }

    /// The same with what was made: to tell it again, for that time it may not have been told.
    pub(super) async fn answered_with<T: DeserializeOwned>(
        &self,
        app: &App,
        tx: &mut TenantTx,
        caller: &Caller,
    ) -> Result<Option<(Response, T)>, Problem> {
        let Some(answer) = self.done(app, tx, caller).await? else { return Ok(None) };
        let made = serde_json::from_str(answer.body.expose()).map_err(|error| Problem::internal(&error))?;
        Ok(Some((replayed(&answer), made)))
    }

    async fn done(&self, app: &App, tx: &mut TenantTx, caller: &Caller) -> Result<Option<Answer>, Problem> {
        let Some(keyed) = self.keyed(caller) else { return Ok(None) };
        // In the transaction that does the work: a request that fails leaves no claim, so that it can be sent again
        // under its key.
        match idempotency::claim(tx, &keyed, &*app.clock).await? {
            Claim::New => Ok(None),
            Claim::Done(answer) => Ok(Some(answer)),
            Claim::Mismatch => Err(Problem::new(
                StatusCode::CONFLICT,
                ErrorCode::IDEMPOTENCY_MISMATCH,
                "the idempotency key was used for another request",
            )),
        }
    }

    /// Commits `tx` and answers 201 with `value`, now and to every repetition.
    pub(super) async fn created<T: Serialize + Sync>(
        &self,
        tx: TenantTx,
        caller: &Caller,
        value: &T,
    ) -> Result<Response, Problem> {
        self.answer(StatusCode::CREATED, tx, caller, value).await
    }

    /// Commits `tx` and answers so, now and to every repetition.
    pub(super) async fn answer<T: Serialize + Sync>(
        &self,
        status: StatusCode,
        mut tx: TenantTx,
        caller: &Caller,
        value: &T,
    ) -> Result<Response, Problem> {
        let body = serde_json::to_string(value).map_err(|error| Problem::internal(&error))?;
        if let Some(keyed) = self.keyed(caller) {
            let answer = Answer { status: status.as_u16(), body: Secret::new(body.clone()) };
            // Before the commit: a process that dies between the two would have done the work and not know the answer.
            idempotency::record_answer(&mut tx, &keyed, &answer).await?;
        }
        tx.commit().await?;
        Ok(json(status, body))
    }
}

fn replayed(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = json(status, answer.body.expose().clone());
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    fn request(method: Method, path: &str, key: Option<&str>) -> Request {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.body(Body::empty()).unwrap()
    }

    fn fingerprint(method: Method, path: &str, body: &str) -> [u8; 32] {
        let unread = UnreadRequest::new(&request(method, path, Some("k"))).unwrap();
        unread.with_body(body.as_bytes()).0.unwrap().fingerprint
    }

    #[test]
    fn another_method_path_or_body_is_another_request() {
        let first = fingerprint(Method::POST, "/v1/labels", "{}");
        assert_eq!(fingerprint(Method::POST, "/v1/labels", "{}"), first);
        // What is asked for beside the path does not make it another one.
        assert_eq!(fingerprint(Method::POST, "/v1/labels?x=1", "{}"), first);
        for other in [
            fingerprint(Method::PUT, "/v1/labels", "{}"),
            fingerprint(Method::POST, "/v1/teams", "{}"),
            fingerprint(Method::POST, "/v1/labels", "{ }"),
            fingerprint(Method::POST, "/v1/label", "s\n{}"),
        ] {
            assert_ne!(other, first);
        }
    }

    #[test]
    fn a_request_without_a_key_is_done_each_time_and_a_bad_key_is_refused() {
        let none = UnreadRequest::new(&request(Method::POST, "/v1/labels", None)).unwrap();
        assert!(none.with_body(b"{}").0.is_none());
        for bad in ["", &"k".repeat(129)] {
            assert!(UnreadRequest::new(&request(Method::POST, "/v1/labels", Some(bad))).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_that_was_given_before_says_so() {
        let answer = Answer { status: 201, body: Secret::new("{}".to_owned()) };
        let again = replayed(&answer);
        assert_eq!(again.status(), StatusCode::CREATED);
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(again.headers()[header::CONTENT_TYPE], "application/json");
    }
}
