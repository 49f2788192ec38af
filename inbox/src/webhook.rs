//! `GET` and `POST /v1/webhooks/whatsapp/{channelId}`: stored first, acknowledged then.

pub(crate) mod body;
pub(crate) mod strangers;

use crate::context::Inbox;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use body::BODY_BYTES_MAX;
use common::{
    address::{ClientAddress, ClientNetwork},
    error::{Chain, ErrorCode},
    id::ChannelId,
    protocol::inbox::ChannelKind,
    subject::inbox::Work,
};
use inbox_core::signature::{self, Verifier};
use ingress::Problem;
use serde::Deserialize;
use std::time::Duration;
use store::system::{NewRawEvent, WebhookChannel};
use tracing::{error, info, warn};

/// When to come again while there is no memory for a body.
const FULL_RETRY: Duration = Duration::from_secs(5);

/// The webhooks of all channels.
pub(crate) fn router() -> Router<Inbox> {
    Router::new().route("/v1/webhooks/whatsapp/{channel}", get(handshake).post(receive))
}

/// From where a request comes, if the listener says so.
type Client = Option<Extension<ClientAddress>>;

fn network(client: &Client) -> Option<ClientNetwork> {
    client.as_ref().map(|Extension(address)| address.network())
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
    client: Client,
    query: Result<Query<Handshake>, QueryRejection>,
) -> Result<String, Refusal> {
    let Query(handshake) = query.map_err(|_| Refusal::Malformed)?;
    let channel = find(&inbox, &channel, network(&client)).await?;
    if handshake.mode == "subscribe" && channel.verify_token.matches(handshake.verify_token.as_bytes()) {
        info!(channel.id = %channel.id, "Channel {} was subscribed", channel.id);
        return Ok(handshake.challenge);
    }
    Err(Refusal::Forged)
}

/// Reads the body last, and only from somebody who names a channel and signs: it costs memory. No connection
/// of the store is held meanwhile.
async fn receive(
    State(inbox): State<Inbox>,
    Path(channel): Path<String>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: usize| bytes > BODY_BYTES_MAX) {
        return Err(Refusal::TooLarge);
    }
    let signed = headers.get(signature::HEADER).and_then(|value| signature::Header::parse(value.as_bytes()));
    let signed = signed.ok_or(Refusal::Forged)?;
    let network = network(&client);
    let channel = find(&inbox, &channel, network).await?;
    let verifier = Verifier::new(&channel.app_secret, signed);
    let received = body::read(body, verifier, inbox.0.bodies.open(network, Some(channel.account))).await?;
    if !received.is_genuine {
        warn!(channel.id = %channel.id, "A webhook for channel {} has no valid signature", channel.id);
        return Err(Refusal::Forged);
    }
    inbox.0.strangers.note_proved(network, channel.id);
    let event = NewRawEvent {
        account: channel.account,
        channel: channel.id,
        body: &received.bytes,
        sha256: &received.sha256,
    };
    let is_new = inbox.store().system().insert_raw_event(&event, inbox.clock()).await?;
    metrics::counter!("inbox_webhooks_total", "new" => is_new.to_string()).increment(1);
    if is_new {
        inbox.hint(Work::RawEvents).await;
    }
    Ok(StatusCode::OK)
}

async fn find(
    inbox: &Inbox,
    channel: &str,
    network: Option<ClientNetwork>,
) -> Result<WebhookChannel, Refusal> {
    let id: ChannelId = channel.parse().map_err(|_| Refusal::NotFound)?;
    let strangers = &inbox.0.strangers;
    strangers.admit(network, id).map_err(Refusal::TooMany)?;
    let channel = inbox.store().system().channel(id).await?.ok_or(Refusal::NotFound)?;
    strangers.note_known(id);
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
    TooSlow,
    /// Too many requests that name no channel or prove nothing, with the time to wait.
    TooMany(Duration),
    /// There is no memory for its body; the provider tries again.
    Full,
    /// The provider tries again.
    Away,
}

impl From<store::StoreError> for Refusal {
    fn from(error: store::StoreError) -> Self {
        error!(error = %Chain(&error), "A webhook cannot be stored; its sender will repeat it");
        Self::Away
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, detail) = match &self {
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
            Self::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, ErrorCode::UNAVAILABLE, "the body came too slowly")
            }
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, "too many requests"),
            Self::Full | Self::Away => {
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE, "try again later")
            }
        };
        let problem = Problem::new(status, code, detail);
        match self {
            Self::TooMany(wait) => problem.retry_after(wait.max(Duration::from_secs(1))),
            Self::Full => problem.retry_after(FULL_RETRY),
            Self::NotFound | Self::Forged | Self::Malformed | Self::TooLarge | Self::TooSlow | Self::Away => {
                problem
            }
        }
        .into_response()
    }
}
