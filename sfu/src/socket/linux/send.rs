//! Giving datagrams: a batch of runs per call, each run split by the kernel.

use super::{
    super::{BATCH, Run, Sent, mapped},
    control::{self, Control},
};
use common::error::Chain;
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};
use tracing::warn;

/// The most datagrams that the kernel makes of one message (UDP_MAX_SEGMENTS of its older versions).
const SEGMENTS_MAX: usize = 64;

/// The most bytes of one message (an IPv4 datagram's 65,535 less its headers).
const MESSAGE_BYTES_MAX: usize = 65_507;

/// Sends runs, and the memory in which their headers are put together.
///
/// The headers point into the boxes beside them, which is set up once; of a message its destination, its bytes and
/// its ancillary data are written.
pub(crate) struct Sender {
    local: SocketAddr,
    /// Whether the source address is said with each message.
    pins_source: bool,
    /// Whether the kernel splits runs; off once it has refused to.
    splits: bool,
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    names: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
}

impl Sender {
    /// A sender over `socket`. `pins_source`: whether to name the address to
    /// send from, because the system's own choice may be another.
    ///
    /// # Errors
    /// If the socket cannot be used.
    pub(crate) fn new(socket: &UdpSocket, pins_source: bool) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let mut controls = vec![Control::EMPTY; BATCH].into_boxed_slice();
        // SAFETY: all zeroes are a valid iovec, of nothing.
        let mut vectors: Box<[libc::iovec]> = (0..BATCH).map(|_| unsafe { std::mem::zeroed() }).collect();
        // SAFETY: all zeroes are a valid address, of no family.
        let mut names: Box<[libc::sockaddr_storage]> =
            (0..BATCH).map(|_| unsafe { std::mem::zeroed() }).collect();
        let headers = names
            .iter_mut()
            .zip(&mut vectors)
            .zip(&mut controls)
            .map(|((name, vector), control)| {
                // SAFETY: all zeroes are a valid mmsghdr.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                header.msg_hdr.msg_control = control.pointer();
                header
            })
            .collect();
        let pins_source = pins_source && local.ip().is_unspecified();
        Ok(Self { local, pins_source, splits: true, headers, vectors, names, controls })
    }

    /// Sends all `runs`.
    ///
    /// What the system does not take at once is dropped and counted, as a full
    /// network would: waiting would delay everybody behind it.
    pub(crate) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        runs: impl Iterator<Item = Run<'a>> + Clone,
    ) -> Sent {
        let mut sent = Sent::default();
        let mut messages = runs.flat_map(parts);
        loop {
            let batch = messages.clone();
            let count = if self.splits { self.fill(&mut messages) } else { 0 };
            if count == 0 {
                // Nothing is left, or the kernel does not split.
                self.send_singly(socket, messages, &mut sent);
                return sent;
            }
            self.send_batch(socket, batch.take(count), count, &mut sent);
        }
    }

    /// Puts the headers of the next messages together, as many as fit; returns how many.
    fn fill<'a>(&mut self, messages: &mut impl Iterator<Item = Run<'a>>) -> usize {
        let slots =
            self.headers.iter_mut().zip(&mut self.vectors).zip(&mut self.names).zip(&mut self.controls);
        let mut count = 0;
        for ((((header, vector), name), control), run) in slots.zip(messages) {
            let segment = if run.bytes.len() > run.segment { u16::try_from(run.segment).ok() } else { None };
            let source = self.pins_source.then(|| source_in_family(run.source, self.local));
            header.msg_hdr.msg_namelen = write_address(name, mapped(run.destination, self.local));
            vector.iov_base = run.bytes.as_ptr().cast_mut().cast();
            vector.iov_len = run.bytes.len();
            header.msg_hdr.msg_controllen = control::write(control, source, segment);
            count += 1;
        }
        count
    }

    /// Sends the first `count` messages of those put together, which are the same as `runs`.
    fn send_batch<'a>(
        &mut self,
        socket: &UdpSocket,
        runs: impl Iterator<Item = Run<'a>> + Clone,
        count: usize,
        sent: &mut Sent,
    ) {
        let mut done = 0;
        while let Some(rest) = self.headers.get_mut(done..count).filter(|rest| !rest.is_empty()) {
            let outcome = send_messages(socket, rest);
            sent.calls += 1;
            match outcome {
                Ok(taken) => {
                    sent.datagrams += runs.clone().skip(done).take(taken).map(segments).sum::<u64>();
                    done += taken.max(1);
                }
                Err(error) => {
                    let failed = runs.clone().skip(done);
                    if cannot_split(&error) && failed.clone().take(1).any(|run| segments(run) > 1) {
                        warn!(error = %Chain(&error), "The kernel does not split UDP datagrams here; sending them singly");
                        self.splits = false;
                        return self.send_singly(socket, failed, sent);
                    }
                    if error.kind() == io::ErrorKind::WouldBlock {
                        sent.dropped += failed.map(segments).sum::<u64>();
                        return;
                    }
                    sent.dropped += failed.take(1).map(segments).sum::<u64>();
                    done += 1;
                }
            }
        }
    }

    fn send_singly<'a>(&self, socket: &UdpSocket, runs: impl Iterator<Item = Run<'a>>, sent: &mut Sent) {
        for run in runs {
            for datagram in run.datagrams() {
                sent.calls += 1;
                match socket.send_to(datagram, mapped(run.destination, self.local)) {
                    Ok(_) => sent.datagrams += 1,
                    Err(_) => sent.dropped += 1,
                }
            }
        }
    }
}

