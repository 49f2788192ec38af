//! Free ports of loopback for servers that must be told theirs before they bind it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// From here on, so many ports are given away. All are below those that operating systems take for outgoing connections
/// and for whoever binds port 0 (`net.ipv4.ip_local_port_range` begins at 32768, macOS' range at 49152): such a one is
/// often somebody else's by the time the server binds it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// How many this process has given away, or found to be taken: none is given twice, for as long as there are others.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// One that nobody has bound, for TCP or for UDP.
///
/// # Errors
/// If all are taken.
pub fn free() -> io::Result<SocketAddr> {
    // Processes that run side by side begin at places of their own.
    let own = process::id().wrapping_mul(97);
    let mut candidates = (0..COUNT).map(|_| {
        let offset = own.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = u32::from(FIRST).saturating_add(offset);
        SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or(FIRST)))
    });
    let is_free =
        |address: &SocketAddr| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
    candidates.find(is_free).ok_or_else(|| io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ports_differ_are_no_ephemeral_ones_and_what_is_bound_is_not_given() {
        let ports: BTreeSet<u16> = (0..100).filter_map(|_| Some(free().ok()?.port())).collect();
        assert_eq!(ports.len(), 100);
        assert!(ports.iter().all(|port| (FIRST..FIRST + COUNT).contains(port)));
        let taken = free().expect("a port");
        let _listener = TcpListener::bind(taken).expect("it is free");
        assert!((0..COUNT).all(|_| free().is_ok_and(|port| port != taken)));
    }
}
