//! Who may no more: held to the store when something is written, and to the list of what ended otherwise.

use crate::{client::Client, failure::store_failed, hub::Hub};
use common::{
    error::{Chain, ErrorCode, Fault},
    protocol::Failure,
    secret::Secret,
    token::{self, Bearer, Standing},
};
use std::time::Duration;
use store::{
    TenantTx,
    standing::{self, Writer},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

/// How often there is a look at whether something ended.
///
/// Longer spares a comparison of two numbers, and where they differ a look at every connection; shorter ends
/// connections sooner.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whom the token lets in.
pub(crate) fn verify(hub: &Hub, token: &Secret) -> Result<Bearer, Failure> {
    let issuers = hub.0.deps.issuers.borrow().clone();
    let bearer = token::verify(token.expose(), &issuers, hub.clock().utc()).map_err(|error| {
        debug!(error = %Chain(&error), "A token was refused");
        Failure::of(error.code(), Fault::Caller, error.to_string())
    })?;
    if hub.0.deps.revocations.admits(&bearer) { Ok(bearer) } else { Err(ended()) }
}

/// A transaction in the client's account to write in, if what their token says is still so.
pub(crate) async fn begin(hub: &Hub, client: &Client) -> Result<TenantTx, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(client.account).await.map_err(failed)?;
    if let Some(standing) = client.access().standing() {
        check(hub, &mut tx, standing).await?;
    }
    Ok(tx)
}

/// Lets those pass of whose token nothing has ended.
pub(crate) async fn check(hub: &Hub, tx: &mut TenantTx, standing: &Standing) -> Result<(), Failure> {
    let holds = standing::holds(tx, &Writer::Person(*standing), hub.clock()).await;
    if holds.map_err(|error| store_failed(&error))? { Ok(()) } else { Err(ended()) }
}

/// What is answered to whose token says what is no longer so.
pub(crate) fn ended() -> Failure {
    let why = "the sign-in, or something that the token allows, has ended";
    Failure::of(ErrorCode::INVALID_TOKEN, Fault::Caller, why)
}

/// Ends the connections of those who are on the list, until the hub drains: whoever ended something has told
/// the hub too, but may not have reached every instance.
pub(crate) async fn watch(hub: Hub) {
    let list = &hub.0.deps.revocations;
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = 0;
    loop {
        tick.tick().await;
        let version = list.version();
        if version == seen {
            continue;
        }
        seen = version;
        for client in &hub.0.clients {
            look_again(&hub, &client);
        }
    }
}

/// Ends a connection that is on the list. Done once it goes by a token, too: what came onto the list between
/// the look at the token and that was not yet seen to concern it.
pub(crate) fn look_again(hub: &Hub, client: &Client) {
    if client.access().standing().is_some_and(|standing| !hub.0.deps.revocations.holds(standing)) {
        debug!(conn.id = %client.id, user.id = %client.user, "Connection {} is ended: its token is good no more", client.id);
        client.end();
    }
}
