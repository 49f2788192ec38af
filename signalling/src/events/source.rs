//! Where a connection is: on this instance or on another one, which is asked over the bus.

use super::batch::Batch;
use crate::{
    hub::Hub,
    pipe::{POST_TIME, Pipe, PipeId, Proof, Refusal, Taken, proof_of},
};
use bus::BusError;
use bytes::Bytes;
use common::{
    error::Chain,
    id::NodeId,
    subject::events::{EventsAction, EventsReply, EventsRequest, EventsService},
};
use std::{sync::Arc, time::Duration};
use tracing::debug;
use uuid::Uuid;

/// How long an answer of another instance may take, beside what it waits for.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// How long another instance waits for something to say. When it is gone, this one notices after that.
const REMOTE_WAIT: Duration = Duration::from_secs(10);

pub(super) enum Source {
    Here(Arc<Pipe>),
    There { node: NodeId, connection: Uuid, proof: Proof },
}

impl Source {
    /// Where the connection with this name is, for who knows its secret.
    pub(super) fn find(hub: &Hub, id: &str, secret: &str) -> Result<Self, Refusal> {
        let id = PipeId::read(id).ok_or(Refusal::Gone)?;
        let proof = proof_of(secret);
        if id.node == hub.bus().node() {
            return hub.0.pipes.get(id.own(), &proof).map(Self::Here).ok_or(Refusal::Gone);
        }
        Ok(Self::There { node: id.node, connection: id.own(), proof })
    }

    /// Whether the secret is known to be right.
    pub(super) const fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    pub(super) async fn attach(&self, hub: &Hub, stream: Uuid, after: u64) -> Result<(), Refusal> {
        match self {
            Self::Here(pipe) => pipe.attach(stream, after, hub.clock().now()),
            Self::There { .. } => self.order(hub, EventsAction::Attach { stream, after }).await,
        }
    }

    pub(super) async fn take(
        &self,
        hub: &Hub,
        stream: Uuid,
        after: u64,
        wait: Duration,
    ) -> Result<Taken, Refusal> {
        match self {
            Self::Here(pipe) => pipe.take(stream, after, wait, hub.clock().now()).await,
            Self::There { .. } => {
                let wait = wait.min(REMOTE_WAIT);
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                let reply = self.ask(hub, EventsAction::Take { stream, after, wait_ms }, wait).await?;
                if let EventsReply::Taken { frames, closed } = reply {
                    let frames = frames.into_iter().map(|(number, text)| (number, Bytes::from(text)));
                    return Ok(Taken { frames: frames.collect(), closed });
                }
                Err(refused(&reply))
            }
        }
    }

    pub(super) async fn post(&self, hub: &Hub, batch: Batch) -> Result<(), Refusal> {
        let Batch { number, frames } = batch;
        match self {
            Self::Here(pipe) => pipe.post(number, &frames, POST_TIME, hub.clock().now()).await,
            Self::There { .. } => self.order(hub, EventsAction::Post { number, frames }).await,
        }
    }

    pub(super) async fn leave(&self, hub: &Hub) -> Result<(), Refusal> {
        match self {
            Self::Here(pipe) => {
                pipe.leave();
                Ok(())
            }
            Self::There { .. } => self.order(hub, EventsAction::Leave {}).await,
        }
    }

    async fn order(&self, hub: &Hub, action: EventsAction) -> Result<(), Refusal> {
        let reply = self.ask(hub, action, POST_TIME).await?;
        if reply == (EventsReply::Done {}) { Ok(()) } else { Err(refused(&reply)) }
    }

    async fn ask(&self, hub: &Hub, action: EventsAction, wait: Duration) -> Result<EventsReply, Refusal> {
        let Self::There { node, connection, proof } = self else { return Err(Refusal::Gone) };
        metrics::counter!("hub_event_requests_forwarded_total").increment(1);
        let request = EventsRequest { connection: *connection, proof: *proof, action };
        let asked = hub.bus().request(&EventsService(*node), &request, wait + ANSWER_TIME).await;
        asked.map_err(|error| {
            if matches!(error, BusError::Unanswered { .. }) {
                // The instance is gone, and its connections with it.
                return Refusal::Gone;
            }
            debug!(error = %Chain(&error), "Another instance was not asked for a connection of its own");
            Refusal::Busy
        })
    }
}

const fn refused(reply: &EventsReply) -> Refusal {
    match reply {
        EventsReply::Gone {} => Refusal::Gone,
        EventsReply::Replaced {} => Refusal::Replaced,
        EventsReply::OutOfOrder {} => Refusal::OutOfOrder,
        EventsReply::Busy {} | EventsReply::Done {} | EventsReply::Taken { .. } => Refusal::Busy,
    }
}
