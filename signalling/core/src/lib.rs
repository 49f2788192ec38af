//! The hub's decisions, without IO: inputs and time come in, effects go out.
//!
//! A [`room`] is what one instance has of it: those who are in it here, and what they are told. Beside them, a
//! [`roster`] is who is in it on other instances, and a [`sequence`] hands numbered events to its readers exactly
//! once each, and says when it must be read from the store. [`presence`] is who of an account is connected, for
//! those who watch it here. A [`comparison`] says when either reads anew what other instances have, and how far
//! that is believed. A [`call`] rings until somebody wins or an outcome is reached.
//! A [`replay`] is what a client is sent that comes back, a [`revision`] what becomes of a message that was said,
//! [`typing`] who is about to say something.
//! [`turns`] are taken by those who have much to store.
//! A [`gathering`] tells together what changes at once among many; [`pages`] of members are told to who follows them.
//! A [`room_list`] is what is unread in all rooms of an account and who is in a call where, for those who are in none of
//! them.
//! An [`admission`] says who may do what in a room.
//! A [`filter`] says what a change of a row is to whom. A [`limit`] slows down who asks too much,
//! a [`ledger`] knows who has how many connections and what they have used together. Who has not said yet who
//! they are waits in a [`lobby`].

#![deny(clippy::iter_over_hash_type, reason = "two runs of the same inputs must do the same")]

pub mod admission;
pub mod call;
pub mod comparison;
mod departed;
pub mod filter;
pub mod gathering;
pub mod ledger;
pub mod limit;
pub mod lobby;
pub mod media_owners;
pub mod pages;
pub mod presence;
pub mod replay;
pub mod revision;
pub mod room;
pub mod room_list;
pub mod roster;
pub mod sequence;
pub mod turns;
pub mod typing;
