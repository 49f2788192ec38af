//! What participants wish of the tracks that they receive.

use super::{ask, not_joined};
use crate::{
    client::{Client, MediaRates},
    hub::Hub,
};
use common::{
    error::{ErrorCode, Fault},
    id::RoomId,
    protocol::{
        Done, Failure,
        media::{Subscribe, WISHES_MAX},
    },
    subject::media::MediaAction,
};
use std::sync::Arc;

/// `media.subscribe`.
pub(crate) async fn subscribe(
    hub: &Hub,
    client: &Arc<Client>,
    subscribe: Subscribe,
) -> Result<Done, Failure> {
    let Subscribe { room_id: room, tracks, selection } = subscribe;
    if tracks.len() > WISHES_MAX {
        let many = format!("more than {WISHES_MAX} tracks are named at once");
        return Err(Failure::of(ErrorCode::TOO_MANY, Fault::Caller, many));
    }
    check_rate(hub, client, room)?;
    let action = MediaAction::Subscribe { connection: client.id, tracks, selection };
    ask(hub, client.account, room, action, false).await?.map(|_done| Done {}).ok_or_else(not_joined)
}

fn check_rate(hub: &Hub, client: &Client, room: RoomId) -> Result<(), Failure> {
    let now = hub.clock().now();
    let mut held = client.held();
    if !held.media.contains(&room) {
        return Err(not_joined());
    }
    let rates = held.media_rates.get_or_insert_with(|| MediaRates::new(now));
    rates.wishes.take(now).map_err(|wait| {
        Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, "what is wished changes too often")
            .retry_after(wait)
    })
}
