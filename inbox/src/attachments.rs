//! Files that customers sent, passed on from the channel's provider.
//!
//! Served by this role and not by the REST layer, so that bytes of files pass one process and never the bus, and
//! one role alone talks to providers.

use crate::{context::Inbox, files::FileError};
use axum::{
    Router,
    body::Body,
    extract::{FromRef, Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
#[cfg(feature = "openapi")]
use common::problem::Document;
use common::{
    error::{Chain, ErrorCode},
    id::{ConversationId, MessageId},
    permission::Permission,
};
use ingress::{Authenticated, Authenticator, Problem, file_headers, method_not_allowed};
use std::time::Duration;
use store::messages;
use tracing::warn;

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
    let mut headers = file_headers(&file.about.mime_type, file.about.file_name.as_deref());
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
