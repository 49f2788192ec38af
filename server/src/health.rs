//! `/health` and `/ready`; and `/metrics`, on a listener of its own.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use bus::{Bus, Link};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use std::time::Duration;
use store::Store;

/// How long the database may take to answer before this process counts as not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// What health is judged by.
#[derive(Clone)]
pub struct Health {
    /// The database.
    pub store: Store,
    /// The bus.
    pub bus: Bus,
}

/// The answer of `/ready`: each part and whether it works.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    database: bool,
    bus: bool,
}

/// The two endpoints. `/health` says that the process lives, `/ready` that it can do its work.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .route("/ready", get(ready))
        .with_state(health)
}

/// Whether a path is one of the two: they are answered when nothing else is.
pub fn is_probe(path: &str) -> bool {
    path == "/health" || path == "/ready"
}

/// `/metrics`, and nothing else. It tells how much an installation has to do, so it is not for everybody.
pub fn metrics_router(metrics: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(render)).with_state(metrics)
}

/// Not ready means: send new clients elsewhere. Those that are here stay, because
/// sockets and media go on without database or bus.
async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let database = matches!(tokio::time::timeout(PING_TIMEOUT, health.store.ping()).await, Ok(Ok(())));
    let bus = matches!(*health.bus.link().borrow(), Link::Up { .. });
    let ready = database && bus;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, database, bus }))
}

async fn render(State(metrics): State<PrometheusHandle>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}
