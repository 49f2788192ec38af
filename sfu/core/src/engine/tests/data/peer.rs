//! A participant with a stack of SCTP, which it is given one or another packet of.

use super::super::{
    client::{Client, talk},
    stage::{Stage, address, device},
};
use crate::sdp::parse::Remote;
use bytes::Bytes;
use common::{clock::Clock, id::ConnectionId};
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ReliabilityType, StreamEvent, TransportConfig,
};
use std::{net::SocketAddr, sync::Arc};
use uuid::Uuid;

/// A message as it came to a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) from: ConnectionId,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) stream: u16,
}

pub(super) struct Peer {
    pub(super) client: Client,
    endpoint: Endpoint,
    handle: AssociationHandle,
    sctp: Association,
    pub(super) received: Vec<Received>,
    /// Streams that were acknowledged to be open.
    pub(super) acknowledged: Vec<u16>,
    /// Streams that the server has closed.
    pub(super) closed: Vec<u16>,
    /// The server has ended the association.
    pub(super) is_ended: bool,
    /// The last packet that it sent with a message.
    pub(super) last: Vec<u8>,
    /// It takes nothing in, and so says nothing either.
    pub(super) is_deaf: bool,
}

/// The section of data channels on this port.
pub(super) fn section(port: u16) -> String {
    let lines = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";
    format!(
        "m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\n{lines}"
    )
}

/// A message as clients write it.
pub(super) fn message(to: &[u128], topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 0, u8::try_from(to.len()).unwrap()];
    to.iter().for_each(|n| bytes.extend(Uuid::from_u128(*n).as_bytes()));
    bytes.push(u8::try_from(topic.len()).unwrap());
    bytes.extend(topic.bytes());
    bytes.extend(payload);
    bytes
}

/// What opens a channel of this label (RFC 8832, section 5.1).
pub(super) fn opening(label: &str) -> Vec<u8> {
    let length = u8::try_from(label.len()).unwrap();
    [&[3, 0, 0, 0, 0, 0, 0, 0, 0, length, 0, 0][..], label.as_bytes()].concat()
}

