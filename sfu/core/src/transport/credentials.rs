//! The names and passwords that ICE agents go by.

use crate::stun::Key;

/// The name and the password of one ICE agent (RFC 8839, section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
}

/// Credentials, ready to verify and to sign.
pub(super) struct Keyed {
    pub(super) credentials: Credentials,
    pub(super) key: Key,
}

impl Keyed {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { key: Key::new(&credentials.pwd), credentials }
    }
}

/// What both sides go by from one restart of ICE to the next (RFC 8445, section 9).
pub(super) struct Generation {
    /// Counts the generations of a transport.
    pub(super) number: u64,
    pub(super) local: Keyed,
    /// Once the client has said it. Its checks may come before.
    pub(super) remote: Option<Keyed>,
}

impl Generation {
    pub(super) fn new(number: u64, local: Credentials, remote: Option<Credentials>) -> Self {
        Self { number, local: Keyed::new(local), remote: remote.map(Keyed::new) }
    }
}
