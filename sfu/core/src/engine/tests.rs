//! The engine by itself: descriptions, datagrams and time in, datagrams and events out.

mod offers;
mod stage;
mod streams;
