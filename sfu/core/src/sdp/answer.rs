//! Answering a client's offer of what it sends.

use super::{
    Lines, Local,
    parse::{Remote, Section},
};
use common::protocol::media::TrackKind;

/// The header extension with a section's mid (RFC 8843, section 15).
const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Whether we take what a section sends.
pub const fn takes(section: &Section) -> bool {
    section.kind.is_some() && section.sends && section.payload_type.is_some()
}

/// The answer: every section is received or refused.
pub(crate) fn write(remote: &Remote, local: Local<'_>, id: u64, version: u64) -> String {
    let taken: Vec<&str> =
        remote.sections.iter().filter(|section| takes(section)).map(|section| section.mid.as_str()).collect();
    let mut lines = Lines::session(id, version, &taken);
    let setup = if remote.is_passive { "active" } else { "passive" };
    let mut has_candidates = false;
    for section in &remote.sections {
        match (section.kind, section.payload_type) {
            (Some(kind), Some(payload_type)) if takes(section) => {
                receive(&mut lines, section, kind, payload_type, local, setup);
                if !has_candidates {
                    lines.candidates(local);
                    has_candidates = true;
                }
            }
            _ => refuse(&mut lines, section),
        }
    }
    lines.into_text()
}

fn receive(
    lines: &mut Lines,
    section: &Section,
    kind: TrackKind,
    payload_type: u8,
    local: Local<'_>,
    setup: &str,
) {
    let rtx = section.rtx_payload_type.filter(|_| kind == TrackKind::Video);
    let formats = rtx.map_or_else(|| payload_type.to_string(), |rtx| format!("{payload_type} {rtx}"));
    lines.add(&format!("m={} 9 {} {formats}", section.media, section.protocol));
    lines.add("c=IN IP4 0.0.0.0");
    lines.add(&format!("a=mid:{}", section.mid));
    lines.transport(local, setup);
    lines.add("a=recvonly");
    if let Some(id) = section.mid_extension {
        lines.add(&format!("a=extmap:{id} {MID_EXTENSION}"));
    }
    codec(lines, kind, payload_type, rtx);
}

/// What we say about the codec of a section, offered or answered.
pub(crate) fn codec(lines: &mut Lines, kind: TrackKind, payload_type: u8, rtx: Option<u8>) {
    match kind {
        TrackKind::Audio => {
            lines.add(&format!("a=rtpmap:{payload_type} opus/48000/2"));
            lines.add(&format!("a=fmtp:{payload_type} minptime=10;useinbandfec=1"));
        }
        TrackKind::Video => {
            lines.add(&format!("a=rtpmap:{payload_type} VP8/90000"));
            for feedback in ["nack", "nack pli", "ccm fir", "goog-remb"] {
                lines.add(&format!("a=rtcp-fb:{payload_type} {feedback}"));
            }
            if let Some(rtx) = rtx {
                lines.add(&format!("a=rtpmap:{rtx} rtx/90000"));
                lines.add(&format!("a=fmtp:{rtx} apt={payload_type}"));
            }
        }
    }
}

/// A section that is not taken (RFC 3264, section 6).
fn refuse(lines: &mut Lines, section: &Section) {
    lines.add(&format!("m={} 0 {} {}", section.media, section.protocol, section.format));
    lines.add("c=IN IP4 0.0.0.0");
    lines.add(&format!("a=mid:{}", section.mid));
    lines.add("a=inactive");
}
