//! The files of a recording.

use super::{
    super::super::{
        App,
        caller::Caller,
        extract::IdsAnd,
        files::serve,
        problem::{Document, Problem},
    },
    admit, manifest,
};
use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use common::id::{RecordingId, RoomId};
use ingress::file_headers;
use serde_json::json;
use signalling_core::admission::Action;

/// Reads the file of a track, or a stretch of it (`Range`, RFC 9110, section 14).
#[utoipa::path(
    get, path = "/v1/rooms/{id}/recordings/{recording}/files/{name}",
    params(
        ("id" = RoomId, Path, description = "The room"),
        ("recording" = RecordingId, Path, description = "The recording"),
        ("name" = String, Path, description = "From `file` of a track of the manifest"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A stretch of it", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "It has not changed: a file never does"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`recording.goesOn` or `recording.notStored`", body = Document),
        (status = 416, description = "It has no such stretch", body = Document),
        (status = 503, description = "`attachment.unavailable`: the storage is away", body = Document),
    ),
)]
pub(in super::super) async fn read_recording_file(
    State(app): State<App>,
    caller: Caller,
    IdsAnd(room, id, name): IdsAnd<RoomId, RecordingId>,
    asked: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let mut tx = app.begin_ending(&caller).await?;
    admit(&app, &mut tx, &caller, Action::Record, room).await?;
    let manifest = manifest(&mut tx, room, id).await?;
    let missing = || Problem::not_found("file");
    let mut tracks = manifest.tracks.iter();
    let track = tracks.find(|track| track.file.as_deref() == Some(&*name)).ok_or_else(missing)?;
    // Before the first byte is sent. Every stretch counts: who leaves out the first heard it, too.
    let what = json!({ "file": name });
    caller.audit(&app, &mut tx, "recording.downloaded", id, (None, Some(&what))).await?;
    tx.commit().await?;
    let (files, account) = (app.files()?, caller.account);
    let headers = file_headers("application/octet-stream", Some(&name));
    let tag = format!("\"{id}/{name}\"");
    let open = async |range| files.read_recorded(account, id, &name, range).await;
    serve(&asked, headers, (&tag, track.size_bytes), open, missing).await
}
