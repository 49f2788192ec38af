//! Takes the sessions that other media nodes hand over.

use super::Control;
use crate::session::Session;
use bus::{Acquired, Replier};
use common::{
    error::Chain,
    id::NodeId,
    subject::{
        media::{SessionLease, SessionNews},
        media_move::{HANDOVER_VERSION, Handover, HandoverRefusal, HandoverReply, MoveService},
    },
};
use tracing::{info, warn};

impl Control {
    pub(super) async fn handle_handover(&mut self, handover: Handover, reply: Replier<MoveService>) {
        let (from, room) = (handover.from, handover.room);
        let taken = self.take(handover).await;
        if let Err(reason) = taken {
            info!(room.id = %room, node.id = %from, ?reason, "The media session of room {room} is not taken from {from}");
        }
        reply.send(&taken.map_or_else(HandoverReply::Refused, |()| HandoverReply::Taken));
    }

    async fn take(&mut self, handover: Handover) -> Result<(), HandoverRefusal> {
        let Handover { version, from, account, room, session } = handover;
        if let Some(owned) = self.sessions.get(&room) {
            // Asked again, because the answer was lost.
            let is_known = owned.moved_from == Some(from) && owned.account == account;
            return if is_known { Ok(()) } else { Err(HandoverRefusal::NotOwned) };
        }
        let lease = match self.deps.bus.acquire(&SessionLease(room)).await {
            Ok(Acquired::Held(lease)) => lease,
            Ok(Acquired::Taken(_)) => return Err(HandoverRefusal::NotOwned),
            Err(error) => {
                warn!(room.id = %room, error = %Chain(&error), "The session of room {room} cannot be owned");
                return Err(HandoverRefusal::NotOwned);
            }
        };
        let hubs: Vec<NodeId> = session.seats.iter().map(|seat| seat.hub).collect();
        let mut effects = Vec::new();
        let moved = if version != HANDOVER_VERSION {
            Err(HandoverRefusal::Version)
        } else if self.moves.is_draining() {
            Err(HandoverRefusal::Draining)
        } else {
            Session::moved(session, self.seat_limits(), &mut effects).map_err(|_| HandoverRefusal::Unfit)
        };
        let session = match moved {
            Ok(session) => session,
            Err(refusal) => {
                // Or it has to wait until it is free by itself.
                if let Err(error) = lease.hand_over(from).await {
                    warn!(room.id = %room, error = %Chain(&error), "The lease of room {room} is not given back");
                }
                return Err(refusal);
            }
        };
        info!(room.id = %room, account.id = %account, node.id = %from, "The media session of room {room} goes on here");
        let now = self.deps.clock.now();
        for hub in hubs {
            self.hub_liveness.note(hub, now);
        }
        self.moves.forget(room);
        self.own(account, room, session, lease, Some(from));
        // First, or the offers that follow would be taken for those of the node before.
        self.tell(room, SessionNews::Moved { owner: self.deps.bus.node() }).await;
        self.carry_out_all(room, effects).await;
        Ok(())
    }
}
