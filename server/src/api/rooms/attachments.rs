//! Files of messages: taken in, linked to for those who may read them, and given up before they are sent.

pub(super) mod upload;

pub(in super::super) use upload::{no_storage, unavailable};

use super::super::{
    App,
    attendee::Attendee,
    extract::Ids,
    problem::{Document, Problem},
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{AttachmentId, RoomId},
    protocol::room::RoomAttachment,
};
use files::{Link, Variant};
use serde::Serialize;
use signalling_core::admission::Action;
use store::{
    TenantTx,
    rooms::{self, StoredAttachment},
};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A file, and where it is read for some minutes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct AttachmentLink {
    /// What is said of it.
    attachment: RoomAttachment,
    /// Where it is read, as a path of this server. Whoever has it may read the file, without a token.
    #[schema(example = "/v1/files/AZKw…")]
    url: String,
    /// Where its thumbnail is read; null if it has none.
    thumbnail_url: Option<String>,
    /// Until then both are good.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Links to a file of a message for some minutes. A file that is in no message yet is for its uploader alone.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/attachments/{attachment}",
    params(("id" = RoomId, Path, description = "The room"), ("attachment" = AttachmentId, Path, description = "The file")),
    responses(
        (status = 200, body = AttachmentLink),
        (status = 403, body = Document),
        (status = 404, body = Document),
    ),
)]
pub(in super::super) async fn get_attachment(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, id): Ids<RoomId, AttachmentId>,
) -> Result<Json<AttachmentLink>, Problem> {
    let mut tx = attendee.read(&app).await?;
    let file = find(&mut tx, room, id).await;
    let action = if file.as_ref().is_ok_and(|file| is_own_draft(&attendee, file)) {
        Action::Send
    } else {
        Action::ReadMessages
    };
    // Who may not read the room does not hear whether there is such a file.
    attendee.admit(&app, &mut tx, action, room).await?;
    let file = file?;
    tx.commit().await?;
    if !file.is_sent && !is_own_draft(&attendee, &file) {
        return Err(missing());
    }
    let links = app.files()?.links();
    let until = links.expiry(app.clock.utc());
    let url = |variant| {
        let link = Link { account: attendee.account(), file: id, variant, until };
        format!("/v1/files/{}", links.write(&link))
    };
    Ok(Json(AttachmentLink {
        url: url(Variant::Whole),
        thumbnail_url: file.about.has_thumbnail.then(|| url(Variant::Thumbnail)),
        expires_at: until,
        attachment: file.about,
    }))
}

/// Gives up a file that the caller has uploaded and not sent. Others go when their message is deleted.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/attachments/{attachment}",
    params(("id" = RoomId, Path, description = "The room"), ("attachment" = AttachmentId, Path, description = "The file")),
    responses(
        (status = 204, description = "It is not there any more"),
        (status = 404, description = "There is none such of the caller's, or it is in a message", body = Document),
    ),
)]
pub(in super::super) async fn discard_attachment(
    State(app): State<App>,
    attendee: Attendee,
    Ids(room, id): Ids<RoomId, AttachmentId>,
) -> Result<StatusCode, Problem> {
    let mut tx = attendee.begin(&app).await?;
    let file = find(&mut tx, room, id).await?;
    if !is_own_draft(&attendee, &file) {
        return Err(missing());
    }
    rooms::discard(&mut tx, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(tx: &mut TenantTx, room: RoomId, id: AttachmentId) -> Result<StoredAttachment, Problem> {
    rooms::attachment(tx, id).await?.filter(|file| file.room == room).ok_or_else(missing)
}

fn is_own_draft(attendee: &Attendee, file: &StoredAttachment) -> bool {
    !file.is_sent && file.user == attendee.user()
}

fn missing() -> Problem {
    Problem::not_found("attachment")
}
