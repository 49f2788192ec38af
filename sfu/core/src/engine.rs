//! Everything one shard forwards: participants, their transports, tracks and who gets them.
//!
//! Owns no socket and reads no clock. Datagrams and time come in through
//! `handle_*`; what is to be sent, and what others must be told, goes out
//! through [`Output`]. Call [`Engine::flush`] after a batch of datagrams.

mod feedback;
pub(crate) mod negotiate;
pub(crate) mod offering;
mod receive;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod timers;

use crate::{
    loss::LossReason,
    output::{MediaEvent, Offer, Output},
    publication::Publication,
    transport::{Description, Identity, Transport, credentials::Credentials},
};
use common::id::ConnectionId;
use offering::Offering;
use rand::{Rng, RngExt, SeedableRng, distr::Alphanumeric, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    time::Instant,
};

/// What an engine is built from.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The addresses that clients are told to send to, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// Decides names and SSRCs. Keys come from the operating system.
    pub seed: [u8; 32],
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
    /// Datagrams that belong to nobody or are not authentic.
    pub datagrams_refused: u64,
}

/// What an incoming stream is.
#[derive(Debug, Clone, Copy)]
struct Stream {
    publication: u64,
    is_rtx: bool,
}

/// One device in a session.
struct Participant {
    session: u64,
    receives: bool,
    /// On which it sends.
    publish: Option<usize>,
    /// On which it receives.
    subscribe: Option<usize>,
    /// Counts the descriptions of its publish transport.
    published: u64,
    /// What it sends.
    publications: BTreeSet<u64>,
    offering: Offering,
}

/// The media plane of one shard.
pub struct Engine {
    identity: Identity,
    random: StdRng,
    participants: BTreeMap<ConnectionId, Participant>,
    sessions: BTreeMap<u64, BTreeSet<ConnectionId>>,
    publications: BTreeMap<u64, Publication>,
    last_publication: u64,
    transports: Vec<Option<Transport>>,
    /// Whose each transport is.
    owners: HashMap<usize, ConnectionId>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<SocketAddr, usize>,
    /// Incoming streams by transport and number.
    streams: HashMap<(usize, u32), Stream>,
    /// The publication behind an outgoing stream, by transport and number.
    feedback: HashMap<(usize, u32), u64>,
    /// Publications with packets that are not forwarded yet.
    fresh: Vec<u64>,
    next_tick: Instant,
    next_report: Instant,
    stats: Stats,
}

