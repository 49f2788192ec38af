//! To automations: each customer's message by HTTP, until it is taken.

use crate::{flight::Aimed, role::Inbox, work::chain};
use common::{
    chance,
    id::{AccountId, WebhookId},
    protocol::inbox::{Direction, InboxEvent, Message, Sequenced},
};
use inbox_core::{backoff, message::UnifiedMessage, signature};
use serde::Serialize;
use std::time::Duration;
use store::{
    StoreError, TenantTx, messages,
    system::{ClaimedDelivery, Shares, Taken, Turn},
    webhooks::{self, Attempt, FAILURES_MAX, OutgoingDelivery, WebhookKind},
};
use time::OffsetDateTime;
use tracing::{debug, warn};
use url::Url;

/// How long an automation that failed [`FAILURES_MAX`] times in a row waits at most for the next try.
///
/// Longer takes less of the senders' time while it is dead, up to the time-out of an attempt each time;
/// shorter lets what waits for it go sooner once it is back.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(60);

impl Aimed<WebhookId> for ClaimedDelivery {
    type Id = (WebhookId, u64);

    fn id(&self) -> (WebhookId, u64) {
        (self.webhook, self.seq)
    }

    fn target(&self) -> (AccountId, WebhookId) {
        (self.account, self.webhook)
    }
}

/// Takes deliveries that may be made.
pub(crate) async fn claim(
    inbox: Inbox,
    limit: u16,
    freed: Vec<(AccountId, WebhookId)>,
) -> Result<Taken<ClaimedDelivery, WebhookId>, StoreError> {
    let config = &inbox.0.config;
    let shares = Shares::new(config.deliveries_per_webhook, config.deliveries_per_account);
    let turn = Turn { limit, lease: inbox.lease(), shares, freed: &freed };
    inbox.store().system().claim_deliveries(&turn, inbox.clock()).await
}

/// Makes one.
pub(crate) async fn deliver(inbox: Inbox, claim: ClaimedDelivery) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(claim.account).await?;
    let outcome = match webhooks::open_delivery(&mut tx, claim.webhook, claim.seq, inbox.clock()).await {
        Ok(None) => return Ok(()),
        Ok(Some(delivery)) => {
            let body = body(&mut tx, claim.webhook, &delivery).await?;
            drop(tx);
            match body {
                Some(body) => post(&inbox, claim.account, &delivery, body).await,
                // It was stored by a version that said it otherwise: there is nothing to tell.
                None => Answer::default(),
            }
        }
        // Until the key is back; it costs this webhook its deliveries and nobody else theirs.
        Err(error @ StoreError::Unsealable) => {
            drop(tx);
            Answer { failure: Some(error.to_string()), ..Answer::default() }
        }
        Err(error) => return Err(error),
    };
    conclude(&inbox, claim, &outcome).await
}

/// Notes what became of an attempt: of the delivery, and of the webhook.
async fn conclude(inbox: &Inbox, claim: ClaimedDelivery, outcome: &Answer) -> Result<(), StoreError> {
    let number = claim.attempts + 1;
    let attempt = Attempt { number, answer_status: outcome.status, error: outcome.failure.as_deref() };
    let mut tx = inbox.store().tenant(claim.account).await?;
    let Some(why) = &outcome.failure else {
        webhooks::note_success(&mut tx, claim.webhook).await?;
        webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, &attempt, inbox.clock()).await?;
        return tx.commit().await;
    };
    let cause = outcome.cause.as_deref().unwrap_or(why);
    let now = inbox.clock().utc();
    if outcome.is_ours {
        debug!(webhook.id = %claim.webhook, seq = claim.seq, error = cause, "Event {} for webhook {} is put off", claim.seq, claim.webhook);
        let due_at = now + backoff::delay(1, chance::fraction());
        webhooks::postpone_delivery(&mut tx, claim.webhook, claim.seq, &attempt, due_at).await?;
        return tx.commit().await;
    }
    let failures = webhooks::note_failure(&mut tx, claim.webhook, inbox.clock()).await?;
    let held_until = hold(failures).map(|hold| now + hold);
    if let Some(until) = held_until {
        webhooks::hold(&mut tx, claim.webhook, until).await?;
    }
    if failures == FAILURES_MAX {
        warn!(account.id = %claim.account, webhook.id = %claim.webhook, error = cause, "Webhook {} failed {failures} times in a row: it is tried once in a while", claim.webhook);
    }
    if number >= inbox.0.config.delivery_attempts_max {
        warn!(webhook.id = %claim.webhook, seq = claim.seq, error = cause, "Event {} for webhook {} is given up", claim.seq, claim.webhook);
        webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, &attempt, inbox.clock()).await?;
    } else {
        debug!(webhook.id = %claim.webhook, seq = claim.seq, attempt = number, error = cause, "Event {} for webhook {} will be tried again", claim.seq, claim.webhook);
        let due_at = now + backoff::delay(number, chance::fraction());
        // After the hold something else is tried first, if anything waits: it may be this delivery's fault.
        let due_at = held_until.map_or(due_at, |until| due_at.max(until + Duration::from_millis(1)));
        webhooks::postpone_delivery(&mut tx, claim.webhook, claim.seq, &attempt, due_at).await?;
    }
    tx.commit().await
}

/// For how long nothing is tried at a webhook that has failed so often in a row.
fn hold(failures: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(FAILURES_MAX)?;
    Some(backoff::delay(beyond + 1, chance::fraction()).min(HOLD_MAX))
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
    /// Whether the failure is this server's and says nothing about the webhook.
    is_ours: bool,
}

async fn post(inbox: &Inbox, account: AccountId, delivery: &OutgoingDelivery, letter: Letter) -> Answer {
    let undelivered = |cause| {
        let failure = Some(egress::UNDELIVERABLE.to_owned());
        Answer { failure, cause: Some(cause), ..Answer::default() }
    };
    let url: Url = match delivery.url.parse() {
        Ok(url) => url,
        Err(error) => return undelivered(chain(&error)),
    };
    let mut request = inbox.0.automations.post(url).header("content-type", "application/json");
    for (name, value) in &letter.headers {
        request = request.header(name, value);
    }
    match request.body(letter.body).send_for(account).await {
        Ok(answer) => {
            let status = answer.status();
            metrics::counter!("inbox_deliveries_total", "status" => status.as_u16().to_string()).increment(1);
            let failure = (!status.is_success()).then(|| format!("it answered {status}"));
            Answer { status: Some(status.as_u16()), failure, ..Answer::default() }
        }
        // Without the cause: it would draw the tenant a map of networks that only we can see.
        Err(error) => Answer { is_ours: error.is_busy(), ..undelivered(chain(&error)) },
    }
}
