//! Taking a file in: bounded while it comes, judged by its bytes, counted, kept, and only then shown to its uploader.

use super::super::super::{
    App,
    attendee::Attendee,
    extract::{Id, Params},
    problem::{Document, Problem},
};
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    error::{Chain, ErrorCode},
    id::RoomId,
    protocol::room::RoomAttachment,
    text,
};
use files::{FileError, Files, Incoming, Received, Refused};
use http_body_util::BodyExt;
use serde::Deserialize;
use signalling_core::admission::Action;
use std::time::Duration;
use store::rooms::{self, NewAttachment, Quota, Unreserved};
use tracing::warn;
use utoipa::IntoParams;

/// How soon a client should try again when the storage is away.
const STORAGE_RETRY: Duration = Duration::from_secs(10);

/// How soon a client should try again that sends too many files at the same time.
const PLACE_RETRY: Duration = Duration::from_secs(2);

/// How long what comes of a refused file is read.
const DISCARD_TIME: Duration = Duration::from_secs(10);

/// What is said of a file beside its bytes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(in super::super::super) struct UploadParams {
    /// What the file is called. Of a path the last part is kept, of a long name the first 200 characters.
    #[param(example = "photo.jpg")]
    file_name: String,
}

/// Uploads a file to send it in this room. The body is the file as it is; what it is, is told from its content. Sent
/// in no message, it is removed after a day.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/attachments", params(("id" = RoomId, Path, description = "The room"), UploadParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file", example = "hello"),
    responses(
        (status = 201, description = "It may be sent: `attachments` of a message names its `id`", body = RoomAttachment),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`attachment.quotaExceeded`; `limit.count`: too many files of the caller are in no message; `room.closed`", body = Document),
        (status = 413, description = "`attachment.tooLarge`", body = Document),
        (status = 422, description = "There is nothing in it", body = Document),
        (status = 429, description = "`limit.rate`: too many files of the caller are coming in", body = Document),
        (status = 503, description = "`attachment.unavailable`: the storage is away; `unavailable`: too many files are coming in", body = Document),
    ),
)]
pub(in super::super::super) async fn upload_attachment(
    State(app): State<App>,
    attendee: Attendee,
    Id(room): Id<RoomId>,
    Params(params): Params<UploadParams>,
    request: Request,
) -> Result<Response, Problem> {
    let files = app.files()?.clone();
    let mut tx = attendee.read(&app).await?;
    attendee.admit(&app, &mut tx, Action::Send, room).await?;
    tx.commit().await?;
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<u64> = length.and_then(|value| value.parse().ok());
    if length.is_some_and(|length| length > files.config().bytes_max) {
        discard(request.into_body(), files.config().bytes_max).await;
        return Err(refused(&Refused::TooLarge(files.config().bytes_max)));
    }
    let incoming = files.receive(attendee.account(), attendee.user()).await.map_err(|why| refused(&why))?;
    let received = receive(incoming, request.into_body(), files.config().bytes_max).await?;
    if received.length() == 0 {
        return Err(Problem::invalid("the file has no bytes"));
    }
    let name = text::file_name(&params.file_name);
    // Whoever hangs up now has uploaded it.
    let worker = app.clone();
    let kept = async move { keep(&worker, &files, &attendee, room, &name, &received).await };
    let attachment = app.complete(kept).await?;
    Ok((StatusCode::CREATED, Json(attachment)).into_response())
}

/// Takes a body in, piece by piece.
async fn receive<G>(
    mut incoming: Incoming<G>,
    mut body: Body,
    discarded_max: u64,
) -> Result<Received<G>, Problem> {
    while let Some(frame) = body.frame().await {
        let broken = || Problem::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, "the body broke off");
        let frame = frame.map_err(|_| broken())?;
        if let Ok(piece) = frame.into_data() {
            let written = incoming.write(&piece).await;
            if let Err(why) = written {
                drop(incoming);
                discard(body, discarded_max).await;
                return Err(refused(&why));
            }
        }
    }
    incoming.finish().await.map_err(|why| refused(&why))
}

/// Reads on for a while without keeping anything: a browser that is answered before it has sent all takes the end of
/// the connection for a lost one, and never sees the answer.
async fn discard(mut body: Body, bytes_max: u64) {
    let all = async {
        let mut left = bytes_max;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |piece| u64::try_from(piece.len()).unwrap_or(u64::MAX));
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it ends or not, the answer is given.
    let _in_time = tokio::time::timeout(DISCARD_TIME, all).await;
}

async fn keep<G: Sync>(
    app: &App,
    files: &Files,
    attendee: &Attendee,
    room: RoomId,
    file_name: &str,
    received: &Received<G>,
) -> Result<RoomAttachment, Problem> {
    let preview = files.preview(received).await;
    // Asked again: it may have taken minutes to come.
    let mut tx = attendee.begin(app).await?;
    attendee.admit(app, &mut tx, Action::Send, room).await?;
    let new = NewAttachment {
        room,
        user: attendee.user(),
        file_name,
        mime_type: received.kind().mime_type(),
        size_bytes: received.length(),
        sha256: received.sha256(),
        size: preview.size,
    };
    let config = files.config();
    let quota = Quota { bytes_max: config.account_bytes_max, unsent_max: config.unsent_per_user_max };
    let id = rooms::reserve(&mut tx, &new, quota, &*app.clock).await?.map_err(unreserved)?;
    // Committed before a byte is in the storage: whatever becomes of this process, the row says what to remove.
    tx.commit().await?;
    let account = attendee.account();
    let kept = files.keep(account, id, received).await;
    if let Err(error) = kept {
        let mut tx = app.store.tenant(account).await?;
        rooms::discard(&mut tx, id).await?;
        tx.commit().await?;
        return Err(unavailable(&error));
    }
    let has_thumbnail = match preview.thumbnail {
        Some(thumbnail) => files.keep_thumbnail(account, id, thumbnail).await.is_ok(),
        None => false,
    };
    let mut tx = app.store.tenant(account).await?;
    let stored = rooms::stored(&mut tx, id, has_thumbnail).await?;
    tx.commit().await?;
    stored.ok_or_else(super::missing)
}

fn refused(why: &Refused) -> Problem {
    match why {
        Refused::TooLarge(_) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ATTACHMENT_TOO_LARGE, why.to_string())
        }
        Refused::UserBusy => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, why.to_string())
                .retry_after(PLACE_RETRY)
        }
        Refused::Busy => Problem::unavailable(why.to_string()),
        Refused::Disk(_) => away(why),
    }
}

fn unreserved(why: Unreserved) -> Problem {
    let (code, detail) = match why {
        Unreserved::QuotaExceeded => {
            (ErrorCode::ATTACHMENT_QUOTA_EXCEEDED, "the files of the account have no more room")
        }
        Unreserved::TooManyUnsent => {
            (ErrorCode::TOO_MANY, "too many of your files are in no message; send or give up some")
        }
    };
    Problem::new(StatusCode::CONFLICT, code, detail)
}

/// The storage cannot be used at the moment.
pub(in super::super::super) fn unavailable(error: &FileError) -> Problem {
    away(error)
}

fn away(error: &(dyn std::error::Error + 'static)) -> Problem {
    warn!(error = %Chain(error), "The storage of files failed");
    no_storage()
}

/// There is nowhere to keep files.
pub(in super::super::super) fn no_storage() -> Problem {
    let detail = "the storage of files is away";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ATTACHMENT_UNAVAILABLE, detail)
        .retry_after(STORAGE_RETRY)
}
