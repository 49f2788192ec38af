//! Session descriptions (RFC 8866, RFC 8829): read by a parsing crate, written by us.

pub mod answer;
pub(crate) mod bounds;
pub mod offer;
pub mod parse;

use common::protocol::media::TrackKind;
use std::net::SocketAddr;

/// A description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// It is not a session description.
    #[error("not a session description: {0}")]
    Malformed(String),
    /// Something that WebRTC requires is missing.
    #[error("the description lacks {0}")]
    Missing(&'static str),
    /// Something has a value that we do not take.
    #[error("the description has an unusable {0}")]
    Unusable(&'static str),
    /// There is more of something than anybody needs.
    #[error("the description has too many {0}")]
    TooMany(&'static str),
    /// Something is longer than anybody needs.
    #[error("the {0} is too long")]
    TooLong(&'static str),
    /// Who offers has not joined.
    #[error("this participant has not joined")]
    UnknownParticipant,
}

/// The payload types in our own offers: those that browsers use by default.
pub(crate) mod payload {
    pub(crate) const OPUS: u8 = 111;
    pub(crate) const VP8: u8 = 96;
    pub(crate) const VP8_RTX: u8 = 97;
}

/// Who we are, in every description of one transport.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) pwd: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) candidates: &'a [SocketAddr],
}

/// A kind's name in a media line.
pub(crate) const fn name(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}

/// Text with the line ends of RFC 8866.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// The session part. `id` and `version` stay the same and grow over a transport's life.
    pub(crate) fn session(id: u64, version: u64, bundle: &[&str]) -> Self {
        let mut lines = Self::default();
        lines.add("v=0");
        lines.add(&format!("o=- {id} {version} IN IP4 127.0.0.1"));
        lines.add("s=-");
        lines.add("t=0 0");
        lines.add(&format!("a=group:BUNDLE {}", bundle.join(" ")));
        lines.add("a=ice-lite");
        lines.add("a=msid-semantic: WMS *");
        lines
    }

    pub(crate) fn add(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\r\n");
    }

    /// What every media section says about the transport.
    pub(crate) fn transport(&mut self, local: Local<'_>, setup: &str) {
        self.add(&format!("a=ice-ufrag:{}", local.ufrag));
        self.add(&format!("a=ice-pwd:{}", local.pwd));
        self.add(&format!("a=fingerprint:sha-256 {}", local.fingerprint));
        self.add(&format!("a=setup:{setup}"));
        self.add("a=rtcp-mux");
    }

    /// Host candidates (RFC 8839, section 5.1), the first preferred.
    pub(crate) fn candidates(&mut self, local: Local<'_>) {
        for (index, address) in local.candidates.iter().enumerate() {
            let preference = 65_535_u32.saturating_sub(u32::try_from(index).unwrap_or(u32::MAX));
            let priority = 126 << 24 | preference << 8 | 255;
            let (ip, port) = (address.ip(), address.port());
            let foundation = index.saturating_add(1);
            self.add(&format!("a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host"));
        }
        self.add("a=end-of-candidates");
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests;
