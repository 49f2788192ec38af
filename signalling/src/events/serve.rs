//! What other instances ask of connections that this one has.

use crate::{
    hub::Hub,
    pipe::{POST_TIME, Pipe, Refusal, Taken},
};
use bus::{Asked, Requests};
use common::subject::events::{EventsAction, EventsReply, EventsRequest, EventsService};
use std::{sync::Arc, time::Duration};

/// Answers until the hub drains. Each waits on a task of its own, up to its end: what a connection is told at last is
/// for those who wait elsewhere, too. There are as many as connections, two of each at most.
pub(crate) async fn serve(hub: Hub, mut requests: Requests<EventsService>) {
    while let Some(Asked { request, reply }) = requests.next().await {
        let worker = hub.clone();
        hub.finish(async move { reply.send(&answer(&worker, request).await) });
    }
}

async fn answer(hub: &Hub, request: EventsRequest) -> EventsReply {
    let EventsRequest { connection, proof, action } = request;
    let Some(pipe) = hub.0.pipes.get(connection, &proof) else { return EventsReply::Gone {} };
    carry_out(hub, &pipe, action).await.unwrap_or_else(|refusal| match refusal {
        Refusal::Gone => EventsReply::Gone {},
        Refusal::Replaced => EventsReply::Replaced {},
        Refusal::OutOfOrder => EventsReply::OutOfOrder {},
        Refusal::Busy => EventsReply::Busy {},
    })
}

async fn carry_out(hub: &Hub, pipe: &Arc<Pipe>, action: EventsAction) -> Result<EventsReply, Refusal> {
    let now = hub.clock().now();
    match action {
        EventsAction::Attach { stream, after } => pipe.attach(stream, after, now)?,
        EventsAction::Take { stream, after, wait_ms } => {
            let Taken { frames, closed } =
                pipe.take(stream, after, Duration::from_millis(wait_ms), now).await?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let frames = frames.iter().map(|(number, frame)| (*number, text(frame))).collect();
            return Ok(EventsReply::Taken { frames, closed });
        }
        EventsAction::Post { number, frames } => pipe.post(number, &frames, POST_TIME, now).await?,
        EventsAction::Leave {} => pipe.leave(),
    }
    Ok(EventsReply::Done {})
}
