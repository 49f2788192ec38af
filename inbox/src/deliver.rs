//! To automations: each event that they ask for by HTTP, until it is taken.

use crate::{
    context::Inbox,
    flight::{Aimed, Places},
    work::RETRY,
};
use common::{
    chance,
    clock::Clock,
    error::Chain,
    id::{AccountId, WebhookId},
    protocol::inbox::{Direction, InboxEvent, Message},
};
use inbox_core::{message::UnifiedMessage, signature};
use serde::Serialize;
use std::time::Duration;
use store::{
    StoreError, TenantTx, messages,
    system::{ClaimedDelivery, Shares, Taken},
    webhooks::{
        self, Attempt, FAILURES_MAX, Failing, OutgoingDelivery, SequencedEvent, WebhookEvent, WebhookKind,
    },
};
use time::OffsetDateTime;
use tracing::{debug, warn};
use url::Url;

/// How long an automation that failed [`FAILURES_MAX`] times in a row waits at most for the next try.
///
/// Longer takes less of the senders' time while it is dead, up to the time-out of an attempt each time;
/// shorter lets what waits for it go sooner once it is back.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(60);

/// For how long an automation may fail before what has waited for it as long is given up.
///
/// Longer tells one that comes back late more of what it missed; shorter keeps less for one that never does.
pub(crate) const FAILING_MAX: Duration = Duration::from_secs(3 * 24 * 60 * 60);

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
    places: Places<WebhookId>,
) -> Result<Taken<ClaimedDelivery, WebhookId>, StoreError> {
    let config = &inbox.0.config;
    let shares = Shares::new(config.deliveries_per_webhook, config.deliveries_per_account);
    let turn = places.turn(inbox.lease(), shares);
    inbox.store().system().claim_deliveries(&turn, inbox.clock()).await
}

/// Makes a delivery and notes what became of it.
pub(crate) async fn deliver(inbox: Inbox, claim: ClaimedDelivery) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(claim.account).await?;
    let outcome = match webhooks::open_delivery(&mut tx, claim.webhook, claim.seq, inbox.clock()).await {
        // It was done meanwhile, so nobody has it any more.
        Ok(None) => {
            let nothing = Attempt { answer_status: None, error: None };
            webhooks::finish_delivery(&mut tx, &claim, &nothing, inbox.clock()).await?;
            return tx.commit().await;
        }
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
    let attempt = Attempt { answer_status: outcome.status, error: outcome.failure.as_deref() };
    let mut tx = inbox.store().tenant(claim.account).await?;
    let Some(why) = &outcome.failure else {
        webhooks::note_success(&mut tx, claim.webhook).await?;
        webhooks::finish_delivery(&mut tx, &claim, &attempt, inbox.clock()).await?;
        return tx.commit().await;
    };
    let cause = outcome.cause.as_deref().unwrap_or(why);
    let now = inbox.clock().utc();
    if outcome.is_ours {
        debug!(webhook.id = %claim.webhook, seq = claim.seq, error = cause, "Event {} for webhook {} is put off", claim.seq, claim.webhook);
        let due_at = now + RETRY.delay(1, chance::fraction());
        webhooks::postpone_delivery(&mut tx, &claim, &attempt, due_at).await?;
        return tx.commit().await;
    }
    let Failing { failures, since } = webhooks::note_failure(&mut tx, claim.webhook, inbox.clock()).await?;
    let paused_until = pause(failures).map(|pause| now + pause);
    if let Some(until) = paused_until {
        webhooks::pause_until(&mut tx, claim.webhook, until).await?;
    }
    if failures == FAILURES_MAX {
        warn!(account.id = %claim.account, webhook.id = %claim.webhook, error = cause, "Webhook {} failed {failures} times in a row: it is tried once in a while", claim.webhook);
    }
    let give_up_before = given_up_before(since, now);
    let has_waited_too_long = give_up_before.is_some_and(|before| claim.wanted_at <= before);
    if has_waited_too_long || claim.tries() >= inbox.0.config.delivery_attempts_max {
        warn!(webhook.id = %claim.webhook, seq = claim.seq, error = cause, "Event {} for webhook {} is given up", claim.seq, claim.webhook);
        webhooks::finish_delivery(&mut tx, &claim, &attempt, inbox.clock()).await?;
    } else {
        debug!(webhook.id = %claim.webhook, seq = claim.seq, attempt = claim.tries(), error = cause, "Event {} for webhook {} will be tried again", claim.seq, claim.webhook);
        let due_at = now + RETRY.delay(claim.tries(), chance::fraction());
        // After the pause something else is tried first, if anything waits: it may be this delivery's fault.
        let due_at = paused_until.map_or(due_at, |until| due_at.max(until + Duration::from_millis(1)));
        webhooks::postpone_delivery(&mut tx, &claim, &attempt, due_at).await?;
    }
    if let Some(before) = give_up_before {
        give_up(&mut tx, claim.webhook, before, inbox.clock()).await?;
    }
    tx.commit().await
}

