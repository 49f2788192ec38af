//! Codecs: what is known of them, which formats of them are forwarded, and which one a section is to use.

mod choice;
mod format;

pub(crate) use choice::Chosen;
pub(super) use choice::{choices, offered};
use common::protocol::media::TrackKind;
#[cfg(test)]
pub(crate) use format::ours;
pub(crate) use format::{Format, Red};

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
    name: &'static str,
    /// Encoding, clock rate in Hz and channels, as `rtpmap` has them.
    encoding: &'static str,
    /// Parameters that make two formats different ones, with what stands for those that are not there.
    identity: &'static [(&'static str, &'static str)],
    /// Parameters that the answer repeats, for the client sends by them; with what it says where the client
    /// says nothing.
    repeated: &'static [(&'static str, &'static str)],
}

const TABLE: [Row; 6] = [
    Row {
        codec: Codec::Opus,
        name: "Opus",
        encoding: "opus/48000/2",
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
    // It stands beside Opus, and never alone.
    Row { codec: Codec::Red, name: "RED", encoding: "red/48000/2", identity: &[], repeated: &[] },
    Row {
        codec: Codec::Vp8,
        name: "VP8",
        encoding: "VP8/90000",
        // What `max-fs` and `max-fr` say is what the client can receive (RFC 7741, section 6.1).
        identity: &[],
        repeated: &[],
    },
    Row {
        codec: Codec::H264,
        name: "H.264",
        encoding: "H264/90000",
        // RFC 6184, section 8.2.2. Without a level the one of baseline is meant (section 8.1).
        identity: &[("packetization-mode", "0"), (PROFILE_LEVEL_ID, "42000a")],
        repeated: &[("level-asymmetry-allowed", ""), ("packetization-mode", ""), (PROFILE_LEVEL_ID, "")],
    },
    Row {
        codec: Codec::Vp9,
        name: "VP9",
        encoding: "VP9/90000",
        identity: &[("profile-id", "0")],
        repeated: &[("profile-id", "")],
    },
    Row {
        codec: Codec::Av1,
        name: "AV1",
        encoding: "AV1/90000",
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
const VOICE_FEEDBACK: [&str; 2] = ["nack", TRANSPORT_FEEDBACK];

impl Codec {
    /// Whether it is of sound or of pictures.
    pub const fn kind(self) -> TrackKind {
        match self {
            Self::Opus | Self::Red => TrackKind::Audio,
            Self::Vp8 | Self::H264 | Self::Vp9 | Self::Av1 => TrackKind::Video,
        }
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.codec == self)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// Its media type (RFC 4855).
    pub(crate) fn mime_type(self) -> String {
        let name = self.row().and_then(|row| row.encoding.split('/').next()).unwrap_or_default();
        match self.kind() {
            TrackKind::Audio => format!("audio/{name}"),
            TrackKind::Video => format!("video/{name}"),
        }
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

/// The codecs that are forwarded, for a sentence to somebody who has none of them.
pub(super) fn forwarded() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|row| format::has(row.codec)).map(|row| row.name)
}

/// The codec of an `rtpmap`. Case does not matter (RFC 4855, section 3), and one channel need not be said.
fn row_of(map: &str, kind: TrackKind) -> Option<&'static Row> {
    let map = map.strip_suffix("/1").unwrap_or(map);
    TABLE.iter().find(|row| row.codec.kind() == kind && row.encoding.eq_ignore_ascii_case(map))
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

#[cfg(test)]
mod tests;
