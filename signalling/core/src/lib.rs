//! The hub's decisions, without IO: inputs and time come in, effects go out.
//!
//! A [`call`] rings until somebody wins or an outcome is reached. A [`roster`]
//! is who is in a room on all instances. A [`feed`] hands a numbered stream to
//! its readers exactly once each, and says when it must be read from the store.
//! A [`filter`] says what a change of a row is to whom. A [`limit`] slows down who asks too much,
//! a [`ledger`] knows who has how many connections and what they have used together.

pub mod call;
pub mod feed;
pub mod filter;
pub mod ledger;
pub mod limit;
pub mod roster;
