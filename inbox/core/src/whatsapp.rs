//! WhatsApp Business, Cloud API.

pub mod receive;
pub mod send;
