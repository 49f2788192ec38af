//! The one listener: routers joined, request ids, deadlines, errors logged once.

use crate::{
    api::problem::Problem,
    console,
    health::{self, Health},
};
use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use bus::Shutdown;
use common::{address::ClientAddress, clock::Clock, error::ErrorCode};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
};
use tracing::{Instrument, error, info, info_span};

/// The largest body of a request; routes that need more say so themselves.
const BODY_BYTES_MAX: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the listener needs beside the routers.
pub struct Listener {
    /// For the time that requests took.
    pub clock: Arc<dyn Clock>,
    /// How long a request may take. Upgraded sockets are exempt.
    pub timeout: Duration,
    /// What `/ready` looks at.
    pub health: Health,
}

impl Listener {
    /// Everything behind one router. `parts` are the roles' routers.
    pub fn router(self, parts: impl IntoIterator<Item = Router>) -> Router {
        let context = Arc::new(Context { clock: self.clock, timeout: self.timeout });
        parts
            .into_iter()
            .fold(Router::new(), Router::merge)
            .fallback(elsewhere)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(CatchPanicLayer::custom(|_| internal_error()))
            .layer(middleware::from_fn(move |request, next| observe(Arc::clone(&context), request, next)))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(middleware::map_request(note_client))
            // Probes come every few seconds and are not worth a log line or a histogram.
            .merge(health::router(self.health))
    }
}

/// Serves until shutdown, then lets open connections finish.
///
/// # Errors
/// If the listening socket fails.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown.token.cancelled_owned()).await
}

struct Context {
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

/// Notes from where the request comes.
async fn note_client(mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        request.extensions_mut().insert(ClientAddress(peer.ip()));
    }
    request
}

/// One span, one log line and one measurement a request.
async fn observe(context: Arc<Context>, request: Request, next: Next) -> Response {
    let started = context.clock.now();
    let id =
        request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = info_span!("request", request.id = id, %method, route, account.id = tracing::field::Empty, user.id = tracing::field::Empty);
    async {
        let response = match tokio::time::timeout(context.timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, "the request took too long")
                .into_response(),
        };
        let took = context.clock.now().saturating_duration_since(started);
        let status = response.status().as_u16();
        metrics::histogram!("http_request_duration_seconds", "route" => route.clone(), "method" => known(&method), "status" => status.to_string())
            .record(took.as_secs_f64());
        info!(status, duration_ms = took.as_secs_f64() * 1000.0, "{method} {route} answered {status}");
        response
    }
    .instrument(span)
    .await
}

/// A method's name for the metrics. Anybody can make up others: they would be kept for ever.
fn known(method: &Method) -> &'static str {
    const ALL: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::PATCH, "PATCH"),
        (&Method::PUT, "PUT"),
        (&Method::DELETE, "DELETE"),
        (&Method::HEAD, "HEAD"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    ALL.iter().find(|(each, _)| *each == method).map_or("other", |(_, name)| name)
}

/// The console for what it has, a problem document for the rest.
async fn elsewhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    console::serve(&method, &uri, &headers).unwrap_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, ErrorCode::NOT_FOUND, "there is nothing at this path")
            .into_response()
    })
}

fn internal_error() -> Response {
    error!("A request handler panicked; this is a bug");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::INTERNAL, "internal error").into_response()
}
