//! What comes from Redis: news, requests, and the answers to our own.

use super::{
    RedisBackend,
    in_flight::{RequestId, Verdict},
    names::{self, Channel},
    partition::Partition,
};
use crate::{error::BusError, exchange::Refusal};
use ::redis::{RedisError, Value, from_redis_value};
use bytes::Bytes;
use common::{backoff::Backoff, chance, error::Chain, id::NodeId};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// How long a service of this process may take over a request from elsewhere.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often it is tried to tell an asker what came of a request: in all for some ten seconds. Hardly anybody waits for
/// longer, and who is gone will never hear it.
const REPLY_TRIES: u32 = 8;

/// The waits between.
const REPLY_RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(4));

impl RedisBackend {
    /// Hands what Redis sent to whom it is for. Never waits: all subjects of the process come this way.
    pub(super) fn handle(self: &Arc<Self>, channel: &str, payload: Bytes) {
        match self.names.parse(channel) {
            Some(Channel::Topic(subject)) => {
                metrics::counter!("bus_messages_received_total").increment(1);
                if let Some((from, message)) = names::parse_news(&payload)
                    && from != self.node
                {
                    // Whoever listens is told before it hears what came after what it missed.
                    if self.of(Partition::of(subject)).is_resuming.load(Ordering::Acquire) {
                        self.exchange.tell_lost_of(subject);
                    }
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
            backend.reply(partition, from, id, &verdict).await;
        });
    }

    /// Tells an asker what came of its request. Nobody waits for this here, and somebody does there: so it is tried again
    /// when it did not get through, because the link was down, had too much to carry, or the asker's was down.
    async fn reply(&self, partition: Partition, to: NodeId, id: RequestId, verdict: &Verdict) {
        // Over the server by which the request came: of one that is away only what goes over it is in vain.
        let (channel, reply) = (self.names.replies(partition, to), names::reply(id, verdict));
        for failures in 1..=REPLY_TRIES {
            match self.say(partition, &channel, &reply).await {
                Ok(1..) => return,
                // It may have been heard. Of an answer the first counts; refusals are counted.
                Err(BusError::Redis(error)) if matches!(verdict, Verdict::Refused(_)) => {
                    debug!(error = %Chain(&error), "A refusal could not be sent; its asker may time out");
                    return;
                }
                Err(error) if failures == REPLY_TRIES => {
                    warn!(error = %Chain(&error), "An answer could not be sent; its asker will time out");
                }
                Ok(0) | Err(_) => {
                    let pause = sleep(REPLY_RETRY.delay(failures, chance::fraction()));
                    if self.shutdown.token.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Publishes however long it takes, and says how many processes heard it.
    async fn say(&self, partition: Partition, channel: &str, message: &[u8]) -> Result<u64, BusError> {
        let answers = self.follow(partition, |_| vec![names::publication(channel, message)]).await?;
        let heard = answers.into_iter().next().unwrap_or(Value::Nil);
        Ok(from_redis_value(heard).map_err(RedisError::from)?)
    }
}
