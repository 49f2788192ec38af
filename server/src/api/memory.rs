//! Memory for requests' bodies: taken as they come in, given back when the request is answered.

use super::problem::Problem;
use axum::{
    RequestExt,
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use common::{address::ClientAddress, error::ErrorCode};
use http_body_util::{BodyExt, LengthLimitError};
use ingress::{Budget, Reserved};
use std::{
    error::Error,
    iter::successors,
    sync::{Arc, Mutex, PoisonError},
};

/// The metric of how many bytes are taken.
pub(super) const GAUGE: &str = "http_body_bytes";

/// What one request has of the budget.
#[derive(Clone)]
struct Memory(Arc<Mutex<Reserved>>);

impl Memory {
    fn grow_to(&self, bytes: usize) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).grow_to(bytes)
    }
}

/// Opens an account in the budget for a request, and closes it when the request is answered.
pub(super) async fn lend(State(budget): State<Arc<Budget>>, mut request: Request, next: Next) -> Response {
    let client = request.extensions().get::<ClientAddress>().map(|client| client.network());
    let memory = Memory(Arc::new(Mutex::new(budget.open(client, None))));
    request.extensions_mut().insert(memory.clone());
    let response = next.run(request).await;
    drop(memory);
    response
}

/// Reads a body, as far as it may come.
///
/// # Errors
/// If it is too long, breaks off, or finds no memory.
pub(super) async fn read(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, mut body) = request.with_limited_body().into_parts();
    let full = || Problem::unavailable("too many bodies of requests are coming in");
    let memory = parts.extensions.get::<Memory>().cloned().ok_or_else(full)?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(piece) = frame.into_data() else { continue };
        let needed = piece.len().saturating_add(bytes.len());
        if needed > bytes.capacity() {
            let capacity = needed.max(bytes.capacity().saturating_mul(2));
            if !memory.grow_to(capacity) {
                return Err(full());
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        // Copied: a piece of one byte holds on to a whole buffer.
        bytes.extend_from_slice(&piece);
    }
    Ok((parts, bytes.into()))
}

/// 413: too long; 400: it broke off.
fn broken(error: &(dyn Error + 'static)) -> Problem {
    if successors(Some(error), |&error| error.source()).any(|error| error.is::<LengthLimitError>()) {
        let detail = "the body is too long";
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_LARGE, detail);
    }
    Problem::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, "the body broke off")
}
