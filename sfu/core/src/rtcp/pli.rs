//! Picture loss indications (RFC 4585, section 6.3.1).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    format, kind,
};

/// The receiver of a stream cannot decode without a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pli {
    /// Who says it.
    pub ssrc: u32,
    /// SSRC of the media stream (RFC 3550, section 3).
    pub media: u32,
}

impl Pli {
    pub(super) fn read(body: Body<'_>, allowance: &mut Allowance) -> Option<Self> {
        allowance.take_one()?;
        let (ssrc, body) = word(body)?;
        let (media, _) = word(body)?;
        Some(Self { ssrc, media })
    }
}

/// Appends a request for a key frame.
pub fn write(out: &mut Vec<u8>, ssrc: u32, media: u32) {
    append(out, kind::PAYLOAD_FEEDBACK, format::PLI, |out| append_words(out, &[ssrc, media]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    #[test]
    fn a_request_is_as_the_rfc_draws_it_and_reads_the_same() {
        let mut out = Vec::new();
        write(&mut out, 1, 2);
        assert_eq!(out, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(read(&out), [Packet::Pli(Pli { ssrc: 1, media: 2 })]);
        assert_eq!(read(&[0x81, 206, 0, 1, 0, 0, 0, 1]), [], "of no stream");
    }
}
