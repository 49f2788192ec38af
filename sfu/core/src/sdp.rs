//! Session descriptions (RFC 8866, RFC 8829): offers and answers, read and written.

pub mod answer;
pub(crate) mod bounds;
pub mod codec;
pub mod data;
mod description;
pub mod encoding;
pub mod extension;
pub mod fingerprint;
pub mod fragment;
pub(crate) mod offer;
pub mod parse;
pub mod play;
pub(crate) mod sections;

use codec::Format;
use common::protocol::media::TrackKind;
use std::{
    fmt::{Arguments, Write},
    net::SocketAddr,
};

/// A description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// It is not a session description.
    #[error("line {line} is none of a session description")]
    Malformed {
        /// Which one, counted from 1.
        line: usize,
    },
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
    /// The client sends something, but nothing that we forward.
    #[error("nothing that is offered can be taken: it has {offered}, and what is forwarded is {forwarded}")]
    NothingAgreed {
        /// The codecs that the client has, as far as we know them.
        offered: String,
        /// Those that it could send.
        forwarded: String,
    },
    /// Who offers has not joined.
    #[error("this participant has not joined")]
    UnknownParticipant,
}

/// Who we are, in every description of one transport.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) pwd: &'a str,
    pub(crate) fingerprint: &'a str,
    pub(crate) candidates: &'a [SocketAddr],
    pub(crate) tcp_candidates: &'a [SocketAddr],
}

/// How much a host candidate counts that is reached by UDP (RFC 8445, section 5.1.2.2).
const UDP_PREFERENCE: u8 = 126;

/// Likewise by TCP: less than any that is reached by UDP without a relay, because what is lost holds up what comes
/// after it (RFC 6544, section 4.2).
const TCP_PREFERENCE: u8 = 90;

/// The highest local preference of a passive TCP candidate: the direction counts 4 times 2¹³, and what is added to
/// that is below 2¹³ (RFC 6544, section 4.2).
const TCP_PASSIVE_PREFERENCE: u16 = (4 << 13) + 8191;

/// The priority of a candidate of RTP and RTCP together (RFC 8445, section 5.1.2.1).
fn priority(kind: u8, local: u16) -> u32 {
    u32::from(kind) << 24 | u32::from(local) << 8 | 255
}

/// The local preference of the candidate that comes after so many others.
fn less(highest: u16, index: usize) -> u16 {
    highest.saturating_sub(u16::try_from(index).unwrap_or(u16::MAX))
}

/// A kind's name in a media line.
pub(crate) const fn name(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}

impl Local<'_> {
    /// What every section of sound or pictures says about the transport.
    pub(crate) fn lines(self, setup: &str) -> String {
        let mut lines = Lines(self.association(setup));
        lines.add(format_args!("a=rtcp-mux"));
        lines.into_text()
    }

    /// What every section says about the transport.
    pub(crate) fn association(self, setup: &str) -> String {
        let mut lines = Lines::default();
        lines.add(format_args!("a=ice-ufrag:{}", self.ufrag));
        lines.add(format_args!("a=ice-pwd:{}", self.pwd));
        lines.add(format_args!("a=fingerprint:sha-256 {}", self.fingerprint));
        lines.add(format_args!("a=setup:{setup}"));
        lines.into_text()
    }
}

/// Text with the line ends of RFC 8866.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// The session part. `id` and `version` stay the same and grow over a transport's life. Without
    /// sections to bundle it says nothing of bundling.
    pub(crate) fn session(id: u64, version: u64, bundle: &[&str]) -> Self {
        let mut lines = Self::default();
        lines.add(format_args!("v=0"));
        lines.add(format_args!("o=- {id} {version} IN IP4 127.0.0.1"));
        lines.add(format_args!("s=-"));
        lines.add(format_args!("t=0 0"));
        if !bundle.is_empty() {
            lines.add(format_args!("a=group:BUNDLE {}", bundle.join(" ")));
        }
        lines.add(format_args!("a=ice-lite"));
        lines.add(format_args!("a=msid-semantic: WMS *"));
        lines
    }

    pub(crate) fn add(&mut self, line: Arguments<'_>) {
        // Writing into a string cannot fail.
        let _written = self.0.write_fmt(line);
        self.0.push_str("\r\n");
    }

    /// Lines that are written already.
    pub(crate) fn append(&mut self, lines: &str) {
        self.0.push_str(lines);
    }

    /// The media line of a section that carries a format. Port 9 stands for none yet, and 0 for none at all.
    pub(crate) fn media(&mut self, name: &str, port: u16, protocol: &str, format: Format<'_>) {
        let types: String = format.payload_types().map(|number| format!(" {number}")).collect();
        self.add(format_args!("m={name} {port} {protocol}{types}"));
        self.add(format_args!("c=IN IP4 0.0.0.0"));
    }

    /// Host candidates (RFC 8839, section 5.1), the first preferred, and UDP before TCP, to which clients connect
    /// (RFC 6544, section 4.5).
    pub(crate) fn candidates(&mut self, local: Local<'_>) {
        for (index, address) in local.candidates.iter().enumerate() {
            let priority = priority(UDP_PREFERENCE, less(u16::MAX, index));
            let (ip, port) = (address.ip(), address.port());
            let foundation = index.saturating_add(1);
            self.add(format_args!("a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host"));
        }
        for (index, address) in local.tcp_candidates.iter().enumerate() {
            let priority = priority(TCP_PREFERENCE, less(TCP_PASSIVE_PREFERENCE, index));
            let (ip, port) = (address.ip(), address.port());
            let foundation = local.candidates.len().saturating_add(index).saturating_add(1);
            self.add(format_args!(
                "a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive"
            ));
        }
        self.add(format_args!("a=end-of-candidates"));
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests;
