//! From stored webhooks to messages on screens: one transaction per webhook.

use crate::{role::Inbox, work::chain};
use common::{chance, id::ChannelId, protocol::inbox::ChannelKind, subject::inbox::Work};
use inbox_core::{
    backoff,
    whatsapp::receive::{self, Incoming, Item, NotAWebhook, Report},
};
use store::{
    StoreError, TenantTx, channels,
    contacts::Identity,
    messages::{self, Inbound, StatusReport},
    raw_events,
    system::RawEvent,
};
use tracing::{debug, info, warn};

/// Webhooks that a worker takes at once.
const BATCH: u16 = 64;

/// Why a webhook was not processed.
#[derive(Debug, thiserror::Error)]
enum IngestError {
    /// It never will be.
    #[error(transparent)]
    NotAWebhook(#[from] NotAWebhook),
    /// It may be later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes some webhooks and processes them; how many there were.
pub(crate) async fn step(inbox: Inbox) -> Result<usize, StoreError> {
    let mut claim = inbox.store().system().claim_raw_events(BATCH, inbox.clock()).await?;
    let events = std::mem::take(&mut claim.events);
    for event in &events {
        let Err(error) = process(&inbox, event).await else { continue };
        let why = chain(&error);
        let failures = event.attempts + 1;
        let is_final =
            matches!(error, IngestError::NotAWebhook(_)) || failures >= inbox.0.config.ingest_attempts_max;
        if is_final {
            warn!(raw_event.id = %event.id, error = why, "Webhook {} is set aside", event.id);
            claim.give_up(event.id, &why, inbox.clock()).await?;
        } else {
            let delay = backoff::delay(failures, chance::fraction());
            warn!(raw_event.id = %event.id, attempt = failures, error = why, "Webhook {} is not processed yet; will retry", event.id);
            claim.postpone(event.id, &why, inbox.clock().utc() + delay).await?;
        }
    }
    claim.release().await?;
    if !events.is_empty() {
        inbox.hint(Work::Outbox).await;
    }
    Ok(events.len())
}

async fn process(inbox: &Inbox, event: &RawEvent) -> Result<(), IngestError> {
    let arrived = event.id.generated_at().unwrap_or_else(|| inbox.clock().utc());
    let items = receive::items(&event.body, arrived)?;
    let mut refused = Vec::new();
    match store_all(inbox, event, &items, None).await {
        // One of the items is at fault: all others are stored without it.
        Err(error) if error.data_fault().is_some() => {
            store_all(inbox, event, &items, Some(&mut refused)).await?;
        }
        outcome => outcome?,
    }
    for (position, item) in items.iter().enumerate() {
        match item {
            Item::Message(_) | Item::Status(_) => {}
            Item::Skipped { why } => {
                info!(raw_event.id = %event.id, why, "Webhook {} has an item that is not acted on", event.id);
            }
            Item::Unreadable { why } => refused.push((position, "unreadable".to_owned(), *why)),
        }
    }
    for (position, code, why) in refused {
        warn!(channel.id = %event.channel, raw_event.id = %event.id, position, code, why, "Item {position} of webhook {} is not stored", event.id);
        metrics::counter!("inbox_items_refused_total", "code" => code).increment(1);
    }
    Ok(())
}

/// An item that is not stored: its position, what the database calls the fault, and in words.
type Refused = (usize, String, &'static str);

/// Stores what a webhook says, all of it or nothing. With a list for what is `refused`: all but that.
async fn store_all(
    inbox: &Inbox,
    event: &RawEvent,
    items: &[Item],
    mut refused: Option<&mut Vec<Refused>>,
) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(event.account).await?;
    if !raw_events::finish(&mut tx, event.id, inbox.clock()).await? {
        return Ok(());
    }
    for (position, item) in items.iter().enumerate() {
        let Some(refused) = refused.as_deref_mut() else {
            store_item(inbox, &mut tx, event.channel, item).await?;
            continue;
        };
        let mark = tx.mark().await?;
        match store_item(inbox, &mut tx, event.channel, item).await {
            Ok(()) => tx.keep(mark).await?,
            Err(error) => {
                let code = error.data_fault().ok_or(error)?;
                tx.undo(mark).await?;
                refused.push((position, code, "the database refuses it"));
            }
        }
    }
    tx.commit().await
}

async fn store_item(
    inbox: &Inbox,
    tx: &mut TenantTx,
    through: ChannelId,
    item: &Item,
) -> Result<(), StoreError> {
    match item {
        Item::Message(incoming) => store_message(inbox, tx, through, incoming).await,
        Item::Status(report) => apply(inbox, tx, through, report).await,
        Item::Skipped { .. } | Item::Unreadable { .. } => Ok(()),
    }
}

/// The channel of the business number that an item names: usually the one the
/// webhook came through, but one subscription can serve several numbers.
async fn channel_of(
    tx: &mut TenantTx,
    through: ChannelId,
    number: &str,
) -> Result<Option<ChannelId>, StoreError> {
    let found = channels::find_by_external_id(tx, ChannelKind::Whatsapp, number).await?;
    if found.is_none() {
        warn!(channel.id = %through, "Channel {through} sent an item for a number that is not connected");
    }
    Ok(found.map(|channel| channel.id))
}

async fn store_message(
    inbox: &Inbox,
    tx: &mut TenantTx,
    through: ChannelId,
    incoming: &Incoming,
) -> Result<(), StoreError> {
    let Some(channel) = channel_of(tx, through, &incoming.phone_number_id).await? else { return Ok(()) };
    let identities = incoming.identities.iter();
    let from: Vec<Identity> = identities
        .map(|(scheme, value)| Identity { scheme: (*scheme).to_owned(), value: value.clone() })
        .collect();
    // The whole message, as automations are sent it.
    let metadata = serde_json::to_value(&incoming.message).unwrap_or_default();
    let inbound = Inbound {
        channel,
        external_id: &incoming.message.external_id,
        from: &from,
        name: incoming.name.as_deref(),
        kind: &incoming.kind,
        text: incoming.message.text.as_deref(),
        metadata: &metadata,
        created_at: incoming.message.timestamp,
    };
    let received = messages::receive(tx, &inbound, inbox.clock()).await?;
    let is_new = matches!(received, messages::Received::New { .. });
    metrics::counter!("inbox_messages_total", "new" => is_new.to_string()).increment(1);
    Ok(())
}

async fn apply(
    inbox: &Inbox,
    tx: &mut TenantTx,
    through: ChannelId,
    report: &Report,
) -> Result<(), StoreError> {
    let Some(channel) = channel_of(tx, through, &report.phone_number_id).await? else { return Ok(()) };
    // A reply whose sender died before it could note the channel's id.
    if let Some(own_id) = report.callback_data.as_deref().and_then(|id| id.parse().ok())
        && let Some(message) = messages::sent(tx, own_id, &report.external_id, inbox.clock()).await?
    {
        debug!(message.id = %message.id, "Message {} was recognised by its status", message.id);
    }
    let status = StatusReport {
        channel,
        external_id: &report.external_id,
        status: report.status,
        error: report.error.as_deref(),
        at: report.at,
    };
    messages::apply_status(tx, &status, inbox.clock()).await?;
    Ok(())
}
