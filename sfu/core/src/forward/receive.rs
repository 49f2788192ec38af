//! Taking packets: of which encoding each is.

use super::{Forwarding, Stream};
use crate::{
    encoding::Arrival,
    id::{EncodingId, TransportId},
    publication::Content,
    rtp::{header::Header, red::Redundant},
    srtp::Opened,
};
use std::time::Instant;

/// The first two bytes of a retransmission's payload: the original number (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

/// The first bit says whether the client takes it for speech (RFC 6464, section 3); what is speech is told here for all
/// clients alike.
const LEVEL_MASK: u8 = 0x7F;

/// What an RTP packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// A packet of this encoding.
    pub(crate) encoding: EncodingId,
    /// The first of a stream that no description named.
    pub(crate) is_of_new_stream: bool,
    /// The first of its encoding, or of those that come after it had stopped.
    pub(crate) is_beginning: bool,
    /// `None` if it is more than its track may send.
    pub(crate) arrival: Option<Arrival>,
    /// How loud it is, in dB below the loudest that there is, if it says so (RFC 6464).
    pub(crate) level: Option<u8>,
}

impl Forwarding {
    /// Takes an RTP packet; `bytes` is what it was on the network. It goes out with
    /// [`flush`](Self::flush). `None` if it belongs to no track.
    pub(crate) fn receive(
        &mut self,
        transport: TransportId,
        Opened { header, payload }: Opened<'_>,
        bytes: usize,
        now: Instant,
    ) -> Option<Received> {
        let known = self.stream(transport, header.ssrc);
        let Stream { encoding: id, is_rtx } = known.or_else(|| self.bind(transport, &header))?;
        let encoding = self.encodings.get_mut(id)?;
        let publication = self.publications.get_mut(encoding.publication)?;
        let content = publication.description.content(header.payload_type)?;
        if is_rtx != (content == Content::Retransmission) {
            return None;
        }
        let ssrc = if is_rtx { &mut encoding.name.rtx_ssrc } else { &mut encoding.name.ssrc };
        let is_of_new_stream = known.is_none() || ssrc.is_none();
        ssrc.get_or_insert(header.ssrc);
        if !publication.incoming.take(bytes, now) {
            let is_beginning = false;
            return Some(Received {
                encoding: id,
                is_of_new_stream,
                is_beginning,
                arrival: None,
                level: None,
            });
        }
        let level = publication.audio_level.and_then(|id| header.extension(id)?.first());
        let is_own =
            |it: &Redundant<'_>| publication.description.content(it.payload_type()) == Some(Content::Media);
        let redundant = match content {
            Content::Red => Some(Redundant::parse(payload).filter(is_own)?),
            Content::Media | Content::Retransmission => None,
        };
        let (wire, has_padding, payload) = if is_rtx {
            let (original, rest) = payload.split_first_chunk::<ORIGINAL_BYTES>()?;
            (u16::from_be_bytes(*original), false, strip_padding(&header, rest)?)
        } else {
            (header.sequence, header.has_padding, redundant.map_or(payload, |redundant| redundant.own))
        };
        let was_fresh = !encoding.fresh.is_empty();
        let arrival = encoding.receive(&header, (wire, is_rtx), (has_padding, payload), now);
        if let Some(redundant) = redundant {
            encoding.receive_earlier(&header, &redundant, now);
        }
        if !was_fresh && !encoding.fresh.is_empty() {
            self.fresh.push(id);
        }
        let is_beginning = !std::mem::replace(&mut encoding.is_live, true);
        let level = level.map(|level| level & LEVEL_MASK);
        Some(Received { encoding: id, is_of_new_stream, is_beginning, arrival: Some(arrival), level })
    }

    /// What a stream is that no description named: that of the only encoding that may have its payload type, and
    /// that its packet names if it names any.
    fn bind(&mut self, transport: TransportId, header: &Header<'_>) -> Option<Stream> {
        let ingress = self.ingress.get_mut(transport)?;
        let fits = |id: &EncodingId| {
            let encoding = self.encodings.get(*id)?;
            let description = &self.publications.get(encoding.publication)?.description;
            let is_rtx = description.content(header.payload_type)? == Content::Retransmission;
            let is_nameless = is_rtx || encoding.name.ssrc.is_none();
            let is_named = description.is_named_in(header, encoding.name.rid.as_deref());
            (is_nameless && is_named).then_some((*id, is_rtx))
        };
        let publications = ingress.publications.iter().filter_map(|id| self.publications.get(*id));
        let mut nameless = publications.flat_map(|publication| &publication.encodings).filter_map(fits);
        let ((encoding, is_rtx), None) = (nameless.next()?, nameless.next()) else { return None };
        let name = &mut self.encodings.get_mut(encoding)?.name;
        let known = if is_rtx { &mut name.rtx_ssrc } else { &mut name.ssrc };
        *known = Some(header.ssrc);
        // One of each: who sends under ever new SSRCs leaves nothing behind.
        let stream = Stream { encoding, is_rtx };
        ingress.streams.retain(|other| other != stream);
        ingress.streams.insert(header.ssrc, stream);
        Some(stream)
    }
}

/// A retransmission that is only padding probes the network and carries nothing.
fn strip_padding<'a>(header: &Header<'_>, payload: &'a [u8]) -> Option<&'a [u8]> {
    if !header.has_padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding)?).filter(|rest| !rest.is_empty())
}
