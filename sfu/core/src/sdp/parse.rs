//! Reading a client's description into the few things that matter, within strict limits.

use super::{
    SdpError, bounds,
    codec::{self, Chosen, Format, Red},
    data::DataSection,
    description::{Attributes, Description, Media},
    encoding::{self, Encoding},
    extension::{Extension, Extensions, TRANSPORT_SEQUENCE_ID},
    fingerprint::Fingerprint,
};
use common::{
    id::TrackId,
    protocol::media::{TrackKind, TrackSource},
};
use std::collections::BTreeSet;

/// The longest text taken over from a description, in bytes.
pub(super) const TOKEN_BYTES_MAX: usize = 256;

/// The longest mid, in bytes.
const MID_BYTES_MAX: usize = 32;

/// The transports of sound and pictures that a client may name; all of them mean SRTP with keys of
/// DTLS (RFC 8829, section 5.1.2).
const PROTOCOLS: [&str; 8] = [
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/TLS/RTP/SAVPF",
    "TCP/TLS/RTP/SAVP",
    "RTP/SAVPF",
    "RTP/SAVP",
    "RTP/AVPF",
    "RTP/AVP",
];

/// A client's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// ICE credentials.
    pub ufrag: String,
    /// ICE credentials.
    pub pwd: String,
    /// Of its certificate.
    pub fingerprint: Fingerprint,
    /// Whether it leaves the DTLS client's part to us (RFC 8842, section 5).
    pub is_passive: bool,
    /// The media sections, in order.
    pub sections: Vec<Section>,
    /// The header extensions of the transport, and their numbers.
    pub extensions: Extensions,
    /// It takes header extensions in both forms at once (RFC 8285, section 6).
    pub(super) allows_mixed: bool,
    /// It puts several sections on one transport (RFC 8843).
    pub(super) has_bundle: bool,
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its identification (RFC 5888).
    pub mid: String,
    /// `None` for what is neither sound nor picture.
    pub kind: Option<TrackKind>,
    /// What it carries, of which the description itself says nothing; see [`Remote::name`].
    pub named: Option<Named>,
    /// Whether the client sends in it.
    pub sends: bool,
    /// Whether the client receives in it.
    pub receives: bool,
    /// The client's first format that is forwarded, as we offer it to others.
    pub(crate) forwarded: Option<&'static Format<'static>>,
    /// Its payload type.
    pub payload_type: Option<u8>,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// What earlier packets carried may come again with its packets (RFC 2198).
    pub(crate) red: Option<Red>,
    /// All of the client's formats that are forwarded, in its order, each once.
    pub(crate) formats: Vec<Chosen>,
    /// The streams that are taken, in the client's order: one at least.
    pub encodings: Vec<Encoding>,
    /// The client's header extensions.
    pub extensions: Extensions,
    /// Whether it is on the transport that we serve.
    pub(super) is_on_transport: bool,
    /// The client had ended it, or has.
    pub(super) is_rejected: bool,
    /// It says that its encodings are of one picture (RFC 8853).
    pub(super) is_simulcast: bool,
    /// RTCP may leave out the reports (RFC 5506).
    pub(super) has_reduced_rtcp: bool,
    /// RTCP comes on no port of its own, whatever the answer says (RFC 8858).
    pub(super) is_mux_only: bool,
    /// It is for data channels, and what the client says of them.
    pub data: Option<DataSection>,
    /// What the client says of the codec.
    pub(super) parameters: String,
    /// What the codec's sender can be asked for.
    pub(super) feedback: Vec<&'static str>,
    /// The codecs that it names as far as we know them.
    pub(super) offered: BTreeSet<&'static str>,
    pub(super) line: MediaLine,
}

/// What an answer that rejects a section repeats of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaLine {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) format: String,
    /// The attributes of that format.
    pub(super) attributes: Vec<String>,
}

