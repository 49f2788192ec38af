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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Presence;
    use common::clock::ManualClock;

    struct World {
        clock: ManualClock,
        bus: Bus,
        there: Vec<Presence>,
    }

    impl World {
        /// Seen from a process in the region `here`.
        fn new() -> Self {
            let clock = ManualClock::default();
            let bus = Bus::local(NodeId::generate(&clock)).in_region(Some("here"));
            Self { clock, bus, there: Vec::new() }
        }

        async fn node(&mut self, region: Option<&str>, participants: u32) -> MediaNode {
            let node = NodeId::generate(&self.clock);
            self.list(MediaNode {
                node,
                sessions: 1,
                participants,
                region: region.map(str::to_owned),
                is_draining: false,
                takes_moves: true,
            })
            .await
        }

        async fn list(&mut self, node: MediaNode) -> MediaNode {
            let there = self.bus.present(&MediaNodes, &node.node.to_string(), &node).await.unwrap();
            self.there.push(there);
            node
        }
    }

    #[tokio::test]
    async fn a_session_begins_at_the_least_busy_node_of_the_region_that_takes_any() {
        let mut world = World::new();
        assert!(matches!(choose(&world.bus, &[]).await, Err(AskError::Nobody)));
        let elsewhere = world.node(Some("there"), 0).await.node;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), elsewhere, "better than none");
        let unnamed = world.node(None, 0).await.node;
        assert!([elsewhere, unnamed].contains(&choose(&world.bus, &[]).await.unwrap()));
        let busy = world.node(Some("here"), 90).await.node;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), busy, "it is near");
        let idle = world.node(Some("here"), 80).await;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), idle.node);
        assert_eq!(choose(&world.bus, &[idle.node]).await.unwrap(), busy, "nobody is at the other");
        world.list(MediaNode { is_draining: true, takes_moves: false, ..idle }).await;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), busy, "the other is about to end");
    }

    #[tokio::test]
    async fn a_process_takes_its_own_sessions_until_it_has_many_more_and_moves_them_to_others_alone() {
        let mut world = World::new();
        let other = world.node(Some("here"), 0).await;
        let own = MediaNode { node: world.bus.node(), participants: OWN_ADVANTAGE, ..other.clone() };
        world.list(own.clone()).await;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), own.node);
        assert_eq!(choose_other(&world.bus, &[]).await.unwrap(), other.node);
        assert!(matches!(choose_other(&world.bus, &[other.node]).await, Err(AskError::Nobody)));
        world.list(MediaNode { participants: OWN_ADVANTAGE + 1, ..own }).await;
        assert_eq!(choose(&world.bus, &[]).await.unwrap(), other.node);
        // As an older version says of itself.
        world.list(MediaNode { takes_moves: false, ..other.clone() }).await;
        assert!(matches!(choose_other(&world.bus, &[]).await, Err(AskError::Nobody)));
    }
}
