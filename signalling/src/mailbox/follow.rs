//! What other instances say of an account's mailboxes, and what is read where that may not be all.

use super::live::LiveMailboxes;
use crate::{
    hub::Hub,
    pace::{Pace, RETRY},
};
use bus::{BusError, Delivery, Subscription};
use common::{
    chance,
    error::Chain,
    id::{AccountId, UserId},
    protocol::{
        mailbox::{Acknowledged, ENTRIES_MAX, PAGE_MAX},
        page::encoded_len,
    },
    subject::mailbox::{MailboxNews, MailboxTopic},
};
use std::sync::Arc;
use store::{StoreError, mailbox};
use tracing::warn;

/// Users whose positions are read at once.
///
/// More read faster after an outage; each is a look-up in one statement.
const BATCH: usize = 256;

/// Opens an account's mailboxes on this instance: listens first, so that nothing is missed.
pub(super) async fn open(hub: &Hub, account: AccountId) -> Result<Arc<LiveMailboxes>, BusError> {
    let news = hub.bus().subscribe(&MailboxTopic(account)).await?;
    let mailboxes = Arc::new(LiveMailboxes::new(account));
    let (over, follower, hub_of_task) = (mailboxes.over.clone(), Arc::clone(&mailboxes), hub.clone());
    hub.spawn(async move {
        over.run_until_cancelled(listen(hub_of_task, follower, news)).await;
    });
    Ok(mailboxes)
}

async fn listen(hub: Hub, mailboxes: Arc<LiveMailboxes>, mut news: Subscription<MailboxNews>) {
    loop {
        tokio::select! {
            Some(delivery) = news.next() => match delivery {
                Delivery::Message(news) => mailboxes.arrive(&news),
                Delivery::Lost => mailboxes.doubt_all(),
            },
            () = mailboxes.gap.notified() => {
                if let Err(error) = Box::pin(resync(&hub, &mailboxes)).await {
                    let account = mailboxes.account;
                    warn!(account.id = %account, error = %Chain(&error), "Mailboxes cannot be read yet; will retry");
                    mailboxes.doubt_all();
                    tokio::time::sleep(RETRY.delay(1, chance::fraction())).await;
                }
            }
        }
    }
}

/// Hands out what the store has and this instance has not.
async fn resync(hub: &Hub, mailboxes: &LiveMailboxes) -> Result<(), StoreError> {
    let doubted = mailboxes.state().take_doubted();
    let mut pace = Pace::default();
    for batch in doubted.chunks(BATCH) {
        let users: Vec<UserId> = batch.iter().map(|(user, _)| *user).collect();
        let mut tx = hub.store().reading(mailboxes.account).await?;
        let positions = mailbox::positions(&mut tx, &users).await?;
        drop(tx);
        for (user, known) in batch {
            let Some(position) = positions.get(user) else { continue };
            // Before those there is nothing any more.
            let mut known = (*known).max(position.last_seq.saturating_sub(u64::from(ENTRIES_MAX)));
            while known < position.last_seq {
                let next = position.last_seq.min(known.saturating_add(u64::from(PAGE_MAX)));
                let limit = u16::try_from(next - known).unwrap_or(u16::MAX);
                // Of its own: between pages it waits for readers.
                let mut tx = hub.store().reading(mailboxes.account).await?;
                let missing = mailbox::latest(&mut tx, *user, next.checked_add(1), limit).await?;
                drop(tx);
                for entry in missing.into_iter().rev() {
                    pace.passed(encoded_len(&entry)).await;
                    mailboxes.catch_up(*user, entry);
                }
                known = next;
            }
            let acknowledged = Acknowledged { seq: position.acknowledged_seq };
            mailboxes.arrive(&MailboxNews::Acknowledged(*user, acknowledged));
        }
    }
    Ok(())
}
