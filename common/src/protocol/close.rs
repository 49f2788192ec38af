//! Why the server closes a WebSocket (codes of RFC 6455, section 7.4.2, private range).
//!
//! From 4000 to 4499 the client reconnects and resumes; from 4500 on
//! reconnecting the same way is pointless.

/// A reason to close a connection, as the reference describes it.
#[derive(Debug, Clone, Copy)]
pub struct CloseCode {
    /// The code of the close frame.
    pub number: u16,
    /// Why, as the doc comment says: a line each, with the space before it.
    pub doc: &'static str,
    /// Whether and how the client should come back.
    pub reconnect: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, reconnect $reconnect:literal;)*) => {
        $(
            $(#[doc = $doc])*
            #[doc = concat!("\n\nReconnect: ", $reconnect, ".")]
            pub const $name: u16 = $number;
        )*

        /// Every code that the server closes with.
        pub const ALL: &[CloseCode] = &[
            $(CloseCode { number: $number, doc: concat!($($doc, "\n"),*), reconnect: $reconnect },)*
        ];
    };
}

codes! {
    /// The server drains (RFC 6455: going away).
    GOING_AWAY = 1001, reconnect "yes, and resume";
    /// What came is not WebSocket (RFC 6455).
    PROTOCOL_ERROR = 1002, reconnect "no";
    /// A text is not UTF-8 (RFC 6455).
    INVALID_TEXT = 1007, reconnect "no";
    /// A frame or message is larger than allowed (RFC 6455).
    TOO_BIG = 1009, reconnect "yes, with smaller frames";
    /// The client reads too slowly.
    TOO_SLOW = 4000, reconnect "yes, and resume";
    /// The client sent nothing for too long.
    SILENT = 4001, reconnect "yes, and resume";
    /// The token expired and was not refreshed.
    TOKEN_EXPIRED = 4002, reconnect "with a new token";
    /// The account or the user has as many connections as allowed, or too many others wait unauthenticated.
    OVERLOADED = 4003, reconnect "after a while";
    /// No valid `connection.open` came in time.
    UNAUTHENTICATED = 4500, reconnect "no";
    /// The client broke the limits so often that it is taken for an attack.
    ABUSE = 4501, reconnect "no";
    /// An administrator or the account's own back end ended the connection, or what the token allowed has ended.
    ENDED = 4502, reconnect "with a new access token or after signing in again, or with a new join token";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_are_the_same_and_all_are_in_order() {
        assert!(ALL.is_sorted_by(|one, next| one.number < next.number));
    }
}