/// What waited longer than since then is given up, if a webhook has failed for so long.
fn given_up_before(failing_since: OffsetDateTime, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let before = now - FAILING_MAX;
    (failing_since <= before).then_some(before)
}

async fn give_up(
    tx: &mut TenantTx,
    webhook: WebhookId,
    before: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let given_up = webhooks::give_up_waiting(tx, webhook, before, clock).await?;
    if given_up > 0 {
        warn!(webhook.id = %webhook, given_up, "{given_up} events for webhook {webhook} are given up: it has failed for too long");
    }
    Ok(())
}

/// For how long nothing is tried at a webhook that has failed so often in a row.
fn pause(failures: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(FAILURES_MAX)?;
    Some(RETRY.delay(beyond + 1, chance::fraction()).min(PAUSE_MAX))
}

/// The request that makes a delivery: what it says, and the headers that prove who says it.
struct DeliveryRequest {
    headers: Vec<(String, String)>,
    body: String,
}

async fn body(
    tx: &mut TenantTx,
    webhook: WebhookId,
    delivery: &OutgoingDelivery,
) -> Result<Option<DeliveryRequest>, StoreError> {
    match delivery.kind {
        WebhookKind::N8n => {
            let WebhookEvent::Inbox(event) = &delivery.event.event else { return Ok(None) };
            let message = unified(tx, event).await?;
            let body = message.and_then(|message| serde_json::to_string(&message).ok());
            let secret = (delivery.header.clone(), delivery.secret.expose().clone());
            Ok(body.map(|body| DeliveryRequest { headers: vec![secret], body }))
        }
        WebhookKind::Standard => Ok(standard(webhook, delivery)),
    }
}

/// The body of a request, in the form of the Standard Webhooks specification.
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    data: &'a SequencedEvent,
}

fn standard(webhook: WebhookId, delivery: &OutgoingDelivery) -> Option<DeliveryRequest> {
    let payload = Payload {
        r#type: delivery.event.event.name(),
        timestamp: delivery.happened_at,
        data: &delivery.event,
    };
    let body = serde_json::to_string(&payload).ok()?;
    // The same for every attempt, so that a receiver knows what it has.
    let id = format!("{webhook}.{}", delivery.event.seq);
    let signed_at = delivery.signed_at.unix_timestamp();
    let signature = signature::standard(&delivery.secret, &id, signed_at, &body);
    let headers =
        [("webhook-id", id), ("webhook-timestamp", signed_at.to_string()), ("webhook-signature", signature)];
    Some(DeliveryRequest { headers: headers.map(|(name, value)| (name.to_owned(), value)).into(), body })
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

async fn post(
    inbox: &Inbox,
    account: AccountId,
    delivery: &OutgoingDelivery,
    request: DeliveryRequest,
) -> Answer {
    let undelivered = |cause| {
        let failure = Some(egress::UNDELIVERABLE.to_owned());
        Answer { failure, cause: Some(cause), ..Answer::default() }
    };
    let url: Url = match delivery.url.parse() {
        Ok(url) => url,
        Err(error) => return undelivered(Chain(&error).to_string()),
    };
    let DeliveryRequest { headers, body } = request;
    let mut request = inbox.0.automations.post(url).header("content-type", "application/json");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    match request.body(body).send_for(account).await {
        Ok(answer) => {
            let status = answer.status();
            metrics::counter!("inbox_deliveries_total", "status" => status.as_u16().to_string()).increment(1);
            let failure = (!status.is_success()).then(|| format!("it answered {status}"));
            Answer { status: Some(status.as_u16()), failure, ..Answer::default() }
        }
        // Without the cause: it would draw the tenant a map of networks that only we can see.
        Err(error) => Answer { is_ours: error.is_busy(), ..undelivered(Chain(&error).to_string()) },
    }
}
