//! RTCP packets (RFC 3550, RFC 4585): what is read, and what is written.

pub mod read;
pub mod write;

/// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
pub(crate) mod kind {
    pub(crate) const SENDER_REPORT: u8 = 200;
    pub(crate) const RECEIVER_REPORT: u8 = 201;
    pub(crate) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(crate) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Feedback formats (RFC 4585, section 6; RFC 5104, section 4.3.1).
pub(crate) mod format {
    pub(crate) const NACK: u8 = 1;
    pub(crate) const PLI: u8 = 1;
    pub(crate) const FIR: u8 = 4;
    pub(crate) const APPLICATION: u8 = 15;
}
