//! A place for a new connection, whatever it speaks.

use super::refused::Refused;
use crate::{hub::Hub, slots::Slot};
use axum::{extract::Request, http::StatusCode};
use common::{
    address::{ClientAddress, ClientNetwork},
    error::ErrorCode,
};
use std::net::{IpAddr, Ipv4Addr};
use tokio_util::task::TaskTracker;

/// A slot, and where to run what has it: on the hub's own tasks, so that the drain waits for its goodbye.
pub(crate) fn take(hub: &Hub, request: &Request) -> Result<(TaskTracker, Slot), Refused> {
    let Some(shutdown) = hub.shutdown().filter(|shutdown| !shutdown.token.is_cancelled()) else {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UNAVAILABLE);
        return Err(Refused::new(status, code, "the server is draining"));
    };
    let slot = Slot::take(&hub.0.slots, network(request))?;
    Ok((shutdown.tasks.clone(), slot))
}

/// By what limits per network are counted. Without a listener that says so, all are of the same.
pub(crate) fn network(request: &Request) -> ClientNetwork {
    let address = request.extensions().get::<ClientAddress>().copied();
    address.unwrap_or(ClientAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED))).network()
}