/// What a client takes of a track that it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What earlier packets carried may come again with those that follow them.
    pub(crate) has_red: bool,
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

    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        bounds::check(text)?;
        let description = Description::read(text)?;
        let (session, media) = (&description.session, &description.media);
        let mut sections: Vec<Section> = media.iter().map(section).collect::<Result<_, _>>()?;
        let mids: BTreeSet<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
        if mids.len() < sections.len() {
            return Err(SdpError::Unusable("mid"));
        }
        let has_bundle = put_on_transport(session, &mut sections);
        let mut extensions = Extensions::default();
        for section in sections.iter().filter(|section| section.is_on_transport) {
            extensions.join(&section.extensions)?;
        }
        // Of bundled sections one speaks for all, and none that is rejected; a session-wide value for
        // those that say nothing.
        let live = media.iter().zip(&sections).filter(|(_, section)| section.is_on_transport);
        let speaking: Vec<&Attributes<'_>> = live
            .map(|(media, _)| &media.attributes)
            .chain([session])
            .chain(media.iter().map(|media| &media.attributes))
            .collect();
        let find = |name: &str| speaking.iter().find_map(|attributes| attributes.value(name));
        let token = |name: &'static str| {
            let text = find(name).ok_or(SdpError::Missing(name))?;
            if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
                Err(SdpError::Unusable(name))
            } else {
                Ok(text.to_owned())
            }
        };
        let fingerprints = speaking.iter().find(|attributes| attributes.has("fingerprint"));
        let fingerprints = fingerprints.into_iter().flat_map(|attributes| attributes.values("fingerprint"));
        Ok(Self {
            fingerprint: Fingerprint::read(fingerprints)?,
            ufrag: token("ice-ufrag")?,
            pwd: token("ice-pwd")?,
            is_passive: find("setup") == Some("passive"),
            sections,
            extensions,
            allows_mixed: find("extmap-allow-mixed").is_some(),
            has_bundle,
        })
    }

    /// What the client says of its data channels, if it offers any on the transport that we serve.
    pub(crate) fn data(&self) -> Option<DataSection> {
        self.sections.iter().find_map(|section| section.data)
    }

    /// Whether the client takes packets that are numbered on their transport as our offers say, and tells when they
    /// arrive.
    pub(crate) fn tells_arrivals(&self) -> bool {
        self.extensions.received_id(Extension::TransportSequence) == Some(TRANSPORT_SEQUENCE_ID)
    }

    /// The number under which the client takes the numbers of packets on their transport, to tell when they arrive;
    /// `None` if it does not tell, or no header of one byte has room for it (RFC 8285, section 4.2).
    pub(crate) fn arrival_number(&self) -> Option<u8> {
        self.extensions.received_id(Extension::TransportSequence).filter(|id| (1..=14).contains(id))
    }

    /// Whether the client takes what is sent again in streams of their own, as our offers say (RFC 4588, section 8).
    pub(crate) fn takes_retransmissions(&self) -> bool {
        self.sections.iter().filter(|section| section.receives).all(|section| {
            section.rtx_payload_type == section.forwarded.and_then(|offered| offered.rtx_payload_type)
        })
    }

    /// What the client takes of what we offered in this format in the section of this mid; `None` if it takes nothing.
    pub(crate) fn taken(&self, mid: &str, format: &'static Format<'static>) -> Option<Taken> {
        let section = self.sections.iter().find(|section| section.mid == mid)?;
        let is_taken = section.receives && section.forwarded == Some(format);
        // An answerer does not change what a number of ours means (RFC 3264, section 6.1).
        let number = |red: Option<Red>| red.map(|red| red.payload_type);
        let has_red = section.red.is_some() && number(section.red) == number(format.red);
        is_taken.then_some(Taken { has_red })
    }
}

impl Section {
    /// The codec that is taken, as an answer says it.
    pub(super) fn format<'a>(&'a self, parameters: &'a str) -> Option<Format<'a>> {
        Some(Format {
            codec: self.forwarded?.codec,
            payload_type: self.payload_type?,
            rtx_payload_type: self.rtx_payload_type,
            red: self.red,
            parameters,
            feedback: &self.feedback,
        })
    }

    /// What the answer says of the codec.
    pub(super) fn answered_parameters(&self) -> String {
        self.forwarded.map(|format| format.codec.answered(&self.parameters)).unwrap_or_default()
    }
}

/// Finds the sections that share the one transport that a description stands for, and whether they do
/// so by a bundle: the first that can be used, and those that are bundled with it. Who does not bundle
/// would need a transport for each of the others.
fn put_on_transport(session: &Attributes<'_>, sections: &mut [Section]) -> bool {
    let usable = |section: &&Section| section.forwarded.is_some() && !section.is_rejected;
    let first =
        sections.iter().find(usable).or_else(|| sections.iter().find(|section| section.data.is_some()));
    let Some(first) = first.map(|section| section.mid.clone()) else { return false };
    let bundles = session.values("group").filter_map(|group| group.strip_prefix("BUNDLE "));
    let mut bundles = bundles.map(|mids| mids.split_whitespace().collect::<BTreeSet<_>>());
    let bundle = bundles.find(|mids| mids.contains(first.as_str()));
    let mut has_data = false;
    for section in sections {
        let is_bundled = bundle.as_ref().is_some_and(|mids| mids.contains(section.mid.as_str()));
        section.is_on_transport = !section.is_rejected && (is_bundled || section.mid == first);
        // One transport has one association (RFC 8841, section 4).
        section.data = section.data.filter(|_| section.is_on_transport && !has_data);
        has_data |= section.data.is_some();
    }
    bundle.is_some()
}

