//! Reading a message: for whom it is, whether it is authentic, and what ICE needs of it.
//!
//! Anybody can send one. What is not well formed, or has more attributes than
//! any client's, is dropped; reading allocates nothing and writes nothing down.

use super::{
    CODE_BYTES, COOKIE, HEADER_BYTES, INTEGRITY_BYTES, Key, Transaction,
    attribute::{
        ERROR_CODE, FINGERPRINT, ICE_CONTROLLED, MAPPED_ADDRESS, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256,
        NONCE, OPTIONAL, PASSWORD_ALGORITHM, PRIORITY, REALM, UNKNOWN_ATTRIBUTES, USE_CANDIDATE, USERHASH,
        USERNAME, XOR_MAPPED_ADDRESS,
    },
    fingerprint,
    kind::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS},
};

/// Attributes of one message at most.
///
/// A browser's check has about ten; more than needed is only work.
pub(crate) const ATTRIBUTES_MAX: usize = 16;

/// For whom a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee<'a> {
    /// A request: the agent of this name.
    Named(&'a str),
    /// A response, which carries no name: the agent that sent to where it comes from.
    Asker,
}

/// A message that is well formed, and not known to be authentic.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    kind: u16,
    transaction: Transaction,
    bytes: usize,
    header: &'a [u8; HEADER_BYTES],
    username: Option<&'a str>,
    nominates: bool,
    claims_controlled: bool,
    /// The attributes that its code covers, and the code.
    integrity: Option<(&'a [u8], &'a [u8])>,
    /// Attributes that have to be understood and are not, as they came.
    unknown: [u16; ATTRIBUTES_MAX],
    unknown_count: usize,
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` if it is not a message of ours, or its checksum is wrong.
    ///
    /// Without a checksum it is taken: what counts is the code.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (header, attributes) = datagram.split_first_chunk::<HEADER_BYTES>()?;
        let [class, method, high, low, c0, c1, c2, c3, transaction @ ..] = *header;
        if usize::from(u16::from_be_bytes([high, low])) != attributes.len() || [c0, c1, c2, c3] != COOKIE {
            return None;
        }
        let mut message = Self {
            kind: u16::from_be_bytes([class, method]),
            transaction,
            bytes: datagram.len(),
            header,
            username: None,
            nominates: false,
            claims_controlled: false,
            integrity: None,
            unknown: [0; ATTRIBUTES_MAX],
            unknown_count: 0,
        };
        let (mut count, mut rest) = (0..ATTRIBUTES_MAX, attributes);
        while !rest.is_empty() {
            count.next()?;
            let before = datagram.len().checked_sub(rest.len())?;
            let (&[kind_high, kind_low, high, low], after) = rest.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let value = after.get(..length)?;
            rest = after.get(length.next_multiple_of(4)..)?;
            let kind = u16::from_be_bytes([kind_high, kind_low]);
            if kind == FINGERPRINT {
                // It ends the message (RFC 8489, section 14.7).
                let is_right = value == fingerprint(datagram.get(..before)?).to_be_bytes() && rest.is_empty();
                return is_right.then_some(message);
            }
            // What follows the code anybody could have added (RFC 8489, section 14.5).
            if message.integrity.is_none() {
                message.note(kind, value, datagram.get(HEADER_BYTES..before)?)?;
            }
        }
        Some(message)
    }

    fn note(&mut self, kind: u16, value: &'a [u8], before: &'a [u8]) -> Option<()> {
        match kind {
            USERNAME if self.username.is_none() => self.username = Some(std::str::from_utf8(value).ok()?),
            MESSAGE_INTEGRITY => {
                self.integrity = Some((before, value));
                return (value.len() == CODE_BYTES).then_some(());
            }
            USE_CANDIDATE => self.nominates = true,
            ICE_CONTROLLED => self.claims_controlled = true,
            // Known, and of no use here.
            USERNAME
            | MAPPED_ADDRESS
            | ERROR_CODE
            | UNKNOWN_ATTRIBUTES
            | REALM
            | NONCE
            | MESSAGE_INTEGRITY_SHA256
            | PASSWORD_ALGORITHM
            | USERHASH
            | XOR_MAPPED_ADDRESS
            | PRIORITY => {}
            OPTIONAL.. => {}
            _ => {
                *self.unknown.get_mut(self.unknown_count)? = kind;
                self.unknown_count = self.unknown_count.saturating_add(1);
            }
        }
        Some(())
    }

    /// For whom it is; `None` if it is not for an ICE agent.
    pub(crate) fn addressee(&self) -> Option<Addressee<'a>> {
        match self.kind {
            // Who is asked comes first, then who asks (RFC 8445, section 7.2.2).
            BINDING_REQUEST => self.username?.split_once(':').map(|(asked, _)| Addressee::Named(asked)),
            BINDING_SUCCESS | BINDING_ERROR => Some(Addressee::Asker),
            _ => None,
        }
    }

    /// Whether it is a response that says yes.
    pub(crate) const fn is_success(&self) -> bool {
        self.kind == BINDING_SUCCESS
    }

    /// Whether it is a request.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) const fn is_request(&self) -> bool {
        self.kind == BINDING_REQUEST
    }

    /// How long it is.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Names the request.
    pub(crate) const fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// Whether who sends it wants media to come to where it was sent from (RFC 8445, section 7.1.2).
    pub(crate) const fn nominates(&self) -> bool {
        self.nominates
    }

    /// Whether who sends it takes itself for the controlled side.
    pub(crate) const fn claims_controlled(&self) -> bool {
        self.claims_controlled
    }

    /// Attributes that have to be understood and are not.
    pub(crate) fn unknown(&self) -> &[u16] {
        self.unknown.get(..self.unknown_count).unwrap_or_default()
    }

    /// Whether it was signed by who knows the password.
    pub(crate) fn is_signed_with(&self, key: &Key) -> bool {
        let Some((covered, code)) = self.integrity else { return false };
        let [class, method, _, _, rest @ ..] = self.header;
        let length = covered.len().saturating_add(INTEGRITY_BYTES);
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        key.verifies(&[&[*class, *method], &length, rest, covered], code)
    }
}
