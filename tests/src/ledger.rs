//! What was acknowledged and what was heard, while everything around it breaks.

use common::clock::{Clock as _, SystemClock};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// What somebody can do with a server, each to be there again after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// A webhook is answered with 200.
    Webhook,
    /// A message in a room is confirmed.
    Send,
    /// A message in a room is heard.
    Hear,
    /// A customer's message is on an agent's screen.
    Screen,
    /// A conversation is read over REST.
    Read,
}

impl Service {
    /// Every service that the ledger judges.
    pub const ALL: [Self; 5] = [Self::Webhook, Self::Send, Self::Hear, Self::Screen, Self::Read];
}

#[derive(Default)]
struct Pages {
    /// Webhooks that were answered with 200, by the text of their message.
    stored: BTreeSet<String>,
    /// Room messages that were confirmed, by text, with their number.
    confirmed: BTreeMap<String, u64>,
    /// Room messages as the listener got them, in order.
    heard: Vec<(u64, String)>,
    /// Customers' messages as the agent got them, in order.
    screened: Vec<(u64, String)>,
    /// The conversation that the customer writes in.
    conversation: Option<String>,
    /// An agent's answers that were accepted, by text.
    accepted: BTreeSet<String>,
    /// Answers as they left for the customer, in order.
    left: Vec<String>,
    /// When each thing last worked.
    worked_at: BTreeMap<Service, Instant>,
}

/// The ledger of one load.
#[derive(Default)]
pub struct Ledger {
    pages: Mutex<Pages>,
    changed: Notify,
}

/// How much went through, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Webhooks answered with 200.
    pub webhooks: usize,
    /// Room messages confirmed.
    pub sent: usize,
    /// Answers to customers accepted.
    pub answers: usize,
}

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, service: Service, write: impl FnOnce(&mut Pages)) {
        let mut pages = self.pages();
        write(&mut pages);
        pages.worked_at.insert(service, SystemClock.now());
        drop(pages);
        self.changed.notify_waiters();
    }

    pub(crate) fn stored(&self, text: String) {
        self.note(Service::Webhook, |pages| {
            pages.stored.insert(text);
        });
    }

    pub(crate) fn confirmed(&self, text: String, seq: u64) {
        self.note(Service::Send, |pages| {
            pages.confirmed.insert(text, seq);
        });
    }

    pub(crate) fn heard(&self, seq: u64, text: String) {
        self.note(Service::Hear, |pages| pages.heard.push((seq, text)));
    }

    pub(crate) fn screened(&self, seq: u64, text: String, conversation: &str) {
        self.note(Service::Screen, |pages| {
            pages.screened.push((seq, text));
            pages.conversation.get_or_insert_with(|| conversation.to_owned());
        });
    }

    pub(crate) fn conversation(&self) -> Option<String> {
        self.pages().conversation.clone()
    }

    pub(crate) fn accepted(&self, text: String) {
        self.pages().accepted.insert(text);
        self.changed.notify_waiters();
    }

    pub(crate) fn left(&self, text: String) {
        self.pages().left.push(text);
        self.changed.notify_waiters();
    }

    pub(crate) fn read(&self) {
        self.note(Service::Read, |_| {});
    }

    /// The number of the last room message that was heard.
    pub(crate) fn last_heard(&self) -> Option<u64> {
        self.pages().heard.last().map(|(seq, _)| *seq)
    }

    /// Waits until `so` holds, or fails with `what` and the state of things.
    async fn until(&self, patience: Duration, what: &str, so: impl Fn(&Pages) -> Result<(), String>) {
        let deadline = SystemClock.now() + patience;
        loop {
            let changed = self.changed.notified();
            let Err(missing) = so(&self.pages()) else { return };
            assert!(tokio::time::timeout_at(deadline.into(), changed).await.is_ok(), "{what}: {missing}");
        }
    }

    /// Waits until everything works that did not since `since`; fails after `patience`.
    pub async fn works_since(&self, since: Instant, patience: Duration) {
        self.until(patience, "service is not back", |pages| {
            let away = Service::ALL
                .into_iter()
                .filter(|service| pages.worked_at.get(service).is_none_or(|worked_at| *worked_at < since));
            let away: Vec<_> = away.collect();
            if away.is_empty() { Ok(()) } else { Err(format!("{away:?} does not work yet")) }
        })
        .await;
    }

    /// Waits until each thing has worked once more.
    pub async fn works_again(&self, patience: Duration) {
        self.works_since(SystemClock.now(), patience).await;
    }

    /// Waits until there was so much load that sums mean something.
    pub async fn holds(&self, least: usize, patience: Duration) {
        self.until(patience, "there is hardly any load", |pages| {
            let so_far = (pages.stored.len(), pages.confirmed.len());
            if so_far.0.min(so_far.1) >= least { Ok(()) } else { Err(format!("{so_far:?}")) }
        })
        .await;
    }

    /// Waits until all that was acknowledged has been heard; then looks that nothing was heard twice or out
    /// of order.
    pub async fn balance(&self, patience: Duration) -> Totals {
        self.until(patience, "acknowledged and not heard", |pages| {
            let heard: BTreeSet<&String> = pages.heard.iter().map(|(_, text)| text).collect();
            let screened: BTreeSet<&String> = pages.screened.iter().map(|(_, text)| text).collect();
            let unheard = pages.confirmed.keys().filter(|text| !heard.contains(text)).count();
            let unseen = pages.stored.iter().filter(|text| !screened.contains(text)).count();
            let left: BTreeSet<&String> = pages.left.iter().collect();
            let unsent = pages.accepted.iter().filter(|text| !left.contains(text)).count();
            if unheard + unseen + unsent == 0 {
                return Ok(());
            }
            Err(format!(
                "{unheard} of {} room messages, {unseen} of {} webhooks, {unsent} of {} answers",
                pages.confirmed.len(),
                pages.stored.len(),
                pages.accepted.len()
            ))
        })
        .await;
        let pages = self.pages();
        for (name, list) in [("the room", &pages.heard), ("the inbox", &pages.screened)] {
            let texts: BTreeSet<_> = list.iter().map(|(_, text)| text).collect();
            assert_eq!(texts.len(), list.len(), "something was heard twice in {name}");
            assert!(list.is_sorted_by(|one, next| one.0 < next.0), "{name} was heard out of order");
        }
        let left: BTreeSet<&String> = pages.left.iter().collect();
        assert_eq!(left.len(), pages.left.len(), "the customer got an answer twice");
        let (Some(first), Some(last)) = (pages.heard.first(), pages.heard.last()) else {
            panic!("nothing was heard at all");
        };
        let span = usize::try_from(last.0 - first.0 + 1).expect("a count");
        assert_eq!(span, pages.heard.len(), "the room was heard with gaps");
        for (seq, text) in &pages.heard {
            let known = pages.confirmed.get(text);
            assert!(known.is_none_or(|known| known == seq), "{text} has two numbers");
        }
        let answers = pages.accepted.len();
        Totals { webhooks: pages.stored.len(), sent: pages.confirmed.len(), answers }
    }
}
