//! A service's view of what it is asked.

use crate::{
    backend::{Backend, encode},
    exchange::RawAsked,
};
use bytes::Bytes;
use common::{error::Chain, subject::Service};
use std::{marker::PhantomData, sync::Arc};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// The requests of a service. Dropping it ends the service, and gives up what it had not taken yet.
pub struct Requests<S: Service> {
    queue: mpsc::Receiver<RawAsked>,
    subject: String,
    backend: Arc<dyn Backend>,
    service: PhantomData<fn() -> S>,
}

/// One request.
pub struct Asked<S: Service> {
    /// What is asked.
    pub request: S::Request,
    /// Where the answer goes.
    pub reply: Replier<S>,
}

/// Answers one request. If it is dropped without an answer, the asker is told so at once, wherever it is
/// ([`BusError::GivenUp`](crate::BusError::GivenUp)).
pub struct Replier<S: Service> {
    channel: oneshot::Sender<Bytes>,
    service: PhantomData<fn() -> S>,
}

impl<S: Service> Requests<S> {
    pub(crate) fn new(queue: mpsc::Receiver<RawAsked>, subject: String, backend: Arc<dyn Backend>) -> Self {
        Self { queue, subject, backend, service: PhantomData }
    }

    /// The next request. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Asked<S>> {
        loop {
            let asked = self.queue.recv().await?;
            match serde_json::from_slice(&asked.request) {
                Ok(request) => {
                    return Some(Asked {
                        request,
                        reply: Replier { channel: asked.reply, service: PhantomData },
                    });
                }
                Err(error) => {
                    error!(subject = self.subject, error = %Chain(&error), "A request to {} has the wrong form", self.subject)
                }
            }
        }
    }
}

impl<S: Service> Replier<S> {
    /// Sends the answer. The asker may have stopped waiting; that is not the service's concern. For an answer
    /// that the bus cannot carry the asker is told that the request was given up.
    pub fn send(self, reply: &S::Reply) {
        match encode(reply) {
            Ok(bytes) => {
                let _nobody_waits = self.channel.send(bytes);
            }
            Err(error) => error!(error = %Chain(&error), "An answer cannot be written"),
        }
    }
}

impl<S: Service> Drop for Requests<S> {
    fn drop(&mut self) {
        self.backend.exchange().stop_serving(&self.subject);
        self.backend.interest_changed(&self.subject);
    }
}
