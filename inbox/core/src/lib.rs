//! What customers' channels say and want to hear, without IO.
//!
//! A [`signature`] proves who sent a webhook. [`whatsapp`] takes the body apart
//! and turns each item into a [`message::UnifiedMessage`] or a status report,
//! and turns replies into requests.

pub mod message;
pub mod signature;
pub mod whatsapp;
