//! From stored webhooks to messages on screens: one transaction per webhook.

use crate::{context::Inbox, work::RETRY};
use common::{
    chance,
    error::Chain,
    id::{ChannelId, RawEventId},
    protocol::inbox::ChannelKind,
    subject::inbox::Work,
};
use inbox_core::whatsapp::receive::{self, Batch, Incoming, Item, NotAWebhook, Report};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
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

/// For how long a worker goes on with what it took, beside the first webhook of each account.
///
/// Longer saves round trips; shorter lets other accounts have their turn sooner.
const TURN_TIME: Duration = Duration::from_secs(2);

/// Why a webhook was not processed.
#[derive(Debug, thiserror::Error)]
enum IngestError {
    /// It never will be.
    #[error(transparent)]
    NotAWebhook(#[from] NotAWebhook),
    /// It may be later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What takes it apart has panicked.
    #[error("it cannot be taken apart")]
    Broken(#[from] tokio::task::JoinError),
}

/// Takes some webhooks and processes them; how many there were.
pub(crate) async fn step(inbox: Inbox) -> Result<usize, StoreError> {
    let mut claim = inbox.store().system().claim_raw_events(BATCH, inbox.clock()).await?;
    let events = std::mem::take(&mut claim.events);
    let taken = events.len();
    let (began, mut served) = (inbox.clock().now(), BTreeSet::new());
    for mut event in events {
        let is_late = inbox.clock().now().saturating_duration_since(began) > TURN_TIME;
        if !served.insert(event.account) && is_late {
            break;
        }
        let Err(error) = process(&inbox, &mut event).await else { continue };
        let why = Chain(&error).to_string();
        let failures = event.attempts + 1;
        let is_final =
            matches!(error, IngestError::NotAWebhook(_)) || failures >= inbox.0.config.ingest_attempts_max;
        if is_final {
            warn!(raw_event.id = %event.id, error = why, "Webhook {} is set aside", event.id);
            claim.give_up(event.id, &why, inbox.clock()).await?;
        } else {
            let delay = RETRY.delay(failures, chance::fraction());
            warn!(raw_event.id = %event.id, attempt = failures, error = why, "Webhook {} is not processed yet; will retry", event.id);
            claim.postpone(event.id, &why, inbox.clock().utc() + delay).await?;
        }
    }
    claim.release().await?;
    if taken > 0 {
        inbox.hint(Work::Outbox).await;
    }
    Ok(taken)
}

async fn process(inbox: &Inbox, event: &mut RawEvent) -> Result<(), IngestError> {
    let arrived = event.id.generated_at().unwrap_or_else(|| inbox.clock().utc());
    let body = std::mem::take(&mut event.body);
    // Megabytes of JSON take longer than others should wait for this thread.
    let batch = tokio::task::spawn_blocking(move || receive::items(&body, arrived)).await??;
    let mut refused = Refused::default();
    match store_all(inbox, event, &batch, None).await {
        // One of the items is at fault: all others are stored without it.
        Err(error) if error.data_fault().is_some() => {
            store_all(inbox, event, &batch, Some(&mut refused)).await?;
        }
        outcome => outcome?,
    }
    let mut skipped = Vec::new();
    for (position, item) in batch.items.iter().enumerate() {
        match item {
            Item::Message(_) | Item::Status(_) => {}
            Item::Skipped { why } => skipped.push(why),
            Item::Unreadable { why } => refused.note(position, "unreadable".to_owned(), why),
        }
    }
    if let Some(why) = skipped.first() {
        let count = skipped.len();
        info!(raw_event.id = %event.id, count, why, "Webhook {} has items that are not acted on", event.id);
    }
    refused.report(event);
    if let Some(why) = left_out(&batch) {
        warn!(channel.id = %event.channel, raw_event.id = %event.id, why, "Webhook {} is not stored whole", event.id);
        let count = u64::try_from(batch.left_out).unwrap_or(u64::MAX);
        metrics::counter!("inbox_items_refused_total", "code" => "beyond").increment(count);
    }
    Ok(())
}

/// What is kept with a webhook that says more than is taken.
fn left_out(batch: &Batch) -> Option<String> {
    let taken = batch.items.len();
    (batch.left_out > 0).then(|| format!("{} items beyond the first {taken} are left out", batch.left_out))
}

/// Items that are not stored: by what the database calls the fault and in words, how many and the first one's
/// position. A webhook may be full of them, so they are logged together.
#[derive(Default)]
struct Refused(BTreeMap<(String, &'static str), (u64, usize)>);

impl Refused {
    fn note(&mut self, position: usize, code: String, why: &'static str) {
        let (count, _) = self.0.entry((code, why)).or_insert((0, position));
        *count += 1;
    }

    fn report(self, event: &RawEvent) {
        for ((code, why), (count, position)) in self.0 {
            warn!(channel.id = %event.channel, raw_event.id = %event.id, position, count, code, why, "{count} items of webhook {} are not stored", event.id);
            metrics::counter!("inbox_items_refused_total", "code" => code).increment(count);
        }
    }
}

/// Where the items of a webhook go: the channel of each business number that they name, looked up once.
///
/// It is usually the channel that the webhook came through, but one subscription can serve several numbers.
struct Channels {
    through: ChannelId,
    raw_event: RawEventId,
    known: BTreeMap<String, Option<ChannelId>>,
    without_channel: usize,
}

impl Channels {
    const fn new(event: &RawEvent) -> Self {
        Self { through: event.channel, raw_event: event.id, known: BTreeMap::new(), without_channel: 0 }
    }

    async fn find(&mut self, tx: &mut TenantTx, number: &str) -> Result<Option<ChannelId>, StoreError> {
        let found = match self.known.get(number) {
            Some(found) => *found,
            None => {
                let found = channels::find_by_external_id(tx, ChannelKind::Whatsapp, number).await?;
                let found = found.map(|channel| channel.id);
                self.known.insert(number.to_owned(), found);
                found
            }
        };
        self.without_channel += usize::from(found.is_none());
        Ok(found)
    }

    fn report(&self) {
        let (through, count) = (self.through, self.without_channel);
        if count > 0 {
            warn!(channel.id = %through, raw_event.id = %self.raw_event, count, "Channel {through} sent items for numbers that are not connected");
        }
    }
}

/// Stores what a webhook says, all of it or nothing. With a list for what is `refused`: all but that.
async fn store_all(
    inbox: &Inbox,
    event: &RawEvent,
    batch: &Batch,
    mut refused: Option<&mut Refused>,
) -> Result<(), StoreError> {
    let mut tx = inbox.store().tenant(event.account).await?;
    if !raw_events::finish(&mut tx, event.id, left_out(batch).as_deref(), inbox.clock()).await? {
        return Ok(());
    }
    let mut channels = Channels::new(event);
    for (position, item) in batch.items.iter().enumerate() {
        let Some(refused) = refused.as_deref_mut() else {
            store_item(inbox, &mut tx, &mut channels, item).await?;
            continue;
        };
        let mark = tx.mark().await?;
        match store_item(inbox, &mut tx, &mut channels, item).await {
            Ok(()) => tx.keep(mark).await?,
            Err(error) => {
                let code = error.data_fault().ok_or(error)?;
                tx.undo(mark).await?;
                refused.note(position, code, "the database refuses it");
            }
        }
    }
    channels.report();
    tx.commit().await
}

async fn store_item(
    inbox: &Inbox,
    tx: &mut TenantTx,
    channels: &mut Channels,
    item: &Item,
) -> Result<(), StoreError> {
    match item {
        Item::Message(incoming) => store_message(inbox, tx, channels, incoming).await,
        Item::Status(report) => apply(inbox, tx, channels, report).await,
        Item::Skipped { .. } | Item::Unreadable { .. } => Ok(()),
    }
}

async fn store_message(
    inbox: &Inbox,
    tx: &mut TenantTx,
    channels: &mut Channels,
    incoming: &Incoming,
) -> Result<(), StoreError> {
    let Some(channel) = channels.find(tx, &incoming.phone_number_id).await? else { return Ok(()) };
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
    channels: &mut Channels,
    report: &Report,
) -> Result<(), StoreError> {
    let Some(channel) = channels.find(tx, &report.phone_number_id).await? else { return Ok(()) };
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
