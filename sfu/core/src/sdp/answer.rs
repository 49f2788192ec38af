//! Answering a client's offer of what it sends.

use super::{
    Lines, Local, SdpError, codec, data, name,
    parse::{Remote, Section},
};
use std::collections::BTreeSet;

/// Whether we take what a section sends.
pub const fn takes(section: &Section) -> bool {
    section.is_on_transport && section.forwarded.is_some() && section.sends
}

/// Whether a section is ours to keep: what is sent in it is taken, and where the client sends no media,
/// neither do we (subscribing has a transport of its own). Data goes both ways.
const fn stays(section: &Section) -> bool {
    section.is_on_transport && (section.forwarded.is_some() || section.data.is_some())
}

/// Whether there is anything to answer with.
///
/// # Errors
/// [`SdpError::NothingAgreed`] if the client sends something and nothing of it can be taken.
pub fn check(remote: &Remote) -> Result<(), SdpError> {
    let sends = remote.sections.iter().any(|section| section.sends);
    if !sends || remote.sections.iter().any(stays) {
        return Ok(());
    }
    Err(nothing_agreed(remote))
}

/// What there is to say to who has nothing that is forwarded.
pub(super) fn nothing_agreed(remote: &Remote) -> SdpError {
    let offered: BTreeSet<_> = remote.sections.iter().flat_map(|section| &section.offered).copied().collect();
    let list = |names: Vec<&str>| {
        if names.is_empty() { "no codec that is known".to_owned() } else { names.join(", ") }
    };
    SdpError::NothingAgreed {
        offered: list(offered.into_iter().collect()),
        forwarded: list(codec::forwarded().collect()),
    }
}

/// The answer: every section is received, kept without media, or refused.
pub(crate) fn write(remote: &Remote, local: Local<'_>, id: u64, version: u64) -> String {
    let kept = remote.sections.iter().filter(|section| stays(section));
    let mids: Vec<&str> = kept.map(|section| section.mid.as_str()).collect();
    let bundle = if remote.has_bundle { &mids[..] } else { &[] };
    let mut lines = Lines::session(id, version, bundle);
    if remote.allows_mixed {
        lines.add(format_args!("a=extmap-allow-mixed"));
    }
    let setup = if remote.is_passive { "active" } else { "passive" };
    let transport = local.lines(setup);
    for section in &remote.sections {
        if stays(section) {
            if section.data.is_some() {
                let (line, association) = (&section.line, local.association(setup));
                data::keep(&mut lines, &line.protocol, &section.mid, &association);
            } else {
                keep(&mut lines, section, &transport);
            }
            if mids.first() == Some(&section.mid.as_str()) {
                lines.candidates(local);
            }
        } else {
            refuse(&mut lines, section, &transport);
        }
    }
    lines.into_text()
}

fn keep(lines: &mut Lines, section: &Section, transport: &str) {
    let parameters = section.answered_parameters();
    let (Some(kind), Some(format)) = (section.kind, section.format(&parameters)) else { return };
    let protocol = &section.line.protocol;
    lines.media(name(kind), 9, protocol, format);
    lines.add(format_args!("a=mid:{}", section.mid));
    lines.append(transport);
    if section.is_mux_only {
        lines.add(format_args!("a=rtcp-mux-only"));
    }
    if section.has_reduced_rtcp {
        lines.add(format_args!("a=rtcp-rsize"));
    }
    lines.add(format_args!("a={}", if takes(section) { "recvonly" } else { "inactive" }));
    section.extensions.write(lines);
    format.write(lines);
    let rids: Vec<&str> = section.encodings.iter().filter_map(|encoding| encoding.rid.as_deref()).collect();
    for rid in &rids {
        lines.add(format_args!("a=rid:{rid} recv"));
    }
    // The client is to send all that are taken, for receivers to get the one that suits them (RFC 8853, section 5.3.2).
    if section.is_simulcast && !rids.is_empty() {
        lines.add(format_args!("a=simulcast:recv {}", rids.join(";")));
    }
}

/// A section that is not taken (RFC 3264, section 6). There are clients that read even of such a one
/// its format and its transport, and refuse the whole answer if they find none.
pub(super) fn refuse(lines: &mut Lines, section: &Section, transport: &str) {
    let line = &section.line;
    lines.add(format_args!("m={} 0 {} {}", line.name, line.protocol, line.format));
    lines.add(format_args!("c=IN IP4 0.0.0.0"));
    lines.add(format_args!("a=mid:{}", section.mid));
    lines.append(transport);
    lines.add(format_args!("a=inactive"));
    for attribute in &line.attributes {
        lines.add(format_args!("a={attribute}"));
    }
}
