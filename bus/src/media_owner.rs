//! Asks the media node that owns a room's session: for the hub, and for the api role, by which others take part.

use crate::{Bus, BusError};
use common::{
    id::{NodeId, RoomId},
    subject::{
        Service,
        media::{MediaNode, MediaNodes, SessionLease},
    },
};
use std::time::Duration;
use tokio::time::sleep;

/// How long a media node may take to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request follows a session that has just moved.
const MOVES_MAX: u32 = 3;

/// How often, and how long each time, it is waited until the bus gives away the session of a node that has died: for a
/// little longer than it takes to notice that.
const DEAD_WAITS_MAX: u32 = 16;
const DEAD_WAIT: Duration = Duration::from_millis(250);

/// How many more participants this process may have than another media node, and is still chosen.
///
/// More saves a hop more often; fewer spreads what clients, who come by chance, do not spread themselves.
const OWN_ADVANTAGE: u32 = 200;

/// Why nobody has answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The owner was not reached.
    #[error("the media server was not reached")]
    Bus(#[from] BusError),
    /// There is no media node, or none that keeps the session for long enough.
    #[error("no media server is available")]
    Nobody,
}

/// Asks the node that owns the room's session, at its `service`, and says which it was; `None` if nobody does and none may
/// be opened. An answer may say that the session has `moved` where to.
///
/// # Errors
/// [`AskError`].
pub async fn ask<S: Service>(
    bus: &Bus,
    room: RoomId,
    may_open: bool,
    service: impl Fn(NodeId) -> S,
    request: &S::Request,
    moved: impl Fn(&S::Reply) -> Option<NodeId>,
) -> Result<Option<(NodeId, S::Reply)>, AskError> {
    let mut nobody_at = Vec::new();
    let mut owner = match bus.holder(&SessionLease(room)).await? {
        Some(owner) => owner,
        None if may_open => choose(bus, &nobody_at).await?,
        None => return Ok(None),
    };
    let (mut moves, mut waits) = (0, 0);
    while moves < MOVES_MAX {
        match bus.request(&service(owner), request, ASK_TIMEOUT).await {
            Ok(reply) => match moved(&reply) {
                // It has died a moment ago, and the bus does not know yet that it may give its sessions to others.
                Some(dead) if nobody_at.contains(&dead) && waits < DEAD_WAITS_MAX => {
                    waits += 1;
                    sleep(DEAD_WAIT).await;
                }
                Some(next) => {
                    owner = next;
                    moves += 1;
                }
                None => return Ok(Some((owner, reply))),
            },
            // It has died a moment ago, and is still among those that are there: another one opens the session.
            Err(BusError::Unanswered { .. }) if may_open && !nobody_at.contains(&owner) => {
                nobody_at.push(owner);
                owner = choose(bus, &nobody_at).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(AskError::Nobody)
}

/// The media node for a new session, and none of those at which nobody is.
async fn choose(bus: &Bus, nobody_at: &[NodeId]) -> Result<NodeId, AskError> {
    best(bus, |node| !nobody_at.contains(&node.node)).await
}

/// The media node to which a session of this one can move, and none of those to `avoid`.
///
/// # Errors
/// [`AskError`].
pub async fn choose_other(bus: &Bus, avoid: &[NodeId]) -> Result<NodeId, AskError> {
    best(bus, |node| node.takes_moves && node.node != bus.node() && !avoid.contains(&node.node)).await
}

/// Of those that fit, and are not about to end: one of this process's region, if there is any; of these the least busy, by
/// who is in its sessions. This process itself, which saves a hop, counts as less busy than it is.
async fn best(bus: &Bus, fits: impl Fn(&MediaNode) -> bool) -> Result<NodeId, AskError> {
    let nodes = bus.entries(&MediaNodes).await?;
    let there = nodes.into_iter().map(|(_, node)| node).filter(|node| !node.is_draining && fits(node));
    let rank = |node: &MediaNode| {
        let is_own = node.node == bus.node();
        let load = node.participants.saturating_sub(if is_own { OWN_ADVANTAGE } else { 0 });
        (node.region.as_deref() != bus.region(), load, !is_own, node.sessions)
    };
    there.min_by_key(rank).map(|node| node.node).ok_or(AskError::Nobody)
}
