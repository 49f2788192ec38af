//! Letting somebody in who plays.

use super::Entered;
use crate::{
    control::{Control, failure},
    session::JoinError,
};
use common::{
    id::{AccountId, ConnectionId, RoomId, UserId},
    subject::{media::MediaReply, whip::WhipReply},
};
use futures_util::FutureExt;
use sfu_core::sdp::parse::Remote;

impl Control {
    /// Has the shard send a player what user `of` sends, or whoever is featured, now and later.
    pub(super) async fn admit_player(
        &mut self,
        (account, room): (AccountId, RoomId),
        (session, user): (ConnectionId, UserId),
        of: Option<UserId>,
        offer: Remote,
    ) -> Entered {
        match self.ensure(account, room).await {
            Ok(()) => {}
            Err(Ok(MediaReply::Moved { owner })) => return Err(Ok(WhipReply::Moved { owner })),
            Err(Err(failure)) => return Err(Err(failure)),
            Err(Ok(_)) => return Err(Err(failure::unavailable())),
        }
        let mut outcome = Err(JoinError::Full);
        self.change(room, |state, effects| outcome = state.play(session, user, of, effects)).await;
        outcome.map_err(|refusal| Err(failure::join(refusal)))?;
        let answered = self
            .served(room, session)
            .and_then(|shard| shard.play(session, offer.clone()).map_err(|_| failure::unavailable()));
        match answered {
            Ok(answered) => {
                let answer = async move {
                    let answered = answered.await.map_err(|_| failure::unavailable())?;
                    answered.map_err(|error| failure::sdp(&error))
                };
                Ok((offer, answer.boxed()))
            }
            Err(failure) => {
                self.end_client(room, session, "its offer was not taken").await;
                Err(Err(failure))
            }
        }
    }
}