impl Engine {
    /// An engine without participants.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn new(config: EngineConfig, now: Instant) -> Result<Self, EngineError> {
        Ok(Self::with_identity(Identity::new(config.candidates)?, config.seed, now))
    }

    /// An engine without participants that shows this identity.
    pub(crate) fn with_identity(identity: Identity, seed: [u8; 32], now: Instant) -> Self {
        Self {
            identity,
            random: StdRng::from_seed(seed),
            participants: BTreeMap::new(),
            sessions: BTreeMap::new(),
            publications: BTreeMap::new(),
            last_publication: 0,
            transports: Vec::new(),
            owners: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            streams: HashMap::new(),
            feedback: HashMap::new(),
            fresh: Vec::new(),
            next_tick: now,
            next_report: now,
            stats: Stats::default(),
        }
    }

    /// Lets a participant into a session; if it `receives`, it will be offered everything the others send.
    ///
    /// Who is in another session leaves it first. Joining again changes nothing.
    pub fn join(
        &mut self,
        session: u64,
        participant: ConnectionId,
        receives: bool,
        now: Instant,
        output: &mut Output,
    ) {
        match self.participants.get(&participant) {
            Some(known) if known.session == session => return,
            Some(_) => self.leave(participant, now, output),
            None => {}
        }
        let new = Participant {
            session,
            receives,
            publish: None,
            subscribe: None,
            published: 0,
            publications: BTreeSet::new(),
            offering: Offering::new(self.random.next_u32()),
        };
        self.participants.insert(participant, new);
        self.sessions.entry(session).or_default().insert(participant);
        self.offer(participant, now, output);
    }

    /// Takes a participant and its tracks out of everything.
    pub fn leave(&mut self, participant: ConnectionId, now: Instant, output: &mut Output) {
        let Some(gone) = self.participants.remove(&participant) else { return };
        for publication in self.publications.values_mut() {
            publication.subscriptions.retain(|subscription| subscription.subscriber != participant);
        }
        for id in gone.publications {
            self.remove_publication(id);
        }
        for transport in [gone.publish, gone.subscribe].into_iter().flatten() {
            self.remove_transport(transport);
        }
        if let Some(members) = self.sessions.get_mut(&gone.session) {
            members.remove(&participant);
            if members.is_empty() {
                self.sessions.remove(&gone.session);
            }
        }
        self.offer_others(gone.session, participant, now, output);
    }

    /// The offer that a participant has not answered yet.
    pub fn pending_offer(&self, participant: ConnectionId) -> Option<Offer> {
        self.participants.get(&participant)?.offering.pending().cloned()
    }

    /// How much there is of everything.
    pub fn stats(&self) -> Stats {
        let subscriptions =
            self.publications.values().map(|publication| publication.subscriptions.len()).sum();
        Stats {
            participants: self.participants.len(),
            publications: self.publications.len(),
            subscriptions,
            ..self.stats
        }
    }

    fn publications_of(&self, owner: ConnectionId) -> impl Iterator<Item = (u64, &Publication)> {
        let own = self.participants.get(&owner).into_iter().flat_map(|known| &known.publications);
        own.filter_map(|id| Some((*id, self.publications.get(id)?)))
    }

    fn remove_publication(&mut self, id: u64) {
        let Some(gone) = self.publications.remove(&id) else { return };
        self.streams.retain(|_, stream| stream.publication != id);
        for subscription in &gone.subscriptions {
            self.feedback.remove(&(subscription.transport, subscription.ssrc));
        }
        if let Some(known) = self.participants.get_mut(&gone.owner) {
            known.publications.remove(&id);
        }
    }

    /// A transport whose client has not described itself yet.
    fn open_transport(&mut self, owner: ConnectionId, own: Credentials, now: Instant) -> usize {
        let name = own.ufrag.clone();
        let random = StdRng::from_rng(&mut self.random);
        let transport = Transport::new(&self.identity, own, random, now);
        let place = self.transports.iter().position(Option::is_none).unwrap_or(self.transports.len());
        match self.transports.get_mut(place) {
            Some(free) => *free = Some(transport),
            None => self.transports.push(Some(transport)),
        }
        self.by_ufrag.insert(name, place);
        self.owners.insert(place, owner);
        place
    }

    /// The client has described its side of a transport.
    fn describe_transport(&mut self, place: usize, client: Description, now: Instant, output: &mut Output) {
        if let Some(Some(transport)) = self.transports.get_mut(place) {
            transport.describe(&self.identity, client, now);
            self.drive(place, now, output);
        }
    }

    /// The client is offered these credentials of ours for a restart.
    fn expect_restart(&mut self, place: usize, own: Credentials) {
        if let Some(Some(transport)) = self.transports.get_mut(place) {
            let name = own.ufrag.clone();
            let unused = transport.expect_restart(own);
            self.rename_transport(place, name, unused);
        }
    }

    /// Goes by these credentials of ours and of the client's from now on.
    fn restart_transport(
        &mut self,
        place: usize,
        (own, remote): (Credentials, Credentials),
        now: Instant,
        output: &mut Output,
    ) {
        if let Some(Some(transport)) = self.transports.get_mut(place) {
            let name = own.ufrag.clone();
            let unused = transport.restart(own, remote, now);
            self.rename_transport(place, name, unused);
            self.drive(place, now, output);
        }
    }

    /// Checks for a transport come under this name, too, and may not come under that one any more.
    fn rename_transport(&mut self, place: usize, name: String, unused: Option<String>) {
        unused.and_then(|unused| self.by_ufrag.remove(&unused));
        self.by_ufrag.insert(name, place);
    }

    fn remove_transport(&mut self, place: usize) {
        if let Some(transport) = self.transports.get_mut(place).and_then(Option::take) {
            for name in transport.names() {
                self.by_ufrag.remove(name);
            }
            for address in transport.addresses() {
                self.forget_address(address, place);
            }
            self.streams.retain(|(transport, _), _| *transport != place);
            self.feedback.retain(|(transport, _), _| *transport != place);
            self.owners.remove(&place);
        }
    }

    /// An address is this transport's no longer; it may have become another's.
    fn forget_address(&mut self, address: SocketAddr, place: usize) {
        if self.by_address.get(&address) == Some(&place) {
            self.by_address.remove(&address);
        }
    }

    /// Names of an ICE agent (RFC 8839, section 5.4): unique within the engine, not to be guessed.
    fn credentials(&mut self) -> Credentials {
        let mut text = |length: usize| -> String {
            (&mut self.random).sample_iter(Alphanumeric).take(length).map(char::from).collect()
        };
        loop {
            let (ufrag, pwd) = (text(12), text(24));
            if !self.by_ufrag.contains_key(&ufrag) {
                return Credentials { ufrag, pwd };
            }
        }
    }

    /// Tells the shell that a participant is gone.
    fn lose(&self, transport: usize, reason: LossReason, output: &mut Output) {
        if let Some(&participant) = self.owners.get(&transport) {
            output.event(MediaEvent::Lost { participant, reason });
        }
    }
}

#[cfg(test)]
mod tests;
