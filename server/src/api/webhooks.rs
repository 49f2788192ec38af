//! Webhooks: addresses that are told what happens in the inbox or in rooms, and what became of the telling.

use super::{
    App,
    auth::new_key_bytes,
    caller::Caller,
    etag::{self, IfMatch, Tagged},
    extract::{Body, Id, Ids, Params},
    fields,
    idempotency::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    reading,
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::{id::WebhookId, permission::Permission, secret::Secret, subject::inbox::Work};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::webhooks::{
    self, Delivery, EventName, NewWebhook, Webhook, WebhookChange, WebhookKind, WebhookSubject,
};
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::of("webhooks", "Programs that are told what happens, and what became of telling them.").needs(
        Permission::WebhooksManage,
        endpoints![list, get, create, update, delete, list_webhook_deliveries, replay],
    )
}

/// The header that carries the secret unless another is chosen.
const HEADER_DEFAULT: &str = "x-switchboard-secret";

/// How the secrets of Standard Webhooks begin.
const STANDARD_PREFIX: &str = "whsec_";

fn once_each(events: &[EventName]) -> Vec<EventName> {
    events.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Refuses events that a webhook of this kind and subject is not told of. Of a new one the events say the subject.
fn check_events(
    kind: WebhookKind,
    subject: Option<WebhookSubject>,
    events: &[EventName],
) -> Result<(), Problem> {
    let mut subjects = events.iter().filter_map(|event| event.subject());
    let Some(subject) = subject.or_else(|| subjects.clone().next()) else { return Ok(()) };
    if subjects.any(|other| other != subject) {
        return Err(Problem::invalid(
            "a webhook is told of the inbox or of rooms, for good: create another one for the other events",
        ));
    }
    match (kind, subject) {
        (WebhookKind::N8n, WebhookSubject::Rooms) => {
            Err(Problem::invalid("events of rooms need a webhook of kind standard"))
        }
        (WebhookKind::N8n | WebhookKind::Standard, WebhookSubject::Inbox)
        | (WebhookKind::Standard, WebhookSubject::Rooms) => Ok(()),
    }
}

/// A new webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedWebhook {
    #[serde(flatten)]
    about: Webhook,
    /// The secret, if it was made for the caller. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A webhook to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateWebhook {
    /// It stays so.
    kind: WebhookKind,
    /// The URL that deliveries are posted to.
    #[schema(example = "https://n8n.example/webhook/inbox")]
    url: String,
    /// The shared secret. Needed for n8n; else one is made if absent, and shown once.
    #[schema(value_type = Option<String>, format = Password)]
    secret: Option<Secret>,
    /// The header that carries it, for n8n; `x-switchboard-secret` if absent.
    header: Option<String>,
    /// What to be told about; `messageCreated` if absent. n8n is told of customers' messages only. Events of rooms
    /// and events of the inbox go to a webhook each.
    events: Option<Vec<EventName>>,
}

/// What to change about a webhook; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateWebhook {
    /// The URL that deliveries are posted to.
    url: Option<String>,
    /// A receiver that still checks the old one refuses what it is told from then on.
    #[schema(value_type = Option<String>, format = Password)]
    secret: Option<Secret>,
    /// What to be told about.
    events: Option<Vec<EventName>>,
    /// False: it is told nothing more; what waits is given up.
    enabled: Option<bool>,
}

reading::list!(Webhook, "/v1/webhooks", "webhooks", webhooks::list);
reading::get!(Webhook, WebhookId, "/v1/webhooks", "webhook", webhooks::find);

