//! Subscribers and services within this process.

use crate::error::BusError;
use bytes::Bytes;
use dashmap::{DashMap, Entry};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for one subscriber. When full, the subscriber is told
/// that it lost something and reads the store; publishers never wait.
const SUBSCRIBER_QUEUE: usize = 1024;

/// Requests that may wait for one service. When full, further ones are unanswered.
const SERVICE_QUEUE: usize = 256;

/// What reaches a subscriber.
pub(crate) enum Raw {
    Message(Bytes),
    Lost,
}

struct Subscriber {
    id: u64,
    queue: mpsc::Sender<Raw>,
    /// Set when the queue overflowed; looked at before the next message.
    overflowed: Arc<AtomicBool>,
}

/// One subscriber's end.
pub(crate) struct RawSubscription {
    pub(crate) id: u64,
    pub(crate) subject: String,
    pub(crate) queue: mpsc::Receiver<Raw>,
    pub(crate) overflowed: Arc<AtomicBool>,
}

/// A request and where its answer goes. Dropping it tells an asker in this process that there is none.
pub(crate) struct RawAsked {
    pub(crate) request: Bytes,
    pub(crate) reply: oneshot::Sender<Bytes>,
}

#[derive(Default)]
pub(crate) struct Exchange {
    topics: DashMap<String, Vec<Subscriber>>,
    services: DashMap<String, mpsc::Sender<RawAsked>>,
    last_id: AtomicU64,
}

impl Exchange {
    pub(crate) fn subscribe(&self, subject: String) -> RawSubscription {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let (sender, queue) = mpsc::channel(SUBSCRIBER_QUEUE);
        let overflowed = Arc::new(AtomicBool::new(false));
        let subscriber = Subscriber { id, queue: sender, overflowed: Arc::clone(&overflowed) };
        self.topics.entry(subject.clone()).or_default().push(subscriber);
        RawSubscription { id, subject, queue, overflowed }
    }

    /// Whether the subject has no subscriber left.
    pub(crate) fn unsubscribe(&self, subject: &str, id: u64) -> bool {
        let Entry::Occupied(mut topic) = self.topics.entry(subject.to_owned()) else { return true };
        topic.get_mut().retain(|subscriber| subscriber.id != id);
        if topic.get().is_empty() {
            topic.remove();
            return true;
        }
        false
    }

    pub(crate) fn subjects(&self) -> Vec<String> {
        self.topics.iter().map(|topic| topic.key().clone()).collect()
    }

    pub(crate) fn services(&self) -> Vec<String> {
        self.services.iter().map(|service| service.key().clone()).collect()
    }

    pub(crate) fn deliver(&self, subject: &str, message: &Bytes) {
        let Some(topic) = self.topics.get(subject) else { return };
        for subscriber in topic.iter() {
            if subscriber.queue.try_send(Raw::Message(message.clone())).is_err() {
                subscriber.overflowed.store(true, Ordering::Release);
                metrics::counter!("bus_messages_lost_total").increment(1);
            }
        }
    }

    /// Tells every subscriber that it may have missed something.
    pub(crate) fn lost_all(&self) {
        for topic in &self.topics {
            for subscriber in topic.iter() {
                if subscriber.queue.try_send(Raw::Lost).is_err() {
                    subscriber.overflowed.store(true, Ordering::Release);
                }
            }
        }
    }

    pub(crate) fn serve(&self, subject: &str) -> Result<mpsc::Receiver<RawAsked>, BusError> {
        match self.services.entry(subject.to_owned()) {
            Entry::Occupied(_) => Err(BusError::ServedAlready { subject: subject.to_owned() }),
            Entry::Vacant(place) => {
                let (sender, receiver) = mpsc::channel(SERVICE_QUEUE);
                place.insert(sender);
                Ok(receiver)
            }
        }
    }

    pub(crate) fn unserve(&self, subject: &str) {
        self.services.remove(subject);
    }

    /// Hands a request to the service of this process; `None` if there is none or it is overwhelmed.
    pub(crate) fn ask(&self, subject: &str, request: Bytes) -> Option<oneshot::Receiver<Bytes>> {
        let (reply, answer) = oneshot::channel();
        self.services.get(subject)?.try_send(RawAsked { request, reply }).ok()?;
        Some(answer)
    }
}
