//! The engine by itself: descriptions, datagrams and time in, datagrams and events out.

mod arrivals;
mod beginnings;
mod client;
mod congestion;
mod crowds;
mod data;
mod feedback;
mod key_frames;
mod layers;
mod moves;
mod naming;
mod offers;
mod pauses;
mod peers;
mod players;
mod recorded;
mod speaking;
mod stage;
mod statistics;
mod strangers;
mod streams;
mod tcp;
mod voices;
mod wishes;
