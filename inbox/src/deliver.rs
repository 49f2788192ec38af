//! To automations: each customer's message by HTTP, until it is taken.

use crate::{role::Inbox, work::chain};
use common::protocol::inbox::{Direction, InboxEvent, Message};
use futures_util::{StreamExt, stream};
use inbox_core::{backoff, message::UnifiedMessage};
use store::{
    StoreError, TenantTx, messages,
    system::ClaimedDelivery,
    webhooks::{self, OutgoingDelivery},
};
use tracing::{debug, warn};

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
    let Some(delivery) = webhooks::open_delivery(&mut tx, claim.webhook, claim.seq).await? else {
        return Ok(());
    };
    let body = unified(&mut tx, &delivery.event.event).await?;
    drop(tx);
    let outcome = match &body {
        Some(body) => post(inbox, &delivery, body).await,
        // Automations are told what customers write; the rest is the inbox's own.
        None => Ok(()),
    };
    let mut tx = inbox.store().tenant(claim.account).await?;
    match outcome {
        Ok(()) => webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, None, inbox.clock()).await?,
        Err(why) if claim.attempts + 1 >= inbox.0.config.delivery_attempts_max => {
            warn!(webhook.id = %claim.webhook, seq = claim.seq, error = why, "Event {} for webhook {} is given up", claim.seq, claim.webhook);
            webhooks::finish_delivery(&mut tx, claim.webhook, claim.seq, Some(&why), inbox.clock()).await?;
        }
        Err(why) => {
            let delay = backoff::delay(claim.attempts + 1, rand::random());
            debug!(webhook.id = %claim.webhook, seq = claim.seq, attempt = claim.attempts + 1, error = why, "Event {} for webhook {} will be tried again", claim.seq, claim.webhook);
            webhooks::postpone_delivery(&mut tx, claim.webhook, claim.seq, &why, inbox.clock().utc() + delay)
                .await?;
        }
    }
    tx.commit().await
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
        | InboxEvent::NoteDeleted { .. } => {
            return Ok(None);
        }
    };
    let metadata = messages::metadata(tx, message.id).await?;
    Ok(metadata.and_then(|metadata| serde_json::from_value(metadata).ok()))
}

async fn post(inbox: &Inbox, delivery: &OutgoingDelivery, body: &UnifiedMessage) -> Result<(), String> {
    let request =
        inbox.0.automations.post(&delivery.url).header(&delivery.header, delivery.secret.expose()).json(body);
    let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
    let status = answer.status();
    metrics::counter!("inbox_deliveries_total", "status" => status.as_u16().to_string()).increment(1);
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}
