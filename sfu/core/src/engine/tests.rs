//! The engine by itself: descriptions, datagrams and time in, datagrams and events out.

mod crowds;
mod feedback;
mod naming;
mod offers;
mod peers;
mod stage;
mod strangers;
mod streams;
