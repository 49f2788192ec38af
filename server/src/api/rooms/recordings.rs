//! Recordings of the calls in a room: for moderators and owners of the room, and for who manages rooms.
//!
//! The media node that owns the call records it, and is asked ([`node`]); what it has recorded is stored when it has
//! ended ([`crate::recordings`]) and read here.

pub(super) mod file;
mod node;

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Id, Ids, Params},
        page::{Page, PageParams},
        problem::{Document, Problem},
    },
    admit::admit,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    error::ErrorCode,
    id::{RecordingId, RoomId},
    recording::{Manifest, RecordingStatus},
    subject::recording::{RecordingAction, RecordingReply},
};
use node::Undone;
use signalling_core::admission::Action;
use store::{
    TenantTx,
    recordings::{self, NewRecording, Recording, Unremoved},
};

/// Lists a room's recordings in the order of their beginning.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/recordings", params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<Recording>), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn list_recordings(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Recording>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, id).await?;
    let found = recordings::list(&mut tx, id, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |recording: &Recording| recording.id.to_string())))
}

/// Records the call in a room: what everybody sends from now on, each track in a file of its own, as it is. Everybody
/// in the call is told. A call that is recorded already goes on being so, and the answer is that recording.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/recordings", params(("id" = RoomId, Path, description = "The room")),
    responses(
        (status = 201, description = "It is recorded", body = Recording),
        (status = 403, description = "The caller is no moderator or owner of the room, and does not manage rooms", body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`recording.noCall`: nobody is in a call there", body = Document),
        (status = 503, description = "`recording.unavailable`: the media server has no place for it; `media.unavailable`", body = Document),
    ),
)]
pub(super) async fn start_recording(
    State(app): State<App>,
    caller: Caller,
    Id(room): Id<RoomId>,
) -> Result<(StatusCode, Json<Recording>), Problem> {
    // As whoever changes something: what is asked of the media node is not undone.
    let mut tx = app.begin(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    tx.commit().await?;
    let begun = begin(app.clone(), caller, room);
    Ok((StatusCode::CREATED, Json(app.complete(begun).await?)))
}

/// Has a node record, and notes it: what cannot be noted is ended, because nobody could stop it.
async fn begin(app: App, caller: Caller, room: RoomId) -> Result<Recording, Problem> {
    let id = RecordingId::generate(&*app.clock);
    let begin = RecordingAction::Begin { recording: id, by: caller.id() };
    let reply = match node::ask(&app, caller.account, room, begin).await {
        Err(Undone::Unknown) => {
            node::end(&app, caller.account, room, id);
            return Err(Undone::Unknown.into());
        }
        answered => answered?,
    };
    let Some(RecordingReply::Begun { recording, by, node, at }) = reply else { return Err(no_call()) };
    let noted =
        note(&app, &caller, &NewRecording { id: recording, room, node, by, at }, recording == id).await;
    if noted.is_err() && recording == id {
        let stop = RecordingAction::Stop { recording };
        if let Err(Undone::Unknown) = node::ask(&app, caller.account, room, stop).await {
            node::end(&app, caller.account, room, id);
        }
    }
    noted
}

/// Notes a recording that goes on, unless it was noted before.
async fn note(app: &App, caller: &Caller, new: &NewRecording, is_new: bool) -> Result<Recording, Problem> {
    let mut tx = app.begin(caller).await?;
    admit(app, &mut tx, caller, Action::Record, new.room).await?;
    let recording = recordings::begin(&mut tx, new).await?.ok_or_else(no_call)?;
    if is_new {
        caller.audit(app, &mut tx, "recording.started", recording.id, (None, Some(&recording))).await?;
    }
    tx.commit().await?;
    Ok(recording)
}

/// Reads a recording.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/recordings/{recording}",
    params(("id" = RoomId, Path, description = "The room"), ("recording" = RecordingId, Path, description = "The recording")),
    responses((status = 200, body = Recording), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn get_recording(
    State(app): State<App>,
    caller: Caller,
    Ids(room, id): Ids<RoomId, RecordingId>,
) -> Result<Json<Recording>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    let found = recordings::find(&mut tx, room, id).await?.ok_or_else(missing)?;
    tx.commit().await?;
    Ok(Json(found))
}

/// Stops a recording; one that has ended stays as it is. Its files can be read a moment later, once its `status` is not
/// `recording` any more.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/recordings/{recording}/stop",
    params(("id" = RoomId, Path, description = "The room"), ("recording" = RecordingId, Path, description = "The recording")),
    responses(
        (status = 204, description = "Nothing is recorded any more"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "`media.unavailable`: it may still be recorded; ask again", body = Document),
    ),
)]
pub(super) async fn stop_recording(
    State(app): State<App>,
    caller: Caller,
    Ids(room, id): Ids<RoomId, RecordingId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    let found = recordings::find(&mut tx, room, id).await?.ok_or_else(missing)?;
    if found.ended_at.is_none() {
        caller.audit(&app, &mut tx, "recording.stopped", id, (None, Some(&found))).await?;
    }
    tx.commit().await?;
    node::ask(&app, caller.account, room, RecordingAction::Stop { recording: id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what was recorded: the tracks, whose they are, when each began, and its file.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/recordings/{recording}/manifest",
    params(("id" = RoomId, Path, description = "The room"), ("recording" = RecordingId, Path, description = "The recording")),
    responses(
        (status = 200, body = Manifest),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`recording.goesOn` or `recording.notStored`", body = Document),
    ),
)]
pub(super) async fn get_recording_manifest(
    State(app): State<App>,
    caller: Caller,
    Ids(room, id): Ids<RoomId, RecordingId>,
) -> Result<Json<Manifest>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    let manifest = manifest(&mut tx, room, id).await?;
    tx.commit().await?;
    Ok(Json(manifest))
}

