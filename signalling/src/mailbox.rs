//! People's mailboxes: mentions and missed calls, on all devices of a user who follow theirs.
//!
//! Entries are stored by what causes them, and [told](tell) after the commit. One listener per account and instance
//! hands them out; what it may have missed it [reads](follow) in the store.

mod follow;
pub(crate) mod live;

use crate::{
    client::Client,
    failure::{bus_failed, published, store_failed},
    finally::Finally,
    hub::Hub,
    standing,
};
use common::{
    id::AccountId,
    protocol::{
        Done, Failure, RequestId,
        mailbox::{Acknowledge, Acknowledged, Entry, PAGE_MAX, Subscribed},
    },
    subject::mailbox::{MailboxNews, MailboxTopic},
};
use signalling_core::sequence::Joined;
use std::sync::Arc;
use store::{
    StoreError,
    mailbox::{self, Delivered, MailboxPosition},
};

/// `mailbox.subscribe`. Answers by itself, so that entries come after what was read.
pub(crate) async fn subscribe(hub: &Hub, client: &Arc<Client>, id: Option<&RequestId>, after: Option<u64>) {
    if let Err(failure) = try_subscribe(hub, client, id, after).await {
        client.answer::<()>(id, &Err(failure));
    }
}

async fn try_subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    id: Option<&RequestId>,
    after: Option<u64>,
) -> Result<(), Failure> {
    let _not_left_open = Finally(|| hub.0.mailboxes.close_if_empty(client.account));
    loop {
        let opened = hub.0.mailboxes.open(client.account, || follow::open(hub, client.account)).await;
        let mailboxes = opened.map_err(|error| bus_failed(&error))?;
        let subscribed = read(hub, client, after).await.map_err(|error| store_failed(&error))?;
        let mut state = mailboxes.state();
        if state.is_closed {
            continue;
        }
        let follower = state.of_user(client.user);
        // Whoever follows already goes on to, until it was read again.
        if let Ok(joined) = follower.sequence.join(client.id, subscribed.seq, Arc::clone(client)) {
            follower.acknowledged_seq = follower.acknowledged_seq.max(subscribed.acknowledged_seq);
            client.held().follows_mailbox = true;
            client.answer(id, &Ok(subscribed));
            if joined == Joined::First {
                // What came since it was read was nobody's yet.
                state.doubt(client.user);
                mailboxes.gap.notify_one();
            }
            return Ok(());
        }
    }
}

async fn read(hub: &Hub, client: &Client, after: Option<u64>) -> Result<Subscribed, StoreError> {
    let mut tx = hub.store().reading(client.account).await?;
    // Before the entries: what is acknowledged between the two statements is told again.
    let MailboxPosition { last_seq, acknowledged_seq } = mailbox::position(&mut tx, client.user).await?;
    let before = last_seq.checked_add(1);
    // A number that is not there yet is one of another mailbox, or of one that was lost.
    let after = after.filter(|after| *after <= last_seq);
    let seen = after.unwrap_or_default();
    let wanted = last_seq.saturating_sub(seen);
    let limit = u16::try_from(wanted.min(u64::from(PAGE_MAX))).unwrap_or(u16::MAX);
    let latest = mailbox::latest(&mut tx, client.user, before, limit).await?;
    // Where some are kept no longer, older ones come in their place.
    let mut entries: Vec<Entry> = latest.into_iter().filter(|entry| entry.seq > seen).collect();
    entries.reverse();
    let complete = wanted <= u64::from(PAGE_MAX);
    Ok(Subscribed { seq: last_seq, acknowledged_seq, entries, complete })
}

/// `mailbox.unsubscribe`.
pub(crate) fn unsubscribe(hub: &Hub, client: &Client) -> Done {
    if std::mem::take(&mut client.held().follows_mailbox)
        && let Some(mailboxes) = hub.0.mailboxes.get(client.account)
    {
        mailboxes.state().leave(client.user, client.id);
        hub.0.mailboxes.close_if_empty(client.account);
    }
    Done {}
}

/// `mailbox.acknowledge`.
pub(crate) async fn acknowledge(
    hub: &Hub,
    client: &Client,
    request: &Acknowledge,
) -> Result<Acknowledged, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = standing::begin(hub, client).await?;
    let (seq, is_further) = mailbox::acknowledge(&mut tx, client.user, request.seq).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    let acknowledged = Acknowledged { seq };
    if is_further {
        say(hub, client.account, vec![MailboxNews::Acknowledged(client.user, acknowledged)]);
    }
    Ok(acknowledged)
}

/// Tells users' devices of entries that are committed.
pub(crate) fn tell(hub: &Hub, account: AccountId, entries: Vec<Delivered>) {
    let news = entries.into_iter().map(|Delivered { user, entry }| MailboxNews::Entry(user, entry));
    say(hub, account, news.collect());
}

/// To those who follow here, and to other instances, which nobody waits for.
fn say(hub: &Hub, account: AccountId, news: Vec<MailboxNews>) {
    if news.is_empty() {
        return;
    }
    if let Some(mailboxes) = hub.0.mailboxes.get(account) {
        for news in &news {
            mailboxes.arrive(news);
        }
    }
    let bus = hub.bus().clone();
    hub.finish(async move { published(bus.publish_to_others(&MailboxTopic(account), &news).await) });
}

/// The connection is gone.
pub(crate) fn lose_connection(hub: &Hub, client: &Client) {
    unsubscribe(hub, client);
}

#[cfg(test)]
mod tests;
