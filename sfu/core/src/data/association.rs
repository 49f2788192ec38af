//! The association of SCTP of one transport (RFC 8831): two channels, and what may wait in them.

use super::{
    allowance::Allowance,
    dcep::{ACKNOWLEDGEMENT, Control},
    envelope::Delivery,
    packet::{self, Header},
};
use crate::{
    moment::after,
    sdp::data::{DataSection, MESSAGE_BYTES_MAX},
};
use bytes::Bytes;
use sctp_proto::{
    AssociationHandle, Chunks, DatagramEvent, Endpoint, EndpointConfig, Event, PayloadProtocolIdentifier,
    ReliabilityType, ServerConfig, Stream, StreamEvent, StreamId, TransportConfig,
};
use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// What may wait for a receiver before lossy messages to it are dropped, in bytes.
///
/// What waits is late: with more of it voices that come at the same time would be, too.
pub(crate) const LOSSY_WAITING_MAX: usize = 64 * 1024;

/// What may wait for a receiver before it is cut off from data, in bytes.
pub(crate) const WAITING_MAX: usize = 1024 * 1024;

/// What a peer may send that is not read yet, in bytes. What is above its rate stays with it.
const WINDOW_BYTES: u32 = 64 * 1024;

/// The memory that packets may take up in which there is something that is not read yet, in bytes.
///
/// A packet is kept for the sake of one byte of it. Who obeys the window stays far below.
pub(crate) const KEPT_BYTES_MAX: usize = 512 * 1024;

/// Streams that a peer may begin.
pub(crate) const STREAMS_MAX: usize = 16;

/// The bytes of a message that one packet carries: with the headers of SCTP, DTLS, UDP and IPv6 it is as long as one of
/// media.
const PAYLOAD_BYTES_MAX: u32 = 1100;

/// Packets that go out at once: what comes behind them waits, so that voices come in between.
const BURST: usize = 8;

/// How long it waits.
const BURST_INTERVAL: Duration = Duration::from_millis(5);

/// How soon it is looked after again at least.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Times until something is sent again, in milliseconds: RFC 9260 has seconds, for networks without a signalling that
/// has been quicker.
const RETRANSMISSION_MS: [u64; 3] = [200, 1000, 10_000];

/// A message that came, as it is.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) delivery: Delivery,
    pub(super) bytes: Vec<u8>,
}

/// What is to be done about what came.
#[derive(Debug)]
pub(super) enum Taken {
    Message(Incoming),
    /// It came faster than its sender may send.
    Overrun,
    /// It is none of ours.
    Malformed,
}

/// Why a message is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSent {
    /// There is no association, or not the channel.
    NotThere,
    /// Too much waits already.
    Full,
    /// Much more waits than anybody would who still reads: the association has ended.
    Cut,
}

pub(super) struct Association {
    endpoint: Endpoint,
    live: Option<(AssociationHandle, sctp_proto::Association)>,
    /// The streams of the reliable and of the lossy channel.
    streams: [Option<StreamId>; 2],
    allowance: Allowance,
    /// Bytes of packets in which there may be something that is not read yet.
    kept: usize,
    /// Packets that go out as soon as those before them have.
    outgoing: VecDeque<Bytes>,
    /// Of the packets that go out.
    header: Option<Header>,
    /// A last packet, that ends it.
    abort: Option<Vec<u8>>,
    is_over: bool,
}

