//! Subscribers and services within this process.

mod mailbox;

pub(crate) use mailbox::{Mailbox, Raw};

use crate::error::BusError;
use bytes::Bytes;
use dashmap::{DashMap, Entry};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

/// Requests that may wait for one service. When full, further ones are given up.
const SERVICE_QUEUE: usize = 256;

/// Tells the guards of this process apart: two may be about the same subject, lease or presence key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GuardId(u64);

struct Subscriber {
    id: GuardId,
    mailbox: Arc<Mailbox>,
}

impl Subscriber {
    fn tell_lost(&self) {
        self.mailbox.put(Raw::Lost);
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// One subscriber's end.
pub(crate) struct RawSubscription {
    pub(crate) id: GuardId,
    pub(crate) subject: String,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// A request and where its answer goes. Dropping it tells the asker that there will be none.
pub(crate) struct RawAsked {
    pub(crate) request: Bytes,
    pub(crate) reply: oneshot::Sender<Bytes>,
}

/// Why a request will not be answered, known before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody serves the subject: the request was certainly not carried out.
    Nobody,
    /// The service had no room for it or dropped it: it may have been carried out.
    GivenUp,
}

impl Refusal {
    pub(crate) fn error(self, subject: String) -> BusError {
        match self {
            Self::Nobody => BusError::Unanswered { subject },
            Self::GivenUp => BusError::GivenUp { subject },
        }
    }
}

#[derive(Default)]
pub(crate) struct Exchange {
    topics: DashMap<String, Vec<Subscriber>>,
    services: DashMap<String, mpsc::Sender<RawAsked>>,
    last_guard: AtomicU64,
}

impl Exchange {
    /// A name that no other guard of this process has.
    pub(crate) fn next_guard(&self) -> GuardId {
        GuardId(self.last_guard.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn subscribe(&self, subject: String) -> RawSubscription {
        let id = self.next_guard();
        let mailbox = Arc::new(Mailbox::default());
        let subscriber = Subscriber { id, mailbox: Arc::clone(&mailbox) };
        // Mostly the only one: it has no room for more.
        self.topics.entry(subject.clone()).or_insert_with(|| Vec::with_capacity(1)).push(subscriber);
        RawSubscription { id, subject, mailbox }
    }

    /// Whether the subject has no subscriber left.
    pub(crate) fn unsubscribe(&self, subject: &str, id: GuardId) -> bool {
        // By the entry: the lock is held until an empty topic is out, or a subscriber who comes meanwhile
        // would be thrown out with it.
        let Entry::Occupied(mut topic) = self.topics.entry(subject.to_owned()) else { return true };
        topic.get_mut().retain(|subscriber| subscriber.id != id);
        if topic.get().is_empty() {
            topic.remove();
            return true;
        }
        false
    }

    /// The subjects with subscribers in this process.
    pub(crate) fn subscribed_subjects(&self) -> Vec<String> {
        self.topics.iter().map(|topic| topic.key().clone()).collect()
    }

    /// The subjects that this process serves.
    pub(crate) fn served_subjects(&self) -> Vec<String> {
        self.services.iter().map(|service| service.key().clone()).collect()
    }

    /// Gives a message to the subject's subscribers. Never waits: one that does not keep up must not hold up
    /// the publisher, who may be carrying the messages of all subjects.
    pub(crate) fn deliver(&self, subject: &str, message: &Bytes) {
        let Some(topic) = self.topics.get(subject) else { return };
        for subscriber in topic.iter() {
            if !subscriber.mailbox.put(Raw::Message(message.clone())) {
                metrics::counter!("bus_messages_lost_total").increment(1);
            }
        }
    }

    /// Tells the subscribers of such subjects that they may have missed something.
    pub(crate) fn tell_lost(&self, is_concerned: impl Fn(&str) -> bool) {
        for topic in self.topics.iter().filter(|topic| is_concerned(topic.key())) {
            topic.iter().for_each(Subscriber::tell_lost);
        }
    }

    /// The same of one subject.
    pub(crate) fn tell_lost_of(&self, subject: &str) {
        if let Some(topic) = self.topics.get(subject) {
            topic.iter().for_each(Subscriber::tell_lost);
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

    pub(crate) fn stop_serving(&self, subject: &str) {
        self.services.remove(subject);
    }

    /// Hands a request to the service of this process.
    pub(crate) fn ask(&self, subject: &str, request: Bytes) -> Result<oneshot::Receiver<Bytes>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let service = self.services.get(subject).ok_or(Refusal::Nobody)?;
        match service.try_send(RawAsked { request, reply }) {
            Ok(()) => Ok(answer),
            // Full is not nobody: whoever hears of nobody looks for another service, and this one lives.
            Err(TrySendError::Full(_)) => Err(Refusal::GivenUp),
            Err(TrySendError::Closed(_)) => Err(Refusal::Nobody),
        }
    }
}

#[cfg(test)]
mod tests;
