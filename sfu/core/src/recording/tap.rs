//! What of the sessions that are recorded an engine hands out, decrypted.
//!
//! Taken at the end of a batch from the buffers that keep the packets for all: while nobody records, it costs a look
//! at an empty set for each batch.

use super::{
    opus,
    track::{Codec, VIDEO_RATE},
};
use crate::{
    allocations::Use,
    engine::Engine,
    forward::Forwarding,
    id::{EncodingId, PublicationId, SessionId},
    layer::ENCODINGS_MAX,
    output::Output,
    recording::frames::VideoCodec,
    sdp,
    sessions::Sessions,
    transports::Transports,
};
use common::{
    id::{ConnectionId, TrackId},
    protocol::media::{TrackKind, TrackSource},
};
use slotmap::{Key, KeyData};
use std::{collections::BTreeSet, ops::Range, time::Instant};

/// A track as one engine knows it, from when it is published until it is not: one that is published again is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u64);

/// Where a stream stood at a moment of its sender's wall clock (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Wall-clock time in NTP format: seconds since 1900, and 32 bits of their fraction.
    pub ntp: u64,
    /// The same moment in the stream's timestamps.
    pub timestamp: u32,
}

/// Whose track it is that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedTrack {
    /// As this engine knows it.
    pub stream: StreamId,
    /// The session that is recorded.
    pub session: SessionId,
    /// Who sends it.
    pub participant: ConnectionId,
    /// Which of their tracks it is.
    pub track: TrackId,
    /// From where it comes.
    pub source: TrackSource,
    /// What it is written as; `None`: nothing that it is coded with can be.
    pub codec: Option<Codec>,
    /// What it is coded with, for people.
    pub codec_name: &'static str,
    /// Units of its timestamps in a second.
    pub clock_rate: u32,
}

/// One thing of those that happened, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedItem {
    /// Packets of one encoding of a track came.
    Packets {
        /// Of which track.
        track: RecordedTrack,
        /// Of which of its encodings: higher ones are better.
        encoding: usize,
        /// What its sender said last of its clock.
        sender_report: Option<SenderReport>,
        /// Which of the packets.
        packets: Range<usize>,
    },
    /// A track has ended.
    Ended {
        /// The session that is recorded.
        session: SessionId,
        /// The track.
        stream: StreamId,
    },
}

/// A packet, decrypted, without its padding; one that was sent again as if it had come at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedPacket<'a> {
    /// Its number, which never wraps.
    pub sequence: u64,
    /// The media time.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// What it carries.
    pub payload: &'a [u8],
}

#[derive(Debug, Clone)]
struct Kept {
    sequence: u64,
    timestamp: u32,
    marker: bool,
    payload: Range<usize>,
}

/// What came of the sessions that are recorded, since it was last taken.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    bytes: Vec<u8>,
    packets: Vec<Kept>,
    items: Vec<RecordedItem>,
}

impl Recorded {
    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What happened, in order.
    pub fn items(&self) -> &[RecordedItem] {
        &self.items
    }

    /// So many of its packets.
    pub fn packets(&self, which: Range<usize>) -> impl Iterator<Item = RecordedPacket<'_>> {
        self.packets.get(which).unwrap_or_default().iter().filter_map(|kept| {
            let payload = self.bytes.get(kept.payload.clone())?;
            let Kept { sequence, timestamp, marker, .. } = *kept;
            Some(RecordedPacket { sequence, timestamp, marker, payload })
        })
    }

    /// Adds packets of one encoding of a track.
    pub fn add<'a>(
        &mut self,
        (track, encoding): (RecordedTrack, usize),
        sender_report: Option<SenderReport>,
        packets: impl Iterator<Item = RecordedPacket<'a>>,
    ) {
        let first = self.packets.len();
        for RecordedPacket { sequence, timestamp, marker, payload } in packets {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(payload);
            self.packets.push(Kept { sequence, timestamp, marker, payload: start..self.bytes.len() });
        }
        let packets = first..self.packets.len();
        self.items.push(RecordedItem::Packets { track, encoding, sender_report, packets });
    }

    /// Adds that a track of a session has ended.
    pub fn add_end(&mut self, session: SessionId, stream: StreamId) {
        self.items.push(RecordedItem::Ended { session, stream });
    }
}

/// Which sessions are recorded.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    sessions: BTreeSet<SessionId>,
}

