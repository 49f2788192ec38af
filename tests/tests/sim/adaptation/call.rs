//! Some who speak and are seen, the engine, and one who receives them behind a link.

use super::{
    content::Content,
    receiver::{Packet, Receiver},
    report::Report,
    source::{PICTURE_INTERVAL, Pictures, Sender, Speech, VOICE_INTERVAL, VOICE_RATE},
};
use crate::link::{Link, LinkConfig, Loss};
use common::{
    clock::{Clock, ManualClock},
    id::{ConnectionId, TrackId},
    protocol::media::{LayerReason, TrackKind, TrackSubscription},
};
use sfu_core::{
    Engine, EngineConfig, MediaEvent, Output, SessionId,
    engine::simulation::{Side, reply},
    layer::Target,
    sdp::parse::Remote,
};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};
use switchboard_tests::description::{PASSWORD, accept, material};
use uuid::Uuid;

const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// What is left of the estimate for the pictures that are larger than others.
const HEADROOM: f64 = 0.85;

/// What need not have arrived when the call ends.
const TAIL: Duration = Duration::from_secs(2);

const SERVER: u16 = 7882;
const RECEIVER: u16 = 100;

/// The port of a participant.
fn address(n: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], n))
}

fn device(n: u16) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n.into()))
}

/// An answer of whoever tells when packets arrive.
fn answer(offer: &sfu_core::Offer) -> Remote {
    let number = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let mut text = accept(offer);
    for (line, format) in [("a=rtpmap:111 opus/48000/2\r\n", 111), ("a=rtpmap:96 VP8/90000\r\n", 96)] {
        text = text.replace(line, &format!("{line}a=rtcp-fb:{format} transport-cc\r\n{number}"));
    }
    Remote::parse(&text).unwrap()
}

/// For how long the others speak before somebody joins them.
const BEFORE: Duration = Duration::from_secs(2);

pub(crate) struct Call {
    clock: ManualClock,
    began_at: Instant,
    joined_at: Option<Instant>,
    engine: Engine,
    output: Output,
    senders: Vec<Sender>,
    /// Whose camera a track is.
    cameras: BTreeMap<TrackId, u8>,
    there: Link<Packet>,
    back: Link<Vec<u8>>,
    receiver: Receiver,
    next: [Instant; 3],
    trace: DefaultHasher,
    report: Report,
}

impl Call {
    /// The others each send this to one who joins them behind this link, and says what arrives over one that loses as
    /// much.
    pub(crate) fn new(there: LinkConfig, others: &[(Speech, Pictures)], seed: u64) -> Self {
        let clock = ManualClock::default();
        let began_at = clock.now();
        let joins_at = began_at + BEFORE;
        let config = EngineConfig::new(vec![address(SERVER)], [seed as u8; 32]);
        let senders: Vec<Sender> =
            (1..).zip(others).map(|(number, other)| Sender::new(number, *other, seed)).collect();
        // Reports are too far apart to be lost in a row by what loses packets in a row.
        let loss = Loss::Random(there.loss.share());
        let back = LinkConfig { capacity: Vec::new(), loss, ..there.clone() };
        let mut call = Self {
            clock,
            began_at,
            joined_at: None,
            engine: Engine::new(config).unwrap(),
            output: Output::default(),
            cameras: BTreeMap::new(),
            there: Link::new(there, seed, joins_at),
            back: Link::new(back, seed + 1, joins_at),
            receiver: Receiver::new(&material(RECEIVER), (1..).zip(&senders).map(|(n, _)| n), BEFORE),
            senders,
            next: [began_at, began_at, joins_at],
            trace: DefaultHasher::new(),
            report: Report::default(),
        };
        call.begin();
        call.go_on(joins_at);
        call.join();
        call
    }

    /// The others come together.
    fn begin(&mut self) {
        let now = self.clock.now();
        for (n, sender) in (1..).zip(&self.senders) {
            self.engine.join(SessionId::new(1), device(n), false, now, &mut self.output);
            let offer = Remote::parse(&sender.offer()).unwrap();
            self.engine.publish(device(n), &offer, now, &mut self.output).unwrap();
        }
        for (n, _) in (1..).zip(0..self.senders.len()) {
            self.connect(n, Side::Publish);
        }
    }

