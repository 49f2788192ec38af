//! A subscriber's view of a topic.

use crate::{
    backend::Backend,
    exchange::{Raw, RawSubscription},
};
use common::error::Chain;
use serde::de::DeserializeOwned;
use std::{marker::PhantomData, sync::Arc};
use tracing::error;

/// What a subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery<M> {
    /// A message.
    Message(M),
    /// Something may have been missed: the link was down or the queue was full.
    /// Whoever needs everything reads the store now.
    Lost,
}

/// A subscription. Dropping it ends it.
pub struct Subscription<M> {
    raw: RawSubscription,
    backend: Arc<dyn Backend>,
    message: PhantomData<fn() -> M>,
}

impl<M: DeserializeOwned> Subscription<M> {
    pub(crate) fn new(raw: RawSubscription, backend: Arc<dyn Backend>) -> Self {
        Self { raw, backend, message: PhantomData }
    }

    /// The next delivery, in the order in which one publisher published.
    ///
    /// Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Delivery<M>> {
        loop {
            match self.raw.mailbox.next().await? {
                Raw::Lost => return Some(Delivery::Lost),
                Raw::Message(bytes) => match serde_json::from_slice(&bytes) {
                    Ok(message) => return Some(Delivery::Message(message)),
                    Err(error) => {
                        error!(subject = self.raw.subject, error = %Chain(&error), "A message on {} has the wrong form", self.raw.subject)
                    }
                },
            }
        }
    }
}

impl<M> Drop for Subscription<M> {
    fn drop(&mut self) {
        if self.backend.exchange().unsubscribe(&self.raw.subject, self.raw.id) {
            self.backend.interest_changed(&self.raw.subject);
        }
    }
}
