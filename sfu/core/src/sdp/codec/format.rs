//! A codec under the payload types of a section, and those under which we offer it.

use super::{Codec, RTX, TRANSPORT_FEEDBACK, VOICE_FEEDBACK};
use crate::sdp::Lines;

/// A codec under the payload types of one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format<'a> {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// Of its retransmissions.
    pub(crate) rtx_payload_type: Option<u8>,
    /// Of its packets with what earlier ones carried.
    pub(crate) red: Option<Red>,
    /// As `fmtp` has them.
    pub(crate) parameters: &'a str,
    /// What its sender is asked for.
    pub(crate) feedback: &'a [&'static str],
}

/// What earlier packets carried may come with a packet (RFC 2198).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Red {
    pub(crate) payload_type: u8,
    /// It stands before the codec that it carries.
    pub(crate) is_preferred: bool,
}

impl Format<'_> {
    /// The payload types, the preferred first.
    pub(crate) fn payload_types(&self) -> impl Iterator<Item = u8> {
        let red = |is_preferred| self.red.filter(|red| red.is_preferred == is_preferred);
        let red = |is_preferred| red(is_preferred).map(|red| red.payload_type);
        [red(true), Some(self.payload_type), self.rtx_payload_type, red(false)].into_iter().flatten()
    }

    /// Writes the lines that describe the format.
    pub(crate) fn write(&self, lines: &mut Lines) {
        let &Self { codec, payload_type, rtx_payload_type, red, parameters, feedback } = self;
        let Some(row) = codec.row() else { return };
        lines.add(format_args!("a=rtpmap:{payload_type} {}", row.encoding));
        if !parameters.is_empty() {
            lines.add(format_args!("a=fmtp:{payload_type} {parameters}"));
        }
        for feedback in feedback {
            lines.add(format_args!("a=rtcp-fb:{payload_type} {feedback}"));
        }
        if let Some(rtx) = rtx_payload_type {
            lines.add(format_args!("a=rtpmap:{rtx} {RTX}"));
            lines.add(format_args!("a=fmtp:{rtx} apt={payload_type}"));
        }
        if let (Some(red), Some(row)) = (red, Codec::Red.row()) {
            let red = red.payload_type;
            lines.add(format_args!("a=rtpmap:{red} {}", row.encoding));
            lines.add(format_args!("a=fmtp:{red} {payload_type}/{payload_type}"));
        }
    }
}

/// What subscribers of pictures may ask us for, and what they may tell.
const OFFERED: [&str; 4] = ["nack", "nack pli", "ccm fir", TRANSPORT_FEEDBACK];

const fn picture(
    codec: Codec,
    payload_type: u8,
    rtx_payload_type: u8,
    parameters: &'static str,
) -> Format<'static> {
    let rtx_payload_type = Some(rtx_payload_type);
    Format { codec, payload_type, rtx_payload_type, red: None, parameters, feedback: &OFFERED }
}

/// The parameters of H.264 in each mode and profile that we offer. What level is sent the sender says, and who agrees on
/// asymmetry is held to none; the one that is named is that of browsers.
macro_rules! h264 {
    ($mode:literal, $profile:literal) => {
        concat!("level-asymmetry-allowed=1;packetization-mode=", $mode, ";profile-level-id=", $profile, "1f")
    };
}

/// What is forwarded, as we offer it. On one transport a payload type has one meaning (RFC 8843, section 9.1), so that
/// each format has its own, where there are usual ones these. Those in the range of 35 to 63 are for static ones that
/// nobody uses together with others (RFC 3551, section 3).
static OURS: [Format<'static>; 18] = [
    Format {
        codec: Codec::Opus,
        payload_type: 111,
        rtx_payload_type: None,
        red: Some(Red { payload_type: 63, is_preferred: false }),
        parameters: "minptime=10;useinbandfec=1",
        feedback: &VOICE_FEEDBACK,
    },
    picture(Codec::Vp8, 96, 97, ""),
    picture(Codec::Vp9, 98, 99, "profile-id=0"),
    picture(Codec::Vp9, 100, 101, "profile-id=2"),
    // Baseline, constrained baseline, main, high, constrained high, and high 4:4:4 predictive.
    picture(Codec::H264, 102, 103, h264!("1", "4200")),
    picture(Codec::H264, 104, 105, h264!("0", "4200")),
    picture(Codec::H264, 106, 107, h264!("1", "42e0")),
    picture(Codec::H264, 108, 109, h264!("0", "42e0")),
    picture(Codec::H264, 112, 113, h264!("1", "4d00")),
    picture(Codec::H264, 114, 115, h264!("0", "4d00")),
    picture(Codec::H264, 116, 117, h264!("1", "6400")),
    picture(Codec::H264, 118, 119, h264!("0", "6400")),
    picture(Codec::H264, 120, 121, h264!("1", "640c")),
    picture(Codec::H264, 122, 123, h264!("0", "640c")),
    picture(Codec::H264, 124, 125, h264!("1", "f400")),
    picture(Codec::H264, 126, 127, h264!("0", "f400")),
    picture(Codec::Av1, 45, 46, "profile=0"),
    picture(Codec::Av1, 47, 48, "profile=1"),
];

/// What we offer subscribers of a track that its publisher sends in this codec with these parameters; `None` if nothing
/// like it is forwarded.
pub(crate) fn ours(codec: Codec, parameters: &str) -> Option<&'static Format<'static>> {
    OURS.iter().find(|format| format.codec == codec && codec.is_same(parameters, format.parameters))
}

/// Whether a codec is forwarded in any format.
pub(super) fn has(codec: Codec) -> bool {
    OURS.iter().any(|format| format.codec == codec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_payload_type_means_one_thing_and_is_told_from_rtcp() {
        let all: Vec<u8> = OURS.iter().flat_map(Format::payload_types).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        assert!(all.iter().all(|number| matches!(number, 35..=63 | 96..=127)), "{all:?}");
    }

    #[test]
    fn each_is_found_by_what_it_says() {
        for format in &OURS {
            let found = ours(format.codec, format.parameters).map(|it| it.payload_type);
            assert_eq!(found, Some(format.payload_type));
        }
        assert!(ours(Codec::Red, "111/111").is_none());
        assert!(ours(Codec::H264, "profile-level-id=nonsense").is_none());
    }
}
