//! What comes from Redis: news, requests, and the answers to our own.

use super::{
    RedisBackend,
    in_flight::{RequestId, Verdict},
    names::{self, Channel},
    partition::Partition,
};
use crate::exchange::Refusal;
use bytes::Bytes;
use common::{error::Chain, id::NodeId};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tracing::warn;

/// How long a service of this process may take over a request from elsewhere.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(60);

impl RedisBackend {
    /// Hands what Redis sent to whom it is for. Never waits: all subjects of the process come this way.
    pub(super) fn handle(self: &Arc<Self>, channel: &str, payload: Bytes) {
        match self.names.parse(channel) {
            Some(Channel::Topic(subject)) => {
                metrics::counter!("bus_messages_received_total").increment(1);
                if let Some((from, message)) = names::parse_news(&payload)
                    && from != self.node
                {
                    self.exchange.deliver(subject, &message);
                }
            }
            Some(Channel::Service(subject)) => {
                if let Some((from, id, request)) = names::parse_request(&payload) {
                    self.serve(subject, from, id, request);
                }
            }
            Some(Channel::Replies) => {
                if let Some((id, verdict)) = names::parse_reply(&payload) {
                    self.in_flight.handle_verdict(id, verdict);
                }
            }
            None => {}
        }
    }

    fn serve(self: &Arc<Self>, subject: &str, from: NodeId, id: RequestId, request: Bytes) {
        let (asked, partition) = (self.exchange.ask(subject, request), Partition::of(subject));
        let backend = Arc::clone(self);
        // A task of its own: the link must not wait for a service, and neither for Redis to take the answer.
        self.shutdown.tasks.spawn(async move {
            let verdict = match asked {
                Ok(answer) => match timeout(SERVICE_TIMEOUT, answer).await {
                    Ok(Ok(answer)) => Verdict::Answer(answer),
                    Ok(Err(_)) | Err(_) => Verdict::Refused(Refusal::GivenUp),
                },
                Err(refusal) => Verdict::Refused(refusal),
            };
            // Over the server by which the request came: of one that is away only what goes over it is in vain.
            let (channel, reply) = (backend.names.replies(partition, from), names::reply(id, &verdict));
            // And however long it takes: somebody waits for it elsewhere, and nobody here.
            let sent = backend.follow(partition, |_| vec![names::publication(&channel, &reply)]).await;
            if let Err(error) = sent {
                warn!(error = %Chain(&error), "An answer could not be sent; its asker will time out");
            }
        });
    }
}
