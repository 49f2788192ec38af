//! Goodbyes (RFC 3550, section 6.6).

use super::{
    COUNT, append, append_words,
    compound::{Allowance, Body},
    kind,
};

/// Streams have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goodbye<'a> {
    sources: &'a [[u8; 4]],
    /// Why, in words of the sender's.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Goodbye<'a> {
    pub(super) fn read(count: u8, body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (sources, rest) = body.split_at_checked(usize::from(count).saturating_mul(4))?;
        let reason = match rest.split_first() {
            Some((&length, text)) => Some(text.get(..length.into())?),
            None => None,
        };
        Some(Self { sources: allowance.take(sources.as_chunks().0), reason })
    }

    /// The streams' SSRCs.
    pub fn sources(self) -> impl Iterator<Item = u32> + use<'a> {
        self.sources.iter().map(|ssrc| u32::from_be_bytes(*ssrc))
    }
}

/// Appends a goodbye to as many of the streams as one can name, without a reason.
pub fn write(out: &mut Vec<u8>, sources: &[u32]) {
    let sources = sources.get(..COUNT.into()).unwrap_or(sources);
    append(out, kind::GOODBYE, u8::try_from(sources.len()).unwrap_or(0), |out| append_words(out, sources));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    #[test]
    fn goodbyes_read_as_they_were_written_with_and_without_a_reason() {
        for sources in [vec![], vec![1], (0..31).collect()] {
            let mut out = Vec::new();
            write(&mut out, &sources);
            let [Packet::Goodbye(goodbye)] = read(&out)[..] else { panic!() };
            assert_eq!((goodbye.sources().collect(), goodbye.reason), (sources, None));
        }
        let out = [0x81, 203, 0, 3, 0, 0, 0, 7, 4, b'd', b'o', b'n', b'e', 0, 0, 0];
        let [Packet::Goodbye(goodbye)] = read(&out)[..] else { panic!() };
        assert_eq!((goodbye.sources().collect(), goodbye.reason), (vec![7], Some(&b"done"[..])));
    }

    #[test]
    fn more_streams_and_longer_reasons_than_there_are_are_not_read() {
        assert_eq!(read(&[0x82, 203, 0, 1, 0, 0, 0, 7]), []);
        assert_eq!(read(&[0x81, 203, 0, 2, 0, 0, 0, 7, 4, b'd', b'o', b'n']), []);
    }
}
