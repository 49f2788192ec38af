//! Frames (RFC 6455, section 5): a client's, written, and a server's, read.

use std::io;

/// More of a message that was begun (RFC 6455, section 5.2, as all of these).
pub const CONTINUATION: u8 = 0x0;
/// A text frame.
pub const TEXT: u8 = 0x1;
/// A binary frame.
pub const BINARY: u8 = 0x2;
/// A close frame.
pub const CLOSE: u8 = 0x8;
/// A ping.
pub const PING: u8 = 0x9;
/// A pong.
pub const PONG: u8 = 0xA;

/// The bit of a frame that nothing follows.
pub const FIN: u8 = 0x80;

/// The longest payload of a server's frame. A page of the protocol has 256 KiB at most; other servers that are
/// measured beside ours send less.
const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// The longest payload of a ping, a pong or a close frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// What payloads are masked with: any four bytes will do where no proxy may take them for something else.
const MASK: [u8; 4] = [1, 2, 3, 4];

/// A masked frame with this first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    frame.extend(masked(0, payload));
    frame
}

/// The header of a masked frame with this first byte and a payload of `length` bytes.
pub fn header(first: u8, length: usize) -> Vec<u8> {
    // All of the payload follows: one allocation for both.
    let mut header = Vec::with_capacity(14 + length);
    header.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => header.push(0x80 | short),
        (_, Ok(length)) => {
            header.push(0x80 | 126);
            header.extend(length.to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend((length as u64).to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

/// A piece of a payload as it is sent behind [`header`] and `before` bytes of the payload.
pub fn masked(before: usize, piece: &[u8]) -> impl Iterator<Item = u8> {
    let mask = MASK.iter().cycle().skip(before % MASK.len());
    piece.iter().zip(mask).map(|(byte, mask)| byte ^ mask)
}

/// Hands on the whole frames in `bytes`, by opcode and payload, and returns how many bytes they are.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for what no server may send that has agreed to no extension.
pub(crate) fn each(bytes: &[u8], on: &mut impl FnMut(u8, &[u8])) -> io::Result<usize> {
    let mut used = 0;
    while let Some((opcode, payload, length)) = bytes.get(used..).map_or(Ok(None), first)? {
        on(opcode, payload);
        used += length;
    }
    Ok(used)
}

/// The first frame, if it is whole: its opcode, its payload, and its length with the header.
fn first(bytes: &[u8]) -> io::Result<Option<(u8, &[u8], usize)>> {
    let Some((&[head, length], rest)) = bytes.split_first_chunk() else { return Ok(None) };
    // Switchboard sends whole messages, so what is more is a mistake; so are reserved bits (RFC 6455, section 5.2) and
    // a server's mask (section 5.1).
    let opcode = head & 0x0F;
    if head & 0xF0 != FIN || !matches!(opcode, TEXT | BINARY | CLOSE | PING | PONG) || length & 0x80 != 0 {
        return Err(invalid(head, length));
    }
    let (payload_length, header) = match length {
        126 => (rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 4),
        127 => (rest.first_chunk().map(|length| u64::from_be_bytes(*length)), 10),
        short => (Some(u64::from(short)), 2),
    };
    let Some(payload_length) = payload_length else { return Ok(None) };
    let longest = if opcode & CLOSE == 0 { PAYLOAD_BYTES_MAX } else { CONTROL_BYTES_MAX };
    let payload_length = usize::try_from(payload_length)
        .ok()
        .filter(|length| *length <= longest)
        .ok_or(invalid(head, length))?;
    let end = header + payload_length;
    Ok(bytes.get(header..end).map(|payload| (opcode, payload, end)))
}

fn invalid(head: u8, length: u8) -> io::Error {
    let what = format!("no server sends a frame that begins with {head:#04x} {length:#04x}");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame's opcode and payload.
    type Frame = (u8, Vec<u8>);

    fn read(bytes: &[u8]) -> io::Result<(Vec<Frame>, usize)> {
        let mut frames = Vec::new();
        let used = each(bytes, &mut |opcode, payload| frames.push((opcode, payload.to_vec())))?;
        Ok((frames, used))
    }

    #[test]
    fn whole_frames_are_handed_on_and_the_beginning_of_one_is_left() {
        let long = [[FIN | TEXT, 126, 1, 0].to_vec(), vec![b'x'; 256]].concat();
        let all = [&[FIN | PING, 2, 7, 8], &*long, &[FIN | CLOSE, 0]].concat();
        let (frames, used) = read(&all).unwrap();
        assert_eq!(frames, [(PING, vec![7, 8]), (TEXT, vec![b'x'; 256]), (CLOSE, Vec::new())]);
        assert_eq!(used, all.len());
        for end in 0..all.len() {
            let (frames, used) = read(&all[..end]).unwrap();
            let whole = [4, 4 + long.len()].into_iter().filter(|begin| *begin <= end);
            assert_eq!((frames.len(), used), (whole.clone().count(), whole.max().unwrap_or(0)), "{end}");
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused_before_its_payload_is_there() {
        for bytes in [
            // A piece, reserved bits, an unknown opcode, a mask.
            &[TEXT, 1][..],
            &[FIN | CONTINUATION, 1],
            &[FIN | 0x40 | TEXT, 1],
            &[FIN | 0x3, 0],
            &[FIN | TEXT, 0x81],
            // A long ping, and a text that nobody wants to wait for.
            &[FIN | PING, 126, 0, 126],
            &[FIN | TEXT, 127, 0, 0, 0, 0, 1, 0, 0, 0],
            &[FIN | TEXT, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] {
            assert_eq!(read(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:x?}");
        }
    }

    #[test]
    fn a_frame_has_the_shortest_length_and_the_same_payload_under_its_mask() {
        for (length, header_length) in [(0, 6), (125, 6), (126, 8), (0xFFFF, 8), (0x1_0000, 14)] {
            let payload: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let frame = frame(FIN | TEXT, &payload);
            assert_eq!(frame.len(), header_length + length);
            let unmasked: Vec<u8> = masked(0, &frame[header_length..]).collect();
            assert_eq!(unmasked, payload);
        }
    }
}
