//! Source descriptions (RFC 3550, section 6.5), of which only the canonical name counts.

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    kind,
};

/// The item that is a canonical name (RFC 3550, section 6.5.1).
const CNAME: u8 = 1;

/// Who the senders of streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    chunks: Body<'a>,
}

impl<'a> SourceDescription<'a> {
    /// `None` if it has not the chunks that it announces, or more than may be read.
    pub(super) fn read(count: u8, body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let mut rest = body;
        for _ in 0..count {
            allowance.take_one()?;
            (_, _, rest) = chunk(rest)?;
        }
        Some(Self { count, chunks: body })
    }

    /// Streams, and the canonical names of their senders as far as they are said.
    pub fn sources(self) -> impl Iterator<Item = (u32, Option<&'a [u8]>)> {
        let mut rest = self.chunks;
        (0..self.count).map_while(move |_| {
            let (ssrc, name, next) = chunk(rest)?;
            rest = next;
            Some((ssrc, name))
        })
    }
}

/// The first chunk: a stream, its sender's name; then the rest.
fn chunk(chunks: Body<'_>) -> Option<(u32, Option<&[u8]>, Body<'_>)> {
    let (ssrc, items) = word(chunks)?;
    let (mut rest, mut name) = (items, None);
    // The list ends with a zero, and with as many more as make a whole word.
    while let (kind @ 1.., after) = rest.split_first().map(|(kind, rest)| (*kind, rest))? {
        let (&length, after) = after.split_first()?;
        let (text, after) = after.split_at_checked(length.into())?;
        if kind == CNAME {
            name = Some(text);
        }
        rest = after;
    }
    let length = items.len().checked_sub(rest.len())?.saturating_add(1).next_multiple_of(4);
    Some((ssrc, name, items.get(length..)?))
}

/// Appends a source description that names one sender; of the name the first 255 bytes.
pub fn write(out: &mut Vec<u8>, ssrc: u32, name: &[u8]) {
    let name = name.get(..u8::MAX.into()).unwrap_or(name);
    append(out, kind::SOURCE_DESCRIPTION, 1, |out| {
        append_words(out, &[ssrc]);
        out.extend_from_slice(&[CNAME, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        out.extend_from_slice(name);
        out.push(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    fn sources(out: &[u8]) -> Vec<(u32, Option<&[u8]>)> {
        let [Packet::SourceDescription(description)] = read(out)[..] else { return Vec::new() };
        description.sources().collect()
    }

    #[test]
    fn names_of_all_lengths_read_as_they_were_written() {
        for length in [0, 1, 2, 3, 4, 5, 254, 255] {
            let (name, mut out) = (vec![b'n'; length], Vec::new());
            write(&mut out, 7, &name);
            assert_eq!(out.len() % 4, 0);
            assert_eq!(sources(&out), [(7, Some(&name[..]))]);
        }
        let mut out = Vec::new();
        write(&mut out, 7, &[b'n'; 300]);
        assert_eq!(sources(&out), [(7, Some(&[b'n'; 255][..]))]);
    }

    #[test]
    fn other_items_and_further_streams_are_passed_over_and_found() {
        let mut out = vec![0x83, 202, 0, 8, 0, 0, 0, 1, 6, 2, b't', b'l', 1, 1, b'a', 0];
        // One without any item, and one whose list ends with four zeros.
        out.extend([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, b'b', b'c', 0, 0, 0, 0]);
        assert_eq!(sources(&out), [(1, Some(&b"a"[..])), (2, None), (3, Some(&b"bc"[..]))]);
    }

    #[test]
    fn lists_without_an_end_and_items_beyond_it_are_not_read() {
        for items in [[1, 2, b'a', b'b'], [1, 3, b'a', b'b'], [1, 255, 0, 0], [5, 0, 5, 0]] {
            let out = [&[0x81, 202, 0, 2, 0, 0, 0, 1][..], &items].concat();
            assert_eq!(sources(&out), [], "{items:?}");
        }
    }
}
