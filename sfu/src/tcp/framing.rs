//! Packets on a stream: the length in two bytes, then the packet (RFC 4571, section 2).

use super::FRAME_BYTES_MAX;

/// The bytes of a length.
pub(super) const LENGTH_BYTES: usize = 2;

/// A frame is longer than any packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oversize;

/// Hands each whole packet in `bytes` to `handle`, those without content excepted. Returns how many bytes that were; what
/// comes after them is the beginning of a frame.
///
/// # Errors
/// [`Oversize`], after the packets before that frame were handed on.
pub(super) fn take_packets(bytes: &mut [u8], mut handle: impl FnMut(&mut [u8])) -> Result<usize, Oversize> {
    let mut taken = 0;
    loop {
        let rest = bytes.get_mut(taken..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk_mut::<LENGTH_BYTES>() else { return Ok(taken) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > FRAME_BYTES_MAX {
            return Err(Oversize);
        }
        let Some(packet) = rest.get_mut(..length) else { return Ok(taken) };
        if length > 0 {
            handle(packet);
        }
        taken += LENGTH_BYTES + length;
    }
}

/// The length that comes before a packet; `None` if it is longer than a frame may be.
pub(super) fn length(packet: &[u8]) -> Option<[u8; LENGTH_BYTES]> {
    let length = u16::try_from(packet.len()).ok()?;
    (packet.len() <= FRAME_BYTES_MAX).then(|| length.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(packet: &[u8]) -> Vec<u8> {
        [&length(packet).unwrap()[..], packet].concat()
    }

    fn packets(bytes: &[u8]) -> (Vec<Vec<u8>>, Result<usize, Oversize>) {
        let (mut bytes, mut packets) = (bytes.to_vec(), Vec::new());
        let taken = take_packets(&mut bytes, |packet| packets.push(packet.to_vec()));
        (packets, taken)
    }

    #[test]
    fn several_packets_of_one_read_are_taken_and_the_beginning_of_another_is_left() {
        let bytes =
            [frame(b"one"), frame(b""), frame(&[7; FRAME_BYTES_MAX]), frame(b"two"), vec![0]].concat();
        let (taken, length) = packets(&bytes);
        assert_eq!(taken, [b"one".to_vec(), vec![7; FRAME_BYTES_MAX], b"two".to_vec()]);
        assert_eq!(length, Ok(bytes.len() - 1));
        assert_eq!(packets(&[]), (Vec::new(), Ok(0)));
        assert_eq!(packets(&frame(b"")), (Vec::new(), Ok(2)));
    }

    /// As a connection does it: what is left comes before what is read next.
    #[test]
    fn frames_that_come_in_two_parts_are_the_same_wherever_they_are_split() {
        let bytes = [frame(b"one"), frame(b""), frame(b"three"), frame(&[9; 300])].concat();
        for split in 0..=bytes.len() {
            let (first, second) = bytes.split_at(split);
            let (mut taken, length) = packets(first);
            let rest = [&first[length.unwrap()..], second].concat();
            let (more, length) = packets(&rest);
            taken.extend(more);
            assert_eq!(taken, [b"one".to_vec(), b"three".to_vec(), vec![9; 300]], "split at {split}");
            assert_eq!(length, Ok(rest.len()));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        let (before, too_long) = (frame(b"one"), u16::try_from(FRAME_BYTES_MAX + 1).unwrap());
        assert_eq!(packets(&too_long.to_be_bytes()), (Vec::new(), Err(Oversize)));
        let bytes = [&before[..], &[0xFF, 0xFF]].concat();
        assert_eq!(packets(&bytes), (vec![b"one".to_vec()], Err(Oversize)));
        assert_eq!(packets(b"GET / HTTP/1.1\r\n\r\n"), (Vec::new(), Err(Oversize)));
        assert_eq!(length(&[0; FRAME_BYTES_MAX + 1]), None);
        assert_eq!(length(&[0; 70_000]), None);
    }
}
