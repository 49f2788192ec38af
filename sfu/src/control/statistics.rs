//! What is measured of a session, as the api role asks for it: who is in it is known here, the rest its shard says.

use super::{Control, failure};
use bus::Replier;
use common::{
    id::{ConnectionId, UserId},
    statistics::{MediaStatistics, ParticipantStatistics},
    subject::statistics::{Measured, StatisticsReply, StatisticsRequest, StatisticsService},
};

impl Control {
    /// Answers beside this task: nobody's call waits for who looks at it.
    pub(super) fn handle_question(&self, request: StatisticsRequest, reply: Replier<StatisticsService>) {
        let StatisticsRequest { account, room, whom } = request;
        let Some(owned) = self.sessions.get(&room) else {
            let moved = self.moves.new_owner(account, room).map(|owner| StatisticsReply::Moved { owner });
            return reply.send(&Ok(moved.unwrap_or(StatisticsReply::Measured(Vec::new()))));
        };
        if owned.account != account {
            return reply.send(&Err(failure::not_found()));
        }
        let all = owned.session.state().participants.into_iter();
        let asked = chosen(all.map(|it| (it.connection_id, it.user_id)).collect(), whom);
        let (shard, receives) = (owned.shard.clone(), matches!(whom, Measured::One(_)));
        self.shutdown.tasks.spawn(async move {
            let measured = shard.measure(asked.iter().map(|(connection, _)| *connection).collect(), receives);
            reply.send(&match measured.await {
                Ok(measured) => Ok(StatisticsReply::Measured(named(asked, measured, receives))),
                Err(_) => Err(failure::unavailable()),
            });
        });
    }
}

/// Of whom something was asked, of those who are there.
fn chosen(mut all: Vec<(ConnectionId, UserId)>, whom: Measured) -> Vec<(ConnectionId, UserId)> {
    match whom {
        Measured::Everybody { after, limit } => {
            all.sort_unstable();
            all.retain(|(connection, _)| after.is_none_or(|after| *connection > after));
            all.truncate(limit.into());
        }
        Measured::One(wanted) => all.retain(|(connection, _)| *connection == wanted),
    }
    all
}

/// What was measured with whose it is. Of whose media goes past the server nothing is.
fn named(
    asked: Vec<(ConnectionId, UserId)>,
    measured: Vec<Option<MediaStatistics>>,
    receives: bool,
) -> Vec<ParticipantStatistics> {
    let nothing = || MediaStatistics { outbound_rtp: receives.then(Vec::new), ..MediaStatistics::default() };
    let each = asked.into_iter().zip(measured);
    each.map(|((connection_id, user_id), media)| ParticipantStatistics {
        connection_id,
        user_id,
        media: media.unwrap_or_else(nothing),
    })
    .collect()
}
