//! The ancillary data of a message (cmsg(3)): local addresses and the segment size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for an IPv6 packet information and a segment size, as CMSG_SPACE counts them.
pub(super) const CONTROL_BYTES: usize = 64;

/// Ancillary data, aligned as the system wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; CONTROL_BYTES]);

impl Control {
    pub(super) const EMPTY: Self = Self([0; CONTROL_BYTES]);

    pub(super) fn pointer(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }
}

/// The local address that a received message was sent to, if the system told.
///
/// # Safety
/// `header`'s control pointer and length must describe what the system wrote.
pub(super) unsafe fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the caller's promise.
    let mut entry = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return an entry within the control data, or null.
    while let Some(found) = unsafe { entry.as_ref() } {
        // SAFETY: an entry's data follows its header.
        let data = unsafe { libc::CMSG_DATA(entry) };
        match (found.cmsg_level, found.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: level and type say that it is one of these.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                return Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: level and type say that it is one of these.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical());
            }
            _ => {}
        }
        // SAFETY: `entry` is the one before, still within the control data.
        entry = unsafe { libc::CMSG_NXTHDR(header, entry) };
    }
    None
}

/// Writes ancillary data for one message and returns how many bytes of `control` it takes.
///
/// `source` is the address to send from, in the socket's family; `segment` the
/// size at which the kernel is to split the message.
pub(super) fn write(control: &mut Control, source: Option<IpAddr>, segment: Option<u16>) -> usize {
    let mut used = 0;
    match source {
        Some(IpAddr::V4(v4)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from(v4).to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            used += append(control, used, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        Some(IpAddr::V6(v6)) => {
            let info =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: v6.octets() }, ipi6_ifindex: 0 };
            used += append(control, used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
        None => {}
    }
    if let Some(segment) = segment {
        used += append(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
    }
    used
}

/// Writes one entry at `offset` and returns its size, padding included; 0 if it does not fit.
fn append<T: Copy>(
    control: &mut Control,
    offset: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) -> usize {
    let Ok(size) = u32::try_from(size_of::<T>()) else { return 0 };
    // SAFETY: these two only calculate.
    let (space, length) = unsafe { (libc::CMSG_SPACE(size) as usize, libc::CMSG_LEN(size) as usize) };
    let Some(place) = control.0.get_mut(offset..offset + space) else { return 0 };
    let header = libc::cmsghdr { cmsg_len: length, cmsg_level: level, cmsg_type: kind };
    let pointer = place.as_mut_ptr();
    // SAFETY: `place` has CMSG_SPACE bytes: the header, then the value where CMSG_LEN(0) says.
    unsafe {
        pointer.cast::<libc::cmsghdr>().write_unaligned(header);
        pointer.add(libc::CMSG_LEN(0) as usize).cast::<T>().write_unaligned(value);
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_an_address_is_read_as_that_address() {
        for address in [IpAddr::from([127, 0, 0, 2]), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let mut control = Control::EMPTY;
            let used = write(&mut control, Some(address), Some(1200));
            assert!(used <= CONTROL_BYTES);
            // SAFETY: all zeroes are a valid msghdr.
            let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
            header.msg_control = control.pointer();
            header.msg_controllen = used;
            // Sending names the address `ipi_spec_dst`, receiving `ipi_addr`: for IPv4 they differ.
            if address.is_ipv6() {
                // SAFETY: the control data was just written.
                assert_eq!(unsafe { destination(&header) }, Some(address));
            }
        }
    }
}
