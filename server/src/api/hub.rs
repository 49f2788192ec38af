//! Orders to the hub: they reach all of its instances, and each carries them out for the connections it has.

use super::{App, problem::Problem, whip};
use bus::BusError;
use common::{
    error::Chain,
    id::{AccountId, RoomId},
    protocol::room::RemovalReason,
    subject::{
        hub::{ConnectionSelector, HubOrder, HubRequest, HubService},
        media::HubNodes,
    },
};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{debug, warn};

/// How long an instance may take. Taking somebody out of a room asks the media server in turn.
const ORDER_TIMEOUT: Duration = Duration::from_secs(8);

/// Has `order` carried out on `whom` of the account; returns the number of connections that it concerned.
///
/// # Errors
/// 503 if an instance does not say that it is done.
async fn order(
    app: &App,
    account: AccountId,
    whom: ConnectionSelector,
    order: HubOrder,
) -> Result<u32, Problem> {
    let nodes = app.bus.entries(&HubNodes).await.map_err(|error| no_answer(&error))?;
    let mut asked = JoinSet::new();
    for (_, node) in nodes {
        let bus = app.bus.clone();
        let request = HubRequest { account, whom, order };
        asked.spawn(async move { bus.request(&HubService(node), &request, ORDER_TIMEOUT).await });
    }
    let mut count = 0;
    for answer in asked.join_all().await {
        match answer {
            Ok(concerned) => count += concerned,
            // It ended a moment ago, and its connections with it.
            Err(BusError::Unanswered { .. }) => debug!("An instance of the hub is gone"),
            Err(error) => return Err(no_answer(&error)),
        }
    }
    Ok(count)
}

fn no_answer(error: &BusError) -> Problem {
    warn!(error = %Chain(error), "The hub was not reached");
    Problem::unavailable("a part of the hub did not answer; ask again")
}

/// Takes some of the account's connections out of a room, those that publish or play over HTTP among them.
///
/// # Errors
/// As for [`order`].
pub(super) async fn remove(
    app: &App,
    account: AccountId,
    room: RoomId,
    whom: ConnectionSelector,
    reason: RemovalReason,
) -> Result<u32, Problem> {
    let over_http = whip::remove(app, account, room, whom).await?;
    Ok(over_http + order(app, account, whom, HubOrder::Remove { room, reason }).await?)
}

/// Has those taken out of a room who may not stay in it any more, and who is entering looked at again. Guests were let
/// in by whoever may, and stay.
///
/// # Errors
/// As for [`order`].
pub(super) async fn review(app: &App, account: AccountId, room: RoomId) -> Result<u32, Problem> {
    order(app, account, ConnectionSelector::Everybody, HubOrder::Review { room }).await
}

/// Ends some of the account's connections.
///
/// # Errors
/// As for [`order`].
pub(super) async fn disconnect(
    app: &App,
    account: AccountId,
    whom: ConnectionSelector,
) -> Result<u32, Problem> {
    order(app, account, whom, HubOrder::Disconnect).await
}

/// The same, where what was asked for is done already: a connection that is not reached
/// ends with its token.
pub(super) async fn disconnect_if_reached(app: &App, account: AccountId, whom: ConnectionSelector) {
    // It has been logged.
    let _unreached = disconnect(app, account, whom).await;
}
