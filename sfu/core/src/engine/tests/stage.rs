//! An engine, and clients that speak to it with keys of the test's choice.

use crate::{
    Engine, EngineConfig, MediaEvent, Offer, Output, Run, SessionId,
    engine::simulation::{Side, reply},
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::parse::Remote,
    srtp::{Opener, Profile, Sealer, contexts},
};
use common::{
    clock::{Clock, ManualClock},
    id::ConnectionId,
};
use std::{collections::BTreeMap, net::SocketAddr, time::Instant};
use uuid::Uuid;

pub(super) fn device(n: u16) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n.into()))
}

pub(super) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

pub(super) fn server() -> SocketAddr {
    address(7882)
}

fn material(n: u16) -> Vec<u8> {
    let [high, low] = n.to_be_bytes();
    (0..56).map(|byte: u8| byte ^ low.wrapping_mul(37) ^ high.wrapping_mul(101)).collect()
}

/// The password of everybody's end of a transport.
pub(super) const PASSWORD: &str = "0123456789abcdef01234567";

/// What a description says of everybody's transport.
const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=rtcp-mux\r\n";

/// The id of the header extension by which the packets of some are numbered.
pub(super) const NUMBER_ID: u8 = 5;

/// How whoever numbers its packets describes that.
pub(super) const NUMBERED: &str = "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=rtcp-fb:96 transport-cc\r\n";

/// Cameras, one section each: the first with streams 2001 and 2002, the next with 2003 and 2004.
pub(super) fn cameras(mids: &[u32]) -> Remote {
    cameras_with(mids, "")
}

/// Cameras of which the description says more.
pub(super) fn cameras_with(mids: &[u32], lines: &str) -> Remote {
    let bundle: String = mids.iter().map(|mid| format!(" {mid}")).collect();
    let mut text = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{bundle}\r\n");
    for mid in mids {
        let (ssrc, rtx) = (2001 + 2 * mid, 2002 + 2 * mid);
        text += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n{TRANSPORT}a=sendonly\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{ssrc} cname:c\r\n{lines}"
        );
    }
    Remote::parse(&text).unwrap()
}

/// An answer to an offer of cameras that receives in the sections with these mids.
pub(super) fn answer(offer: &Offer, receives: impl Fn(&str) -> bool) -> Remote {
    answer_with(offer, receives, "")
}

/// An answer that says more of each section.
pub(super) fn answer_with(offer: &Offer, receives: impl Fn(&str) -> bool, lines: &str) -> Remote {
    let mut text = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    for line in offer.sdp.lines() {
        if let Some(mid) = line.strip_prefix("a=mid:") {
            let direction = if receives(mid) { "recvonly" } else { "inactive" };
            text += &format!(
                "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n{TRANSPORT}a={direction}\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n{lines}"
            );
        }
    }
    Remote::parse(&text).unwrap()
}

/// A packet as a client opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) payload: Vec<u8>,
}

/// One client's end of one transport.
pub(super) struct End {
    pub(super) address: SocketAddr,
    opener: Opener,
    pub(super) sealer: Sealer,
}

pub(super) struct Stage {
    pub(super) clock: ManualClock,
    /// When the test began.
    pub(super) began_at: Instant,
    pub(super) engine: Engine,
    pub(super) output: Output,
    /// The ends by their ports.
    pub(super) ends: BTreeMap<u16, End>,
}

impl Stage {
    /// Participants `1..=count` in session 1.
    pub(super) fn new(count: u16) -> Self {
        let clock = ManualClock::default();
        let config = EngineConfig::new(vec![server()], [7; 32]);
        let engine = Engine::new(config).unwrap();
        let (began_at, output) = (clock.now(), Output::default());
        let mut stage = Self { clock, began_at, engine, output, ends: BTreeMap::new() };
        for n in 1..=count {
            stage.engine.join(SessionId::new(1), device(n), true, stage.clock.now(), &mut stage.output);
        }
        stage
    }

    pub(super) fn publish(&mut self, n: u16, mids: &[u32]) {
        let now = self.clock.now();
        self.engine.publish(device(n), &cameras(mids), now, &mut self.output).unwrap();
    }

    /// The newest event's offer for a participant, if there is any.
    pub(super) fn offered(&mut self, n: u16) -> Option<Offer> {
        let offers = self.output.take_events().filter_map(|event| match event {
            MediaEvent::Offer { participant, offer } if participant == device(n) => Some(offer),
            MediaEvent::Offer { .. }
            | MediaEvent::Speaking { .. }
            | MediaEvent::Subscriptions { .. }
            | MediaEvent::Layers { .. }
            | MediaEvent::Lost { .. } => None,
        });
        offers.last()
    }

    /// Answers the pending offer.
    pub(super) fn answer(&mut self, n: u16, receives: impl Fn(&str) -> bool) -> Offer {
        let offer = self.engine.pending_offer(device(n)).expect("something is offered");
        let now = self.clock.now();
        let answer = answer(&offer, receives);
        self.engine.answer(device(n), offer.revision, &answer, now, &mut self.output).unwrap();
        offer
    }

    /// Connects one of a participant's transports, with keys that are `port`'s.
    pub(super) fn connect(&mut self, n: u16, side: Side, port: u16) {
        let (now, material) = (self.clock.now(), material(port));
        let way = (server(), address(port));
        assert!(self.engine.connect_directly(device(n), side, &material, way, now, &mut self.output));
        let (opener, sealer) = contexts(Profile::Aes128Gcm, &material, true).unwrap();
        self.ends.insert(port, End { address: way.1, opener, sealer });
        self.output.clear_datagrams();
    }

    pub(super) fn receive(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        let now = self.clock.now();
        self.engine.handle_datagram(from, server(), &mut datagram, now, &mut self.output);
    }