    fn connect(&mut self, n: u16, side: Side) {
        let (now, way) = (self.clock.now(), (address(SERVER), address(n)));
        let (engine, output) = (&mut self.engine, &mut self.output);
        assert!(engine.connect_directly(device(n), side, &material(n), way, now, output));
    }

    /// One more joins, and takes all that there is.
    fn join(&mut self) {
        let (now, output) = (self.clock.now(), &mut self.output);
        self.joined_at = Some(now);
        self.engine.join(SessionId::new(1), device(RECEIVER), true, now, output);
        while let Some(offer) = self.engine.pending_offer(device(RECEIVER)) {
            for track in offer.tracks.iter().filter(|track| track.kind == TrackKind::Video) {
                let mut senders = (1..).zip(1_u8..).take(self.senders.len());
                let (_, sender) = senders.find(|(n, _)| device(*n) == track.connection_id).unwrap();
                self.cameras.insert(track.track_id, sender);
            }
            self.engine.answer(device(RECEIVER), offer.revision, &answer(&offer), now, output).unwrap();
        }
        self.connect(RECEIVER, Side::Subscribe);
        for (n, sender) in (1..).zip(&self.senders) {
            self.report.begin(n, sender.made());
        }
    }

    /// All of it goes out, whatever the estimate is.
    pub(crate) fn with_all_of_it(mut self) -> Self {
        let (now, output) = (self.clock.now(), &mut self.output);
        let tracks: Vec<_> =
            self.engine.received(device(RECEIVER), now).map(|received| received.track).collect();
        for track in tracks {
            assert!(self.engine.set_target(device(RECEIVER), track, Target::BEST, now, output));
        }
        self
    }

    /// What becomes of it for so long.
    pub(crate) fn run(mut self, time: Duration) -> Report {
        let end = self.clock.now() + time;
        self.go_on(end - TAIL);
        let due: Vec<_> = self.senders.iter().map(Sender::made).collect();
        self.go_on(end);
        self.receiver.screens.values_mut().for_each(|screen| screen.end(end - self.began_at));
        for (n, made) in (1..).zip(due) {
            self.report.note(n, made, BEFORE, &mut self.receiver);
        }
        self.report.stats = self.engine.stats();
        self.report.trace = self.trace.finish();
        self.report
    }

    fn go_on(&mut self, end: Instant) {
        while self.clock.now() < end {
            self.step();
            let arrivals = [self.there.next_arrival(), self.back.next_arrival(), self.engine.next_deadline()];
            let next =
                self.next.into_iter().chain(arrivals.into_iter().flatten()).chain([end]).min().unwrap();
            self.clock.advance(next.saturating_duration_since(self.clock.now()));
        }
    }