/// Writes an address as the system reads it; returns how many bytes of `storage` it takes.
fn write_address(storage: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    let pointer: *mut libc::sockaddr_storage = storage;
    match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: FAMILY_V4,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is large enough and aligned for every kind of address.
            unsafe { pointer.cast::<libc::sockaddr_in>().write(name) };
            BYTES_V4
        }
        SocketAddr::V6(v6) => {
            let name = libc::sockaddr_in6 {
                sin6_family: FAMILY_V6,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { pointer.cast::<libc::sockaddr_in6>().write(name) };
            BYTES_V6
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the system's constants are small")]
const FAMILY_V4: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "the system's constants are small")]
const FAMILY_V6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;
#[expect(clippy::cast_possible_truncation, reason = "16")]
const BYTES_V4: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;
#[expect(clippy::cast_possible_truncation, reason = "28")]
const BYTES_V6: libc::socklen_t = size_of::<libc::sockaddr_in6>() as libc::socklen_t;

/// How many datagrams a run is.
fn segments(run: Run<'_>) -> u64 {
    u64::try_from(run.bytes.len().div_ceil(run.segment.max(1))).unwrap_or(u64::MAX)
}

/// A run in parts that the kernel takes as one message each.
fn parts(run: Run<'_>) -> impl Iterator<Item = Run<'_>> + Clone {
    let segment = run.segment.max(1);
    let per_message = SEGMENTS_MAX.min(MESSAGE_BYTES_MAX / segment).max(1);
    run.bytes.chunks(segment.saturating_mul(per_message)).map(move |bytes| Run { bytes, ..run })
}

fn source_in_family(source: IpAddr, local: SocketAddr) -> IpAddr {
    mapped(SocketAddr::new(source, 0), local).ip()
}

/// Whether `error` is how a network device without the needed offloads says no.
fn cannot_split(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL | libc::EOPNOTSUPP))
}

/// Returns how many messages the system took, at least one.
fn send_messages(socket: &UdpSocket, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(headers.len()).unwrap_or(0);
    // SAFETY: every header points to live memory of the length it says, as the caller filled them.
    let taken =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    usize::try_from(taken).map_err(|_| io::Error::last_os_error())
}
