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

/// The share of the budget that one request has.
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router, body::Body, extract::DefaultBodyLimit, middleware, response::IntoResponse, routing::post,
    };
    use futures_util::{StreamExt, stream};
    use std::{convert::Infallible, io};
    use tower::ServiceExt;

    const KIB: usize = 1024;

    async fn length(request: Request) -> Response {
        read(request)
            .await
            .map_or_else(IntoResponse::into_response, |(_, bytes)| bytes.len().to_string().into_response())
    }

    /// Says how long a body is, of 64 KiB at most, with memory for `all` bytes.
    fn router(all: usize) -> Router {
        let budget = Budget::new(GAUGE, all, all, usize::MAX);
        Router::new()
            .route("/", post(length))
            .layer(DefaultBodyLimit::max(64 * KIB))
            .layer(middleware::from_fn_with_state(budget, lend))
    }

    async fn answer(router: Router, body: Body) -> (StatusCode, String) {
        let response = router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        let status = response.status();
        let text = axum::body::to_bytes(response.into_body(), 64 * KIB).await.unwrap();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    fn streamed(pieces: usize, bytes: usize) -> Body {
        let piece = Bytes::from(vec![b'x'; bytes]);
        Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, Infallible>(piece.clone()))))
    }

    #[tokio::test]
    async fn a_body_is_whole_however_it_was_cut() {
        for (pieces, bytes) in [(0, 0), (1, 0), (1, 1), (1, 64 * KIB), (64 * KIB, 1), (7, 1000), (1000, 7)] {
            let expected = (StatusCode::OK, (pieces * bytes).to_string());
            assert_eq!(
                answer(router(1024 * KIB), streamed(pieces, bytes)).await,
                expected,
                "{pieces} of {bytes}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_too_long_breaks_off_or_finds_no_memory_is_told_apart() {
        let long = answer(router(1024 * KIB), streamed(65, KIB)).await;
        assert_eq!(long.0, StatusCode::PAYLOAD_TOO_LARGE, "{}", long.1);
        let begun = stream::iter([Ok(Bytes::from_static(b"begun"))]);
        let broken = begun.chain(stream::iter([Err(io::Error::other("gone"))]));
        let broken = answer(router(1024 * KIB), Body::from_stream(broken)).await;
        assert!(broken.0 == StatusCode::BAD_REQUEST && broken.1.contains("broke off"), "{}", broken.1);
        let full = answer(router(32 * KIB), streamed(64, KIB)).await;
        assert!(full.0 == StatusCode::SERVICE_UNAVAILABLE && full.1.contains("unavailable"), "{}", full.1);
    }

    /// A thousand small bodies one after the other need no more than one: all is given back.
    #[tokio::test]
    async fn memory_is_given_back_when_the_request_is_answered_well_or_not() {
        let router = router(128 * KIB);
        for _ in 0..100 {
            assert_eq!(answer(router.clone(), streamed(60, KIB)).await.0, StatusCode::OK);
            assert_eq!(answer(router.clone(), streamed(65, KIB)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    /// A router that forgot to open an account reads nothing, rather than without a bound.
    #[tokio::test]
    async fn without_an_account_in_the_budget_nothing_is_read() {
        let router = Router::new().route("/", post(length));
        assert_eq!(answer(router, streamed(1, 1)).await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
