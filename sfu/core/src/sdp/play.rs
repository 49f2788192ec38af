//! Answering a player's offer of what it receives (WHEP, draft-ietf-wish-whep-03, section 4.2).
//!
//! One section of sound and one of pictures are answered, in all formats that both know: which of them comes is decided
//! by whoever is played. What goes out in them has the same stream numbers for as long as the transport lives.

use super::{
    Lines, Local, SdpError, answer,
    codec::{Chosen, Format, RATE_ADVICE},
    name,
    parse::{Remote, Section},
};
use common::{id::ConnectionId, protocol::media::TrackKind};

/// A section in which something is played, and under which stream numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlayedSection {
    pub(crate) mid: String,
    pub(crate) kind: TrackKind,
    /// In which the player takes it, by its preference: one at least.
    pub(crate) formats: Vec<Chosen>,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
}

impl PlayedSection {
    /// The section under these numbers; `None` if nothing can be played in it.
    pub(crate) fn of(section: &Section, ssrc: u32, rtx_ssrc: u32) -> Option<Self> {
        let kind = section.kind.filter(|_| takes(section))?;
        Some(Self { mid: section.mid.clone(), kind, formats: section.formats.clone(), ssrc, rtx_ssrc })
    }
}

/// Whether something can be played in a section.
pub const fn takes(section: &Section) -> bool {
    section.is_on_transport && section.receives && !section.formats.is_empty()
}

/// Whether there is anything to answer with.
///
/// # Errors
/// [`SdpError::Missing`] of an offer without sections; [`SdpError::NothingAgreed`] if nothing can be played.
pub fn check(remote: &Remote) -> Result<(), SdpError> {
    if remote.sections.is_empty() {
        return Err(SdpError::Missing("media sections"));
    }
    if remote.sections.iter().any(takes) { Ok(()) } else { Err(answer::nothing_agreed(remote)) }
}

/// The answer: `played` is sent, all else is refused. Sound and pictures are one stream of this name, so that players
/// keep lips and voice together.
pub(crate) fn write(
    remote: &Remote,
    played: &[PlayedSection],
    local: Local<'_>,
    stream: ConnectionId,
    (id, version): (u64, u64),
) -> String {
    let known = |section: &Section| played.iter().find(|it| it.mid == section.mid);
    let mids: Vec<&str> =
        remote.sections.iter().filter(|it| known(it).is_some()).map(|it| it.mid.as_str()).collect();
    let bundle = if remote.has_bundle { &mids[..] } else { &[] };
    let mut lines = Lines::session(id, version, bundle);
    if remote.allows_mixed {
        lines.add(format_args!("a=extmap-allow-mixed"));
    }
    let transport = local.lines(if remote.is_passive { "active" } else { "passive" });
    for section in &remote.sections {
        match known(section) {
            Some(played) => {
                send(&mut lines, section, played, &transport, stream);
                if mids.first() == Some(&section.mid.as_str()) {
                    lines.candidates(local);
                }
            }
            None => answer::refuse(&mut lines, section, &transport),
        }
    }
    lines.into_text()
}

fn send(lines: &mut Lines, section: &Section, played: &PlayedSection, transport: &str, stream: ConnectionId) {
    let &PlayedSection { ref mid, kind, ref formats, ssrc, rtx_ssrc } = played;
    let numbers_packets = section.feedback.contains(&super::codec::TRANSPORT_FEEDBACK);
    let parameters: Vec<String> =
        formats.iter().map(|chosen| chosen.forwarded.codec.answered(&chosen.parameters)).collect();
    let feedback: Vec<Vec<&'static str>> =
        formats.iter().map(|chosen| agreed_feedback(chosen, numbers_packets)).collect();
    let said: Vec<Format<'_>> = formats
        .iter()
        .zip(parameters.iter().zip(&feedback))
        .map(|(chosen, (parameters, feedback))| Format {
            codec: chosen.forwarded.codec,
            payload_type: chosen.payload_type,
            rtx_payload_type: chosen.rtx_payload_type,
            red: chosen.red,
            parameters,
            feedback,
        })
        .collect();
    let types: String = said.iter().flat_map(Format::payload_types).map(|it| format!(" {it}")).collect();
    lines.add(format_args!("m={} 9 {}{types}", name(kind), section.line.protocol));
    lines.add(format_args!("c=IN IP4 0.0.0.0"));
    lines.add(format_args!("a=mid:{mid}"));
    lines.append(transport);
    if section.is_mux_only {
        lines.add(format_args!("a=rtcp-mux-only"));
    }
    if section.has_reduced_rtcp {
        lines.add(format_args!("a=rtcp-rsize"));
    }
    lines.add(format_args!("a=sendonly"));
    section.extensions.sent(lines);
    said.iter().for_each(|format| format.write(lines));
    lines.add(format_args!("a=msid:{stream} {stream}-{}", name(kind)));
    let has_rtx = said.iter().any(|format| format.rtx_payload_type.is_some());
    if has_rtx {
        lines.add(format_args!("a=ssrc-group:FID {ssrc} {rtx_ssrc}"));
    }
    lines.add(format_args!("a=ssrc:{ssrc} cname:{stream}"));
    if has_rtx {
        lines.add(format_args!("a=ssrc:{rtx_ssrc} cname:{stream}"));
    }
}

/// What the player may ask for and tell: what its line carries is worked out here, not advised.
fn agreed_feedback(chosen: &Chosen, numbers_packets: bool) -> Vec<&'static str> {
    let all = chosen.feedback.iter().copied();
    all.filter(|it| *it != RATE_ADVICE && (numbers_packets || *it != super::codec::TRANSPORT_FEEDBACK))
        .collect()
}