    fn step(&mut self) {
        let now = self.clock.now();
        self.send(now);
        while let Some((at, packet)) = self.there.receive(now) {
            self.receiver.arrive(packet, at - self.began_at);
        }
        while let Some((_, mut datagram)) = self.back.receive(now) {
            let (from, to) = (address(RECEIVER), address(SERVER));
            self.engine.handle_datagram(from, to, &mut datagram, now, &mut self.output);
        }
        self.engine.flush(now, &mut self.output);
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.handle_deadline(now, &mut self.output);
        }
        let mut datagrams = Vec::new();
        for run in self.output.runs() {
            let port = run.destination.port();
            datagrams.extend(run.bytes.chunks(run.segment).map(|datagram| (port, datagram.to_vec())));
        }
        self.output.clear_datagrams();
        for (port, datagram) in datagrams {
            match self.senders.get_mut(usize::from(port) - 1) {
                Some(sender) => {
                    let answer = reply(&datagram, PASSWORD);
                    sender.hear(datagram);
                    if let Some(mut answer) = answer {
                        let (from, to) = (address(port), address(SERVER));
                        self.engine.handle_datagram(from, to, &mut answer, now, &mut self.output);
                    }
                }
                None => self.carry(datagram, now),
            }
        }
        self.hear(now);
    }

    /// Everybody hears by signalling what concerns them.
    fn hear(&mut self, now: Instant) {
        let events: Vec<_> = self.output.take_events().collect();
        for event in events {
            match event {
                MediaEvent::Subscriptions { subscriptions, .. } => {
                    let mut gets = BTreeMap::new();
                    for TrackSubscription { track_id, layer, reason } in subscriptions {
                        let Some(sender) = self.cameras.get(&track_id) else { continue };
                        let is_paused = layer.is_none() && reason == LayerReason::Bandwidth;
                        let screen = self.receiver.screens.get_mut(sender).unwrap();
                        screen.pause(is_paused, now - self.began_at);
                        gets.insert(*sender, layer.map(|layer| layer.encoding));
                    }
                    self.report.told.push((now - self.began_at - BEFORE, gets));
                }
                MediaEvent::Layers { participant, encodings, .. } => {
                    let senders = (1..).zip(&mut self.senders);
                    let mut senders = senders.filter(|(n, _)| device(*n) == participant);
                    let (_, sender) = senders.next().unwrap();
                    encodings.iter().for_each(|encoding| sender.want(&encoding.rid, encoding.wanted));
                }
                MediaEvent::Offer { .. } | MediaEvent::Speaking { .. } => {}
                MediaEvent::Lost { .. } => panic!("{event:?}"),
            }
        }
    }

    /// The senders' packets that are due, and what the receiver has to say.
    fn send(&mut self, now: Instant) {
        let passed = now - self.began_at;
        let [voice, picture, report] = self.next;
        let mut packets = Vec::new();
        if voice <= now {
            self.next[0] = voice + VOICE_INTERVAL;
            let voices = (1..).zip(&mut self.senders).map(|(n, sender)| (n, sender.speak(passed)));
            packets.extend(voices.filter_map(|(n, packet)| Some((n, packet?))));
        }
        if picture <= now {
            self.next[1] = picture + PICTURE_INTERVAL;
            let estimate = self.engine.bandwidth(device(RECEIVER));
            let estimate = estimate.map_or(0.0, |it| it.estimate.bits_per_second() as f64);
            let rate = (HEADROOM * estimate - VOICE_RATE).clamp(5_000.0, 7e6);
            for (n, sender) in (1..).zip(&mut self.senders) {
                packets.extend(sender.look(rate, passed).into_iter().map(|packet| (n, packet)));
            }
        }
        for (n, mut packet) in packets {
            self.engine.handle_datagram(address(n), address(SERVER), &mut packet, now, &mut self.output);
        }
        if report <= now {
            self.next[2] = report + REPORT_INTERVAL;
            let estimate = self.engine.bandwidth(device(RECEIVER)).expect("it tells what arrives").estimate;
            self.report.estimates.push(((passed - BEFORE).as_secs_f64(), estimate.bits_per_second() as f64));
            if let Some(datagram) = self.receiver.report(passed) {
                self.back.send(datagram, 100, now);
            }
        }
    }

    /// A datagram leaves the server.
    fn carry(&mut self, datagram: Vec<u8>, now: Instant) {
        (now - self.began_at, &datagram).hash(&mut self.trace);
        if let Some(answer) = reply(&datagram, PASSWORD) {
            self.back.send(answer, 100, now);
            return;
        }
        let bytes = datagram.len();
        let Some(packet) = self.receiver.open(datagram) else { return };
        let report = &mut self.report;
        match packet.content {
            None => report.padding_bytes += bytes,
            Some(Content { made_at, part, .. }) if !packet.is_again => {
                let held = (now - self.began_at).saturating_sub(made_at).as_secs_f64() * 1000.0;
                report.held_longest = report.held_longest.max(held);
                if part.is_none() {
                    report.voice_held_longest = report.voice_held_longest.max(held);
                }
            }
            Some(_) => {}
        }
        self.there.send(packet, bytes, now);
    }
}