/// Deletes a recording with its files. One that goes on has to be stopped first.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/recordings/{recording}",
    params(("id" = RoomId, Path, description = "The room"), ("recording" = RecordingId, Path, description = "The recording")),
    responses(
        (status = 204, description = "It is deleted; its files are removed within seconds"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`recording.goesOn`", body = Document),
    ),
)]
pub(super) async fn delete_recording(
    State(app): State<App>,
    caller: Caller,
    Ids(room, id): Ids<RoomId, RecordingId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    let found = recordings::find(&mut tx, room, id).await?.ok_or_else(missing)?;
    match recordings::remove(&mut tx, room, id).await? {
        Ok(()) => {}
        Err(Unremoved::NotFound) => return Err(missing()),
        Err(Unremoved::GoesOn) => return Err(goes_on()),
    }
    caller.audit(&app, &mut tx, "recording.deleted", id, (Some(&found), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was recorded, once it is stored.
async fn manifest(tx: &mut TenantTx, room: RoomId, id: RecordingId) -> Result<Manifest, Problem> {
    if let Some(manifest) = recordings::manifest(tx, room, id).await? {
        return Ok(manifest);
    }
    let found = recordings::find(tx, room, id).await?.ok_or_else(missing)?;
    Err(match found.status {
        RecordingStatus::Recording => goes_on(),
        RecordingStatus::Ended | RecordingStatus::Interrupted => {
            let why = "its media server is gone with its files, unless it comes back";
            Problem::new(StatusCode::CONFLICT, ErrorCode::RECORDING_NOT_STORED, why)
        }
    })
}

fn missing() -> Problem {
    Problem::not_found("recording")
}

fn goes_on() -> Problem {
    let why = "the recording goes on, or its files are being stored";
    Problem::new(StatusCode::CONFLICT, ErrorCode::RECORDING_GOES_ON, why)
}

fn no_call() -> Problem {
    let why = "nobody is in a call in this room";
    Problem::new(StatusCode::CONFLICT, ErrorCode::RECORDING_NO_CALL, why)
}
