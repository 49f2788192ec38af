//! `/v1/events`: the protocol of `/v1/ws` for clients whose network lets no WebSocket through. What the server says
//! comes as server-sent events, what the client says is posted.
//!
//! A connection stays with the instance that opened it, and its name says which that is; a request may reach any: where
//! the connection is, a [`source`] knows. What comes of a stream is in [`stream`], what is posted in [`batch`], and
//! what other instances ask in [`serve`]. What clients see of it is described in `reference`.

mod batch;
#[cfg(feature = "openapi")]
pub(crate) mod reference;
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
#[cfg(feature = "openapi")]
use common::problem::Document;
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
        .route("/v1/events", post(open_connection))
        .route("/v1/events/{id}", get(follow_events).post(post_frames).delete(close_connection))
        .method_not_allowed_fallback(ingress::method_not_allowed)
        .with_state(hub.clone())
}

/// A connection that was opened, and how to go on.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EventsConnection))]
#[serde(rename_all = "camelCase")]
struct Opened {
    /// Its name, in the path of what follows. It alone opens nothing.
    #[cfg_attr(feature = "openapi", schema(example = json!(reference::ID)))]
    id: String,
    /// Sent as `Authorization: Bearer …` with all that follows. Keep it out of URLs.
    #[cfg_attr(feature = "openapi", schema(example = "3q2-7wAAAAE0Vn8fGkYx9bT1mCwq0Jr5sZc2Lh8dUeA"))]
    secret: String,
    /// How long a stream lasts at most, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(example = 50_000))]
    stream_time_ms: u64,
}

/// Opens a connection. It is let in as a WebSocket is; who it is comes in its first frame, `connection.open`, within
/// ten seconds.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/events", tag = "events",
    responses(
        (status = 201, description = "The connection, which lies with the instance that was asked", body = Opened),
        (status = 429, description = "`limit.count`: the client's network has too many connections, or too many that have not said who they are", body = Document),
        (status = 503, description = "`limit.count`: the server is full; or `unavailable`: it stops", body = Document),
    ),
))]
async fn open_connection(State(hub): State<Hub>, request: Request) -> Response {
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

/// Streams what the connection is told, from behind the last event that the client has seen.
///
/// Server-sent events (HTML Standard, section 9.2). One without a type has a frame of the protocol as its `data`, and
/// the frame's number as its `id`: 1, 2, 3, … without gaps. `event: flowing` comes once, at the beginning of a stream
/// without `wait`: who hears it late is behind something that gathers what is said, and asks with `wait` instead.
/// `event: close` has the code and the reason of the close frame, and ends the connection. Comments show every 15
/// seconds that the stream lives. A stream ends after `streamTimeMs`, and as soon as another one begins.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/events/{id}", tag = "events",
    params(
        ("id" = String, Path, description = "The connection", example = json!(reference::ID)),
        ("wait" = Option<u64>, Query, description = "Long polling: the answer ends as soon as it has said something, or after so many seconds; `pingIntervalMs` at most"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last frame that the client has seen; 0, or none, before the first"),
    ),
    responses(
        (
            status = 200, description = "Frames as they are said", content_type = "text/event-stream", body = String,
            example = json!(reference::STREAM),
        ),
        (status = 401, description = "`auth.required`: the connection's secret is missing", body = Document),
        (status = 410, description = "`resource.notFound`: there is no such connection, or not any more, or what follows `Last-Event-ID` is kept no more; or its secret is another one. Open another connection and resume", body = Document),
        (status = 422, description = "`request.invalid`: `wait` or `Last-Event-ID` is no number", body = Document),
        (status = 503, description = "`unavailable`: the instance that has the connection could not be asked", body = Document),
    ),
))]
async fn follow_events(
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

/// Says something: frames in their order, as over a WebSocket. Answers to them come as events.
///
/// Batches count 1, 2, 3, …, one at a time. One that comes again, because its answer was lost, is answered the same
/// and carried out once.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The connection", example = json!(reference::ID))),
    request_body = batch::Body,
    responses(
        (status = 204, description = "The connection has them"),
        (status = 400, description = "`request.invalid`: the body is no JSON with `number` and `frames`, or has broken off", body = Document),
        (status = 401, description = "`auth.required`: the connection's secret is missing", body = Document),
        (status = 409, description = "`resource.conflict`: a batch before this one is missing", body = Document),
        (status = 410, description = "`resource.notFound`: there is no such connection, or not any more; or its secret is another one. Open another connection and resume", body = Document),
        (status = 413, description = "`limit.size`: the body is too long", body = Document),
        (status = 422, description = "`limit.count`: a batch has no frame, or too many", body = Document),
        (status = 503, description = "`unavailable`: the connection is over its rate and took nothing for ten seconds, or too much is being posted, or the instance that has the connection could not be asked. It was not carried out; post the same again", body = Document),
    ),
))]
async fn post_frames(
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
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The connection", example = json!(reference::ID))),
    responses(
        (status = 204, description = "It is closed"),
        (status = 401, description = "`auth.required`: the connection's secret is missing", body = Document),
        (status = 410, description = "`resource.notFound`: there is no such connection, or not any more; or its secret is another one", body = Document),
        (status = 503, description = "`unavailable`: the instance that has the connection could not be asked", body = Document),
    ),
))]
async fn close_connection(
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
