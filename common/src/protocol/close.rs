//! Why the server closes a WebSocket (codes of RFC 6455, section 7.4.2, private range).
//!
//! From 4000 to 4499 the client reconnects and resumes; from 4500 on
//! reconnecting the same way is pointless.

/// The server is draining: reconnect, to another instance if there is one (RFC 6455: going away).
pub const GOING_AWAY: u16 = 1001;
/// What came is not WebSocket (RFC 6455): reconnecting the same way is pointless.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A text is not UTF-8 (RFC 6455): reconnecting the same way is pointless.
pub const INVALID_TEXT: u16 = 1007;
/// A frame or message is larger than allowed (RFC 6455).
pub const TOO_BIG: u16 = 1009;
/// The client reads too slowly; reconnect and resume.
pub const TOO_SLOW: u16 = 4000;
/// Nothing was heard from the client for too long.
pub const SILENT: u16 = 4001;
/// The token expired and was not refreshed; get a new one and reconnect.
pub const TOKEN_EXPIRED: u16 = 4002;
/// The account or the user has as many connections as allowed, or too many others wait unauthenticated;
/// reconnect after a while.
pub const OVERLOADED: u16 = 4003;
/// No valid `connection.open` came in time.
pub const UNAUTHENTICATED: u16 = 4500;
/// The client broke the limits so often that it is taken for an attack.
pub const ABUSE: u16 = 4501;
/// An administrator or the account's own back end has ended the connection.
pub const ENDED: u16 = 4502;
