//! One transport of one participant: ICE-lite, DTLS, and then SRTP keys.

pub(crate) mod addresses;
pub(crate) mod agent;
pub(crate) mod credentials;
pub(crate) mod handshake;
pub(crate) mod phase;
mod send;

use crate::{
    EngineError,
    address::TransportAddress,
    budget::{Budget, incoming::Incoming},
    congestion::CongestionControl,
    loss::LossReason,
    output::Output,
    sdp::{Local, fingerprint::Fingerprint, parse::Remote},
    srtp::{Opened, Opener, Profile, Sealer},
    stun::read::Message,
};
use addresses::Noted;
use agent::Agent;
use common::statistics::DtlsState;
use credentials::Credentials;
use dimpl::{DtlsCertificate, SrtpProfile};
use handshake::{Handshake, Keys};
use phase::Phase;
use rand::rngs::StdRng;
pub(crate) use send::RtpPacket;
use std::{net::SocketAddr, sync::Arc, time::Instant};

/// What all transports of an engine share.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: DtlsCertificate,
    pub(crate) fingerprint: String,
    pub(crate) dtls: Arc<dimpl::Config>,
    pub(crate) candidates: Vec<SocketAddr>,
    pub(crate) tcp_candidates: Vec<SocketAddr>,
}

impl Identity {
    /// With a new certificate.
    pub(crate) fn new(
        candidates: Vec<SocketAddr>,
        tcp_candidates: Vec<SocketAddr>,
    ) -> Result<Self, EngineError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| EngineError::Certificate(format!("{error:?}")))?;
        let fingerprint = certificate.fingerprint_str();
        Ok(Self { fingerprint, certificate, dtls: Arc::default(), candidates, tcp_candidates })
    }

    /// What a description says of a transport under these credentials.
    pub(crate) fn local<'a>(&'a self, credentials: &'a Credentials) -> Local<'a> {
        Local {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &self.fingerprint,
            candidates: &self.candidates,
            tcp_candidates: &self.tcp_candidates,
        }
    }
}

/// How a client describes its side of a transport.
pub(crate) struct PeerDescription {
    pub(crate) credentials: Credentials,
    /// Of its certificate.
    pub(crate) fingerprint: Fingerprint,
    /// Whether it leaves the DTLS client's part to us (RFC 8842, section 5).
    pub(crate) is_passive: bool,
}

impl PeerDescription {
    /// What a session description says of it.
    pub(crate) fn of(remote: &Remote) -> Self {
        Self {
            credentials: Credentials { ufrag: remote.ufrag.clone(), pwd: remote.pwd.clone() },
            fingerprint: remote.fingerprint.clone(),
            is_passive: remote.is_passive,
        }
    }
}

/// What has become of a transport since it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    Unchanged,
    /// Media can flow from now on: for the first time, or again after there was no path.
    Connected,
    /// It is of no use any more. Said once.
    Failed(LossReason),
}

/// Where the records of our side of a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Nowhere,
    To(TransportAddress),
    ToSeveral,
}

/// It is there from its offer on, whoever makes it: of what the client says of its side nothing is needed to
/// answer its checks and to begin the handshake, only to end it.
pub(crate) struct Transport {
    agent: Agent,
    handshake: Handshake,
    keys: Option<Keys>,
    phase: Phase,
    /// It was connected and had a path when it was last looked at.
    had_path: bool,
    spoken: Spoken,
    /// What may be sent again.
    pub(crate) budget: Budget,
    /// What may come.
    pub(crate) incoming: Incoming,
    /// How much may go, where the peer has agreed to tell what arrives.
    pub(crate) congestion: Option<Box<CongestionControl>>,
    /// The peer has agreed to what is sent again being sent in streams of their own: without, nothing is.
    pub(crate) takes_retransmissions: bool,
}

