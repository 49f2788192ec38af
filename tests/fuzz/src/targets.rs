//! All targets.

mod lists;
mod media;
mod protocol;
mod token;
mod webhook;

use crate::Target;

/// All targets, by what a stranger reaches first.
pub const TARGETS: &[Target] = &[
    Target { name: "demux", seeds: media::demux_seeds, run: media::demux },
    Target { name: "rtp", seeds: media::rtp_seeds, run: media::rtp },
    Target { name: "payload", seeds: media::payload_seeds, run: media::payload },
    Target { name: "rtcp", seeds: media::rtcp_seeds, run: media::rtcp },
    Target { name: "srtp", seeds: media::srtp_seeds, run: media::srtp },
    Target { name: "sdp", seeds: media::sdp_seeds, run: media::sdp },
    Target { name: "data", seeds: media::data_seeds, run: media::data },
    Target { name: "plane", seeds: media::plane_seeds, run: media::plane },
    Target { name: "request", seeds: protocol::seeds, run: protocol::request },
    Target { name: "token", seeds: token::seeds, run: token::any },
    Target { name: "claims", seeds: token::claims_seeds, run: token::claims },
    Target { name: "cursor", seeds: lists::cursor_seeds, run: lists::cursor },
    Target { name: "filter", seeds: lists::filter_seeds, run: lists::filter },
    Target { name: "whatsapp", seeds: webhook::seeds, run: webhook::body },
    Target { name: "whatsapp_item", seeds: webhook::item_seeds, run: webhook::item },
    Target { name: "signature", seeds: webhook::signature_seeds, run: webhook::signature },
];
