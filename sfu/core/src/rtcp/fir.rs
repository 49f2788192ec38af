//! Full intra requests (RFC 5104, section 4.3.1).

use super::{
    append, append_words,
    compound::{Allowance, Body, word},
    format, kind,
};

/// The receivers of streams want key frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who says it.
    pub ssrc: u32,
    requests: &'a [[u8; 8]],
}

/// A stream of which a key frame is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// SSRC of the media stream (RFC 3550, section 3).
    pub media: u32,
    /// Counts the sender's requests: one that is repeated has the number that it had.
    pub number: u8,
}

impl<'a> Fir<'a> {
    pub(super) fn read(body: Body<'a>, allowance: &mut Allowance) -> Option<Self> {
        let (ssrc, body) = word(body)?;
        // In the place of the stream is a zero: each request names its own.
        let (_, body) = word(body)?;
        Some(Self { ssrc, requests: allowance.take(body.as_chunks().0) })
    }

    /// The streams.
    pub fn requests(self) -> impl Iterator<Item = Request> + use<'a> {
        self.requests.iter().map(|&[s0, s1, s2, s3, number, _, _, _]| Request {
            media: u32::from_be_bytes([s0, s1, s2, s3]),
            number,
        })
    }
}

/// Appends a request for a key frame.
pub fn write(out: &mut Vec<u8>, ssrc: u32, Request { media, number }: Request) {
    append(out, kind::PAYLOAD_FEEDBACK, format::FIR, |out| {
        append_words(out, &[ssrc, 0, media, u32::from_be_bytes([number, 0, 0, 0])]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{Packet, tests::read};

    #[test]
    fn a_request_is_as_the_rfc_draws_it_and_reads_the_same() {
        let mut out = Vec::new();
        write(&mut out, 1, Request { media: 2, number: 3 });
        assert_eq!(out, [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0]);
        // A second one in the same packet, and half of a third.
        out.extend([0, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 6]);
        out[3] += 3;
        let [Packet::Fir(fir)] = read(&out)[..] else { panic!() };
        let requests = [Request { media: 2, number: 3 }, Request { media: 4, number: 5 }];
        assert_eq!((fir.ssrc, fir.requests().collect::<Vec<_>>()), (1, requests.into()));
    }
}
