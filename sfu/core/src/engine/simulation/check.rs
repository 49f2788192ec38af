//! A client's connectivity checks, byte for byte of the simulation's choice.

use crate::stun::{
    Key,
    attribute::{ICE_CONTROLLING, PRIORITY, USE_CANDIDATE},
    kind::{BINDING_REQUEST, BINDING_SUCCESS},
    read::Message,
    write::Writer,
};
use std::net::{Ipv4Addr, SocketAddr};

/// The priority of every check: that of a path learned from one (RFC 8445, section 5.1.2.1).
const PRIORITY_LEARNED: u32 = 0x6E7F_00FF;

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
    let mut out = Vec::new();
    let writer = Writer::new(&mut out, BINDING_REQUEST, transaction)
        .username(ufrag, remote_ufrag)
        .attribute(PRIORITY, &[&PRIORITY_LEARNED.to_be_bytes()])
        .attribute(ICE_CONTROLLING, &[&[7; 8]]);
    let writer = if nominates { writer.attribute(USE_CANDIDATE, &[]) } else { writer };
    writer.sign(&Key::new(pwd));
    out
}

/// A client's response to a check of the engine's, under the client's own password; `None` if it is none.
pub fn reply(request: &[u8], pwd: &str) -> Option<Vec<u8>> {
    let message = Message::parse(request).filter(Message::is_request)?;
    // Where the request came from, which nobody looks at.
    let (transaction, source) = (message.transaction(), SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let mut out = Vec::new();
    Writer::new(&mut out, BINDING_SUCCESS, transaction)
        .mapped_address(source, transaction)
        .sign(&Key::new(pwd));
    Some(out)
}
