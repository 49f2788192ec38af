//! Files of messages, by links that [`attachments`](super::rooms) give out.

use super::{
    App,
    extract::Id,
    problem::{Document, Problem},
    rooms::unavailable,
    routes::{Routes, endpoints},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::error::ErrorCode;
use files::{FileError, Opened, THUMBNAIL_TYPE, Variant};
use ingress::file_headers;
use std::ops::Range;
use store::rooms;

pub(super) fn routes() -> Routes {
    Routes::of("files", "Files of room messages, by links that are good for some minutes.")
        .anybody(endpoints![read_file])
}

/// Pages of other origins may show it: whoever has the link may have the file.
const FROM_ANYWHERE: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));

/// Reads a file, or a stretch of it (`Range`, RFC 9110, section 14). What could run in a browser is downloaded.
#[utoipa::path(
    get, path = "/v1/files/{link}", params(("link" = String, Path, description = "From `url` or `thumbnailUrl` of an attachment")),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A stretch of it", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "It has not changed: a file never does"),
        (status = 404, description = "The link is not good (any more), or the file is deleted", body = Document),
        (status = 416, description = "It has no such stretch", body = Document),
        (status = 503, description = "`attachment.unavailable`: the storage is away", body = Document),
    ),
)]
async fn read_file(
    State(app): State<App>,
    Id(link): Id<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("file");
    let files = app.files()?;
    let link = files.links().read(&link, app.clock.utc()).ok_or_else(missing)?;
    let mut tx = app.store.reading(link.account).await?;
    let file = rooms::attachment(&mut tx, link.file).await?.ok_or_else(missing)?;
    tx.commit().await?;
    let mut headers = match link.variant {
        Variant::Whole => file_headers(&file.about.mime_type, Some(&file.about.file_name)),
        Variant::Thumbnail => file_headers(THUMBNAIL_TYPE, Some("thumbnail.jpg")),
    };
    headers.insert(FROM_ANYWHERE.0, FROM_ANYWHERE.1);
    // A file never changes; its thumbnail has a link of its own.
    let tag = format!("\"{}\"", link.file);
    let length = match link.variant {
        Variant::Whole => Some(file.about.size_bytes),
        Variant::Thumbnail => None,
    };
    let open = async |range| files.read(link.account, link.file, link.variant, range).await;
    serve(&asked, headers, (&tag, length), open, missing).await
}

/// Answers with a file, which never changes under its `tag`, or with the stretch of it that is asked for. Without a
/// `length` it is read as a whole.
pub(super) async fn serve(
    asked: &HeaderMap,
    mut headers: HeaderMap,
    (tag, length): (&str, Option<u64>),
    open: impl AsyncFnOnce(Option<Range<u64>>) -> Result<Opened, FileError>,
    missing: impl FnOnce() -> Problem,
) -> Result<Response, Problem> {
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(value) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, value);
    }
    let text = |name: &HeaderName| asked.get(name).and_then(|value| value.to_str().ok());
    if text(&header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let is_same = text(&header::IF_RANGE).is_none_or(|known| known == tag);
    let range = match (length, text(&header::RANGE).filter(|_| is_same)) {
        (Some(length), Some(range)) => match stretch(range, length) {
            Stretch::Everything => None,
            Stretch::Part(range) => Some(range),
            Stretch::None => return Ok(no_such_stretch(length)),
        },
        (Some(_), None) | (None, _) => None,
    };
    let opened = open(range.clone()).await;
    let opened = opened.map_err(|error| if error.is_gone() { missing() } else { unavailable(&error) })?;
    let length = opened.range.end.saturating_sub(opened.range.start);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let mut status = StatusCode::OK;
    if range.is_some() {
        status = StatusCode::PARTIAL_CONTENT;
        let last = opened.range.end.saturating_sub(1);
        let part = format!("bytes {}-{last}/{}", opened.range.start, opened.length);
        headers.insert(
            header::CONTENT_RANGE,
            HeaderValue::try_from(part).map_err(|error| Problem::internal(&error))?,
        );
    }
    Ok((status, headers, Body::from_stream(opened.into_stream())).into_response())
}

/// What a request wants of a file.
#[derive(Debug, PartialEq, Eq)]
enum Stretch {
    Everything,
    Part(Range<u64>),
    /// What it does not have.
    None,
}

/// One stretch is given; of several, or of what is no range, everything (RFC 9110, section 14.2).
fn stretch(header: &str, length: u64) -> Stretch {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Stretch::Everything;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Stretch::Everything,
    };
    if range.is_empty() { Stretch::None } else { Stretch::Part(range) }
}

fn no_such_stretch(length: u64) -> Response {
    let problem = Problem::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::INVALID_BODY,
        "the file has no such bytes",
    );
    ([(header::CONTENT_RANGE, format!("bytes */{length}"))], problem).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stretch_is_understood_and_everything_else_is_the_whole() {
        for (asked, expected) in [
            ("bytes=0-0", Stretch::Part(0..1)),
            ("bytes=0-", Stretch::Part(0..10)),
            ("bytes=3-100", Stretch::Part(3..10)),
            ("bytes=-4", Stretch::Part(6..10)),
            ("bytes=-100", Stretch::Part(0..10)),
            ("bytes=3-18446744073709551615", Stretch::Part(3..10)),
            ("bytes=10-", Stretch::None),
            ("bytes=-0", Stretch::None),
            ("bytes=5-3", Stretch::Everything),
            ("bytes=0-1,3-4", Stretch::Everything),
            ("bytes=-", Stretch::Everything),
            ("bytes=a-b", Stretch::Everything),
            ("lines=1-2", Stretch::Everything),
        ] {
            assert_eq!(stretch(asked, 10), expected, "{asked}");
        }
        assert_eq!(stretch("bytes=0-", 0), Stretch::None);
    }
}
