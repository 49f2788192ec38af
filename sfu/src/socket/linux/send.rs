//! Giving datagrams: a batch of runs per call, each run split by the kernel.

use super::{
    super::{BATCH, Run, Sent, mapped},
    control::{self, Control},
};
use common::error::Chain;
use socket2::SockAddr;
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
pub(crate) struct Sender {
    local: SocketAddr,
    /// Whether the source address is said with each message.
    pins_source: bool,
    /// Whether the kernel splits runs; off once it has refused to.
    splits: bool,
    names: Box<[SockAddr]>,
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
        Ok(Self {
            local,
            pins_source: pins_source && local.ip().is_unspecified(),
            splits: true,
            names: (0..BATCH).map(|_| SockAddr::from(local)).collect(),
            controls: vec![Control::EMPTY; BATCH].into_boxed_slice(),
        })
    }

    /// Sends all `runs`.
    ///
    /// What the system does not take at once is dropped and counted, as a full
    /// network would: waiting would delay everybody behind it.
    pub(crate) fn send<'a>(&mut self, socket: &UdpSocket, runs: impl Iterator<Item = Run<'a>>) -> Sent {
        let mut sent = Sent::default();
        let mut batch: [Option<Run<'a>>; BATCH] = [None; BATCH];
        let mut filled = 0;
        for part in runs.flat_map(parts) {
            if let Some(place) = batch.get_mut(filled) {
                *place = Some(part);
                filled += 1;
            }
            if filled == BATCH {
                self.send_batch(socket, batch.iter().flatten(), &mut sent);
                filled = 0;
            }
        }
        self.send_batch(socket, batch.iter().take(filled).flatten(), &mut sent);
        sent
    }

    fn send_batch<'a, 'r>(
        &mut self,
        socket: &UdpSocket,
        runs: impl Iterator<Item = &'r Run<'a>> + Clone,
        sent: &mut Sent,
    ) where
        'a: 'r,
    {
        if !self.splits {
            return self.send_singly(socket, runs, sent);
        }
        // SAFETY: all zeroes are a valid iovec.
        let mut vectors: [libc::iovec; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: all zeroes are a valid mmsghdr.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        let mut count = 0;
        for (((run, header), vector), (name, control)) in runs
            .clone()
            .zip(&mut headers)
            .zip(&mut vectors)
            .zip(self.names.iter_mut().zip(&mut self.controls))
        {
            *name = SockAddr::from(mapped(run.destination, self.local));
            vector.iov_base = run.bytes.as_ptr().cast_mut().cast();
            vector.iov_len = run.bytes.len();
            let segment = if run.bytes.len() > run.segment { u16::try_from(run.segment).ok() } else { None };
            let source = self.pins_source.then(|| source_in_family(run.source, self.local));
            header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = name.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_controllen = control::write(control, source, segment);
            header.msg_hdr.msg_control = control.pointer();
            count += 1;
        }
        let mut done = 0;
        while let Some(rest) = headers.get_mut(done..count).filter(|rest| !rest.is_empty()) {
            match send_messages(socket, rest) {
                Ok(taken) => {
                    sent.calls += 1;
                    sent.datagrams += runs.clone().skip(done).take(taken).map(segments).sum::<u64>();
                    done += taken.max(1);
                }
                Err(error) => {
                    sent.calls += 1;
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

    fn send_singly<'a: 'r, 'r>(
        &self,
        socket: &UdpSocket,
        runs: impl Iterator<Item = &'r Run<'a>>,
        sent: &mut Sent,
    ) {
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

/// How many datagrams a run is.
fn segments(run: &Run<'_>) -> u64 {
    u64::try_from(run.bytes.len().div_ceil(run.segment.max(1))).unwrap_or(u64::MAX)
}

/// A run in parts that the kernel takes as one message each.
fn parts(run: Run<'_>) -> impl Iterator<Item = Run<'_>> {
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
