//! Messages of a room: reading them, and posting them as a back end.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Id, Params},
        fields,
        idempotency::{self, Retryable},
        mailbox,
        problem::{Document, Problem},
    },
    admit::{admit, refused},
    guests::Outsider,
    tell,
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    error::{Chain, ErrorCode},
    id::{AccountId, AttachmentId, ClientMessageId, RoomId, UserId},
    protocol::room::{ATTACHMENTS_MAX, MENTIONS_MAX, MESSAGES_MAX, RoomMessage, TEXT_BYTES_MAX},
    room::RoomEntry,
    subject::hub::{RoomNews, RoomTopic},
    text,
};
use serde::{Deserialize, Serialize};
use signalling_core::admission::{Action, Refusal};
use std::collections::BTreeSet;
use store::{
    api_keys,
    rooms::{self, NewRoomMessage, Unsent, Uploads},
    standing::Writer,
    users,
};
use tracing::debug;
use utoipa::{IntoParams, ToSchema};

/// Which messages of a room.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Only messages before this number; absent: the latest.
    before: Option<u64>,
    /// How many, 1 to 100; 50 if absent.
    limit: Option<u16>,
}

/// A stretch of a room's messages.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomHistory {
    /// Oldest first.
    items: Vec<RoomMessage>,
    /// `before` for the messages that came before these; null at the beginning.
    next: Option<u64>,
}

/// Reads what was said in a room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/messages", params(("id" = RoomId, Path, description = "The room"), HistoryParams),
    responses((status = 200, body = RoomHistory), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<RoomHistory>, Problem> {
    let limit = params.limit.unwrap_or(50).clamp(1, MESSAGES_MAX);
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMessages, id).await?;
    let items = rooms::before(&mut tx, id, params.before.unwrap_or(u64::MAX), limit).await?;
    tx.commit().await?;
    // Numbers begin at 1 and have no gaps.
    let next = items.first().map(|message| message.seq).filter(|seq| *seq > 1);
    Ok(Json(RoomHistory { items, next }))
}

/// A message to be posted in a room.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRoomMessage {
    /// What is said: at most 8,192 bytes as JSON writes it, no control characters but line feed and tab. Empty only if
    /// there are attachments.
    #[schema(example = "Your parcel has arrived.")]
    text: String,
    /// On whose behalf; for API keys only. Absent: by the key, under its name.
    author: Option<Outsider>,
    /// The number of the message in this room that it answers.
    reply_to: Option<u64>,
    /// Users whose attention it wants, at most 20. Those who cannot enter the room are left out.
    #[serde(default)]
    mentions: Vec<UserId>,
    /// Files that the caller has uploaded to this room and not sent yet, at most 10, each once.
    #[serde(default)]
    attachments: Vec<AttachmentId>,
}

/// Posts a message in a room. It is stored, numbered, and pushed to everybody present.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/messages", request_body = CreateRoomMessage,
    params(("id" = RoomId, Path, description = "The room"), idempotency::Header),
    responses(
        (status = 201, body = RoomMessage),
        (status = 403, body = Document),
        (status = 404, description = "Also `attachment.notFound`", body = Document),
        (status = 409, description = "`room.closed`, or the idempotency key was used for another request", body = Document),
    ),
)]
pub(super) async fn send(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Retryable(body, idempotency): Retryable<CreateRoomMessage>,
) -> Result<Response, Problem> {
    let rule = if body.attachments.is_empty() { fields::text } else { fields::caption };
    let said = rule(&body.text, TEXT_BYTES_MAX)?;
    check_attachments(&body.attachments)?;
    let author = body.author.as_ref().map(|author| author.check("author", caller.account)).transpose()?;
    if author.is_some() && caller.token.is_some() {
        return Err(Problem::invalid("author is for API keys; people speak for themselves"));
    }
    if body.mentions.len() > MENTIONS_MAX {
        return Err(Problem::invalid("mentions must have at most 20 users").of_member("mentions"));
    }
    let mut tx = app.begin(&caller).await?;
    if let Some((answer, message)) = idempotency.answered_with::<RoomMessage>(&app, &mut tx, &caller).await? {
        // The first time it may not have been told.
        announce(&app, caller.account, id, RoomEntry::from(message)).await;
        return Ok(answer);
    }
    admit(&app, &mut tx, &caller, Action::Send, id).await?;
    let own_name = match (author, caller.writer()) {
        (Some(_), _) => None,
        (None, Writer::Person(person)) => users::find(&mut tx, person.user).await?.map(|user| user.name),
        (None, Writer::Program(key)) => api_keys::find(&mut tx, key).await?.map(|key| key.name),
    };
    // An outside issuer's name for somebody who was never connected.
    let token_name = || caller.token.as_ref().and_then(|token| token.name.as_deref()).map(text::shown_name);
    let own_name = own_name.or_else(token_name).filter(|name| !name.is_empty());
    let own_name = own_name.as_deref().unwrap_or("Guest");
    let author = author.map(|(guest, name)| (guest.as_user(), name));
    let (user, name) = author.unwrap_or((caller.id(), own_name));
    let new = NewRoomMessage {
        room: id,
        user,
        name,
        client_id: ClientMessageId::generate(&*app.clock),
        text: said,
        reply_to: body.reply_to,
        mentions: &body.mentions,
        attachments: Uploads { ids: &body.attachments, by: Some(caller.id()) },
    };
    let sent = rooms::send(&mut tx, &new, &*app.clock).await?;
    let sent = sent.map_err(|why| match why {
        Unsent::NoRoom => refused(Refusal::Closed),
        Unsent::NoSuchMessage => Problem::not_found("message"),
        Unsent::NoSuchAttachment => {
            let detail = "an attachment is not there, or is in a message already";
            Problem::new(StatusCode::NOT_FOUND, ErrorCode::ATTACHMENT_NOT_FOUND, detail)
                .of_member("attachments")
        }
    })?;
    let teller = app.clone();
    let kept_and_told = async move {
        let answer = idempotency.created(tx, &caller, &sent.message).await?;
        mailbox::tell(&teller, caller.account, sent.entries).await;
        announce(&teller, caller.account, id, sent.message.into()).await;
        Ok(answer)
    };
    app.complete(kept_and_told).await
}

/// Refuses files that are too many, or named twice.
fn check_attachments(ids: &[AttachmentId]) -> Result<(), Problem> {
    let is_each_once = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
    if ids.len() <= ATTACHMENTS_MAX && is_each_once {
        return Ok(());
    }
    Err(Problem::invalid("attachments must have at most 10 files, each once").of_member("attachments"))
}

/// Tells everybody present of a stored message, or of a change of one. Clients show it once however often they are
/// told.
pub(super) async fn announce(app: &App, account: AccountId, id: RoomId, entry: RoomEntry) {
    let news = if entry.is_change() { RoomNews::Changed(entry) } else { RoomNews::Posted(entry.message) };
    if let Err(error) = app.bus.publish(&RoomTopic(id), &news).await {
        // Instances that miss it find it in the store.
        debug!(room.id = %id, error = %Chain(&error), "Only this process was told");
    }
    tell::moved(app, account, id).await;
}
