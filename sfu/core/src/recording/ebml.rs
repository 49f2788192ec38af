//! Elements of EBML (RFC 8794): an id, a length, and what it is about.

/// The length of an element that goes on to the end of the file, or until it is known (RFC 8794, section 6.2), in the
/// eight bytes of [`length`].
pub(super) const UNKNOWN_LENGTH: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Fills a place that is not needed, or not yet (RFC 8794, section 11.3.2).
const VOID: u32 = 0xEC;

/// Writes an id, as short as it is: its marker is part of it.
pub(super) fn id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    out.extend(bytes.iter().skip_while(|byte| **byte == 0));
}

/// A length in eight bytes, so that one that is not known yet has the same place.
pub(super) fn length(length: u64) -> [u8; 8] {
    let [_, rest @ ..] = length.to_be_bytes();
    let mut bytes = [0x01; 8];
    if let Some(place) = bytes.last_chunk_mut() {
        *place = rest;
    }
    bytes
}

/// Writes a length in one byte where that is enough, or else in eight. All ones would be an unknown one.
fn short_length(out: &mut Vec<u8>, bytes: usize) {
    match u8::try_from(bytes) {
        Ok(short) if short < 0x7F => out.push(0x80 | short),
        Ok(_) | Err(_) => out.extend_from_slice(&length(u64::try_from(bytes).unwrap_or(0))),
    }
}

/// Writes an element of these bytes.
pub(super) fn binary(out: &mut Vec<u8>, name: u32, bytes: &[u8]) {
    id(out, name);
    short_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes a number, in as few bytes as it needs.
pub(super) fn unsigned(out: &mut Vec<u8>, name: u32, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    binary(out, name, bytes.get(zeros..).unwrap_or(&bytes));
}

/// Writes a number of 64 bits (IEEE 754).
pub(super) fn float(out: &mut Vec<u8>, name: u32, number: f64) {
    binary(out, name, &number.to_be_bytes());
}

/// Writes an element whose parts are written by `parts`.
pub(super) fn master(out: &mut Vec<u8>, name: u32, parts: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    parts(&mut inner);
    binary(out, name, &inner);
}

/// Keeps a place of so many bytes, up to 128 and at least 2.
pub(super) fn void(out: &mut Vec<u8>, bytes: usize) {
    binary(out, VOID, &vec![0; bytes.saturating_sub(2)]);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An element as a reader finds it: where it begins, its id, and its bytes, those that are there where the length
    /// is unknown or the file is cut off.
    pub(in super::super) fn read(bytes: &[u8]) -> Vec<(usize, u32, &[u8])> {
        let mut elements = Vec::new();
        let mut at = 0;
        while at + 2 <= bytes.len() {
            let start = at;
            let width = bytes[at].leading_zeros() as usize + 1;
            let name = bytes[at..at + width].iter().fold(0, |name, byte| (name << 8) | u32::from(*byte));
            at += width;
            let width = bytes[at].leading_zeros() as usize + 1;
            let Some(said) = bytes.get(at..at + width) else { break };
            let first = u64::from(said[0]) & (0xFF >> width);
            let length = said[1..].iter().fold(first, |length, byte| (length << 8) | u64::from(*byte));
            at += width;
            let is_unknown = said == UNKNOWN_LENGTH;
            let end = if is_unknown { bytes.len() } else { at + usize::try_from(length).unwrap() };
            elements.push((start, name, &bytes[at.min(bytes.len())..end.min(bytes.len())]));
            at = end;
        }
        elements
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut out = Vec::new();
        master(&mut out, 0x1A45_DFA3, |out| {
            unsigned(out, 0x4286, 0);
            unsigned(out, 0x42F7, 255);
            unsigned(out, 0xE7, u64::MAX);
            binary(out, 0x4282, &[b'x'; 127]);
            void(out, 26);
            float(out, 0x4489, 1.5);
        });
        let [(0, 0x1A45_DFA3, parts)] = read(&out)[..] else { panic!("one element") };
        let parts = read(parts);
        let bodies: Vec<_> = parts.iter().map(|(_, id, body)| (*id, body.len())).collect();
        let expected = [(0x4286, 1), (0x42F7, 1), (0xE7, 8), (0x4282, 127), (0xEC, 24), (0x4489, 8)];
        assert_eq!(bodies, expected);
        assert_eq!(parts[5].0 - parts[4].0, 26, "as many bytes as were asked for");
    }
}
