//! A client's connectivity checks, byte for byte of the simulation's choice.

use crate::transport::check::{BINDING_REQUEST, BINDING_SUCCESS, attribute, named, signed, transaction};
use is::stun::StunMessage;

/// Attributes that only clients write (RFC 8489, section 18.3; RFC 8445, section 16.1).
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLING: u16 = 0x802A;

/// A binding request (RFC 8445, section 7.2) for the transport whose own name and password are
/// given first, from the client of the name given then.
///
/// `nominates` asks that media be sent to where the request comes from.
pub fn check(
    (ufrag, pwd): (&str, &str),
    remote_ufrag: &str,
    nominates: bool,
    transaction: [u8; 12],
) -> Vec<u8> {
    let mut attributes = named(ufrag, remote_ufrag);
    attribute(&mut attributes, ICE_CONTROLLING, &[7; 8]);
    if nominates {
        attribute(&mut attributes, USE_CANDIDATE, &[]);
    }
    signed(BINDING_REQUEST, attributes, pwd, transaction)
}

/// A client's response to a check of the engine's, under the client's own password; `None` if it is none.
pub fn reply(request: &[u8], pwd: &str) -> Option<Vec<u8>> {
    if !StunMessage::parse(request).ok()?.is_binding_request() {
        return None;
    }
    let mut attributes = Vec::new();
    // Where the request came from: family, port and address, which nobody looks at.
    attribute(&mut attributes, XOR_MAPPED_ADDRESS, &[0, 1, 0, 0, 0, 0, 0, 0]);
    Some(signed(BINDING_SUCCESS, attributes, pwd, transaction(request)?))
}
