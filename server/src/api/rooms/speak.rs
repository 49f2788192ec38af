//! What back ends say in rooms: messages, which are kept, and events, which are not.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        fields, hub,
        once::{self, Retryable},
        problem::{Document, Problem},
    },
    existing,
    guests::{Outsider, closed},
    visible,
};
use axum::{extract::State, http::StatusCode, response::Response};
use common::{
    error::{Chain, ErrorCode},
    id::RoomId,
    protocol::{
        Event,
        room::{MessagePosted, Published, RoomMessage, TEXT_BYTES_MAX},
    },
    subject::hub::{RoomNews, RoomTopic},
    text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    audit::Actor,
    rooms::{self, NewRoomMessage},
    users,
};
use time::OffsetDateTime;
use tracing::debug;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest name of an event, in characters.
const EVENT_CHARS_MAX: usize = 64;

/// The longest data of an event, in bytes of JSON: it is sent to everybody present.
const DATA_BYTES_MAX: usize = 16 * 1024;

/// Something to be said in a room.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct CreateRoomMessage {
    /// What is said: at most 8,192 bytes as JSON writes it, no control characters but line feed and tab.
    #[schema(example = "Your parcel has arrived.")]
    text: String,
    /// On whose behalf; for API keys only. Absent: by the key, under its name.
    author: Option<Outsider>,
}

/// Says something in a room. It is kept, numbered, and pushed to everybody present.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/messages", request_body = CreateRoomMessage,
    params(("id" = RoomId, Path, description = "The room"), once::Header),
    responses(
        (status = 201, body = RoomMessage),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed`, or the idempotency key was used for another request", body = Document),
    ),
)]
pub(super) async fn send(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, once): Retryable<CreateRoomMessage>,
) -> Result<Response, Problem> {
    let said = fields::text(&body.text, TEXT_BYTES_MAX)?;
    let author = body.author.as_ref().map(|author| author.check(caller.account)).transpose()?;
    if author.is_some() && caller.token.is_some() {
        return Err(Problem::invalid("author is for API keys; people speak for themselves"));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some((answer, message)) = once.made(&app, &mut tx, &caller).await? {
        // The first time it may not have been told.
        tell_message(&app, id, message).await;
        return Ok(answer);
    }
    visible(&mut tx, &caller, id).await?;
    let own_name = match (author, caller.actor) {
        (Some(_), _) | (None, Actor::System) => None,
        (None, Actor::User(user)) => users::find(&mut tx, user).await?.map(|user| user.name),
        (None, Actor::ApiKey(key)) => store::api_keys::find(&mut tx, key).await?.map(|key| key.name),
    };
    // An outside issuer's name for somebody who was never connected.
    let token_name = || caller.token.as_ref().and_then(|token| token.name.as_deref()).map(text::shown_name);
    let own_name = own_name.or_else(token_name).filter(|name| !name.is_empty());
    let own_name = own_name.as_deref().unwrap_or("Guest");
    let (user, name) = author.unwrap_or((caller.id(), own_name));
    let new = NewRoomMessage { room: id, user, name, client_id: Uuid::new_v4(), text: said };
    let sent = rooms::send(&mut tx, &new, &*app.clock).await?.ok_or_else(closed)?;
    let teller = app.clone();
    let kept_and_told = async move {
        let answer = once.created(tx, &caller, &sent.message).await?;
        tell_message(&teller, id, sent.message).await;
        Ok(answer)
    };
    app.complete(kept_and_told).await
}

/// Tells everybody present what was said and kept. Said twice, it is heard once.
async fn tell_message(app: &App, id: RoomId, message: RoomMessage) {
    let posted = MessagePosted { room_id: id, message };
    let news = RoomNews { from: hub::nobody(), event: Event::RoomMessage(posted) };
    if let Err(error) = app.bus.publish(&RoomTopic(id), &news).await {
        // Instances that miss it find it in the store.
        debug!(room.id = %id, error = %Chain(&error), "Only this process was told");
    }
}

/// Something to be told to everybody in a room.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct CreateRoomEvent {
    /// What it is called, 1 to 64 letters, digits, `.`, `_` and `-`: a word between back end and clients.
    #[schema(example = "poll.opened")]
    name: String,
    /// What it says, any JSON of at most 16 KiB.
    data: Value,
}

/// That an event was published.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PublishedRoomEvent {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    published_at: OffsetDateTime,
}

/// Tells everybody present something that is kept nowhere (`room.event`).
#[utoipa::path(
    post, path = "/v1/rooms/{id}/events", request_body = CreateRoomEvent,
    params(("id" = RoomId, Path, description = "The room"), once::Header),
    responses(
        (status = 202, description = "Everybody who is reached is told", body = PublishedRoomEvent),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "Only those at this instance were told", body = Document),
    ),
)]
pub(super) async fn publish(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, once): Retryable<CreateRoomEvent>,
) -> Result<Response, Problem> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || ".-_".contains(sign);
    if !(1..=EVENT_CHARS_MAX).contains(&body.name.len()) || !body.name.chars().all(fits) {
        return Err(Problem::invalid("name must have 1 to 64 letters, digits, ., _ and -"));
    }
    if body.data.to_string().len() > DATA_BYTES_MAX {
        let detail = "data is longer than 16 KiB";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_LARGE, detail));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    existing(&mut tx, id).await?;
    let event = Event::RoomEvent(Published { room_id: id, name: body.name, data: body.data });
    let news = RoomNews { from: hub::nobody(), event };
    let published = app.bus.publish(&RoomTopic(id), &news).await;
    // Before it is committed: what was not published may be sent again.
    published.map_err(|_| Problem::unavailable("other instances were not reached"))?;
    let published = PublishedRoomEvent { published_at: app.clock.utc() };
    once.answer(StatusCode::ACCEPTED, tx, &caller, &published).await
}
