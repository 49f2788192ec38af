//! Reading a client's description into the few things that matter, within strict limits.

use super::{SdpError, bounds};
use common::{
    id::TrackId,
    protocol::media::{TrackKind, TrackSource},
};
use rtc_sdp::{
    SessionDescription,
    description::{common::Attribute, media::MediaDescription},
};
use std::{collections::BTreeSet, io::Cursor};

/// The longest text taken over from a description, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// The header extension with a section's mid (RFC 8843, section 15).
const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// A client's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// ICE credentials.
    pub ufrag: String,
    /// ICE credentials.
    pub pwd: String,
    /// The SHA-256 of its certificate, in upper-case hexadecimal with colons.
    pub fingerprint: String,
    /// Whether it leaves the DTLS client's part to us (RFC 8842, section 5).
    pub is_passive: bool,
    /// The media sections, in order.
    pub sections: Vec<Section>,
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its identification (RFC 5888).
    pub mid: String,
    /// `None` for what is neither sound nor picture.
    pub kind: Option<TrackKind>,
    /// The media line as it stands, for an answer that rejects it.
    pub media: String,
    /// Likewise.
    pub protocol: String,
    /// Likewise.
    pub format: String,
    /// What it carries, of which the description itself says nothing; see [`Remote::name`].
    pub named: Option<Named>,
    /// Whether the client sends in it.
    pub sends: bool,
    /// Whether the client receives in it.
    pub receives: bool,
    /// The payload type of the codec that we forward: Opus or VP8.
    pub payload_type: Option<u8>,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// The stream, if it is named.
    pub ssrc: Option<u32>,
    /// The stream of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// The id of the header extension with the mid.
    pub mid_extension: Option<u8>,
}

/// Which track it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The track's own, by which every receiver knows it.
    pub id: TrackId,
    /// Where it comes from.
    pub source: TrackSource,
}

impl Remote {
    /// Says what the section with this mid carries. Does nothing if there is none.
    pub fn name(&mut self, mid: &str, named: Named) {
        if let Some(section) = self.sections.iter_mut().find(|section| section.mid == mid) {
            section.named = Some(named);
        }
    }

    /// The sections in which the client receives, by their mids.
    pub(crate) fn accepted(&self) -> BTreeSet<&str> {
        self.sections.iter().filter(|section| section.receives).map(|section| section.mid.as_str()).collect()
    }

    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        bounds::check(text)?;
        let description =
            SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).map_err(|error| {
                SdpError::Malformed(error.to_string().chars().take(TOKEN_BYTES_MAX).collect())
            })?;
        let media = &description.media_descriptions;
        // Of bundled sections one speaks for all; a session-wide value for those that say nothing.
        let find = |key: &str| {
            let in_media = media.iter().find_map(|media| value(&media.attributes, key));
            in_media.or_else(|| value(&description.attributes, key))
        };
        let token = |key: &'static str| {
            let text = find(key).ok_or(SdpError::Missing(key))?;
            if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
                Err(SdpError::Unusable(key))
            } else {
                Ok(text.to_owned())
            }
        };
        let fingerprint = token("fingerprint")?;
        let sha256 = fingerprint.split_once(' ').filter(|(hash, _)| hash.eq_ignore_ascii_case("sha-256"));
        let sections: Vec<Section> = media.iter().map(section).collect::<Result<_, _>>()?;
        let mids: BTreeSet<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
        if mids.len() < sections.len() {
            return Err(SdpError::Unusable("mid"));
        }
        Ok(Self {
            ufrag: token("ice-ufrag")?,
            pwd: token("ice-pwd")?,
            fingerprint: sha256.ok_or(SdpError::Unusable("fingerprint"))?.1.trim().to_ascii_uppercase(),
            is_passive: find("setup") == Some("passive"),
            sections,
        })
    }
}

fn section(media: &MediaDescription) -> Result<Section, SdpError> {
    let attributes = &media.attributes;
    let mid = value(attributes, "mid").ok_or(SdpError::Missing("mid"))?;
    if mid.is_empty() || mid.len() > 32 || !mid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SdpError::Unusable("mid"));
    }
    let kind = match media.media_name.media.as_str() {
        "audio" => Some(TrackKind::Audio),
        "video" => Some(TrackKind::Video),
        _ => None,
    };
    let has = |key: &str| attributes.iter().any(|attribute| attribute.key == key);
    let is_rejected = media.media_name.port.value == 0 && !has("bundle-only");
    let is_inactive = is_rejected || has("inactive");
    let payload_type = kind.and_then(|kind| codec(attributes, kind));
    let (ssrc, rtx_ssrc) = streams(attributes);
    Ok(Section {
        mid: mid.to_owned(),
        kind,
        media: media.media_name.media.clone(),
        protocol: media.media_name.protos.join("/"),
        format: media.media_name.formats.first().cloned().unwrap_or_default(),
        named: None,
        sends: !is_inactive && !has("recvonly"),
        receives: !is_inactive && !has("sendonly"),
        payload_type,
        rtx_payload_type: payload_type.and_then(|payload_type| rtx(attributes, payload_type)),
        ssrc,
        rtx_ssrc,
        mid_extension: values(attributes, "extmap").find_map(mid_extension),
    })
}

fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    values(attributes, key).next()
}

fn values<'a>(attributes: &'a [Attribute], key: &str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.key == key)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// The first payload type of the one codec that we forward per kind.
fn codec(attributes: &[Attribute], kind: TrackKind) -> Option<u8> {
    let wanted = match kind {
        TrackKind::Audio => "opus/48000/2",
        TrackKind::Video => "VP8/90000",
    };
    values(attributes, "rtpmap").find_map(|map| {
        let (number, codec) = map.split_once(' ')?;
        codec
            .trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| number.parse().ok().filter(|number| *number < 128))?
    })
}

/// The payload type whose retransmissions are of `payload_type`.
fn rtx(attributes: &[Attribute], payload_type: u8) -> Option<u8> {
    let apt = format!("apt={payload_type}");
    values(attributes, "fmtp").find_map(|format| {
        let (number, parameters) = format.split_once(' ')?;
        let is_ours = parameters.split(';').any(|parameter| parameter.trim() == apt);
        is_ours.then(|| number.parse().ok().filter(|number| *number < 128))?
    })
}

/// The stream and that of its retransmissions (RFC 5576).
fn streams(attributes: &[Attribute]) -> (Option<u32>, Option<u32>) {
    let pair = values(attributes, "ssrc-group").find_map(|group| {
        let mut words = group.split_whitespace();
        (words.next() == Some("FID"))
            .then(|| Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?)))?
    });
    match pair {
        Some((ssrc, rtx)) => (Some(ssrc), Some(rtx)),
        None => {
            let first =
                values(attributes, "ssrc").find_map(|line| line.split_whitespace().next()?.parse().ok());
            (first, None)
        }
    }
}

/// The id of the mid extension; Firefox writes a direction behind it.
fn mid_extension(map: &str) -> Option<u8> {
    let (id, uri) = map.split_once(' ')?;
    let id = id.split('/').next()?.parse().ok().filter(|id| (1..=255_u8).contains(id))?;
    (uri.trim() == MID_EXTENSION).then_some(id)
}
