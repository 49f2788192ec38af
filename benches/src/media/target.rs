//! What the load client asks of a server, whichever it is.

use std::error::Error;

/// One person's place in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) room: usize,
    pub(super) person: usize,
}

/// A running media server. Ended when dropped.
pub(super) trait Server {
    /// Its process, while it runs.
    fn id(&self) -> Option<u32>;

    /// Seats a person.
    async fn join(&mut self, seat: Seat, send: bool, receive: bool) -> Result<(), Box<dyn Error>>;

    /// Answers an offer of what the person sends.
    async fn publish(&mut self, seat: Seat, sdp: String) -> Result<String, Box<dyn Error>>;

    /// Offers a person what the others in the room send; `None` once it has answered all of it.
    async fn subscribe(&mut self, seat: Seat) -> Result<Option<String>, Box<dyn Error>>;

    /// Takes the answer to what [`subscribe`](Self::subscribe) offered last.
    async fn answer(&mut self, seat: Seat, sdp: String) -> Result<(), Box<dyn Error>>;
}
