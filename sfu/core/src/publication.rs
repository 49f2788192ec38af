//! One incoming track: what its description says, and the encodings in which it comes.

use crate::{
    budget::incoming::Incoming,
    encoding::Name,
    id::{EncodingId, SubscriptionId, TransportId},
    rtp::header::Header,
    sdp::{
        codec::Format,
        encoding::ranked,
        extension::{Extension, Extensions},
        parse::{Named, Section},
    },
};
use common::{
    id::TrackId,
    protocol::media::{TrackKind, TrackSource},
};
use std::time::Instant;
use uuid::Uuid;

/// What is known of a track from its description.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) mid: String,
    /// As it is offered to others.
    pub(crate) forwarded: &'static Format<'static>,
    /// Which track it is, where somebody says so.
    pub(crate) named: Option<Named>,
    payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// Of its packets with what earlier ones carried.
    red_payload_type: Option<u8>,
    /// Where its packets say what they are of.
    extensions: Extensions,
}

/// What packets of a track carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Media,
    /// Likewise, with what earlier packets carried.
    Red,
    /// What was sent before.
    Retransmission,
}

impl Description {
    /// What a section says; `None` if that is no track that can be taken.
    pub(crate) fn of(section: &Section) -> Option<Self> {
        Some(Self {
            mid: section.mid.clone(),
            forwarded: section.forwarded?,
            named: section.named,
            payload_type: section.payload_type?,
            rtx_payload_type: section.rtx_payload_type,
            red_payload_type: section.red.map(|red| red.payload_type),
            extensions: section.extensions.clone(),
        })
    }

    pub(crate) const fn kind(&self) -> TrackKind {
        self.forwarded.codec.kind()
    }

    /// What packets of this payload type carry; `None` if it is none that was agreed on, or is so no more.
    pub(crate) fn content(&self, payload_type: u8) -> Option<Content> {
        if payload_type == self.payload_type {
            Some(Content::Media)
        } else if Some(payload_type) == self.red_payload_type {
            Some(Content::Red)
        } else {
            (Some(payload_type) == self.rtx_payload_type).then_some(Content::Retransmission)
        }
    }

    /// Whether a section still means this track, as far as its encodings do not say otherwise.
    pub(crate) fn is_said_by(&self, section: &Section) -> bool {
        self.mid == section.mid
            && section.forwarded == Some(self.forwarded)
            && (section.named.is_none() || section.named == self.named)
            && section.payload_type == Some(self.payload_type)
            && section.rtx_payload_type == self.rtx_payload_type
            && section.red.map(|red| red.payload_type) == self.red_payload_type
    }

    /// The encodings in which a section says that its track comes, the best last.
    pub(crate) fn encodings(section: &Section) -> Vec<Name> {
        let ranked = ranked(&section.encodings).into_iter();
        ranked.map(|it| Name { rid: it.rid.clone(), ssrc: it.ssrc, rtx_ssrc: it.rtx_ssrc }).collect()
    }

    /// Whether a packet can be of this track, and of the encoding with this name, by what its header extensions say.
    /// Once their SSRC is known to the receiver, packets say nothing (RFC 8852, section 3).
    pub(crate) fn is_named_in(&self, header: &Header<'_>, rid: Option<&str>) -> bool {
        let says = |extension, name: Option<&str>| {
            let said = self.extensions.id(extension).and_then(|id| header.extension(id));
            said.is_none_or(|said| name.is_none_or(|name| said == name.as_bytes()))
        };
        says(Extension::Mid, Some(&self.mid))
            && says(Extension::Rid, rid)
            && says(Extension::RepairedRid, rid)
    }
}

pub(crate) struct Publication {
    /// On which it comes.
    pub(crate) transport: TransportId,
    /// Grows from one that began to the next.
    pub(crate) number: u64,
    pub(crate) description: Description,
    /// The best last.
    pub(crate) encodings: Vec<EncodingId>,
    /// Which header extension says how loud its packets are, where somebody speaks into it.
    pub(crate) audio_level: Option<u8>,
    /// What may come of all of them.
    pub(crate) incoming: Incoming,
    /// To whom it goes out.
    pub(crate) subscriptions: Vec<SubscriptionId>,
}

impl Publication {
    /// A track whose encodings are not known yet.
    pub(crate) fn new(transport: TransportId, number: u64, description: Description, now: Instant) -> Self {
        let incoming = Incoming::of_track(description.kind(), now);
        let (encodings, subscriptions) = (Vec::new(), Vec::new());
        let source =
            description.named.map_or_else(|| TrackSource::usual(description.kind()), |named| named.source);
        let level = description.extensions.id(Extension::AudioLevel);
        let audio_level = level.filter(|_| source == TrackSource::Microphone);
        Self { transport, number, description, encodings, audio_level, incoming, subscriptions }
    }

    /// Which track it is. Whoever runs an engine without sessions need name none: then they are counted, and of what
    /// source their kind is taken for.
    pub(crate) fn named(&self) -> Named {
        self.description.named.unwrap_or_else(|| Named {
            id: TrackId::from_uuid(Uuid::from_u64_pair(0, self.number)),
            source: TrackSource::usual(self.description.kind()),
        })
    }
}