impl Tap {
    /// Whether any session is.
    pub(crate) fn is_open(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Hands out what came of this batch.
    pub(crate) fn take(
        &self,
        forwarding: &Forwarding,
        transports: &Transports,
        sessions: &Sessions,
        recorded: &mut Recorded,
    ) {
        for &id in forwarding.fresh() {
            let Some(encoding) = forwarding.encoding(id) else { continue };
            let owner = transports.owner(encoding.transport).and_then(|owner| sessions.get(owner));
            let Some(owner) = owner.filter(|owner| self.sessions.contains(&owner.session)) else { continue };
            let Some(publication) = forwarding.publication(encoding.publication) else { continue };
            let named = publication.named();
            let codec = publication.description.forwarded.codec;
            let track = RecordedTrack {
                stream: StreamId::of(encoding.publication),
                session: owner.session,
                participant: owner.connection,
                track: named.id,
                source: named.source,
                codec: written_as(codec),
                codec_name: codec.name(),
                clock_rate: match encoding.kind {
                    TrackKind::Audio => opus::RATE,
                    TrackKind::Video => VIDEO_RATE,
                },
            };
            let packets = encoding.fresh.iter().filter_map(|sequence| {
                let packet = encoding.buffer.get(*sequence)?;
                let whole = packet.payload.as_slice();
                let payload = if packet.has_padding { without_padding(whole) } else { whole };
                let (timestamp, marker) = (packet.timestamp, packet.marker);
                Some(RecordedPacket { sequence: sequence.extended(), timestamp, marker, payload })
            });
            let report =
                encoding.clock.map(|clock| SenderReport { ntp: clock.ntp, timestamp: clock.rtp_time });
            let place = publication.encodings.iter().position(|known| *known == id).unwrap_or(0);
            recorded.add((track, place), report, packets);
        }
    }
}

/// What is written of a codec, if it can be.
const fn written_as(codec: sdp::codec::Codec) -> Option<Codec> {
    match codec {
        sdp::codec::Codec::Opus => Some(Codec::Opus),
        sdp::codec::Codec::Vp8 => Some(Codec::Video(VideoCodec::Vp8)),
        sdp::codec::Codec::Red
        | sdp::codec::Codec::H264
        | sdp::codec::Codec::Vp9
        | sdp::codec::Codec::Av1 => None,
    }
}

/// The last byte says how much of it is padding, itself included (RFC 3550, section 5.1).
fn without_padding(payload: &[u8]) -> &[u8] {
    let padding = payload.last().map_or(0, |last| usize::from(*last));
    payload.get(..payload.len().saturating_sub(padding)).unwrap_or_default()
}

impl StreamId {
    /// The stream that an engine calls by this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    fn of(publication: PublicationId) -> Self {
        Self(publication.data().as_ffi())
    }

    fn publication(self) -> PublicationId {
        KeyData::from_ffi(self.0).into()
    }
}

impl Engine {
    /// Hands out what comes in a session from now on, or does no more. Its publishers are asked for key frames, with
    /// which alone a recording of pictures begins.
    pub fn record(&mut self, session: SessionId, is_recorded: bool, now: Instant, output: &mut Output) {
        if !is_recorded {
            self.tap.sessions.remove(&session);
        } else if self.tap.sessions.insert(session) {
            for encoding in self.encodings_in(session) {
                self.want_key_frame(encoding, now, output);
            }
        }
    }

    /// Asks for a key frame of an encoding of a track that is recorded.
    pub fn want_recorded_key_frame(
        &mut self,
        stream: StreamId,
        encoding: usize,
        now: Instant,
        output: &mut Output,
    ) {
        let publication = self.forwarding.publication(stream.publication());
        if let Some(&id) = publication.and_then(|publication| publication.encodings.get(encoding)) {
            self.want_key_frame(id, now, output);
        }
    }

    fn encodings_in(&self, session: SessionId) -> Vec<EncodingId> {
        let members = self.sessions.members(session).iter().filter_map(|id| self.sessions.get(*id));
        let publications = members.flat_map(|member| &member.publications);
        publications.flat_map(|id| self.forwarding.encodings_of(*id).map(|(id, _)| id)).collect()
    }

    /// Hands out what came since the last call of the sessions that are recorded.
    pub(crate) fn hand_to_recorder(&self, output: &mut Output) {
        if self.tap.is_open() {
            self.tap.take(&self.forwarding, &self.transports, &self.sessions, output.recorded_mut());
        }
    }

    /// What becomes of a track's encodings where it may be recorded: all of those that can be written are wanted then,
    /// whoever watches.
    pub(crate) fn or_recorded(
        &self,
        publication: PublicationId,
        mut uses: [Use; ENCODINGS_MAX],
    ) -> [Use; ENCODINGS_MAX] {
        let known = self.forwarding.publication(publication);
        let is_written = known.is_some_and(|it| written_as(it.description.forwarded.codec).is_some());
        if is_written && self.recorded_session(publication).is_some() {
            uses.iter_mut().for_each(|it| it.is_wanted = true);
        }
        uses
    }

    /// A track has ended, for who records it, too.
    pub(crate) fn tell_recorder_of_end(&self, publication: PublicationId, output: &mut Output) {
        if let Some(session) = self.recorded_session(publication) {
            output.recorded_mut().add_end(session, StreamId::of(publication));
        }
    }

    /// The session in which a track is recorded, if it is.
    fn recorded_session(&self, publication: PublicationId) -> Option<SessionId> {
        if !self.tap.is_open() {
            return None;
        }
        let transport = self.forwarding.publication(publication)?.transport;
        let session = self.sessions.get(self.transports.owner(transport)?)?.session;
        self.tap.sessions.contains(&session).then_some(session)
    }
}
