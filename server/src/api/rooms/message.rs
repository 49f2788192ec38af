//! One message of a room: reading it, and what becomes of it. Who may do what, and what comes of it, is decided by the
//! cores that the hub asks too.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Body, Ids},
        fields,
        problem::{Document, Problem},
    },
    admit::{admit, refused},
    guests::Outsider,
    messages::announce,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{RoomId, UserId},
    protocol::room::{RoomMessage, TEXT_BYTES_MAX},
    text::TextError,
};
use serde::Deserialize;
use signalling_core::{
    admission::{Action, Refusal},
    revision::{Change, Draft, Unchanged},
};
use std::collections::BTreeSet;
use store::{
    TenantTx,
    rooms::{self, Revised},
};
use utoipa::ToSchema;

/// Reads one message.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/messages/{seq}",
    params(("id" = RoomId, Path, description = "The room"), ("seq" = u64, Path, description = "The message's number")),
    responses((status = 200, body = RoomMessage), (status = 404, body = Document)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Ids(id, seq): Ids<RoomId, u64>,
) -> Result<Json<RoomMessage>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMessages, id).await?;
    let message = find(&mut tx, id, seq).await?;
    tx.commit().await?;
    Ok(Json(message))
}

/// What to change about a message.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRoomMessage {
    /// What it says from now on: at most 8,192 bytes as JSON writes it, no control characters but line feed and tab.
    /// Empty only if it has attachments, which stay.
    #[schema(example = "Your parcel has arrived at last.")]
    text: String,
    /// On whose behalf it was posted; for API keys only. Absent: by the caller.
    author: Option<Outsider>,
}

/// Edits a message that the caller has posted. The text before is kept nowhere.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}/messages/{seq}", request_body = UpdateRoomMessage,
    params(("id" = RoomId, Path, description = "The room"), ("seq" = u64, Path, description = "The message's number")),
    responses(
        (status = 200, body = RoomMessage),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed`", body = Document),
    ),
)]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Ids(id, seq): Ids<RoomId, u64>,
    Body(body): Body<UpdateRoomMessage>,
) -> Result<Json<RoomMessage>, Problem> {
    let text = fields::caption(&body.text, TEXT_BYTES_MAX)?.to_owned();
    let author = body.author.as_ref().map(|author| author.check("author", caller.account)).transpose()?;
    if author.is_some() && caller.token.is_some() {
        return Err(Problem::invalid("author is for API keys; people speak for themselves"));
    }
    let author = author.map_or(caller.id(), |(guest, _)| guest.as_user());
    Ok(Json(change(app, caller, (id, seq), author, Change::Edit { text }).await?))
}

/// Deletes a message, with its reactions and attachments. That there was one stays, and its number.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/messages/{seq}",
    params(("id" = RoomId, Path, description = "The room"), ("seq" = u64, Path, description = "The message's number")),
    responses(
        (status = 204, description = "Nobody can read it any more"),
        (status = 403, description = "It is another's, and the caller does not manage rooms", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.closed`; who manages rooms deletes in closed ones, too", body = Document),
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Ids(id, seq): Ids<RoomId, u64>,
) -> Result<StatusCode, Problem> {
    let author = caller.id();
    change(app, caller, (id, seq), author, Change::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(tx: &mut TenantTx, room: RoomId, seq: u64) -> Result<RoomMessage, Problem> {
    let mut found = rooms::find_messages(tx, &BTreeSet::from([(room, seq)])).await?;
    found.remove(&(room, seq)).ok_or_else(|| Problem::not_found("message"))
}

/// Lets those pass who may do this. Who manages rooms needs no other reason to delete what they have said themselves.
async fn admit_change(
    app: &App,
    tx: &mut TenantTx,
    caller: &Caller,
    id: RoomId,
    (change, action): (&Change, Action),
    is_open: bool,
) -> Result<(), Problem> {
    let refusal = match admit(app, tx, caller, action, id).await {
        Ok(_) if is_open || action == Action::Moderate => return Ok(()),
        // Closed since that was read.
        Ok(_) => refused(Refusal::Closed),
        Err(refusal) => refusal,
    };
    if *change == Change::Delete && admit(app, tx, caller, Action::Moderate, id).await.is_ok() {
        return Ok(());
    }
    Err(refusal)
}

/// Changes a message on behalf of `author`, and tells those who are present if that makes a difference.
async fn change(
    app: App,
    caller: Caller,
    (id, seq): (RoomId, u64),
    author: UserId,
    change: Change,
) -> Result<RoomMessage, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&app, &mut tx, &caller, Action::ReadMessages, id).await?;
    let open = rooms::hold_open(&mut tx, &BTreeSet::from([id])).await?;
    let message = find(&mut tx, id, seq).await?;
    let is_own = message.user_id == author;
    let action = change.action(is_own).ok_or_else(|| refused(Refusal::NotAllowed))?;
    admit_change(&app, &mut tx, &caller, id, (&change, action), open.contains(&id)).await?;
    let mut draft = Draft::new(message, []);
    draft.apply(author, &change, app.clock.utc()).map_err(|why| match why {
        Unchanged::Empty => Problem::invalid(TextError::Empty.to_string()).of_member("text"),
        // Nobody reacts here.
        Unchanged::Deleted | Unchanged::TooManyReactions => Problem::not_found("message"),
    })?;
    let message = draft.message().clone();
    let revision = draft.finish();
    let teller = app.clone();
    let kept_and_told = async move {
        let revised = revision.map(|revision| Revised {
            room: id,
            message: revision.message,
            added: revision.added,
            removed: revision.removed,
            unmentioned: revision.unmentioned,
        });
        let entries = rooms::revise(&mut tx, revised.as_slice()).await?;
        tx.commit().await?;
        for entry in entries {
            announce(&teller, caller.account, id, entry).await;
        }
        Ok(message)
    };
    app.complete(kept_and_told).await
}
