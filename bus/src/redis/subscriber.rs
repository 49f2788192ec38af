//! The connection by which a server tells what was published: sharded pub/sub over RESP3.
//!
//! <https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub>

use super::{
    RedisBackend,
    link::patient,
    names::Channel,
    partition::{Partition, Partitions},
    redirect::Redirect,
};
use ::redis::{
    Client, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection,
    cmd, from_redis_value, pipe,
};
use bytes::Bytes;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::Notify;

/// Channels that are subscribed to in one round trip: enough to be quick, few enough not to stall Redis.
pub(super) const SUBSCRIBE_BATCH: usize = 512;

/// What a server does with subscriptions unasked.
#[derive(Default)]
struct Signals {
    /// Told of each of the following.
    raised: Notify,
    is_broken: AtomicBool,
    /// In these it has ended subscriptions, since it does not own their slots any more.
    ended: Mutex<Partitions>,
    /// Those that we are about to end ourselves.
    leaving: Mutex<usize>,
}

/// What came of an attempt to subscribe to one channel.
pub(super) enum Subscribed {
    Here,
    /// Another server owns it.
    Elsewhere(Redirect),
}

pub(super) struct Subscriber {
    connection: MultiplexedConnection,
    signals: Arc<Signals>,
}

impl Subscriber {
    /// Connects. From then on, whatever comes is handed to `backend` by the task that reads: it is a matter of a moment,
    /// and so there is no queue between that could grow.
    pub(super) async fn connect(client: &Client, backend: &Arc<RedisBackend>) -> Result<Self, RedisError> {
        let info = client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let signals = Arc::<Signals>::default();
        let (told, backend) = (Arc::clone(&signals), Arc::clone(backend));
        let config = patient().set_push_sender(move |push: PushInfo| {
            handle_push(push, &told, &backend);
            Ok::<_, std::convert::Infallible>(())
        });
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, signals })
    }

    /// Subscribes to channels, of which it says one by one what came of it.
    ///
    /// Each with a command of its own: one may name channels of one slot alone, and is answered for each of them, which
    /// the library takes for answers to what was asked next.
    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<Vec<Subscribed>, RedisError> {
        let mut pipeline = pipe();
        pipeline.ignore_errors();
        for channel in channels {
            pipeline.cmd("SSUBSCRIBE").arg(channel);
        }
        let answers: Vec<Value> = pipeline.query_async(&mut self.connection).await?;
        let judged = channels.iter().zip(answers).map(|(channel, answer)| {
            if let Value::Push { kind: PushKind::SSubscribe, data } = &answer
                && is_of(data, channel)
            {
                return Ok(Subscribed::Here);
            }
            let Value::ServerError(error) = answer else { return Err(out_of_step()) };
            let error = RedisError::from(error);
            Redirect::of(&error).map(Subscribed::Elsewhere).ok_or(error)
        });
        judged.collect()
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> Result<(), RedisError> {
        *self.signals.leaving.lock().unwrap_or_else(PoisonError::into_inner) += channels.len();
        let mut pipeline = pipe();
        pipeline.ignore_errors();
        for channel in channels {
            pipeline.cmd("SUNSUBSCRIBE").arg(channel);
        }
        let answers: Vec<Value> = pipeline.query_async(&mut self.connection).await?;
        for answer in answers {
            if matches!(answer, Value::Push { kind: PushKind::SUnsubscribe, .. }) {
                continue;
            }
            let Value::ServerError(error) = answer else { return Err(out_of_step()) };
            let error = RedisError::from(error);
            if Redirect::of(&error).is_none() {
                return Err(error);
            }
            // It lies elsewhere by now, and so do we.
            let mut leaving = self.signals.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            *leaving = leaving.saturating_sub(1);
        }
        Ok(())
    }

    /// Asks whether the server is there.
    pub(super) async fn ping(&mut self) -> Result<(), RedisError> {
        let answer: Value = cmd("PING").query_async(&mut self.connection).await?;
        if matches!(answer, Value::Push { .. }) {
            return Err(out_of_step());
        }
        Ok(from_redis_value(answer)?)
    }

    /// Resolves once the server has ended subscriptions unasked, and says in which partitions.
    ///
    /// # Errors
    /// If the connection broke. Cancelling the wait loses nothing.
    pub(super) async fn ended(&self) -> Result<Partitions, RedisError> {
        loop {
            if self.signals.is_broken.load(Ordering::Acquire) {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            let ended =
                std::mem::take(&mut *self.signals.ended.lock().unwrap_or_else(PoisonError::into_inner));
            if !ended.is_empty() {
                return Ok(ended);
            }
            self.signals.raised.notified().await;
        }
    }
}

/// A server that ends a subscription unasked does so with what looks like an answer, and the library gives it to whoever
/// waits for one; from then on everybody has the answer of who asked before. Another connection has not.
fn out_of_step() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "the answer is to another question").into()
}

fn is_of(data: &[Value], channel: &str) -> bool {
    matches!(data.first(), Some(Value::BulkString(bytes)) if bytes == channel.as_bytes())
}

fn handle_push(push: PushInfo, signals: &Signals, backend: &Arc<RedisBackend>) {
    if push.kind == PushKind::SMessage {
        let mut data = push.data.into_iter();
        if let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
            (data.next(), data.next())
            && let Ok(channel) = std::str::from_utf8(&channel)
        {
            backend.handle(channel, Bytes::from(payload));
        }
    } else if push.kind == PushKind::SUnsubscribe {
        let mut leaving = signals.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        if *leaving > 0 {
            *leaving -= 1;
            return;
        }
        if let Some(Value::BulkString(channel)) = push.data.first()
            && let Ok(channel) = std::str::from_utf8(channel)
            && let Some(partition) = backend.partition_of(channel)
        {
            signals.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(partition);
            signals.raised.notify_one();
        }
    } else if push.kind == PushKind::Disconnection {
        signals.is_broken.store(true, Ordering::Release);
        signals.raised.notify_one();
    }
}

impl RedisBackend {
    /// The partition of a channel of ours.
    pub(super) fn partition_of(&self, channel: &str) -> Option<Partition> {
        match self.names.parse(channel)? {
            Channel::Topic(subject) | Channel::Service(subject) => Some(Partition::of(subject)),
            Channel::Replies => {
                Partition::all().find(|partition| channel == self.names.replies(*partition, self.node))
            }
        }
    }
}
