//! Going on where an earlier connection has ended.

use crate::{Client, Error};
use common::{
    id::RoomId,
    protocol::{
        inbox::{self, Sequenced},
        room::{Join, Joined, RoomMessage},
    },
};

impl Client {
    /// Joins a durable room and hands on what was said after the message or change with number `after`, page by page.
    /// The last answer, after which events continue; with `recovered` false, not all that was missed can be had, and
    /// what comes after is unread.
    ///
    /// # Errors
    /// [`Error`]; what was handed on before need not be asked for again.
    pub async fn resume_room(
        &mut self,
        room: RoomId,
        mut after: u64,
        mut missed: impl FnMut(RoomMessage),
    ) -> Result<Joined, Error> {
        loop {
            let join = Join { room_id: Some(room), after: Some(after), ..Join::default() };
            let mut page = self.request(&join).await?;
            page.messages.drain(..).for_each(&mut missed);
            if !page.more || !page.recovered {
                return Ok(page);
            }
            after = page.seq;
        }
    }

    /// Follows the account's inbox and hands on what happened after the event with number `after`, page by page. As
    /// [`Client::resume_room`].
    ///
    /// # Errors
    /// [`Error`]; what was handed on before need not be asked for again.
    pub async fn resume_inbox(
        &mut self,
        mut after: u64,
        mut missed: impl FnMut(Sequenced),
    ) -> Result<inbox::Subscribed, Error> {
        loop {
            let mut page = self.request(&inbox::Subscribe { after: Some(after) }).await?;
            page.events.drain(..).for_each(&mut missed);
            if !page.more || !page.recovered {
                return Ok(page);
            }
            after = page.seq;
        }
    }
}
