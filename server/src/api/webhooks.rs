//! Webhooks: addresses that are told about customers' messages. For administrators.

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
use common::{id::WebhookId, permission::Permission, secret::Secret};
use serde::{Deserialize, Serialize};
use store::webhooks::{self, NewWebhook, WebhookKind};
use utoipa::ToSchema;

/// The header that carries the secret unless another is chosen.
const HEADER_DEFAULT: &str = "x-switchboard-secret";

/// What kind of receiver a webhook has.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A workflow of n8n, which checks a shared secret in a header.
    N8n,
}

/// A webhook. Its secret is never shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    /// Its id.
    id: WebhookId,
    /// Its kind.
    kind: Kind,
    /// Where customers' messages are posted.
    url: String,
    /// The header that carries the secret.
    header: String,
}

impl From<webhooks::Webhook> for Webhook {
    fn from(webhook: webhooks::Webhook) -> Self {
        let kind = match webhook.kind {
            WebhookKind::N8n => Kind::N8n,
        };
        Self { id: webhook.id, kind, url: webhook.url, header: webhook.header }
    }
}

/// A webhook to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateWebhook {
    /// Its kind.
    kind: Kind,
    /// Where to post.
    url: String,
    /// The shared secret.
    #[schema(value_type = String, format = Password)]
    secret: Secret,
    /// The header that carries it; `x-switchboard-secret` if absent.
    header: Option<String>,
}

/// Lists the account's webhooks in the order of their creation.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", params(PageParams),
    responses((status = 200, body = Page<Webhook>), (status = 403, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Webhook>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.begin(&caller, Permission::WebhooksManage).await?;
    let webhooks = webhooks::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(webhooks, |webhook| webhook.id.to_string(), Webhook::from)))
}

/// Creates a webhook. It is told about customers' messages from now on.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = CreateWebhook, params(once::Header),
    responses((status = 201, body = Webhook), (status = 403, body = Document)),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateWebhook>,
) -> Result<Response, Problem> {
    let kind = match body.kind {
        Kind::N8n => WebhookKind::N8n,
    };
    let url = fields::url(&body.url)?;
    let header = fields::header_name(body.header.as_deref().unwrap_or(HEADER_DEFAULT))?;
    let secret = fields::secret("secret", &body.secret)?;
    let webhook = NewWebhook { kind, url: url.as_str(), header: header.as_str(), secret };
    let mut tx = app.begin(&caller, Permission::WebhooksManage).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let webhook = Webhook::from(webhooks::create(&mut tx, &webhook, &*app.clock).await?);
    let object = ("webhook", webhook.id.as_uuid());
    caller.did(&app, &mut tx, "webhook.created", object, (None, Some(&webhook))).await?;
    once.created(tx, &caller, &webhook).await
}
