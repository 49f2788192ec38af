//! Codecs: what is known of them, and which one a section is to use.

use super::{Lines, description::Media};
use common::protocol::media::TrackKind;
use std::collections::BTreeSet;

/// A codec that WebRTC clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 6716, as payload RFC 7587.
    Opus,
    /// The same sound twice, against loss (RFC 2198).
    Red,
    /// RFC 6386, as payload RFC 7741.
    Vp8,
    /// ITU-T H.264, as payload RFC 6184.
    H264,
    /// As payload RFC 9628.
    Vp9,
    /// As payload: AV1 RTP specification.
    Av1,
}

/// A codec as descriptions speak of it.
struct Row {
    codec: Codec,
    kind: TrackKind,
    name: &'static str,
    /// Encoding, clock rate in Hz and channels, as `rtpmap` has them.
    encoding: &'static str,
    /// Whether its packets are passed on. The others are never agreed upon.
    is_forwarded: bool,
    /// Parameters that make two formats different ones, with what stands for those that are not there.
    identity: &'static [(&'static str, &'static str)],
    /// Parameters that the answer repeats, for the client sends by them; with what it says where the client
    /// says nothing.
    repeated: &'static [(&'static str, &'static str)],
}

const TABLE: [Row; 6] = [
    Row {
        codec: Codec::Opus,
        kind: TrackKind::Audio,
        name: "Opus",
        encoding: "opus/48000/2",
        is_forwarded: true,
        identity: &[],
        // What a receiver wishes of a sender (RFC 7587, section 6.1). Who receives is everybody, so
        // nobody knows better than the sender.
        repeated: &[
            ("minptime", "10"),
            ("maxptime", ""),
            ("useinbandfec", "1"),
            ("usedtx", ""),
            ("stereo", ""),
            ("cbr", ""),
            ("maxaveragebitrate", ""),
            ("maxplaybackrate", ""),
        ],
    },
    // Everybody in the session would have to take it: a subscriber that did not gets no sound at all.
    Row {
        codec: Codec::Red,
        kind: TrackKind::Audio,
        name: "RED",
        encoding: "red/48000/2",
        is_forwarded: false,
        identity: &[],
        repeated: &[],
    },
    Row {
        codec: Codec::Vp8,
        kind: TrackKind::Video,
        name: "VP8",
        encoding: "VP8/90000",
        is_forwarded: true,
        // What `max-fs` and `max-fr` say is what the client can receive (RFC 7741, section 6.1).
        identity: &[],
        repeated: &[],
    },
    Row {
        codec: Codec::H264,
        kind: TrackKind::Video,
        name: "H.264",
        encoding: "H264/90000",
        is_forwarded: false,
        // RFC 6184, section 8.2.2. Without a level the one of baseline is meant (section 8.1).
        identity: &[("packetization-mode", "0"), (PROFILE_LEVEL_ID, "42000a")],
        repeated: &[("level-asymmetry-allowed", ""), ("packetization-mode", ""), (PROFILE_LEVEL_ID, "")],
    },
    Row {
        codec: Codec::Vp9,
        kind: TrackKind::Video,
        name: "VP9",
        encoding: "VP9/90000",
        is_forwarded: false,
        identity: &[("profile-id", "0")],
        repeated: &[("profile-id", "")],
    },
    Row {
        codec: Codec::Av1,
        kind: TrackKind::Video,
        name: "AV1",
        encoding: "AV1/90000",
        is_forwarded: false,
        // AV1 RTP specification, section 7.2.
        identity: &[("profile", "0")],
        repeated: &[("profile", ""), ("level-idx", ""), ("tier", "")],
    },
];

/// Profile, constraints and level of H.264, as six hexadecimal digits.
const PROFILE_LEVEL_ID: &str = "profile-level-id";

/// Retransmissions (RFC 4588).
const RTX: &str = "rtx/90000";

/// To be told when packets arrive, by the numbers that they have on their transport.
pub(super) const TRANSPORT_FEEDBACK: &str = "transport-cc";

/// To be told how much may be sent: for who cannot work it out from when packets arrive.
pub(super) const RATE_ADVICE: &str = "goog-remb";

/// What we do for who sends pictures, as far as the client offers it: ask for packets again and for key frames,
/// and tell what its line carries.
const FEEDBACK: [&str; 5] = ["nack", "nack pli", "ccm fir", RATE_ADVICE, TRANSPORT_FEEDBACK];

/// Likewise for voices.
const VOICE_FEEDBACK: [&str; 1] = [TRANSPORT_FEEDBACK];

/// A codec under the payload types of one section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format<'a> {
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    /// Of its retransmissions.
    pub(crate) rtx_payload_type: Option<u8>,
    /// As `fmtp` has them.
    pub(crate) parameters: &'a str,
    /// What its sender is asked for.
    pub(crate) feedback: &'a [&'static str],
}

