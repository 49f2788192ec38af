//! One shard's media plane: what happens to one part of it is passed on to those that it concerns.
//!
//! Owns no socket and reads no clock. Datagrams and time come in through
//! `handle_*`; what is to be sent, and what others must be told, goes out
//! through [`Output`]. Call [`Engine::flush`] after a batch of datagrams.
//!
//! Each part owns its state, and says when it wants to be looked after. Nothing that happens to one
//! participant, track or transport costs a look at the others.

mod allocate;
mod data;
mod feedback;
mod layers;
mod play;
pub(crate) mod publish;
mod receive;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod statistics;
mod subscribe;

use crate::{
    address::TransportAddress,
    allocations::Allocations,
    arrival_feedback::ArrivalFeedback,
    congestion::Bandwidth,
    data::{DataChannels, DataStats},
    forward::Forwarding,
    id::{EncodingId, ParticipantId, PublicationId, SessionId, TransportId},
    keyframe::KeyFrames,
    liveness::Liveness,
    loss::LossReason,
    naming,
    negotiation::Negotiations,
    output::{MediaEvent, Output},
    recording::tap::Tap,
    report::Reports,
    retransmit::Retransmission,
    sessions::Sessions,
    speakers::Speakers,
    totals::{ByKind, Carried},
    transport::{Identity, PeerDescription, Progress, Transport, credentials::Credentials},
    transports::Transports,
};
use common::id::ConnectionId;
use rand::{Rng, RngExt, SeedableRng, distr::Alphanumeric, rngs::StdRng};
use std::{net::SocketAddr, time::Instant};

/// What an engine is built from.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The addresses that clients are told to send to, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// Those to which they open TCP connections where no UDP goes through, the preferred first.
    pub tcp_candidates: Vec<SocketAddr>,
    /// Which of the shards on one TCP port this is; what [`asked_shard`](crate::asked_shard) says of checks for it.
    pub shard: u16,
    /// Decides names and SSRCs. Keys come from the operating system.
    pub seed: [u8; 32],
}

impl EngineConfig {
    /// Of a shard that is alone, and reached by UDP.
    pub const fn new(candidates: Vec<SocketAddr>, seed: [u8; 32]) -> Self {
        Self { candidates, tcp_candidates: Vec::new(), shard: 0, seed }
    }
}

/// Why an engine cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No certificate can be made.
    #[error("no DTLS certificate can be made: {0}")]
    Certificate(String),
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is no such participant, or nothing was offered to it.
    #[error("nothing was offered to this participant")]
    NothingOffered,
    /// A newer offer has replaced the one that is answered.
    #[error("the offer has been replaced by revision {current}")]
    Stale {
        /// The offer to answer.
        current: u64,
    },
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Participants.
    pub participants: usize,
    /// Incoming tracks.
    pub publications: usize,
    /// Outgoing tracks.
    pub subscriptions: usize,
    /// RTP packets received, authentic and new.
    pub packets_received: u64,
    /// RTP packets sent, those sent again included.
    pub packets_forwarded: u64,
    /// RTP packets sent again.
    pub packets_resent: u64,
    /// Requests to send again that were past a transport's budget.
    pub resends_refused: u64,
    /// RTP packets that were past what their track or transport may send.
    pub packets_refused: u64,
    /// Packets of padding alone, which show what a subscriber's network carries.
    pub packets_padding: u64,
    /// RTP packets that were not sent, for they would have waited for their turn for too long.
    pub packets_overdue: u64,
    /// Datagrams that belong to nobody or are not authentic.
    pub datagrams_refused: u64,
    /// What publishers have sent, about a second ago.
    pub inbound: ByKind<Carried>,
    /// What subscribers were sent, likewise.
    pub outbound: ByKind<Carried>,
    /// What was said in data channels.
    pub data: DataStats,
}

/// The media plane of one shard.
pub struct Engine {
    identity: Identity,
    shard: u16,
    random: StdRng,
    pub(crate) sessions: Sessions,
    negotiations: Negotiations,
    pub(crate) transports: Transports,
    pub(crate) forwarding: Forwarding,
    retransmission: Retransmission,
    key_frames: KeyFrames,
    liveness: Liveness,
    reports: Reports,
    allocations: Allocations,
    speakers: Speakers,
    arrival_feedback: ArrivalFeedback,
    pub(crate) tap: Tap,
    pub(crate) data: DataChannels,
    /// What is counted here; how much there is now, its owners know.
    stats: Stats,
}

