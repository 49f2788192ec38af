//! Offering a participant what it may receive.

use super::{Lines, Local, answer::codec, name, parse::Named, payload};
use crate::id::PublicationId;
use common::{
    id::ConnectionId,
    protocol::media::{TrackKind, TrackSource},
};

/// A track in an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfferedStream {
    pub(crate) publication: PublicationId,
    pub(crate) from: ConnectionId,
    pub(crate) named: Named,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
}

/// A section of an offer: once there it stays, and carries one track after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedSection {
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    pub(crate) stream: Option<OfferedStream>,
}

/// The offer. `setup` is `actpass` at first, and then what was agreed.
pub(crate) fn write(
    sections: &[OfferedSection],
    local: Local<'_>,
    id: u64,
    version: u64,
    setup: &str,
) -> String {
    let mids: Vec<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
    let mut lines = Lines::session(id, version, &mids);
    for (index, section) in sections.iter().enumerate() {
        let (payload_type, rtx) = match section.kind {
            TrackKind::Audio => (payload::OPUS, None),
            TrackKind::Video => (payload::VP8, Some(payload::VP8_RTX)),
        };
        let formats = rtx.map_or_else(|| payload_type.to_string(), |rtx| format!("{payload_type} {rtx}"));
        lines.add(&format!("m={} 9 UDP/TLS/RTP/SAVPF {formats}", name(section.kind)));
        lines.add("c=IN IP4 0.0.0.0");
        lines.add(&format!("a=mid:{}", section.mid));
        lines.transport(local, setup);
        codec(&mut lines, section.kind, payload_type, rtx);
        match section.stream {
            Some(stream) => send(&mut lines, stream, rtx.is_some()),
            None => lines.add("a=inactive"),
        }
        if index == 0 {
            lines.candidates(local);
        }
    }
    lines.into_text()
}

/// Camera and microphone of one publisher share a stream id, so that browsers keep lips and voice together, and so do a
/// screen and what sounds there. The track id is the track's own (RFC 8830, section 2).
fn send(lines: &mut Lines, stream: OfferedStream, has_rtx: bool) {
    let OfferedStream { from, named, ssrc, rtx_ssrc, .. } = stream;
    lines.add("a=sendonly");
    let group = match named.source {
        TrackSource::Microphone | TrackSource::Camera => "",
        TrackSource::Screen | TrackSource::ScreenAudio => "-screen",
    };
    lines.add(&format!("a=msid:{from}{group} {}", named.id));
    if has_rtx {
        lines.add(&format!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
    }
    lines.add(&format!("a=ssrc:{ssrc} cname:{from}"));
    if has_rtx {
        lines.add(&format!("a=ssrc:{rtx_ssrc} cname:{from}"));
    }
}
