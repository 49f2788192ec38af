//! Asks the hub's instances who of their connections has left a session without being heard.

use bus::Bus;
use common::{
    error::Chain,
    id::NodeId,
    subject::media::{SeatService, Seated},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tracing::debug;

/// Seats that one request asks about, which is about 100 KiB.
const ASKED_MAX: usize = 1000;

/// How long a hub instance may take to answer. It only looks up.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// A seat as it was when its hub was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// This node's number of the session.
    pub(super) session: u64,
    pub(super) seated: Seated,
    /// With which the seat was last taken.
    pub(super) entry: u64,
}

/// Asks every instance about the seats that came from it, and returns those that were left. One that
/// does not answer is believed to have all.
pub(super) async fn left(bus: &Bus, hubs: &BTreeMap<NodeId, Vec<Asked>>) -> Vec<Asked> {
    let pages = hubs.iter().flat_map(|(hub, seats)| seats.chunks(ASKED_MAX).map(move |page| (*hub, page)));
    let answers = join_all(pages.map(|(hub, page)| ask(bus, hub, page))).await;
    answers.into_iter().flatten().collect()
}

async fn ask(bus: &Bus, hub: NodeId, seats: &[Asked]) -> Vec<Asked> {
    let request: Vec<Seated> = seats.iter().map(|asked| asked.seated).collect();
    let left: BTreeSet<Seated> = match bus.request(&SeatService(hub), &request, ANSWER_TIME).await {
        Ok(left) => left.into_iter().collect(),
        Err(error) => {
            debug!(node.id = %hub, error = %Chain(&error), "Hub instance {hub} does not say who is there; will ask again");
            BTreeSet::new()
        }
    };
    seats.iter().filter(|asked| left.contains(&asked.seated)).copied().collect()
}