    /// Sends one packet of a camera, which goes through at once.
    pub(super) fn send(&mut self, port: u16, ssrc: u32, number: u64, payload: &[u8]) {
        let datagram = self.sealed(port, ssrc, number, payload);
        self.forward(port, datagram);
    }

    /// What encrypts the packets that are sent from a port.
    pub(super) fn sealer(&self, port: u16) -> &Sealer {
        &self.ends[&port].sealer
    }

    /// A packet of a camera, as it is on the network.
    pub(super) fn sealed(&self, port: u16, ssrc: u32, number: u64, payload: &[u8]) -> Vec<u8> {
        self.sealed_as(port, (ssrc, 96), number, payload)
    }

    /// Likewise of this payload type.
    pub(super) fn sealed_as(
        &self,
        port: u16,
        (ssrc, payload_type): (u32, u8),
        number: u64,
        payload: &[u8],
    ) -> Vec<u8> {
        let sequence = SeqNo::from_extended(number);
        let header = PlainHeader {
            has_padding: false,
            marker: true,
            payload_type,
            sequence: sequence.to_wire(),
            timestamp: 1,
            ssrc,
        };
        let (sealer, mut datagram) = (&self.ends[&port].sealer, Vec::new());
        let cycles = sequence.cycles();
        assert!(sealer.rtp(&header.to_bytes(), &[payload], ssrc, sequence, cycles, &mut datagram));
        datagram
    }

    /// Gives the engine a datagram from a port, and lets through what it brings.
    pub(super) fn forward(&mut self, port: u16, datagram: Vec<u8>) {
        self.receive(self.ends[&port].address, datagram);
        self.engine.flush(self.clock.now(), &mut self.output);
    }

    /// Sends a compound RTCP packet.
    pub(super) fn tell(&mut self, port: u16, packet: &[u8]) {
        let end = self.ends.get_mut(&port).unwrap();
        let (from, mut datagram) = (end.address, Vec::new());
        assert!(end.sealer.rtcp(packet, &mut datagram));
        self.receive(from, datagram);
    }

    /// Takes the datagrams that go to a port, as they are on the network.
    pub(super) fn datagrams(&mut self, port: u16) -> Vec<Vec<u8>> {
        let runs = self.output.runs().filter(|run| run.destination == address(port).into());
        let datagrams = runs.flat_map(|run| run.bytes.chunks(run.segment).map(<[u8]>::to_vec)).collect();
        self.output.clear_datagrams();
        datagrams
    }

    /// Takes all datagrams, as they are on the network, each with the port that it goes to.
    pub(super) fn all_datagrams(&mut self) -> Vec<(u16, Vec<u8>)> {
        let of = |run: Run<'_>| (run.destination.port(), run.segment, run.bytes.to_vec());
        let runs: Vec<_> = self.output.runs().map(of).collect();
        self.output.clear_datagrams();
        let datagrams = runs.iter().flat_map(|(port, segment, bytes)| {
            bytes.chunks(*segment).map(|datagram| (*port, datagram.to_vec()))
        });
        datagrams.collect()
    }

    /// The payload of an RTP packet that went to a port, or the compound RTCP packet.
    pub(super) fn open(&mut self, port: u16, mut datagram: Vec<u8>) -> Vec<u8> {
        let opener = &mut self.ends.get_mut(&port).unwrap().opener;
        if (192..=223).contains(&datagram[1]) {
            let length = opener.rtcp(&mut datagram).expect("it opens, and is no repetition");
            datagram.truncate(length);
            return datagram;
        }
        opener.rtp(&mut datagram).expect("it opens, and is no repetition").payload.to_vec()
    }

    /// Takes and opens the compound RTCP packets that go to a port.
    pub(super) fn reports(&mut self, port: u16) -> Vec<Vec<u8>> {
        let datagrams = self.datagrams(port);
        let end = self.ends.get_mut(&port).unwrap();
        let rtcp = datagrams.into_iter().filter(|datagram| (192..=223).contains(&datagram[1]));
        rtcp.map(|mut datagram| {
            let length = end.opener.rtcp(&mut datagram).expect("it opens, and is no repetition");
            datagram.truncate(length);
            datagram
        })
        .collect()
    }

    /// Takes the datagrams that go to a port and answers the checks among them; how many there were.
    pub(super) fn reply(&mut self, port: u16) -> usize {
        let datagrams = self.datagrams(port);
        let replies: Vec<_> = datagrams.iter().filter_map(|datagram| reply(datagram, PASSWORD)).collect();
        let count = replies.len();
        replies.into_iter().for_each(|reply| self.receive(address(port), reply));
        count
    }

    /// Takes and opens the RTP packets that go to a port.
    pub(super) fn packets(&mut self, port: u16) -> Vec<Opened> {
        let datagrams = self.datagrams(port);
        let end = self.ends.get_mut(&port).unwrap();
        let rtp = datagrams.into_iter().filter(|datagram| !(192..=223).contains(&datagram[1]));
        rtp.map(|mut datagram| {
            let opened = end.opener.rtp(&mut datagram).expect("it opens, and is no repetition");
            let header = opened.header;
            Opened {
                ssrc: header.ssrc,
                payload_type: header.payload_type,
                sequence: header.sequence,
                payload: opened.payload.to_vec(),
            }
        })
        .collect()
    }

    /// Lets time pass, and the engine do what is due.
    pub(super) fn pass(&mut self, time: std::time::Duration) {
        let end = self.clock.now() + time;
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            self.clock.advance(next.saturating_duration_since(self.clock.now()));
            self.engine.handle_deadline(self.clock.now(), &mut self.output);
        }
        self.clock.advance(end.saturating_duration_since(self.clock.now()));
    }
}