impl Engine {
    /// An engine without participants.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { candidates, tcp_candidates, shard, seed } = config;
        Ok(Self { shard, ..Self::with_identity(Identity::new(candidates, tcp_candidates)?, seed) })
    }

    /// An engine without participants that shows this identity.
    pub(crate) fn with_identity(identity: Identity, seed: [u8; 32]) -> Self {
        Self {
            identity,
            shard: 0,
            random: StdRng::from_seed(seed),
            sessions: Sessions::default(),
            negotiations: Negotiations::default(),
            transports: Transports::default(),
            forwarding: Forwarding::default(),
            retransmission: Retransmission::default(),
            key_frames: KeyFrames::default(),
            liveness: Liveness::default(),
            reports: Reports::default(),
            allocations: Allocations::default(),
            speakers: Speakers::default(),
            arrival_feedback: ArrivalFeedback::default(),
            tap: Tap::default(),
            data: DataChannels::default(),
            stats: Stats::default(),
        }
    }

    /// Lets a participant into a session; if it `receives`, it will be offered everything the others send.
    ///
    /// Who is in another session leaves it first. Joining again changes nothing.
    pub fn join(
        &mut self,
        session: SessionId,
        participant: ConnectionId,
        receives: bool,
        now: Instant,
        output: &mut Output,
    ) {
        let known = self.sessions.find(participant).and_then(|id| self.sessions.get(id));
        match known.map(|known| known.session) {
            Some(known) if known == session => return,
            Some(_) => self.leave(participant, now, output),
            None => {}
        }
        let id = self.sessions.join(session, participant, receives);
        self.negotiations.begin(id, self.random.next_u32());
        self.offer(id, now, output);
    }

    /// Takes a participant and its tracks out of everything.
    pub fn leave(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(id) = self.sessions.find(participant) else { return };
        let Some(known) = self.sessions.get_mut(id) else { return };
        let transports = [known.publish, known.subscribe];
        for publication in std::mem::take(&mut known.publications) {
            self.unpublish(publication, output);
        }
        for transport in transports.into_iter().flatten() {
            self.close_transport(transport, output);
        }
        if self.sessions.get(id).is_some_and(|known| known.plays.is_none()) {
            self.offer_others(id, now, output);
        }
        self.negotiations.end(id);
        self.sessions.leave(id);
    }

    /// How much there is of everything.
    pub fn stats(&self) -> Stats {
        let (publications, subscriptions) = self.forwarding.counts();
        Stats {
            participants: self.sessions.len(),
            publications,
            subscriptions,
            inbound: self.forwarding.totals.inbound,
            outbound: self.forwarding.totals.outbound,
            data: self.data.stats,
            ..self.stats
        }
    }

    /// What is known of the network between us and a participant that receives; `None` where it does not tell what
    /// arrives.
    pub fn bandwidth(&self, participant: ConnectionId) -> Option<Bandwidth> {
        let known = self.sessions.get(self.sessions.find(participant)?)?;
        let congestion = self.transports.get(known.subscribe?)?.congestion.as_ref()?;
        Some(congestion.bandwidth())
    }

    /// When [`handle_deadline`](Self::handle_deadline) wants to be called though nothing came in.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.transports.next_deadline(),
            self.negotiations.next_deadline(),
            self.retransmission.next_deadline(),
            self.key_frames.next_deadline(),
            self.liveness.next_deadline(),
            self.reports.next_deadline(),
            self.allocations.next_deadline(),
            self.speakers.next_deadline(),
            self.arrival_feedback.next_deadline(),
            self.forwarding.next_release(),
            self.data.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Acts on deadlines that have passed. Early calls do nothing.
    pub fn handle_deadline(&mut self, now: Instant, output: &mut Output) {
        while let Some(id) = self.transports.take_due(now) {
            self.drive(id, now, output);
        }
        while let Some(id) = self.retransmission.take_due(now) {
            if self.retransmission.ask(id, &mut self.forwarding, &mut self.transports, now, output) {
                self.want_key_frame(id, now, output);
            }
        }
        while let Some(id) = self.liveness.take_due(now) {
            self.look_after(id, now, output);
        }
        self.key_frames.handle_deadline(&mut self.forwarding, &mut self.transports, now, output);
        let (forwarding, transports) = (&mut self.forwarding, &mut self.transports);
        self.reports.handle_deadline(&self.arrival_feedback, forwarding, transports, now, output);
        self.arrival_feedback.handle_deadline(&mut self.transports, now, output);
        let released = self.forwarding.release_due(&mut self.transports, now, output);
        self.note_sent(released);
        while let Some(id) = self.speakers.take_ended(now) {
            if let Some(encoding) = self.forwarding.encoding(id) {
                self.tell_speaking(encoding.transport, false, output);
            }
        }
        self.pass_on_data(now, output);
        self.allocate_due(now, output);
        self.expire_offers(now, output);
    }

    /// Lets a transport act, and acts on what became of it.
    fn drive(&mut self, id: TransportId, now: Instant, output: &mut Output) {
        let Some(transport) = self.transports.get_mut(id) else { return };
        let progress = transport.handle_timeout(now, output);
        self.transports.reschedule(id);
        self.take_data(id, now);
        match progress {
            Progress::Unchanged => {}
            Progress::Failed(reason) => self.lose(id, reason, output),
            Progress::Connected => self.connected(id, now, output),
        }
    }

    /// Media can flow on a transport. Who begins to receive needs key frames; who begins to send may
    /// have been waited for, and is told from now on how it is received.
    fn connected(&mut self, id: TransportId, now: Instant, output: &mut Output) {
        self.reports.begin(id, now);
        self.allocations.look_at(id, now);
        for encoding in self.forwarding.encodings_on(id) {
            self.key_frames.ask(encoding, &mut self.forwarding, &mut self.transports, now, output);
        }
        for subscription in self.forwarding.subscriptions_on(id) {
            let known = self.forwarding.subscription_mut(subscription);
            if let Some(encoding) = known.and_then(|(subscription, _)| subscription.source()) {
                self.want_key_frame(encoding, now, output);
            }
        }
    }

    /// Somebody cannot decode an encoding without a key frame.
    pub(crate) fn want_key_frame(&mut self, id: EncodingId, now: Instant, output: &mut Output) {
        self.key_frames.want(id, &mut self.forwarding, &mut self.transports, now, output);
    }

    /// A track ends, for everybody.
    fn unpublish(&mut self, id: PublicationId, output: &mut Output) {
        for (id, encoding) in self.forwarding.encodings_of(id) {
            if let Some(transport) = self.transports.get_mut(encoding.transport) {
                encoding.ssrcs().for_each(|ssrc| transport.retire(ssrc));
            }
            self.retransmission.forget(id);
            self.key_frames.forget(id);
            if self.speakers.forget(id) {
                self.tell_speaking(encoding.transport, false, output);
            }
        }
        self.liveness.forget(id);
        self.tell_recorder_of_end(id, output);
        self.allocations.asked.forget(id);
        self.forwarding.unpublish(id);
    }

    /// Tells the shell whether the participant whose transport this is speaks.
    fn tell_speaking(&self, transport: TransportId, is_speaking: bool, output: &mut Output) {
        let owner = self.transports.owner(transport).and_then(|owner| self.sessions.get(owner));
        if let Some(owner) = owner {
            output.event(MediaEvent::Speaking { participant: owner.connection, is_speaking });
        }
    }

    /// Opens a transport for a participant that has not described its side, under these credentials of ours.
    fn open_transport(&mut self, owner: ParticipantId, own: Credentials, now: Instant) -> TransportId {
        let random = StdRng::from_rng(&mut self.random);
        self.transports.insert(owner, Transport::new(&self.identity, own, random, now))
    }

    /// Nothing comes in or goes out on a transport any more.
    fn close_transport(&mut self, id: TransportId, output: &mut Output) {
        for publication in self.forwarding.publications_on(id) {
            self.unpublish(publication, output);
        }
        self.forwarding.forget_transport(id);
        self.reports.forget(id);
        self.allocations.forget(id);
        self.arrival_feedback.forget(id);
        self.data.forget(id);
        self.transports.remove(id);
    }

    /// A participant has described its side of a transport.
    fn describe_transport(
        &mut self,
        id: TransportId,
        peer: PeerDescription,
        now: Instant,
        output: &mut Output,
    ) {
        if let Some(transport) = self.transports.get_mut(id) {
            transport.describe(&self.identity, peer, now);
            self.drive(id, now, output);
        }
    }

    /// Names of an ICE agent (RFC 8839, section 5.4): unique within the engine, not to be guessed.
    fn credentials(&mut self) -> Credentials {
        let mut text = |length: usize| -> String {
            (&mut self.random).sample_iter(Alphanumeric).take(length).map(char::from).collect()
        };
        loop {
            let (ufrag, pwd) = (naming::ufrag(self.shard, &text(12)), text(24));
            if self.transports.by_ufrag(&ufrag).is_none() {
                return Credentials { ufrag, pwd };
            }
        }
    }

    /// Whether a transport's peer is at an address, as far as its checks said.
    pub fn knows_address(&self, address: TransportAddress) -> bool {
        self.transports.by_address(address).is_some()
    }

    /// A TCP connection is gone, on which a transport's peer may have been. Media that went
    /// there goes to where else the peer checks from, by UDP or on another connection, as soon as it answers there.
    pub fn forget_address(&mut self, address: TransportAddress, now: Instant, output: &mut Output) {
        let Some(id) = self.transports.by_address(address) else { return };
        self.transports.forget_address(address, id);
        if let Some(transport) = self.transports.get_mut(id) {
            transport.forget_address(address);
            self.drive(id, now, output);
        }
    }

    /// Tells the shell that a participant is gone.
    fn lose(&self, transport: TransportId, reason: LossReason, output: &mut Output) {
        let owner = self.transports.owner(transport).and_then(|owner| self.sessions.get(owner));
        if let Some(owner) = owner {
            output.event(MediaEvent::Lost { participant: owner.connection, reason });
        }
    }
}

#[cfg(test)]
mod tests;
