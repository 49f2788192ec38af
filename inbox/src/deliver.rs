//! To automations: each customer's message by HTTP, until it is taken.

use crate::{role::Inbox, work::chain};
use common::{
    chance,
    id::WebhookId,
    protocol::inbox::{Direction, InboxEvent, Message, Sequenced},
};
use futures_util::{StreamExt, stream};
use inbox_core::{backoff, message::UnifiedMessage, signature};
use serde::Serialize;
use store::{
    StoreError, TenantTx, messages,
    system::ClaimedDelivery,
    webhooks::{self, Attempt, OutgoingDelivery, WebhookKind},
};
use time::OffsetDateTime;
use tracing::{debug, warn};
use url::Url;

/// Deliveries that a worker takes at once.
const BATCH: u16 = 64;

/// Deliveries that it makes at the same time: a slow automation holds up few others.
const AT_ONCE: usize = 16;

/// Takes some deliveries and makes them; how many there were.
pub(crate) async fn step(inbox: Inbox) -> Result<usize, StoreError> {
    let claimed = inbox.store().system().claim_deliveries(BATCH, inbox.lease(), inbox.clock()).await?;
    let count = claimed.len();
    let outcomes = stream::iter(claimed).map(|claim| deliver(&inbox, claim)).buffer_unordered(AT_ONCE);
    let outcomes: Vec<Result<(), StoreError>> = outcomes.collect().await;
    outcomes.into_iter().collect::<Result<(), StoreError>>()?;
    Ok(count)
}

async fn deliver(inbox: &Inbox, claim: ClaimedDelivery) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(claim.account).await?;
    let outcome = match webhooks::open_delivery(&mut tx, claim.webhook, claim.seq, inbox.clock()).await {
        Ok(None) => return Ok(()),
        Ok(Some(delivery)) => {
            let body = body(&mut tx, claim.webhook, &delivery).await?;
            drop(tx);
            match body {
                Some(body) => post(inbox, &delivery, body).await,
                // It was stored by a version that said it otherwise: there is nothing to tell.
                None => Answer::default(),
            }
        }
        // Until the key is back; it costs this webhook its deliveries and nobody else theirs.
        Err(error @ StoreError::Unsealable) => {
            Answer { status: None, failure: Some(error.to_string()), cause: None }
        }
        Err(error) => return Err(error),
    };
    let number = claim.attempts + 1;
    let cause = outcome.cause.as_deref();
    let attempt = Attempt { number, answer_status: outcome.status, error: outcome.failure.as_deref() };
    let mut tx = inbox.store().tenant(claim.account).await?;
    match &outcome.failure {
        None => webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, &attempt, inbox.clock()).await?,
        Some(why) if number >= inbox.0.config.delivery_attempts_max => {
            warn!(webhook.id = %claim.webhook, seq = claim.seq, error = cause.unwrap_or(why), "Event {} for webhook {} is given up", claim.seq, claim.webhook);
            webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, &attempt, inbox.clock()).await?;
        }
        Some(why) => {
            let delay = backoff::delay(number, chance::fraction());
            debug!(webhook.id = %claim.webhook, seq = claim.seq, attempt = number, error = cause.unwrap_or(why), "Event {} for webhook {} will be tried again", claim.seq, claim.webhook);
            let due_at = inbox.clock().utc() + delay;
            webhooks::postpone_delivery(&mut tx, claim.webhook, claim.seq, &attempt, due_at).await?;
        }
    }
    tx.commit().await
}

/// What a delivery says, and the headers that prove who says it.
struct Letter {
    headers: Vec<(String, String)>,
    body: String,
}

async fn body(
    tx: &mut TenantTx,
    webhook: WebhookId,
    delivery: &OutgoingDelivery,
) -> Result<Option<Letter>, StoreError> {
    match delivery.kind {
        WebhookKind::N8n => {
            let message = unified(tx, &delivery.event.event).await?;
            let body = message.and_then(|message| serde_json::to_string(&message).ok());
            let secret = (delivery.header.clone(), delivery.secret.expose().clone());
            Ok(body.map(|body| Letter { headers: vec![secret], body }))
        }
        WebhookKind::Standard => Ok(standard(webhook, delivery)),
    }
}

/// What happened, as Standard Webhooks says it.
#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    data: &'a Sequenced,
}

fn standard(webhook: WebhookId, delivery: &OutgoingDelivery) -> Option<Letter> {
    let told =
        Told { r#type: delivery.event.event.name(), timestamp: delivery.happened_at, data: &delivery.event };
    let body = serde_json::to_string(&told).ok()?;
    // The same for every attempt, so that a receiver knows what it has.
    let id = format!("{webhook}.{}", delivery.event.seq);
    let signed_at = delivery.signed_at.unix_timestamp();
    let signature = signature::standard(&delivery.secret, &id, signed_at, &body);
    let headers =
        [("webhook-id", id), ("webhook-timestamp", signed_at.to_string()), ("webhook-signature", signature)];
    Some(Letter { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body })
}

/// The customer's message that an event tells of, as it was normalised.
async fn unified(tx: &mut TenantTx, event: &InboxEvent) -> Result<Option<UnifiedMessage>, StoreError> {
    let message: &Message = match event {
        InboxEvent::MessageCreated { message, .. } if message.direction == Direction::Inbound => message,
        InboxEvent::MessageCreated { .. }
        | InboxEvent::MessageUpdated { .. }
        | InboxEvent::ConversationUpdated { .. }
        | InboxEvent::NoteCreated { .. }
        | InboxEvent::NoteUpdated { .. }
        | InboxEvent::NoteDeleted { .. }
        | InboxEvent::ConversationErased { .. } => {
            return Ok(None);
        }
    };
    let metadata = messages::metadata(tx, message.id).await?;
    Ok(metadata.and_then(|metadata| serde_json::from_value(metadata).ok()))
}

/// What became of an attempt.
#[derive(Default)]
struct Answer {
    status: Option<u16>,
    /// What the tenant is told of a failure.
    failure: Option<String>,
    /// What the operator is told beyond that.
    cause: Option<String>,
}

async fn post(inbox: &Inbox, delivery: &OutgoingDelivery, letter: Letter) -> Answer {
    let undelivered = |cause| {
        let failure = Some(egress::UNDELIVERABLE.to_owned());
        Answer { status: None, failure, cause: Some(cause) }
    };
    let url: Url = match delivery.url.parse() {
        Ok(url) => url,
        Err(error) => return undelivered(chain(&error)),
    };
    let mut request = inbox.0.automations.post(url).header("content-type", "application/json");
    for (name, value) in &letter.headers {
        request = request.header(name, value);
    }
    match request.body(letter.body).send().await {
        Ok(answer) => {
            let status = answer.status();
            metrics::counter!("inbox_deliveries_total", "status" => status.as_u16().to_string()).increment(1);
            let failure = (!status.is_success()).then(|| format!("it answered {status}"));
            Answer { status: Some(status.as_u16()), failure, cause: None }
        }
        // Without the cause: it would draw the tenant a map of networks that only we can see.
        Err(error) => undelivered(chain(&error)),
    }
}
