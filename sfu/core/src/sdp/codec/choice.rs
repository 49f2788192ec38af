//! Which format of a section is taken.

use super::{
    Codec, FEEDBACK, RTX, VOICE_FEEDBACK,
    format::{Format, Red, ours},
    parameter, row_of,
};
use crate::sdp::description::Media;
use common::protocol::media::TrackKind;
use std::collections::BTreeSet;

/// A format that a section may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The format of it that we offer others.
    pub(crate) forwarded: &'static Format<'static>,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    pub(crate) red: Option<Red>,
    /// As the client says them.
    pub(in crate::sdp) parameters: String,
    pub(in crate::sdp) feedback: Vec<&'static str>,
}

/// The formats of the media line that are forwarded: the client lists them by preference (RFC 8829, section 5.2.1).
pub(in crate::sdp) fn choices(media: &Media<'_>, kind: TrackKind) -> impl Iterator<Item = Chosen> {
    media.formats.iter().filter_map(move |format| {
        let payload_type = payload_type(format)?;
        let row = media.attributes.of_format("rtpmap", format).find_map(|map| row_of(map, kind))?;
        let parameters = media.attributes.of_format("fmtp", format).next().unwrap_or_default();
        Some(Chosen {
            forwarded: ours(row.codec, parameters)?,
            payload_type,
            rtx_payload_type: rtx(media, format).filter(|_| kind == TrackKind::Video),
            red: red(media, format).filter(|_| row.codec == Codec::Opus),
            parameters: parameters.to_owned(),
            feedback: feedback(media, kind, format),
        })
    })
}

/// The codecs of a section as far as we know them, for a sentence to somebody who has none of those that are forwarded.
pub(in crate::sdp) fn offered(media: &Media<'_>, kind: TrackKind) -> BTreeSet<&'static str> {
    let maps = media.attributes.values("rtpmap").filter_map(|map| map.split_once(' '));
    maps.filter_map(|(_, map)| Some(row_of(map.trim(), kind)?.name)).collect()
}

/// A payload type that can be told from RTCP on the same port (RFC 5761, section 4).
fn payload_type(format: &str) -> Option<u8> {
    format.parse().ok().filter(|number| matches!(number, 0..=63 | 96..=127))
}

/// The payload type in which packets of `format` are sent again (RFC 4588, section 8).
fn rtx(media: &Media<'_>, format: &str) -> Option<u8> {
    media.formats.iter().find_map(|other| {
        let mut maps = media.attributes.of_format("rtpmap", other);
        let is_rtx = maps.any(|map| map.eq_ignore_ascii_case(RTX));
        let mut parameters = media.attributes.of_format("fmtp", other);
        let is_ours = is_rtx && parameters.any(|parameters| parameter(parameters, "apt") == Some(format));
        is_ours.then(|| payload_type(other))?
    })
}

/// The payload type in which packets of `format`, and of nothing else, come together (RFC 2198, section 5).
fn red(media: &Media<'_>, format: &str) -> Option<Red> {
    let own = media.formats.iter().position(|other| *other == format)?;
    media.formats.iter().enumerate().find_map(|(place, other)| {
        let mut maps = media.attributes.of_format("rtpmap", other);
        let is_red = maps.any(|map| row_of(map, TrackKind::Audio).is_some_and(|row| row.codec == Codec::Red));
        let mut carried = media.attributes.of_format("fmtp", other);
        let is_ours = is_red && carried.any(|formats| formats.split('/').all(|it| it.trim() == format));
        let payload_type = payload_type(other).filter(|_| is_ours)?;
        Some(Red { payload_type, is_preferred: place < own })
    })
}

/// What we ask for and the client offers: for this format, or with an asterisk for all (RFC 4585,
/// section 4.2).
fn feedback(media: &Media<'_>, kind: TrackKind, format: &str) -> Vec<&'static str> {
    let ours = match kind {
        TrackKind::Audio => &VOICE_FEEDBACK[..],
        TrackKind::Video => &FEEDBACK[..],
    };
    let is_offered = |wanted: &&str| {
        [format, "*"].iter().any(|of| media.attributes.of_format("rtcp-fb", of).any(|value| value == *wanted))
    };
    ours.iter().copied().filter(is_offered).collect()
}