/// A participant of the stage offers nothing but data, and connects.
pub(super) fn enter(stage: &mut Stage, n: u16) -> Peer {
    let client = Client::new(stage, 1000 + n, false);
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::new()), None);
    let transport = TransportConfig::default().with_rto_min_ms(200).with_rto_initial_ms(500);
    let mut config = ClientConfig::new();
    config.transport = Arc::new(transport);
    let (handle, sctp) = endpoint.connect(config, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap();
    let (received, acknowledged, closed, last) = Default::default();
    let (is_ended, is_deaf) = (false, false);
    let mut peer =
        Peer { client, endpoint, handle, sctp, received, acknowledged, closed, is_ended, last, is_deaf };
    stage.engine.allow_data(device(n), true);
    let answer = peer.offer(stage, n, &section(9));
    assert!(answer.contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{answer}");
    assert!(answer.contains("a=sctp-port:5000\r\na=max-message-size:16384\r\n"), "{answer}");
    assert!(!answer.contains("rtcp-mux"), "{answer}");
    peer.client.read(&answer);
    let request = peer.client.check(true);
    stage.receive(address(1000 + n), request);
    talk(stage, &mut [&mut peer.client]);
    peer
}

/// Lets participants and the server talk until nobody has anything to say at once.
pub(super) fn exchange(stage: &mut Stage, peers: &mut [&mut Peer]) {
    loop {
        for peer in peers.iter_mut() {
            peer.speak(stage);
        }
        stage.engine.flush(stage.clock.now(), &mut stage.output);
        let mut clients: Vec<&mut Client> = peers.iter_mut().map(|peer| &mut peer.client).collect();
        if talk(stage, &mut clients).is_empty() {
            break;
        }
        for peer in peers.iter_mut() {
            peer.listen(stage);
        }
    }
}

impl Peer {
    /// Offers what these lines say; the answer.
    pub(super) fn offer(&self, stage: &mut Stage, n: u16, lines: &str) -> String {
        let text =
            format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE data\r\n{lines}");
        let remote = self.client.describe(Remote::parse(&text).unwrap());
        let now = stage.clock.now();
        stage.engine.publish(device(n), &remote, now, &mut stage.output).unwrap()
    }

    /// Sends a message in a stream: reliably in all but those that are lossy.
    pub(super) fn send(&mut self, stage: &mut Stage, stream: u16, message: &[u8]) {
        self.write(stream, message, Ppid::Binary);
        self.speak(stage);
    }

    /// Sends a message about a stream.
    pub(super) fn control(&mut self, stage: &mut Stage, stream: u16, message: &[u8]) {
        self.write(stream, message, Ppid::Dcep);
        self.speak(stage);
    }

    pub(super) fn write(&mut self, stream: u16, message: &[u8], ppid: Ppid) {
        if self.sctp.stream(stream).is_err() {
            self.sctp.open_stream(stream, Ppid::Binary).unwrap();
        }
        let mut open = self.sctp.stream(stream).unwrap();
        if stream == 1 {
            open.set_reliability_params(true, ReliabilityType::Rexmit, 0).unwrap();
        }
        open.write_with_ppi(message, ppid).unwrap();
    }

    /// What it has written and was not acknowledged.
    pub(super) fn waiting(&mut self, stream: u16) -> usize {
        self.sctp.stream(stream).and_then(|stream| stream.buffered_amount()).unwrap_or(0)
    }

    fn speak(&mut self, stage: &mut Stage) {
        let now = stage.clock.now();
        if self.sctp.poll_timeout().is_some_and(|at| at <= now) {
            self.sctp.handle_timeout(now);
        }
        while let Some(transmit) = self.sctp.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.payload else { continue };
            for packet in packets {
                if packet.get(12) == Some(&0) {
                    self.last = packet.to_vec();
                }
                self.client.send_data(stage, &packet);
            }
        }
    }

    /// Takes in what has come.
    fn listen(&mut self, stage: &Stage) {
        let packets = std::mem::take(&mut self.client.data);
        for packet in packets.into_iter().filter(|_| !self.is_deaf) {
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            let event = self.endpoint.handle(stage.clock.now(), peer, None, None, Bytes::from(packet));
            if let Some((handle, DatagramEvent::AssociationEvent(event))) = event {
                assert_eq!(handle, self.handle);
                self.sctp.handle_event(event);
            }
        }
        while let Some(event) = self.sctp.poll() {
            match event {
                Event::Stream(StreamEvent::Finished { id }) => self.closed.push(id),
                Event::AssociationLost { .. } => self.is_ended = true,
                Event::Connected
                | Event::HandshakeFailed { .. }
                | Event::Stream(_)
                | Event::DataChannelStatsFinal(_)
                | Event::DatagramReceived
                | _ => {}
            }
        }
        for stream in self.sctp.stream_ids() {
            while let Ok(Some(chunks)) = self.sctp.stream(stream).and_then(|mut open| open.read()) {
                let mut bytes = vec![0; chunks.len()];
                chunks.read(&mut bytes).unwrap();
                self.take(stream, chunks.ppi, &bytes);
            }
        }
    }

    fn take(&mut self, stream: u16, ppid: Ppid, bytes: &[u8]) {
        if ppid == Ppid::Dcep {
            assert_eq!(bytes, [2]);
            return self.acknowledged.push(stream);
        }
        assert_eq!((ppid, &bytes[..2]), (Ppid::Binary, &[1, 0][..]));
        let from = ConnectionId::from_uuid(Uuid::from_slice(&bytes[2..18]).unwrap());
        let (topic, payload) = bytes[19..].split_at(bytes[18].into());
        let topic = String::from_utf8(topic.to_vec()).unwrap();
        self.received.push(Received { from, topic, payload: payload.to_vec(), stream });
    }
}