impl Codec {
    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.codec == self)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// Whether formats of this codec are the same, by their parameters.
    pub(crate) fn is_same(self, one: &str, other: &str) -> bool {
        let identity = self.row().map_or(&[][..], |row| row.identity);
        identity.iter().all(|(name, default)| {
            let of = |parameters| parameter(parameters, name).unwrap_or(default);
            match *name {
                PROFILE_LEVEL_ID => h264_profile(of(one)) == h264_profile(of(other)),
                _ => of(one) == of(other),
            }
        })
    }

    /// The parameters of the answer to an offer with these.
    pub(super) fn answered(self, offered: &str) -> String {
        let mut text = String::new();
        for (name, default) in self.row().map_or(&[][..], |row| row.repeated) {
            let mut value = parameter(offered, name).unwrap_or(default);
            // Who says that it sends stereo is asked for it (RFC 7587, section 6.1).
            if *name == "stereo" && parameter(offered, "sprop-stereo") == Some("1") {
                value = "1";
            }
            if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let separator = if text.is_empty() { "" } else { ";" };
                text.extend([separator, name, "=", value]);
            }
        }
        text
    }
}

impl Format<'_> {
    /// Writes the lines that describe the format.
    pub(crate) fn write(&self, lines: &mut Lines) {
        let &Self { codec, payload_type, rtx_payload_type, parameters, feedback } = self;
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
    }
}

/// The codec that a section is to use.
pub(super) struct Chosen {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) rtx_payload_type: Option<u8>,
    /// As the client says them.
    pub(super) parameters: String,
    pub(super) feedback: Vec<&'static str>,
}

/// The first format of the media line whose codec is forwarded: the client lists them by preference
/// (RFC 8829, section 5.2.1).
pub(super) fn choose(media: &Media<'_>, kind: TrackKind) -> Option<Chosen> {
    media.formats.iter().find_map(|format| {
        let payload_type = payload_type(format)?;
        let row = media.attributes.of_format("rtpmap", format).find_map(|map| row_of(map, kind))?;
        row.is_forwarded.then(|| Chosen {
            codec: row.codec,
            payload_type,
            rtx_payload_type: rtx(media, format).filter(|_| kind == TrackKind::Video),
            parameters: media.attributes.of_format("fmtp", format).next().unwrap_or_default().to_owned(),
            feedback: feedback(media, kind, format),
        })
    })
}

/// The codecs that are forwarded, for a sentence to somebody who has none of them.
pub(super) fn forwarded() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|row| row.is_forwarded).map(|row| row.name)
}

/// The codecs of a section as far as we know them, likewise.
pub(super) fn offered(media: &Media<'_>, kind: TrackKind) -> BTreeSet<&'static str> {
    let maps = media.attributes.values("rtpmap").filter_map(|map| map.split_once(' '));
    maps.filter_map(|(_, map)| Some(row_of(map.trim(), kind)?.name)).collect()
}

/// The codec of an `rtpmap`. Case does not matter (RFC 4855, section 3), and one channel need not be said.
fn row_of(map: &str, kind: TrackKind) -> Option<&'static Row> {
    let map = map.strip_suffix("/1").unwrap_or(map);
    TABLE.iter().find(|row| row.kind == kind && row.encoding.eq_ignore_ascii_case(map))
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

/// The value of a parameter in an `fmtp`.
fn parameter<'a>(parameters: &'a str, wanted: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim())
    })
}

/// A profile of H.264, from the first two bytes of a `profile-level-id`: the same one can be written
/// in several ways (RFC 6184, section 8.1, table 5). `None` for what is none.
fn h264_profile(text: &str) -> Option<(u8, u8)> {
    const CONSTRAINED_BASELINE: (u8, u8) = (0x42, 0x40);
    let byte = |at| u8::from_str_radix(text.get(at)?, 16).ok();
    let (profile, constraints) = (byte(0..2)?, byte(2..4)?);
    Some(match (profile, constraints) {
        (0x42, bits) if bits & 0x40 != 0 => CONSTRAINED_BASELINE,
        (0x4D, bits) if bits & 0x80 != 0 => CONSTRAINED_BASELINE,
        (0x58, bits) if bits & 0xC0 == 0xC0 => CONSTRAINED_BASELINE,
        (0x42, _) => (0x42, 0),
        (0x58, bits) if bits & 0xC0 == 0x80 => (0x42, 0),
        (0x4D | 0x58, _) => (profile, 0),
        other => other,
    })
}

/// What subscribers of pictures may ask us for, and what they may tell.
const OFFERED: [&str; 4] = ["nack", "nack pli", "ccm fir", TRANSPORT_FEEDBACK];

/// What we offer a subscriber: the one codec that everybody has, under the payload type that browsers
/// use by default.
pub(crate) const fn ours(kind: TrackKind) -> Format<'static> {
    match kind {
        TrackKind::Audio => Format {
            codec: Codec::Opus,
            payload_type: super::payload::OPUS,
            rtx_payload_type: None,
            parameters: "minptime=10;useinbandfec=1",
            feedback: &VOICE_FEEDBACK,
        },
        TrackKind::Video => Format {
            codec: Codec::Vp8,
            payload_type: super::payload::VP8,
            rtx_payload_type: Some(super::payload::VP8_RTX),
            parameters: "",
            feedback: &OFFERED,
        },
    }
}

#[cfg(test)]
mod tests;