impl Association {
    /// One that waits for the peer to begin.
    pub(super) fn new(peer: DataSection, now: Instant) -> Self {
        let [least, first, most] = RETRANSMISSION_MS;
        let transport = TransportConfig::default()
            .with_max_receive_buffer_size(WINDOW_BYTES)
            .with_max_receive_message_size(MESSAGE_BYTES_MAX)
            .with_max_send_message_size(peer.message_bytes_max.min(MESSAGE_BYTES_MAX))
            .with_max_init_retransmits(None)
            .with_rto_min_ms(least)
            .with_rto_initial_ms(first)
            .with_rto_max_ms(most);
        let mut server = ServerConfig::new();
        server.transport = Arc::new(transport);
        let mut config = EndpointConfig::new();
        config.max_payload_size(PAYLOAD_BYTES_MAX);
        Self {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server))),
            live: None,
            streams: [Some(0), Some(1)],
            allowance: Allowance::new(now),
            kept: 0,
            outgoing: VecDeque::new(),
            header: None,
            abort: None,
            is_over: false,
        }
    }

    /// Whether messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.live.as_ref().is_some_and(|(_, live)| !live.is_handshaking() && !live.is_closed())
    }

    /// Takes a packet; false if it is none, or not of this association.
    pub(super) fn handle_packet(&mut self, packet: Vec<u8>, now: Instant) -> bool {
        if self.is_over {
            return true;
        }
        if packet::has_data(&packet) {
            self.kept = self.kept.saturating_add(packet.len());
        }
        // There is one way to the peer, whatever its address.
        let peer = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 1));
        let Some((handle, event)) = self.endpoint.handle(now, peer, None, None, Bytes::from(packet)) else {
            return false;
        };
        match event {
            DatagramEvent::NewAssociation(live) => {
                // One is all that a transport has, for as long as it is there.
                self.endpoint.reject_new_associations();
                self.live = Some((handle, live));
            }
            DatagramEvent::AssociationEvent(event) => {
                if let Some((_, live)) = self.live.as_mut().filter(|(known, _)| *known == handle) {
                    live.handle_event(event);
                }
            }
        }
        self.note_events();
        let streams = self.live.as_ref().map_or(0, |(_, live)| live.stream_ids().len());
        if streams > STREAMS_MAX || self.kept > KEPT_BYTES_MAX {
            self.cut();
        }
        true
    }

    /// Notes which channels the peer has closed, and whether it has ended.
    fn note_events(&mut self) {
        let Some((_, live)) = &mut self.live else { return };
        while let Some(event) = live.poll() {
            match event {
                Event::Stream(StreamEvent::Finished { id }) => {
                    for stream in self.streams.iter_mut().filter(|stream| **stream == Some(id)) {
                        *stream = None;
                    }
                }
                Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => self.is_over = true,
                Event::Connected
                | Event::Stream(_)
                | Event::DataChannelStatsFinal(_)
                | Event::DatagramReceived
                | _ => {}
            }
        }
        if self.is_over && self.abort.is_none() {
            self.cut();
        }
    }

    /// Ends it. The peer is told once; what waits is forgotten.
    fn cut(&mut self) {
        self.abort = self.header.map(Header::abort);
        self.live = None;
        self.outgoing.clear();
        self.is_over = true;
    }

    /// Takes the next message, or what came in place of one.
    pub(super) fn read(&mut self, now: Instant) -> Option<Taken> {
        loop {
            let (id, chunks) = self.next(now)?;
            // A chunk has a header, and so has its packet.
            let bytes = chunks.len().saturating_add(chunks.chunks.len().saturating_mul(44));
            self.kept = self.kept.saturating_sub(bytes);
            if let Some(taken) = self.take(id, &chunks, now) {
                return Some(taken);
            }
        }
    }

    fn next(&mut self, now: Instant) -> Option<(StreamId, Chunks)> {
        let (_, live) = self.live.as_mut()?;
        live.stream_ids().into_iter().find_map(|id| {
            if !self.allowance.admits(delivery(self.streams, id), now) {
                return None;
            }
            let chunks = live.stream(id).ok()?.read().ok()??;
            Some((id, chunks))
        })
    }

    /// What is to be done about a message that came in a stream, if anything.
    fn take(&mut self, id: StreamId, chunks: &Chunks, now: Instant) -> Option<Taken> {
        let mut bytes = vec![0; chunks.len()];
        chunks.read(&mut bytes).ok()?;
        match chunks.ppi {
            PayloadProtocolIdentifier::Dcep => self.control(id, &bytes),
            PayloadProtocolIdentifier::Binary => {
                let Some(delivery) = delivery(self.streams, id) else { return self.refuse(id) };
                let is_taken = self.allowance.take(delivery, bytes.len(), now);
                Some(if is_taken { Taken::Message(Incoming { delivery, bytes }) } else { Taken::Overrun })
            }
            PayloadProtocolIdentifier::String
            | PayloadProtocolIdentifier::StringEmpty
            | PayloadProtocolIdentifier::BinaryEmpty
            | PayloadProtocolIdentifier::Unknown => Some(Taken::Malformed),
        }
    }

    /// A message about a channel.
    fn control(&mut self, id: StreamId, bytes: &[u8]) -> Option<Taken> {
        let delivery = match Control::parse(bytes) {
            Control::Open(delivery) => delivery,
            Control::Ack => return None,
            Control::Other => return self.refuse(id),
        };
        for stream in self.streams.iter_mut().filter(|stream| **stream == Some(id)) {
            *stream = None;
        }
        let [reliable, lossy] = &mut self.streams;
        *(if delivery == Delivery::Reliable { reliable } else { lossy }) = Some(id);
        let (_, live) = self.live.as_mut()?;
        let mut stream = live.stream(id).ok()?;
        let _closing = stream.write_with_ppi(&ACKNOWLEDGEMENT, PayloadProtocolIdentifier::Dcep);
        None
    }

    /// A channel that is none of ours is closed (RFC 8831, section 6.7).
    fn refuse(&mut self, id: StreamId) -> Option<Taken> {
        let (_, live) = self.live.as_mut()?;
        let _closing = live.stream(id).and_then(|mut stream| stream.close());
        Some(Taken::Malformed)
    }

    /// Has a message sent.
    ///
    /// # Errors
    /// [`NotSent`].
    pub(super) fn write(&mut self, message: &Bytes, delivery: Delivery) -> Result<(), NotSent> {
        let [reliable, lossy] = self.streams;
        let waiting = self.waiting();
        let id = if delivery == Delivery::Reliable { reliable } else { lossy };
        let id = id.filter(|_| self.is_open()).ok_or(NotSent::NotThere)?;
        if delivery == Delivery::Lossy && waiting > LOSSY_WAITING_MAX {
            return Err(NotSent::Full);
        }
        if waiting > WAITING_MAX {
            self.cut();
            return Err(NotSent::Cut);
        }
        let (_, live) = self.live.as_mut().ok_or(NotSent::NotThere)?;
        let written = open(live, id).and_then(|mut stream| {
            let is_lossy = delivery == Delivery::Lossy;
            let kind = if is_lossy { ReliabilityType::Rexmit } else { ReliabilityType::Reliable };
            stream.set_default_payload_type(PayloadProtocolIdentifier::Binary)?;
            stream.set_reliability_params(is_lossy, kind, 0)?;
            stream.write_chunks(&mut [message.clone()])
        });
        written.map(|_| ()).map_err(|_| NotSent::NotThere)
    }

    /// The bytes that wait for the peer, or for it to say that it has them.
    fn waiting(&mut self) -> usize {
        let Some((_, live)) = &mut self.live else { return 0 };
        let streams = self.streams.into_iter().flatten();
        let waiting = streams.filter_map(|id| live.stream(id).ok()?.buffered_amount().ok());
        waiting.fold(0, usize::saturating_add)
    }

    /// Acts on time that has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.allowance.handle_timeout(now);
        if let Some((_, live)) = &mut self.live
            && live.poll_timeout().is_some_and(|at| at <= now)
        {
            live.handle_timeout(now);
            self.note_events();
        }
    }

    /// Gives out the packets that may go now; when it is to be looked after again.
    pub(super) fn transmit(&mut self, now: Instant, mut send: impl FnMut(&[u8])) -> Option<Instant> {
        if let Some(abort) = self.abort.take() {
            send(&abort);
        }
        let (_, live) = self.live.as_mut()?;
        for _ in 0..BURST {
            if self.outgoing.is_empty()
                && let Some(transmit) = live.poll_transmit(now)
                && let sctp_proto::Payload::RawEncode(packets) = transmit.payload
            {
                self.outgoing.extend(packets);
            }
            let Some(packet) = self.outgoing.pop_front() else { break };
            self.header = Header::of(&packet).or(self.header);
            // Nothing is left that has not been read.
            if packet::window(&packet) == Some(WINDOW_BYTES) {
                self.kept = 0;
            }
            send(&packet);
        }
        let rest = (!self.outgoing.is_empty()).then(|| after(now, BURST_INTERVAL));
        let due = live.poll_timeout().map(|at| at.max(after(now, INTERVAL_MIN)));
        [rest, due, self.allowance.stalled_until()].into_iter().flatten().min()
    }
}

/// How messages of a stream are sent, if it is one of ours.
fn delivery([reliable, lossy]: [Option<StreamId>; 2], id: StreamId) -> Option<Delivery> {
    if reliable == Some(id) {
        Some(Delivery::Reliable)
    } else {
        (lossy == Some(id)).then_some(Delivery::Lossy)
    }
}

/// A stream, whether anything has come in it or not.
fn open(live: &mut sctp_proto::Association, id: StreamId) -> Result<Stream<'_>, sctp_proto::Error> {
    if live.stream(id).is_err() {
        return live.open_stream(id, PayloadProtocolIdentifier::Binary);
    }
    live.stream(id)
}
