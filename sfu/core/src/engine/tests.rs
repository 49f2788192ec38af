//! The engine by itself: descriptions, datagrams and time in, datagrams and events out.

mod feedback;
mod offers;
mod peers;
mod stage;
mod strangers;
mod streams;
