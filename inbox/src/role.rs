//! The role: what it serves, and what it runs.

use crate::{
    attachments, context::Inbox, deliver, flight::Sender, ingest, outbound, publish, snooze, webhook,
};
use axum::Router;
use bus::{BusError, Delivery};
use common::subject::inbox::{Work, WorkTopic};
use shutdown::Shutdown;
use tracing::info;

/// Why the inbox ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The bus refused.
    #[error("the bus refused")]
    Bus(#[from] BusError),
}

/// What is served over HTTP: channels' webhooks, and the files of their messages.
pub fn router(inbox: &Inbox) -> Router {
    webhook::router().merge(attachments::router()).with_state(inbox.clone())
}

/// Starts what sends replies and makes deliveries.
fn send(inbox: &Inbox, shutdown: &Shutdown) {
    let (inner, config) = (&inbox.0, &inbox.0.config);
    let replies = Sender {
        name: "replies",
        places: config.replies_at_once.max(1),
        claim: outbound::claim,
        send: outbound::send,
    };
    inner.replies.send(inbox, shutdown, replies);
    let deliveries = Sender {
        name: "deliveries",
        places: config.deliveries_at_once.max(1),
        claim: deliver::claim,
        send: deliver::deliver,
    };
    inner.deliveries.send(inbox, shutdown, deliveries);
}

/// Runs the workers until shutdown.
///
/// # Errors
/// [`RunError`].
pub async fn run(inbox: Inbox, shutdown: Shutdown) -> Result<(), RunError> {
    let mut hints = inbox.bus().subscribe(&WorkTopic).await?;
    let workers = inbox.0.config.workers;
    if workers == 0 {
        info!("This instance stores webhooks and works on none");
    }
    if workers > 0 {
        inbox.0.snoozed.work(&inbox, &shutdown, snooze::step);
    }
    for _ in 0..workers {
        let inner = &inbox.0;
        inner.raw_events.work(&inbox, &shutdown, ingest::step);
        inner.outbox.work(&inbox, &shutdown, publish::step);
    }
    if workers > 0 {
        send(&inbox, &shutdown);
    }
    loop {
        tokio::select! {
            hint = hints.next() => match hint {
                Some(Delivery::Message(work)) => inbox.wake(work),
                Some(Delivery::Lost) => [Work::RawEvents, Work::Outbox, Work::Replies].into_iter().for_each(|work| inbox.wake(work)),
                None => return Ok(()),
            },
            () = shutdown.token.cancelled() => return Ok(()),
        }
    }
}
