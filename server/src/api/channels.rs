//! Channels: the numbers that customers write to. For administrators.

use super::{
    App,
    caller::Caller,
    extract::Params,
    fields,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
};
use axum::{Json, extract::State, response::Response};
use common::{id::ChannelId, permission::Permission, protocol::inbox::ChannelKind, secret::Secret};
use serde::{Deserialize, Serialize};
use store::channels::{self, CreateError, NewChannel};
use utoipa::ToSchema;

/// A connected channel. Its secrets are never shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Channel {
    /// Its id.
    id: ChannelId,
    /// Its kind.
    kind: ChannelKind,
    /// Its name, for people.
    name: String,
    /// The number's id as the provider calls it.
    phone_number_id: String,
    /// The path to give the provider as webhook, after this server's public address.
    webhook_path: String,
}

impl From<channels::Channel> for Channel {
    fn from(channel: channels::Channel) -> Self {
        Self {
            id: channel.id,
            kind: channel.kind,
            name: channel.name,
            phone_number_id: channel.external_id,
            webhook_path: format!("/v1/webhooks/{}/{}", channel.kind.as_str(), channel.id),
        }
    }
}

/// A channel to be connected.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateChannel {
    /// Its kind.
    kind: ChannelKind,
    /// Its name, for people.
    name: String,
    /// The number's id as the provider calls it.
    phone_number_id: String,
    /// Authorises what is sent.
    #[schema(value_type = String, format = Password)]
    access_token: Secret,
    /// Signs what is received.
    #[schema(value_type = String, format = Password)]
    app_secret: Secret,
    /// Proves to the provider that the webhook is ours.
    #[schema(value_type = String, format = Password)]
    verify_token: Secret,
}

/// Lists the account's channels in the order of their creation.
#[utoipa::path(
    get, path = "/v1/channels", tag = "channels", params(PageParams),
    responses((status = 200, body = Page<Channel>), (status = 403, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Channel>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.begin(&caller, Permission::ChannelsRead).await?;
    let channels = channels::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(channels, |channel| channel.id.to_string(), Channel::from)))
}

/// Connects a channel.
#[utoipa::path(
    post, path = "/v1/channels", tag = "channels", request_body = CreateChannel, params(once::Header),
    responses(
        (status = 201, body = Channel),
        (status = 403, body = Document),
        (status = 409, description = "The number is connected already", body = Document),
    ),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateChannel>,
) -> Result<Response, Problem> {
    let channel = NewChannel {
        kind: body.kind,
        name: fields::name(&body.name)?,
        external_id: fields::external_id("phoneNumberId", &body.phone_number_id)?,
        access_token: fields::secret("accessToken", &body.access_token)?,
        app_secret: fields::secret("appSecret", &body.app_secret)?,
        verify_token: fields::secret("verifyToken", &body.verify_token)?,
    };
    let mut tx = app.begin(&caller, Permission::ChannelsManage).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let channel = Channel::from(channels::create(&mut tx, &channel, &*app.clock).await?);
    let object = ("channel", channel.id.as_uuid());
    caller.did(&app, &mut tx, "channel.created", object, (None, Some(&channel))).await?;
    once.created(tx, &caller, &channel).await
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => error.into(),
            taken @ CreateError::Taken => Self::conflict(taken.to_string()),
        }
    }
}