/// Creates a webhook. It is told what happens from now on.
#[utoipa::path(
    post, path = "/v1/webhooks", request_body = CreateWebhook, params(idempotency::Header),
    responses((status = 201, body = CreatedWebhook), (status = 403, body = Document), (status = 422, body = Document)),
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateWebhook>,
) -> Result<Response, Problem> {
    let url = fields::url(&body.url, &app.guard)?;
    let header = fields::header_name(body.header.as_deref().unwrap_or(HEADER_DEFAULT))?;
    let (kind, made) = match (body.kind, &body.secret) {
        (WebhookKind::N8n, None) => {
            return Err(Problem::invalid("a webhook for n8n needs a secret to check"));
        }
        (WebhookKind::N8n, Some(_)) => (WebhookKind::N8n, None),
        (WebhookKind::Standard, Some(_)) => (WebhookKind::Standard, None),
        (WebhookKind::Standard, None) => {
            (WebhookKind::Standard, Some(format!("{STANDARD_PREFIX}{}", BASE64.encode(new_key_bytes()?))))
        }
    };
    let secret = body.secret.unwrap_or_else(|| Secret::new(made.clone().unwrap_or_default()));
    let secret = fields::secret("secret", &secret)?;
    let events = once_each(body.events.as_deref().unwrap_or(&[EventName::MessageCreated]));
    check_events(kind, None, &events)?;
    let webhook = NewWebhook { kind, url: url.as_str(), header: header.as_str(), secret, events: &events };
    let mut tx = app.begin(&caller).await?;
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let about = webhooks::create(&mut tx, &webhook, &*app.clock).await?;
    caller.audit(&app, &mut tx, "webhook.created", about.id, (None, Some(&about))).await?;
    idempotency.created(tx, &caller, &CreatedWebhook { about, secret: made }).await
}

/// Changes a webhook: its address, its secret, its events, whether it is on.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", request_body = UpdateWebhook,
    params(("id" = WebhookId, Path, description = "The webhook"), etag::Header),
    responses((status = 200, body = Webhook), (status = 404, body = Document), (status = 412, body = Document)),
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<WebhookId>,
    if_match: IfMatch,
    Body(body): Body<UpdateWebhook>,
) -> Result<Tagged<Webhook>, Problem> {
    let url = body.url.as_deref().map(|url| fields::url(url, &app.guard)).transpose()?;
    if let Some(secret) = &body.secret {
        fields::secret("secret", secret)?;
    }
    let events = body.events.as_deref().map(once_each);
    let change = WebhookChange {
        url: url.as_ref().map(url::Url::as_str),
        secret: body.secret.as_ref(),
        events: events.as_deref(),
        enabled: body.enabled,
    };
    let mut tx = app.begin_exclusive(&caller).await?;
    let before = webhooks::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    if_match.check(&before)?;
    check_events(before.kind, Some(before.subject), events.as_deref().unwrap_or_default())?;
    let after = webhooks::update(&mut tx, id, &change, &*app.clock).await;
    let after = after.map_err(|error| Problem::refused("webhook", error))?;
    caller.audit(&app, &mut tx, "webhook.updated", id, (Some(&before), Some(&after))).await?;
    tx.commit().await?;
    Ok(Tagged(after))
}

/// Deletes a webhook with its deliveries.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", params(("id" = WebhookId, Path, description = "The webhook")),
    responses((status = 204, description = "Deleted"), (status = 404, body = Document)),
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = webhooks::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    webhooks::delete(&mut tx, id).await.map_err(|error| Problem::refused("webhook", error))?;
    caller.audit(&app, &mut tx, "webhook.deleted", id, (Some(&before), None)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists a webhook's deliveries, the latest first.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", 
    params(("id" = WebhookId, Path, description = "The webhook"), PageParams),
    responses((status = 200, body = Page<Delivery>), (status = 404, body = Document)),
)]
async fn list_webhook_deliveries(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<WebhookId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    webhooks::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    let found = webhooks::deliveries(&mut tx, id, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(found, |delivery| delivery.seq.to_string())))
}

/// Makes a delivery again, whatever became of it.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{seq}/replay", 
    params(("id" = WebhookId, Path, description = "The webhook"), ("seq" = u64, Path, description = "The event's number")),
    responses(
        (status = 202, description = "It waits to be made", body = Delivery),
        (status = 404, body = Document),
        (status = 409, description = "The webhook is switched off", body = Document),
    ),
)]
async fn replay(
    State(app): State<App>,
    caller: Caller,
    Ids(id, seq): Ids<WebhookId, u64>,
) -> Result<(StatusCode, Json<Delivery>), Problem> {
    let mut tx = app.begin(&caller).await?;
    let webhook = webhooks::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    if webhook.disabled_at.is_some() {
        return Err(Problem::conflict("the webhook is switched off"));
    }
    let replayed = webhooks::replay(&mut tx, id, seq, &*app.clock).await?;
    let replayed = replayed.ok_or_else(|| Problem::not_found("delivery"))?;
    tx.commit().await?;
    app.wake(Work::Outbox).await;
    Ok((StatusCode::ACCEPTED, Json(replayed)))
}
