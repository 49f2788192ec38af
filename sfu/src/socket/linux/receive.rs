//! Taking datagrams, up to a batch per call.

use super::{
    super::{BATCH, DATAGRAM_BYTES_MAX, Datagram, canonical},
    control::{self, CONTROL_BYTES, Control},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};

/// The datagrams that were received last, and the room they lie in.
///
/// The headers point into the boxes beside them; they are set up once, and only
/// the lengths, which the system overwrites, are set again before each call.
pub(crate) struct Received {
    headers: Box<[libc::mmsghdr]>,
    slots: Box<[Slot]>,
    taken: usize,
    local: SocketAddr,
    /// Kept for its address only: the headers point at these.
    _vectors: Box<[libc::iovec]>,
}

struct Slot {
    bytes: [u8; DATAGRAM_BYTES_MAX],
    source: libc::sockaddr_storage,
    control: Control,
}

impl Received {
    /// Room for one batch. Asks the system to tell each datagram's destination
    /// if the socket listens on more than one address.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) fn new(socket: &UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        if local.ip().is_unspecified() {
            tell_destinations(socket, local)?;
        }
        let mut slots: Box<[Slot]> = (0..BATCH)
            .map(|_| Slot {
                bytes: [0; DATAGRAM_BYTES_MAX],
                // SAFETY: all zeroes are a valid address, of no family.
                source: unsafe { std::mem::zeroed() },
                control: Control::EMPTY,
            })
            .collect();
        let mut vectors: Box<[libc::iovec]> = slots
            .iter_mut()
            .map(|slot| libc::iovec { iov_base: slot.bytes.as_mut_ptr().cast(), iov_len: DATAGRAM_BYTES_MAX })
            .collect();
        let headers = slots
            .iter_mut()
            .zip(&mut vectors)
            .map(|(slot, vector)| {
                // SAFETY: all zeroes are a valid mmsghdr.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut slot.source).cast();
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = slot.control.pointer();
                header
            })
            .collect();
        Ok(Self { headers, slots, taken: 0, local: canonical(local), _vectors: vectors })
    }

    /// Takes what waits in the socket, in place of what was here. Returns how many datagrams.
    ///
    /// # Errors
    /// What the system fails with; that nothing waits is no error.
    pub(crate) fn fill(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        // Only what the last call filled was changed by it.
        let stale = if self.taken == 0 { BATCH } else { self.taken };
        for header in self.headers.iter_mut().take(stale) {
            header.msg_hdr.msg_namelen = NAME_BYTES;
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
        }
        // SAFETY: every header points to live memory of the length it says.
        let taken = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_WIRE,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        self.taken = usize::try_from(taken).unwrap_or(0);
        if taken >= 0 {
            return Ok(self.taken);
        }
        let error = io::Error::last_os_error();
        let nothing_waits = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
        if nothing_waits { Ok(0) } else { Err(error) }
    }

    /// What was taken. A datagram that did not fit, or came from no IP address, is left out.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        let local = self.local;
        self.headers.iter().zip(&mut self.slots).take(self.taken).filter_map(move |(header, slot)| {
            if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                return None;
            }
            // SAFETY: the system wrote this header's control data.
            let destination = unsafe { control::destination(&header.msg_hdr) };
            Some(Datagram {
                source: canonical(address_of(&slot.source)?),
                destination: SocketAddr::new(destination.unwrap_or(local.ip()), local.port()),
                bytes: slot.bytes.get_mut(..usize::try_from(header.msg_len).ok()?)?,
            })
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both are small constants")]
const BATCH_WIRE: libc::c_uint = BATCH as libc::c_uint;
#[expect(clippy::cast_possible_truncation, reason = "both are small constants")]
const NAME_BYTES: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

/// The address that the system wrote; `None` if it is no IP address.
fn address_of(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer: *const libc::sockaddr_storage = storage;
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is one of these, and the storage is large enough.
            let address = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(address.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            Some(SocketAddr::from((ip, u16::from_be(address.sin6_port))))
        }
        _ => None,
    }
}

/// Asks for the destination of each datagram.
fn tell_destinations(socket: &UdpSocket, local: SocketAddr) -> io::Result<()> {
    let (level, option) = match local.ip() {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is a live integer of the size given.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), INTEGER_BYTES) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(clippy::cast_possible_truncation, reason = "four")]
const INTEGER_BYTES: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