impl Transport {
    /// One that goes by these credentials, and whose client has not described itself.
    pub(crate) fn new(identity: &Identity, own: Credentials, random: StdRng, now: Instant) -> Self {
        Self {
            agent: Agent::new(own, random),
            handshake: Handshake::new(identity, now),
            keys: None,
            phase: Phase::Offered { received: 0, sent: 0 },
            had_path: false,
            spoken: Spoken::Nowhere,
            budget: Budget::new(now),
            incoming: Incoming::of_transport(now),
            congestion: None,
            takes_retransmissions: false,
        }
    }

    /// The client has described its side. What is due then is [sent](Self::handle_timeout) with the next time.
    pub(crate) fn describe(&mut self, identity: &Identity, client: PeerDescription, now: Instant) {
        self.agent.describe(client.credentials);
        self.handshake.describe(identity, client.fingerprint, client.is_passive, now);
        self.phase.note_described(now);
    }

    /// Whether the client has described its side.
    pub(crate) fn is_described(&self) -> bool {
        self.agent.remote().is_some()
    }

    /// Whether this is the certificate that the client's description has, by its fingerprint.
    pub(crate) fn expects(&self, fingerprint: &Fingerprint) -> bool {
        self.handshake.expects(fingerprint)
    }

    /// Connects without ICE and DTLS, with keys that the simulation chose.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn connect_directly(
        &mut self,
        keys: Keys,
        source: SocketAddr,
        destination: TransportAddress,
        now: Instant,
    ) {
        self.keys = Some(keys);
        self.agent.connect_directly((source, destination), now);
        self.phase = Phase::Connected { heard_at: now };
        self.had_path = true;
    }

    /// What it goes by.
    pub(crate) const fn credentials(&self) -> &Credentials {
        self.agent.credentials()
    }

    /// All names under which checks for it may come.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.agent.names()
    }

    /// Whether the client goes by other credentials than before: it restarts ICE (RFC 8839, section 4.4.3.1.1).
    pub(crate) fn is_restarted_by(&self, remote: &Credentials) -> bool {
        self.agent.remote() != Some(remote)
    }

    /// The client is offered these credentials of ours, and may use them from now on; until it has answered it may
    /// also go by those of before. The name that counts no more, if one does not.
    pub(crate) fn expect_restart(&mut self, own: Credentials) -> Option<String> {
        self.agent.expect(own)
    }

    /// Both sides look for a path anew, under other credentials. DTLS and the keys stay, and media goes where it went
    /// until the client nominates another path (RFC 8445, section 9). The name that counts no more, if one does not.
    pub(crate) fn restart(&mut self, own: Credentials, remote: Credentials, now: Instant) -> Option<String> {
        self.agent.restart(own, remote, now)
    }

    pub(crate) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    /// How far it is, as it is told to people.
    pub(crate) const fn dtls_state(&self) -> DtlsState {
        match self.phase {
            Phase::Offered { received: 0, .. } | Phase::Opened { .. } => DtlsState::New,
            Phase::Offered { .. } | Phase::Checked { .. } => DtlsState::Connecting,
            Phase::Connected { .. } => DtlsState::Connected,
            Phase::Failed => DtlsState::Failed,
        }
    }

    /// How its packets are protected, once that is agreed.
    pub(crate) fn profile(&self) -> Option<Profile> {
        self.keys.as_ref().map(|(_, sealer)| sealer.profile())
    }

    /// Whether it is connected, and what is sent now goes somewhere.
    pub(crate) const fn has_path(&self) -> bool {
        self.is_connected() && self.agent.path().is_some()
    }

    /// The remote addresses that belong to it.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = TransportAddress> {
        self.agent.addresses()
    }

    /// Streams whose packets are remembered.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn remembered_streams(&self) -> usize {
        self.keys.as_ref().map_or(0, |(opener, _)| opener.remembered().0.max(opener.remembered().1))
    }

    /// Takes a STUN message. `None` if it is not authentic and for this transport.
    pub(crate) fn handle_stun(
        &mut self,
        source: TransportAddress,
        destination: SocketAddr,
        message: &Message<'_>,
        now: Instant,
        output: &mut Output,
    ) -> Option<Noted> {
        if matches!(self.phase, Phase::Failed) {
            return None;
        }
        if message.is_success() {
            self.agent.handle_answer(source, message, now)?;
            self.phase.note_heard(message.bytes(), now);
            return Some(Noted::Known);
        }
        let request = self.agent.handle_request(source, destination, message, now)?;
        self.phase.note_heard(message.bytes(), now);
        output.datagram(destination, source, |out| {
            let start = out.len();
            self.agent.respond(request, source, message, out);
            let bytes = out.len().saturating_sub(start);
            if self.is_connected() { self.agent.take(source, bytes, now) } else { self.phase.take(bytes) }
        });
        Some(request.noted)
    }

    /// A TCP connection is gone on which its peer was.
    pub(crate) fn forget_address(&mut self, address: TransportAddress) {
        self.agent.forget(address);
    }

    /// Takes a record of the handshake.
    pub(crate) fn handle_dtls(&mut self, datagram: &[u8], now: Instant) {
        if !matches!(self.phase, Phase::Failed) {
            self.phase.note_record(datagram.len());
            self.handshake.handle_record(datagram, now);
        }
    }

    /// Whether packets of data channels may come.
    pub(crate) fn agree_on_data(&mut self, is_agreed: bool) {
        self.handshake.agree_on_data(is_agreed);
    }

    /// Takes the packets of data channels that came.
    pub(crate) fn take_data(&mut self) -> Vec<Vec<u8>> {
        self.handshake.take_data()
    }

    /// Sends a packet of data channels; without a path nowhere.
    pub(crate) fn send_data(&mut self, packet: &[u8], now: Instant, output: &mut Output) {
        if self.has_path() && self.handshake.add_data(packet) {
            // What is wrong with it is found when it is looked after next.
            let _progress = self.shake_hands(now, output);
        }
    }

    /// Whether its peer was lately heard to be at an address that it sends to: nobody else gets it.
    pub(crate) fn holds(&self, address: TransportAddress, now: Instant) -> bool {
        !matches!(self.phase, Phase::Failed) && self.agent.holds(address, now)
    }

    /// Decrypts RTP in place.
    pub(crate) fn open_rtp<'p>(&mut self, packet: &'p mut [u8], now: Instant) -> Option<Opened<'p>> {
        let bytes = packet.len();
        let opened = self.opener()?.rtp(packet)?;
        self.phase.note_heard(bytes, now);
        Some(opened)
    }

    /// Decrypts RTCP in place; the length without the trailer.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8], now: Instant) -> Option<usize> {
        let bytes = packet.len();
        let length = self.opener()?.rtcp(packet)?;
        self.phase.note_heard(bytes, now);
        Some(length)
    }

    /// A stream that came in has ended.
    pub(crate) fn retire(&mut self, ssrc: u32) {
        if let Some((opener, _)) = &mut self.keys {
            opener.retire(ssrc);
        }
    }

    fn opener(&mut self) -> Option<&mut Opener> {
        if !self.is_connected() {
            return None;
        }
        self.keys.as_mut().map(|(opener, _)| opener)
    }

    /// What sends: the keys, and from where to where.
    pub(crate) fn sender(&mut self) -> Option<(&mut Sealer, SocketAddr, TransportAddress)> {
        if !self.is_connected() {
            return None;
        }
        let (source, destination) = self.agent.path()?;
        self.keys.as_mut().map(|(_, sealer)| (sealer, source, destination))
    }

    /// Sends a compound RTCP packet.
    pub(crate) fn send_rtcp(&mut self, packet: &[u8], output: &mut Output) {
        if let Some((sealer, source, destination)) = self.sender() {
            output.datagram(source, destination, |bytes| sealer.rtcp(packet, bytes));
        }
    }

    /// When it wants to be looked after though nothing comes. What comes may make that earlier; that it makes it
    /// later need not be followed, for early looks do nothing.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if matches!(self.phase, Phase::Failed) {
            return None;
        }
        let handshake = self.agent.path().map(|_| self.handshake.due());
        let moments = [
            self.phase.deadline(),
            self.agent.next_deadline(),
            self.fault_deadline(),
            self.congestion.as_ref().and_then(|congestion| congestion.next_deadline()),
            // Once it is over nothing of it is to be repeated, unless the peer asks.
            handshake.filter(|_| !self.is_connected()),
        ];
        moments.into_iter().flatten().min()
    }

    /// Until when a handshake in which something was wrong may get over it.
    fn fault_deadline(&self) -> Option<Instant> {
        self.handshake.fault_deadline().filter(|_| !self.is_connected())
    }

    /// Acts on time that has passed, and on what has come; sends what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, output: &mut Output) -> Progress {
        if matches!(self.phase, Phase::Failed) {
            return Progress::Unchanged;
        }
        let overdue = self.phase.deadline().into_iter().chain(self.fault_deadline()).min();
        if overdue.is_some_and(|at| at <= now) {
            let fault = if self.is_connected() { None } else { self.handshake.take_fault() };
            return self.fail(fault.unwrap_or(self.phase.overdue()));
        }
        if let Some(congestion) = &mut self.congestion {
            congestion.handle_deadline(now);
        }
        self.agent.handle_timeout(now, output);
        // Without a path the first flight would be lost, and repeated only after a second.
        if self.agent.path().is_some()
            && let Err(reason) = self.shake_hands(now, output)
        {
            return self.fail(reason);
        }
        let has_path = self.has_path();
        let had_path = std::mem::replace(&mut self.had_path, has_path);
        if has_path && !had_path { Progress::Connected } else { Progress::Unchanged }
    }

    fn shake_hands(&mut self, now: Instant, output: &mut Output) -> Result<(), LossReason> {
        let Self { agent, phase, spoken, .. } = self;
        let path = agent.path();
        let over = self.handshake.handle_timeout(now, |record| {
            if let Some((source, destination)) = path
                && phase.take(record.len())
            {
                *spoken = spoken.and(destination);
                output.datagram(source, destination, |bytes| {
                    bytes.extend_from_slice(record);
                    true
                });
            }
        });
        if let Some(keys) = over? {
            self.keys = Some(keys);
            self.connect(now);
            self.agent.handle_timeout(now, output);
        }
        Ok(())
    }

    /// The handshake is done. Who ends it has read what we sent; if all of that went to one address,
    /// it hears us there.
    fn connect(&mut self, now: Instant) {
        self.phase = Phase::Connected { heard_at: now };
        let proved = match self.spoken {
            Spoken::To(address) => Some(address),
            Spoken::Nowhere | Spoken::ToSeveral => None,
        };
        self.agent.connect(proved, now);
    }

    const fn fail(&mut self, reason: LossReason) -> Progress {
        self.phase = Phase::Failed;
        Progress::Failed(reason)
    }
}

impl Spoken {
    /// And to this one.
    fn and(self, destination: TransportAddress) -> Self {
        match self {
            Self::Nowhere => Self::To(destination),
            Self::To(before) if before == destination => self,
            Self::To(_) | Self::ToSeveral => Self::ToSeveral,
        }
    }
}

/// What the handshake chose, in our words; `None` if we do not have it.
///
/// Both sides of our handshakes prefer AES-256-GCM, then AES-128-GCM. AES-CM is for peers that have nothing else: a
/// packet of 1,000 bytes costs 1,245 ns to protect with it, most of that for HMAC-SHA1, and 275 and 247 ns with AES-GCM
/// (`switchboard-benches seal`, two cores of a virtual machine, x86-64).
fn our_profile(profile: SrtpProfile) -> Option<Profile> {
    if profile == SrtpProfile::AEAD_AES_128_GCM {
        Some(Profile::Aes128Gcm)
    } else if profile == SrtpProfile::AEAD_AES_256_GCM {
        Some(Profile::Aes256Gcm)
    } else if profile == SrtpProfile::AES128_CM_SHA1_80 {
        Some(Profile::Aes128CmHmacSha1_80)
    } else {
        None
    }
}
