//! Channels: the numbers that customers write to.

use super::{
    App,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Params},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{id::ChannelId, permission::Permission, protocol::inbox::ChannelKind, secret::Secret};
use serde::Deserialize;
use store::channels::{self, Channel, ChannelChange, NewChannel};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("channels", "The numbers that customers write to.")
        .needs(Permission::ChannelsRead, endpoints![list, get])
        .needs(Permission::ChannelsManage, endpoints![create, update, delete])
}

/// A channel to be connected.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateChannel {
    /// It stays so.
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
    get, path = "/v1/channels", params(PageParams),
    responses((status = 200, body = Page<Channel>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Channel>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let channels = channels::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(channels, |channel| channel.id.to_string())))
}

/// Connects a channel.
#[utoipa::path(
    post, path = "/v1/channels", request_body = CreateChannel, params(idempotency::Header),
    responses(
        (status = 201, body = Channel),
        (status = 403, body = Document),
        (status = 409, description = "The account has connected the number already", body = Document),
    ),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateChannel>,
) -> Result<Response, Problem> {
    let channel = NewChannel {
        kind: body.kind,
        name: fields::name(&body.name)?,
        external_id: fields::external_id("phoneNumberId", &body.phone_number_id)?,
        access_token: fields::secret("accessToken", &body.access_token)?,
        app_secret: fields::secret("appSecret", &body.app_secret)?,
        verify_token: fields::secret("verifyToken", &body.verify_token)?,
    };
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let channel = channels::create(&mut tx, &channel, &*app.clock).await?;
    caller.audit(&app, &mut tx, "channel.created", channel.id, (None, Some(&channel))).await?;
    idempotency.created(tx, &caller, &channel).await
}

/// Reads one channel.
#[utoipa::path(
    get, path = "/v1/channels/{id}", params(("id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, body = Channel), (status = 404, body = Document)),
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ChannelId>,
) -> Result<Tagged<Channel>, Problem> {
    let mut tx = app.read(&caller).await?;
    let channel = channels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("channel"))?;
    tx.commit().await?;
    Ok(Tagged(channel))
}

/// What to change about a channel; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateChannel {
    /// Its name, for people.
    name: Option<String>,
    /// Authorises what is sent.
    #[schema(value_type = Option<String>, format = Password)]
    access_token: Option<Secret>,
    /// Signs what is received.
    #[schema(value_type = Option<String>, format = Password)]
    app_secret: Option<Secret>,
    /// Proves to the provider that the webhook is ours.
    #[schema(value_type = Option<String>, format = Password)]
    verify_token: Option<Secret>,
    /// False: its webhooks are refused and nothing is sent by it.
    enabled: Option<bool>,
}

/// Changes a channel: its name, its secrets, whether it is on.
#[utoipa::path(
    patch, path = "/v1/channels/{id}", request_body = UpdateChannel,
    params(("id" = ChannelId, Path, description = "The channel"), etag::Header),
    responses((status = 200, body = Channel), (status = 404, body = Document), (status = 412, body = Document)),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ChannelId>,
    if_match: IfMatch,
    Body(body): Body<UpdateChannel>,
) -> Result<Tagged<Channel>, Problem> {
    let secret = |field, secret: &Option<Secret>| match secret {
        Some(secret) => fields::secret(field, secret).map(|_| ()),
        None => Ok(()),
    };
    secret("accessToken", &body.access_token)?;
    secret("appSecret", &body.app_secret)?;
    secret("verifyToken", &body.verify_token)?;
    let change = ChannelChange {
        name: body.name.as_deref().map(fields::name).transpose()?,
        access_token: body.access_token.as_ref(),
        app_secret: body.app_secret.as_ref(),
        verify_token: body.verify_token.as_ref(),
        enabled: body.enabled,
    };
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = channels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("channel"))?;
    if_match.check(&before)?;
    let after = channels::update(&mut tx, id, &change, &*app.clock).await;
    let after = after.map_err(|error| Problem::refused("channel", error))?;
    caller.audit(&app, &mut tx, "channel.updated", id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    Ok(Tagged(after))
}

/// Deletes a channel that nothing has come or gone by. One that has been used can be switched off.
#[utoipa::path(
    delete, path = "/v1/channels/{id}", params(("id" = ChannelId, Path, description = "The channel")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, body = Document),
        (status = 409, description = "It has been used", body = Document),
    ),
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<ChannelId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = channels::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("channel"))?;
    channels::delete(&mut tx, id).await.map_err(|error| Problem::refused("channel", error))?;
    caller.audit(&app, &mut tx, "channel.deleted", id, (Some(&before), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