fn section(media: &Media<'_>) -> Result<Section, SdpError> {
    let attributes = &media.attributes;
    let mid = attributes.value("mid").ok_or(SdpError::Missing("mid"))?;
    if mid.is_empty() || mid.len() > MID_BYTES_MAX || !mid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SdpError::Unusable("mid"));
    }
    let kind = match media.name {
        "audio" => Some(TrackKind::Audio),
        "video" => Some(TrackKind::Video),
        _ => None,
    };
    let kind = kind.filter(|_| PROTOCOLS.contains(&media.protocol));
    let is_rejected = media.port == 0 && !attributes.has("bundle-only");
    let is_inactive = is_rejected || attributes.has("inactive");
    let formats = kind.map(|kind| each_once(codec::choices(media, kind))).unwrap_or_default();
    let chosen = formats.first().cloned();
    // A second port for RTCP would be a second transport (RFC 8834, section 4.5).
    if chosen.is_some() && !is_inactive && !attributes.has("rtcp-mux") {
        return Err(SdpError::Missing("rtcp-mux"));
    }
    let encodings = encoding::taken(encoding::read(attributes)?);
    let mut extensions = Extensions::read(attributes.values("extmap"))?;
    let mut feedback = chosen.as_ref().map(|chosen| chosen.feedback.clone()).unwrap_or_default();
    let sends = !is_inactive && !attributes.has("recvonly");
    agree_on_rates(sends, &mut extensions, &mut feedback);
    Ok(Section {
        mid: mid.to_owned(),
        kind,
        named: None,
        sends,
        receives: !is_inactive && !attributes.has("sendonly"),
        forwarded: chosen.as_ref().map(|chosen| chosen.forwarded),
        payload_type: chosen.as_ref().map(|chosen| chosen.payload_type),
        rtx_payload_type: chosen.as_ref().and_then(|chosen| chosen.rtx_payload_type),
        red: chosen.as_ref().and_then(|chosen| chosen.red),
        formats,
        extensions,
        is_on_transport: false,
        is_rejected,
        is_simulcast: attributes.has("simulcast"),
        encodings,
        has_reduced_rtcp: attributes.has("rtcp-rsize"),
        is_mux_only: attributes.has("rtcp-mux-only"),
        offered: kind.map(|kind| codec::offered(media, kind)).unwrap_or_default(),
        data: DataSection::read(media).filter(|_| !is_rejected),
        line: media_line(media),
        parameters: chosen.as_ref().map(|chosen| chosen.parameters.clone()).unwrap_or_default(),
        feedback,
    })
}

/// The formats without those that are forwarded like one before them.
fn each_once(all: impl Iterator<Item = Chosen>) -> Vec<Chosen> {
    let mut formats: Vec<Chosen> = Vec::new();
    for one in all {
        if formats.iter().all(|known| known.forwarded != one.forwarded) {
            formats.push(one);
        }
    }
    formats
}

/// Settles by what the sender learns what its line carries, the client if it `sends`, and else we: by when packets
/// arrive, for which it has to number them, or by what its receiver advises. Who does both goes by the former, and
/// neither half of it is of use without the other.
fn agree_on_rates(sends: bool, extensions: &mut Extensions, feedback: &mut Vec<&'static str>) {
    let extension = Extension::TransportSequence;
    let number = if sends { extensions.id(extension) } else { extensions.received_id(extension) };
    if number.is_some() && feedback.contains(&codec::TRANSPORT_FEEDBACK) {
        feedback.retain(|name| *name != codec::RATE_ADVICE);
    } else {
        extensions.remove(extension);
        feedback.retain(|name| *name != codec::TRANSPORT_FEEDBACK);
    }
}

fn media_line(media: &Media<'_>) -> MediaLine {
    let format = media.formats.first().copied().unwrap_or_default();
    let of_format = ["rtpmap", "fmtp"].into_iter().filter_map(|name| {
        let value = media.attributes.of_format(name, format).next()?;
        Some(format!("{name}:{format} {value}"))
    });
    // What stands for a format in the section of a data channel (RFC 8841, section 5).
    let port = media.attributes.value("sctp-port").map(|port| format!("sctp-port:{port}"));
    MediaLine {
        name: media.name.to_owned(),
        protocol: media.protocol.to_owned(),
        format: format.to_owned(),
        attributes: of_format.chain(port).collect(),
    }
}
