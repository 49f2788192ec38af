//! Events that back ends publish in rooms; they are kept nowhere.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        idempotency::{self, Retryable},
        problem::{Document, Problem},
    },
    admit::admit,
};
use axum::{extract::State, http::StatusCode, response::Response};
use common::{
    error::ErrorCode,
    id::RoomId,
    protocol::room::{EVENT_DATA_BYTES_MAX, EVENT_NAME_CHARS_MAX},
    subject::hub::{RoomNews, RoomTopic},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signalling_core::admission::Action;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Something to be told to everybody in a room.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRoomEvent {
    /// What it is called, 1 to 64 letters, digits, `.`, `_` and `-`: a word between back end and clients.
    #[schema(example = "poll.opened")]
    name: String,
    /// What it says, any JSON of at most 16 KiB.
    data: Value,
}

/// That an event was published.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishedRoomEvent {
    /// When it was given to those who are present.
    #[serde(with = "time::serde::rfc3339")]
    published_at: OffsetDateTime,
}

/// Sends an event to everybody present; it is stored nowhere (`room.event`).
#[utoipa::path(
    post, path = "/v1/rooms/{id}/events", request_body = CreateRoomEvent,
    params(("id" = RoomId, Path, description = "The room"), idempotency::Header),
    responses(
        (status = 202, description = "Everybody who is reached is told", body = PublishedRoomEvent),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed`, or the idempotency key was used for another request", body = Document),
        (status = 503, description = "Only those at this instance were told", body = Document),
    ),
)]
pub(super) async fn publish(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, idempotency): Retryable<CreateRoomEvent>,
) -> Result<Response, Problem> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || ".-_".contains(sign);
    if !(1..=EVENT_NAME_CHARS_MAX).contains(&body.name.len()) || !body.name.chars().all(fits) {
        return Err(Problem::invalid("name must have 1 to 64 letters, digits, ., _ and -"));
    }
    if body.data.to_string().len() > EVENT_DATA_BYTES_MAX {
        let detail = "data is longer than 16 KiB";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_LARGE, detail));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    admit(&app, &mut tx, &caller, Action::Announce, id).await?;
    let news = RoomNews::Event { name: body.name, data: body.data, from: None };
    let published = app.bus.publish(&RoomTopic(id), &news).await;
    // Before it is committed: what was not published may be sent again.
    published.map_err(|_| Problem::unavailable("other instances were not reached"))?;
    let published = PublishedRoomEvent { published_at: app.clock.utc() };
    idempotency.answer(StatusCode::ACCEPTED, tx, &caller, &published).await
}
