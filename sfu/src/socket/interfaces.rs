//! The machine's own addresses.

#![expect(unsafe_code, reason = "getifaddrs(3) is offered by no safe interface of the standard library")]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses of all interfaces that are up, those that others can reach first.
///
/// Without link-local IPv6, which means nothing to a browser elsewhere.
///
/// # Errors
/// If the system does not tell.
pub(crate) fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = interface_addresses()?;
    addresses.retain(|address| match address {
        IpAddr::V4(v4) => !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_unicast_link_local(),
    });
    addresses.sort_by_key(IpAddr::is_loopback);
    addresses.dedup();
    Ok(addresses)
}

fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `head` is a valid place for the list's head.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = head;
    // SAFETY: the list is the system's, untouched and not yet freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        let is_up = entry.ifa_flags.cast_signed() & libc::IFF_UP != 0;
        if is_up && let Some(address) = address_of(entry) {
            found.push(address);
        }
        next = entry.ifa_next;
    }
    // SAFETY: `head` came from getifaddrs and is freed once.
    unsafe { libc::freeifaddrs(head) };
    Ok(found)
}

fn address_of(entry: &libc::ifaddrs) -> Option<IpAddr> {
    // SAFETY: the system set the pointer, to an address or to null.
    let family = i32::from(unsafe { entry.ifa_addr.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: the family says that it is one of these; read unaligned
            // because a `sockaddr` promises less alignment.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_the_addresses_and_comes_last() {
        let addresses = local_addresses().unwrap();
        assert!(addresses.contains(&Ipv4Addr::LOCALHOST.into()), "{addresses:?}");
        assert!(addresses.is_sorted_by_key(IpAddr::is_loopback));
    }
}
