//! Subjects of the bus: the messages between the parts of the server.
//!
//! A [`Topic`] is published to whoever listens; a [`Service`] is asked and
//! answers. Each subject is a type that names its messages, so "who answers
//! this?" is one search.

pub mod events;
pub mod hub;
pub mod inbox;
pub mod link;
pub mod mailbox;
pub mod media;
pub mod media_move;
pub mod recording;
pub mod revocation;
pub mod room_list;
pub mod statistics;
pub mod whip;

use serde::{Serialize, de::DeserializeOwned};

/// A subject that is published to; every subscriber gets every message.
pub trait Topic {
    /// The message that is published.
    type Message: Serialize + DeserializeOwned + Send + 'static;
    /// The subject's name on the bus.
    fn name(&self) -> String;
}

/// A subject that is asked; exactly one part answers.
pub trait Service {
    /// The request.
    type Request: Serialize + DeserializeOwned + Send + 'static;
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The subject's name on the bus.
    fn name(&self) -> String;
}

/// A lease: at most one node holds it at a time.
pub trait LeaseName {
    /// The lease's name on the bus.
    fn name(&self) -> String;
}

/// A set of entries that each expire unless their node keeps them up.
pub trait PresenceSet {
    /// The value of one entry.
    type Entry: Serialize + DeserializeOwned + Send + Clone + PartialEq + 'static;
    /// The set's name on the bus.
    fn name(&self) -> String;
}

/// The latest of a numbered sequence, kept on the bus for a while.
pub trait History {
    /// One entry.
    type Entry: Serialize + DeserializeOwned + Send + 'static;
    /// The history's name on the bus.
    fn name(&self) -> String;
}

#[cfg(test)]
mod tests;
