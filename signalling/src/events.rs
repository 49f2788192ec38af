//! `/v1/events`: the protocol of `/v1/ws` for clients whose network lets no WebSocket through. What the server says
//! comes as server-sent events, what the client says is posted.
//!
//! A connection stays with the instance that opened it, and its name says which that is; a request may reach any: where
//! the connection is, a [`source`] knows. What comes of a stream is in [`stream`], what is posted in [`batch`], and
//! what other instances ask in [`serve`].

mod batch;
pub(crate) mod serve;
mod source;
mod stream;

pub(crate) use batch::{BODY_BYTES_MAX, FRAMES_MAX};
pub(crate) use stream::stream_time;

use crate::{
    accept::{place, refused::Refused},
    connection::{self, open::Socket, ping_interval},
    hub::Hub,
    pipe::{Begun, Refusal},
};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use common::error::ErrorCode;
use ingress::{Accepted, Problem};
use serde::Serialize;
use source::Source;
use std::time::Duration;
use stream::Mode;
use uuid::Uuid;

/// The last frame that a client has seen (HTML Standard, "server-sent events").
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How soon a request may be made again that could not be carried out.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/v1/events", post(open))
        .route("/v1/events/{id}", get(follow).post(say).delete(leave))
        .method_not_allowed_fallback(ingress::method_not_allowed)
        .with_state(hub.clone())
}

/// A connection that was opened, and how to go on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    /// Its name, in the path of what follows.
    id: String,
    /// Sent as `Authorization: Bearer …` with all that follows.
    secret: String,
    /// How long a stream lasts at most.
    stream_time_ms: u64,
}

/// Lets a connection in as a WebSocket is let in. Who it is comes in its first frame.
async fn open(State(hub): State<Hub>, request: Request) -> Response {
    let (tasks, slot) = match place::take(&hub, &request) {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    let Some(Begun { id, secret, end }) = hub.0.pipes.open(hub.bus().node(), ping_interval(&hub) / 2) else {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE);
        return Refused::new(status, code, "there is no randomness for a secret").into_response();
    };
    let work = hub.clone();
    tasks.spawn(async move { connection::run(&work, Socket::of_events(end), slot).await });
    let stream_time_ms = u64::try_from(stream_time(&hub).as_millis()).unwrap_or(u64::MAX);
    (StatusCode::CREATED, Json(Opened { id: id.shown(), secret, stream_time_ms })).into_response()
}

/// A stream of what the connection is told, from behind the last event that the client has seen.
async fn follow(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (source, after) = (source_of(&hub, &id, request.headers())?, last_event(request.headers())?);
    let mode = Mode::of(request.uri().query().unwrap_or_default(), &hub)?;
    let stream = Uuid::new_v4();
    source.attach(&hub, stream, after).await.map_err(problem)?;
    accept(&request);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // Neither kept nor changed on the way: what is packed or gathered comes late.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, stream::body(hub, source, stream, after, mode)).into_response())
}

/// Says something.
async fn say(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let source = source_of(&hub, &id, request.headers())?;
    let accepted = request.extensions().get::<Accepted>().cloned();
    if source.is_here() {
        accept(&request);
    }
    let batch = batch::read(&hub, request).await?;
    source.post(&hub, batch).await.map_err(problem)?;
    if let Some(accepted) = accepted {
        accepted.note();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Closes the connection.
async fn leave(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    source_of(&hub, &id, request.headers())?.leave(&hub).await.map_err(problem)?;
    accept(&request);
    Ok(StatusCode::NO_CONTENT)
}

/// Tells the listener that the secret was right.
fn accept(request: &Request) {
    if let Some(accepted) = request.extensions().get::<Accepted>() {
        accepted.note();
    }
}

fn source_of(hub: &Hub, id: &str, headers: &HeaderMap) -> Result<Source, Problem> {
    let missing = "the connection's secret is missing: Authorization: Bearer …";
    let secret = ingress::bearer(headers)
        .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, ErrorCode::UNAUTHENTICATED, missing))?;
    Source::find(hub, id, secret).map_err(problem)
}

fn last_event(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Problem::invalid("Last-Event-ID is no number of an event"))
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        // Whether there is none, or it is somebody else's, looks the same.
        Refusal::Gone | Refusal::Replaced => {
            let detail = "there is no such connection, or not any more: open another one and resume";
            Problem::new(StatusCode::GONE, ErrorCode::NOT_FOUND, detail)
        }
        Refusal::OutOfOrder => Problem::conflict("a batch before this one is missing"),
        Refusal::Busy => {
            Problem::unavailable("the connection cannot take this just now").retry_after(RETRY_AFTER)
        }
    }
}
