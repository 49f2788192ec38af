//! Devices that are notified while nothing of their user is connected (W3C Push API, RFC 8030).

use super::{
    App,
    caller::Caller,
    extract::{Body, Id},
    fields,
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use crate::notifier::{Keys, Subscription, new_keys};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use common::{id::PushSubscriptionId, secret::Secret};
use serde::{Deserialize, Serialize};
use std::array::TryFromSliceError;
use store::notifications::{self, NewSubscription, PushSubscription};
use url::Url;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("push-subscriptions", "Devices that are notified while nothing of their user is connected.")
        .any_caller(endpoints![key, list, subscribe, unsubscribe])
}

/// The key that devices subscribe with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PushKey {
    /// The `applicationServerKey` of `PushManager.subscribe`, in base64url. It stays the same.
    public_key: String,
}

/// A user's subscriptions.
#[derive(Serialize, ToSchema)]
pub(super) struct PushSubscriptions {
    /// The latest first; at most 20.
    items: Vec<PushSubscription>,
}

/// A subscription as `PushSubscription.toJSON()` gives it (W3C Push API).
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Subscribe {
    /// Where the push service takes what is for the device: `https`, and public.
    #[schema(value_type = String, example = "https://push.example/send/c2VjcmV0")]
    endpoint: Secret,
    /// When the browser expects it to end, in milliseconds since 1970. Its push service says so when it has.
    #[serde(rename = "expirationTime", default)]
    #[schema(example = json!(null))]
    _expiration_time: Option<u64>,
    /// How it is encrypted for the device.
    keys: SubscribeKeys,
}

/// The keys of a device (RFC 8291).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscribeKeys {
    /// Its public key on the curve P-256, uncompressed, in base64url.
    #[schema(
        example = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    )]
    p256dh: String,
    /// Its authentication secret of 16 bytes, in base64url.
    #[schema(value_type = String, example = "BTBZMqHH6r4Tts7J_aSIgg")]
    auth: Secret,
}

/// Reads the key that devices subscribe with. It is made when it is first asked for.
#[utoipa::path(get, path = "/v1/push-key", responses((status = 200, body = PushKey)))]
async fn key(State(app): State<App>, caller: Caller) -> Result<Json<PushKey>, Problem> {
    caller.person()?;
    let mut tx = app.read(&caller).await?;
    let mut keys = notifications::keys(&mut tx).await?;
    drop(tx);
    if keys.is_none() {
        let made = new_keys().map_err(|error| Problem::internal(&error))?;
        let mut tx = app.begin(&caller).await?;
        notifications::insert_keys(&mut tx, &made, &*app.clock).await?;
        // Another may have been first.
        keys = notifications::keys(&mut tx).await?;
        tx.commit().await?;
    }
    let public_key = URL_SAFE_NO_PAD.encode(keys.map(|keys| keys.public_key).unwrap_or_default());
    Ok(Json(PushKey { public_key }))
}

/// Lists one's own subscriptions.
#[utoipa::path(get, path = "/v1/push-subscriptions", responses((status = 200, body = PushSubscriptions)))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<PushSubscriptions>, Problem> {
    let user = caller.person()?.user;
    let mut tx = app.read(&caller).await?;
    let items = notifications::list(&mut tx, user).await?;
    tx.commit().await?;
    Ok(Json(PushSubscriptions { items }))
}

/// Has a device notified from now on, until its sign-in ends or it is taken away. The same endpoint again replaces what
/// was; with more than 20 devices the oldest is forgotten.
#[utoipa::path(
    post, path = "/v1/push-subscriptions", request_body = Subscribe,
    responses((status = 201, body = PushSubscription), (status = 422, body = Document)),
)]
async fn subscribe(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Subscribe>,
) -> Result<(StatusCode, Json<PushSubscription>), Problem> {
    let user = caller.person()?.user;
    let endpoint = endpoint(&app, body.endpoint.expose())?;
    let keys = Keys { p256dh: body.keys.p256dh, auth: body.keys.auth.expose().clone() };
    if !keys.are_usable() {
        return Err(Problem::invalid("the keys are none: a point of P-256 and 16 bytes, in base64url"));
    }
    let service = endpoint.host_str().unwrap_or_default().to_owned();
    let hash = digest(&SHA256, endpoint.as_str().as_bytes());
    let endpoint_sha256: Result<[u8; 32], TryFromSliceError> = hash.as_ref().try_into();
    let endpoint_sha256 = endpoint_sha256.map_err(|error| Problem::internal(&error))?;
    let kept =
        serde_json::to_string(&Subscription { endpoint, keys }).map_err(|error| Problem::internal(&error))?;
    let (secret, sign_in) = (Secret::new(kept), caller.sign_in());
    let new = NewSubscription { user, sign_in, endpoint_sha256, service: &service, secret: &secret };
    let mut tx = app.begin(&caller).await?;
    let made = notifications::subscribe(&mut tx, &new, &*app.clock).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

fn endpoint(app: &App, text: &str) -> Result<Url, Problem> {
    let own = app.own_push_service.as_ref().map(Url::origin);
    if let Ok(url) = Url::parse(text)
        && own.is_some_and(|own| url.origin() == own)
    {
        return Ok(url);
    }
    let url = fields::url(text, &app.guard)?;
    if url.scheme() == "https" { Ok(url) } else { Err(Problem::invalid("the URL must be an https URL")) }
}

/// Has a device notified no longer.
#[utoipa::path(
    delete, path = "/v1/push-subscriptions/{id}",
    params(("id" = PushSubscriptionId, Path, description = "The subscription")),
    responses((status = 204, description = "Forgotten"), (status = 404, body = Document)),
)]
async fn unsubscribe(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<PushSubscriptionId>,
) -> Result<StatusCode, Problem> {
    let user = caller.person()?.user;
    let mut tx = app.begin(&caller).await?;
    if !notifications::delete(&mut tx, user, id).await? {
        return Err(Problem::not_found("push subscription"));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
