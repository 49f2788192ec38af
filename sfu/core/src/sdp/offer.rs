//! Offering a participant what it may receive.

use super::{
    Lines, Local,
    extension::Extensions,
    name,
    sections::{OfferedSection, OfferedStream, Slot},
};
use common::protocol::media::TrackSource;

/// The offer. `setup` is `actpass` at first, and then what was agreed.
pub(crate) fn write(
    sections: &[OfferedSection],
    local: Local<'_>,
    id: u64,
    version: u64,
    setup: &str,
) -> String {
    let live = sections.iter().filter(|section| !section.is_closed());
    let mids: Vec<&str> = live.map(|section| section.mid.as_str()).collect();
    let mut lines = Lines::session(id, version, &mids);
    let transport = local.lines(setup);
    for (index, section) in sections.iter().enumerate() {
        let format = *section.format;
        let port = if section.is_closed() { 0 } else { 9 };
        lines.media(name(section.kind()), port, "UDP/TLS/RTP/SAVPF", format);
        lines.add(format_args!("a=mid:{}", section.mid));
        lines.append(&transport);
        lines.add(format_args!("a=rtcp-rsize"));
        Extensions::offer(&mut lines);
        format.write(&mut lines);
        match section.slot {
            Slot::Live(stream) => send(&mut lines, stream, format.rtx_payload_type.is_some()),
            Slot::Free(_) | Slot::Closing | Slot::Closed => lines.add(format_args!("a=inactive")),
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
    lines.add(format_args!("a=sendonly"));
    let group = match named.source {
        TrackSource::Microphone | TrackSource::Camera => "",
        TrackSource::Screen | TrackSource::ScreenAudio => "-screen",
    };
    lines.add(format_args!("a=msid:{from}{group} {}", named.id));
    if has_rtx {
        lines.add(format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
    }
    lines.add(format_args!("a=ssrc:{ssrc} cname:{from}"));
    if has_rtx {
        lines.add(format_args!("a=ssrc:{rtx_ssrc} cname:{from}"));
    }
}
