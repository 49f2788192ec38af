//! `GET` and `POST /v1/webhooks/whatsapp/{channelId}`: stored first, acknowledged then.

use crate::{role::Inbox, work::chain};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use common::{error::ErrorCode, id::ChannelId, protocol::inbox::ChannelKind, subject::inbox::Work};
use inbox_core::signature;
use serde::Deserialize;
use serde_json::json;
use store::system::{NewRawEvent, WebhookChannel};
use tracing::{error, info, warn};

/// The largest body that Meta sends, in bytes (Meta, WhatsApp webhooks overview: 3 MB).
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The webhooks of all channels.
pub fn router(inbox: &Inbox) -> Router {
    Router::new()
        .route("/v1/webhooks/whatsapp/{channel}", get(handshake).post(receive))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(inbox.clone())
}

/// What Meta asks before it subscribes.
#[derive(Deserialize)]
struct Handshake {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.challenge")]
    challenge: String,
    #[serde(rename = "hub.verify_token")]
    verify_token: String,
}

async fn handshake(
    State(inbox): State<Inbox>,
    Path(channel): Path<String>,
    query: Result<Query<Handshake>, QueryRejection>,
) -> Result<String, Refusal> {
    let Query(handshake) = query.map_err(|_| Refusal::Malformed)?;
    let channel = find(&inbox, &channel).await?;
    if handshake.mode == "subscribe" && channel.verify_token.matches(handshake.verify_token.as_bytes()) {
        info!(channel.id = %channel.id, "Channel {} was subscribed", channel.id);
        return Ok(handshake.challenge);
    }
    Err(Refusal::Forged)
}

/// Reads the body before anything else, so that a slow sender holds no connection of the store.
async fn receive(
    State(inbox): State<Inbox>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let body = body.map_err(|_| Refusal::TooLarge)?;
    let channel = find(&inbox, &channel).await?;
    let signed = headers.get(signature::HEADER).map_or(&[][..], |value| value.as_bytes());
    if !signature::is_valid(&channel.app_secret, signed, &body) {
        warn!(channel.id = %channel.id, "A webhook for channel {} has no valid signature", channel.id);
        return Err(Refusal::Forged);
    }
    let sha256 = digest(&SHA256, &body);
    let sha256 = sha256.as_ref().first_chunk::<32>().ok_or(Refusal::Malformed)?;
    let event = NewRawEvent { account: channel.account, channel: channel.id, body: &body, sha256 };
    let is_new = inbox.store().system().insert_raw_event(&event, inbox.clock()).await?;
    metrics::counter!("inbox_webhooks_total", "new" => is_new.to_string()).increment(1);
    if is_new {
        inbox.hint(Work::RawEvents).await;
    }
    Ok(StatusCode::OK)
}

async fn find(inbox: &Inbox, channel: &str) -> Result<WebhookChannel, Refusal> {
    let id: ChannelId = channel.parse().map_err(|_| Refusal::NotFound)?;
    let channel = inbox.store().system().channel(id).await?.ok_or(Refusal::NotFound)?;
    match channel.kind {
        ChannelKind::Whatsapp => Ok(channel),
    }
}

/// Why a webhook is not taken.
enum Refusal {
    NotFound,
    Forged,
    Malformed,
    TooLarge,
    /// The provider tries again.
    Away,
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        error!(error = %chain(&error), "A webhook cannot be stored; its sender will repeat it");
        Self::Away
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, title) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, ErrorCode::NOT_FOUND, "there is no such channel"),
            Self::Forged => (
                StatusCode::UNAUTHORIZED,
                ErrorCode::INVALID_SIGNATURE,
                "the signature or token is missing or wrong",
            ),
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, "not a subscription request")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_LARGE, "the body is too large"),
            Self::Away => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, "try again later"),
        };
        let problem =
            json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code });
        (status, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
    }
}
