//! Files that customers sent, passed on from the channel's provider.
//!
//! Served by this role and not by the REST layer, so that bytes of files pass one process and never the bus, and
//! one role alone talks to providers.

use crate::{context::Inbox, files::FileError};
use axum::{
    Router,
    body::Body,
    extract::{FromRef, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
#[cfg(feature = "openapi")]
use common::problem::Document;
use common::{
    error::{Chain, ErrorCode},
    id::{ConversationId, MessageId},
    permission::Permission,
    protocol::inbox::Attachment,
};
use ingress::{Authenticated, Authenticator, Problem, method_not_allowed};
use std::time::Duration;
use store::messages;
use tracing::warn;

/// What a browser may show by itself: nothing in it can run.
const SHOWN: [&str; 8] = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
    "video/mp4",
];

/// How soon a client should try again when the provider is away.
const PROVIDER_RETRY: Duration = Duration::from_secs(5);

/// The files of all messages.
pub(crate) fn router() -> Router<Inbox> {
    Router::new()
        .route("/v1/conversations/{id}/messages/{message}/attachments/{number}", routing::get(get))
        .method_not_allowed_fallback(method_not_allowed)
}

/// Who asks is found out as the REST layer does.
impl FromRef<Inbox> for Authenticator {
    fn from_ref(inbox: &Inbox) -> Self {
        inbox.0.deps.authenticator.clone()
    }
}

/// Who may read them.
const NEEDS: Permission = Permission::ConversationsRead;

/// The reference of what is served here, for the document of the whole REST layer.
#[cfg(feature = "openapi")]
pub(crate) fn reference() -> utoipa::openapi::OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(get), tags((name = "attachments", description = "Files that came with customers' messages.")))]
    struct Described;

    let mut document = <Described as utoipa::OpenApi>::openapi();
    for operation in document.paths.paths.values_mut().filter_map(|path| path.get.as_mut()) {
        let token = utoipa::openapi::SecurityRequirement::new("token", [NEEDS.as_str()]);
        operation.security = Some(vec![token]);
    }
    document
}

/// Reads a file that came with a message. The channel's provider keeps it, WhatsApp for 7 days.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/v1/conversations/{id}/messages/{message}/attachments/{number}", tag = "attachments",
    params(
        ("id" = ConversationId, Path, description = "The conversation"),
        ("message" = MessageId, Path, description = "The message"),
        ("number" = u16, Path, description = "The place in the message's `attachments`, from 0 on"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 404, description = "There is none such; or `channel.fileGone`: the provider does not keep it any more; or `channel.refused`: it does not give it", body = Document),
        (status = 503, description = "`channel.unreachable`: the provider cannot be reached, or is too busy", body = Document),
    ),
))]
async fn get(
    State(inbox): State<Inbox>,
    caller: Authenticated,
    Path((conversation, message, number)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    caller.require(NEEDS)?;
    let missing = || Problem::not_found("attachment");
    let conversation: ConversationId = conversation.parse().map_err(|_| missing())?;
    let message: MessageId = message.parse().map_err(|_| missing())?;
    let number = number.parse().map_err(|_| missing())?;
    let mut tx = inbox.store().reading(caller.account).await?;
    let file = messages::attachment(&mut tx, conversation, message, number).await?.ok_or_else(missing)?;
    tx.commit().await?;
    let opened = inbox.0.files.open(&file).await.map_err(|error| {
        warn!(message.id = %message, error = %Chain(&error), "A file could not be fetched");
        refused(&error)
    })?;
    let mut headers = headers(&file.about);
    if let Some(length) = opened.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok((headers, Body::from_stream(opened.into_stream())).into_response())
}

/// Whether to ask again, and whom to blame.
fn refused(error: &FileError) -> Problem {
    let (status, code) = match error {
        FileError::Gone => (StatusCode::NOT_FOUND, ErrorCode::CHANNEL_FILE_GONE),
        FileError::Refused(_) | FileError::TooLarge => (StatusCode::NOT_FOUND, ErrorCode::CHANNEL_REFUSED),
        FileError::Busy(_) | FileError::Away(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::CHANNEL_UNREACHABLE)
        }
    };
    let problem = Problem::new(status, code, error.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE { problem.retry_after(PROVIDER_RETRY) } else { problem }
}

/// A file by a stranger: a browser takes it for nothing but what it says it is, and runs nothing of it.
fn headers(about: &Attachment) -> HeaderMap {
    let essence = about.mime_type.split(';').next().unwrap_or_default().trim();
    let shown = SHOWN.iter().find(|kind| **kind == essence);
    let how = if shown.is_some() { "inline" } else { "attachment" };
    let name = about.file_name.as_deref().unwrap_or("file");
    // RFC 8187: everything but letters and digits is escaped.
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let name: String = name.bytes().map(escape).collect();
    let mut headers = HeaderMap::new();
    let kind = shown.map_or("application/octet-stream", |kind| *kind);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("{how}; filename*=UTF-8''{name}")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_is_downloaded_and_no_name_can_write_a_header() {
        let of = |mime_type: &str, name: &str| {
            headers(&Attachment { mime_type: mime_type.to_owned(), file_name: Some(name.to_owned()) })
        };
        let page = of("text/html", "x\"; \r\nSet-Cookie: a.html");
        assert_eq!(page[header::CONTENT_TYPE], "application/octet-stream");
        let how = page[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(how, "attachment; filename*=UTF-8''x%22%3B%20%0D%0ASet-Cookie%3A%20a.html");
        let photo = of("image/jpeg", "Rechnung März.jpg");
        assert_eq!(photo[header::CONTENT_TYPE], "image/jpeg");
        assert_eq!(photo[header::CONTENT_DISPOSITION], "inline; filename*=UTF-8''Rechnung%20M%C3%A4rz.jpg");
        assert_eq!(of("audio/ogg; codecs=opus", "a")[header::CONTENT_TYPE], "audio/ogg");
    }
}
