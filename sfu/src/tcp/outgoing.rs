//! What waits for a peer to read it, and what is dropped because it does not.

use super::framing;
use sfu_core::demux::{self, Protocol};
use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
};

/// Bytes that may wait on a connection with which pictures and voices are still added, beside what the kernel keeps.
///
/// More carries larger bursts and makes what is late later; less drops more of them. It is what the pacer lets go at
/// once at most.
pub(crate) const MEDIA_WAITING_MAX: usize = 64 * 1024;

/// Bytes that may wait in all: connectivity checks, handshakes and reports still find room behind pictures, or a path
/// on which the peer reads slowly would count as lost.
pub(crate) const WAITING_MAX: usize = MEDIA_WAITING_MAX + 16 * 1024;

/// What a connection keeps of its memory however little waits, in bytes.
const KEPT_BYTES: usize = 8 * 1024;

/// Frames that wait.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: VecDeque<u8>,
    /// The kernel has taken all that it takes for now.
    is_blocked: bool,
    /// It is to be [written](Self::write).
    pub(super) is_noted: bool,
}

impl Outgoing {
    /// Whether another packet is taken as it is now.
    fn has_room(&self, packet: &[u8]) -> bool {
        let most = match demux::protocol(packet) {
            Some(Protocol::Rtp) => MEDIA_WAITING_MAX,
            Some(Protocol::Stun | Protocol::Dtls | Protocol::Rtcp) | None => WAITING_MAX,
        };
        self.bytes.len() + framing::LENGTH_BYTES + packet.len() <= most
    }

    /// Adds a packet, and lets the kernel take what waits before where there is no room otherwise. False if it is
    /// dropped.
    ///
    /// # Errors
    /// What writing fails with.
    pub(super) fn add(&mut self, packet: &[u8], stream: &mut impl Write) -> io::Result<bool> {
        if !self.has_room(packet) {
            self.write(stream)?;
        }
        let length = framing::length(packet).filter(|_| self.has_room(packet));
        let Some(length) = length else { return Ok(false) };
        self.bytes.extend(&length);
        self.bytes.extend(packet);
        Ok(true)
    }

    /// The kernel may take more again.
    pub(super) const fn unblock(&mut self) {
        self.is_blocked = false;
    }

    /// Gives the kernel what it takes.
    ///
    /// # Errors
    /// What writing fails with; that it takes no more is no error.
    pub(super) fn write(&mut self, stream: &mut impl Write) -> io::Result<()> {
        while !self.is_blocked && !self.bytes.is_empty() {
            let (first, second) = self.bytes.as_slices();
            match stream.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.bytes.drain(..written.min(self.bytes.len()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives back the memory of a burst.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to(KEPT_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that takes so many bytes, and then no more.
    struct Kernel {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Kernel {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const PICTURE: [u8; 1000] = [0x80; 1000];
    const CHECK: [u8; 100] = [0; 100];

    #[test]
    fn of_a_peer_that_does_not_read_pictures_are_dropped_first_and_nothing_grows() {
        let (mut outgoing, mut kernel) = (Outgoing::default(), Kernel { taken: Vec::new(), room: 0 });
        let mut count =
            |packet: &[u8]| (0..10_000).filter(|_| outgoing.add(packet, &mut kernel).unwrap()).count();
        assert_eq!(count(&PICTURE), MEDIA_WAITING_MAX / 1002);
        assert!(count(&CHECK) >= (WAITING_MAX - MEDIA_WAITING_MAX) / 102, "these still find room");
        assert_eq!((count(&PICTURE), count(&CHECK)), (0, 0));
        assert!(outgoing.bytes.len() <= WAITING_MAX && outgoing.bytes.capacity() <= 2 * WAITING_MAX);
    }

    /// Frames stay whole though the kernel takes them in parts.
    #[test]
    fn what_waits_goes_in_order_as_the_kernel_takes_it() {
        let (mut outgoing, mut kernel) = (Outgoing::default(), Kernel { taken: Vec::new(), room: 0 });
        let packets: Vec<Vec<u8>> = (0..60).map(|number| vec![0x80 + number; 900]).collect();
        for packet in &packets {
            assert!(outgoing.add(packet, &mut kernel).unwrap());
            outgoing.write(&mut kernel).unwrap();
            kernel.room += 601;
            outgoing.unblock();
        }
        while !outgoing.bytes.is_empty() {
            kernel.room += 7;
            outgoing.unblock();
            outgoing.write(&mut kernel).unwrap();
        }
        let mut taken = Vec::new();
        framing::take_packets(&mut kernel.taken, |packet| taken.push(packet.to_vec())).unwrap();
        assert_eq!(taken, packets);
        outgoing.shrink();
        assert!(outgoing.bytes.capacity() <= KEPT_BYTES);
    }

    /// A burst of more than may wait is no reason to drop where the kernel has room.
    #[test]
    fn a_burst_goes_through_where_the_kernel_takes_it() {
        let (mut outgoing, mut kernel) =
            (Outgoing::default(), Kernel { taken: Vec::new(), room: 10 * WAITING_MAX });
        let added = (0..200).filter(|_| outgoing.add(&PICTURE, &mut kernel).unwrap()).count();
        assert_eq!(added, 200);
        let mut gone = Kernel { taken: Vec::new(), room: 0 };
        assert!(!outgoing.add(&[0; 5000], &mut gone).unwrap(), "it fits in no frame");
    }
}
