//! `/health` and `/ready`; and `/metrics`, on a listener of its own.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use bus::{Bus, Link};
use common::clock::Clock;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::Store;
use tokio::sync::Mutex;

/// How long the database may take to answer before this process counts as not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer of the database's is passed on: whoever asks, it is asked once in that time.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(1);

/// The state that health is judged by.
#[derive(Clone)]
pub struct Health {
    /// Asked with one query.
    pub store: Store,
    /// Asked whether its link is up.
    pub bus: Bus,
}

/// The answer of `/ready`: each part and whether it works, and what of a part does not.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    database: bool,
    bus: bool,
    /// Servers of Redis that are away: `redis`, or of a cluster `redis` and where it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<String>,
}

/// The two endpoints. `/health` says that the process lives, `/ready` that it can do its work.
pub fn router(health: Health, clock: Arc<dyn Clock>) -> Router {
    let watch = Arc::new(Watch { health, clock, database: Mutex::default() });
    Router::new()
        .route("/health", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .route("/ready", get(ready))
        .with_state(watch)
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
///
/// A Redis that is away for everybody takes nobody out: elsewhere it is no better. One that lets us connect and
/// over which nothing goes all the same does, as it may be this instance's own link that is broken.
async fn ready(State(watch): State<Arc<Watch>>) -> impl IntoResponse {
    let database = watch.database().await;
    let bus = matches!(*watch.health.bus.link().borrow(), Link::Up { .. });
    let health = watch.health.bus.health();
    let name =
        |address: Option<String>| address.map_or_else(|| "redis".to_owned(), |at| format!("redis {at}"));
    let degraded = health.away.into_iter().map(name).collect();
    let ready = database && !health.is_within_reach;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, database, bus, degraded }))
}

/// Looks at health, not more often than it changes.
struct Watch {
    health: Health,
    clock: Arc<dyn Clock>,
    /// Whether the database has answered, and when. Who comes while it is asked waits for that.
    database: Mutex<Option<(Instant, bool)>>,
}

impl Watch {
    async fn database(&self) -> bool {
        let mut last = self.database.lock().await;
        if let Some((at, answers)) = *last
            && self.clock.now().saturating_duration_since(at) < PING_EVERY
        {
            return answers;
        }
        let ping = tokio::time::timeout(PING_TIMEOUT, self.health.store.ping()).await;
        let answers = matches!(ping, Ok(Ok(())));
        *last = Some((self.clock.now(), answers));
        answers
    }
}

async fn render(State(metrics): State<PrometheusHandle>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}
