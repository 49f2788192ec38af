//! One transport of one participant: ICE-lite, DTLS, and then SRTP keys.

pub(crate) mod addresses;
pub(crate) mod check;
pub(crate) mod phase;

use crate::{
    EngineError,
    budget::{Budget, incoming::Incoming},
    moment::after,
    output::Output,
    sdp::{Local, fingerprint::Fingerprint},
    srtp::{Opener, Profile, Sealer, contexts},
};
use addresses::{ADDRESSES_MAX, Addresses, Noted};
use dimpl::{Dtls, DtlsCertificate, SrtpProfile};
use is::{
    Candidate, DefaultSha1HmacProvider, IceAgent, IceAgentEvent, IceCreds, Protocol, Sha1HmacProvider,
    stun::{StunMessage, StunPacket},
};
use phase::Phase;
use rand::{RngExt, rngs::StdRng};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// New addresses that one ICE agent is shown at most.
///
/// It remembers all of them and has no way to forget one. Past these another
/// takes its place, which knows only those who check from then on: these and
/// what the transport knew already.
const AGENT_ADDRESSES_MAX: usize = 2 * ADDRESSES_MAX;

/// Room for the largest DTLS record that we write.
const DTLS_BYTES_MAX: usize = 2048;

/// How often it is looked after.
const TICK: Duration = Duration::from_millis(20);

/// How soon the handshake is looked after again at least.
const DTLS_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What all transports of an engine share.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: DtlsCertificate,
    pub(crate) fingerprint: String,
    pub(crate) dtls: Arc<dimpl::Config>,
    pub(crate) candidates: Vec<SocketAddr>,
}

impl Identity {
    /// With a new certificate.
    pub(crate) fn new(candidates: Vec<SocketAddr>) -> Result<Self, EngineError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| EngineError::Certificate(format!("{error:?}")))?;
        Ok(Self { fingerprint: certificate.fingerprint_str(), certificate, dtls: Arc::default(), candidates })
    }

    /// What a description says of a transport under these credentials.
    pub(crate) fn local<'a>(&'a self, credentials: &'a IceCreds) -> Local<'a> {
        Local {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pass,
            fingerprint: &self.fingerprint,
            candidates: &self.candidates,
        }
    }
}

/// What has become of a transport since it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Unchanged,
    /// Media can flow from now on.
    Connected,
    /// The peer is not who it said it was, or DTLS failed for good.
    Failed,
}

/// Where the records of our side of a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Nowhere,
    To(SocketAddr),
    ToSeveral,
}

/// From where to where.
type Path = (SocketAddr, SocketAddr);

pub(crate) struct Transport {
    pub(crate) credentials: IceCreds,
    /// What we tell the peer about where we are.
    candidates: Vec<SocketAddr>,
    ice: IceAgent,
    /// New addresses that this agent was shown.
    agent_addresses: usize,
    addresses: Addresses,
    dtls: Dtls,
    dtls_due: Instant,
    remote_fingerprint: Fingerprint,
    is_verified: bool,
    is_client: bool,
    keys: Option<(Opener, Sealer)>,
    phase: Phase,
    spoken: Spoken,
    /// On which we send. Once connected it leads only to where the peer has proved that it hears us.
    path: Option<Path>,
    /// On which the peer wants us to send, and has yet to prove that it hears us.
    wanted: Option<Path>,
    /// Names our checks.
    random: StdRng,
    /// What may be sent again.
    pub(crate) budget: Budget,
    /// What may come.
    pub(crate) incoming: Incoming,
}

/// An ICE-lite agent that has heard of nobody.
fn agent(credentials: &IceCreds, remote: IceCreds, candidates: &[SocketAddr]) -> IceAgent {
    let mut ice = IceAgent::new(credentials.clone());
    ice.set_ice_lite(true);
    ice.set_controlling(false);
    for &address in candidates {
        if let Ok(candidate) = Candidate::host(address, Protocol::Udp) {
            ice.add_local_candidate(candidate);
        }
    }
    ice.set_remote_credentials(remote);
    ice
}

impl Transport {
    pub(crate) fn new(
        identity: &Identity,
        credentials: IceCreds,
        remote: IceCreds,
        remote_fingerprint: Fingerprint,
        is_client: bool,
        random: StdRng,
        now: Instant,
    ) -> Self {
        let mut dtls = Dtls::new_12(Arc::clone(&identity.dtls), identity.certificate.clone(), now);
        dtls.set_active(is_client);
        Self {
            ice: agent(&credentials, remote, &identity.candidates),
            credentials,
            candidates: identity.candidates.clone(),
            agent_addresses: 0,
            addresses: Addresses::default(),
            dtls,
            dtls_due: now,
            remote_fingerprint,
            is_verified: false,
            is_client,
            keys: None,
            phase: Phase::Opened { at: now },
            spoken: Spoken::Nowhere,
            path: None,
            wanted: None,
            random,
            budget: Budget::new(now),
            incoming: Incoming::of_transport(now),
        }
    }

    /// Connects without ICE and DTLS, with keys that the simulation chose.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn connect_directly(
        &mut self,
        keys: (Opener, Sealer),
        source: SocketAddr,
        destination: SocketAddr,
        now: Instant,
    ) {
        self.keys = Some(keys);
        self.path = Some((source, destination));
        self.addresses.note((source, destination), 0, None, now);
        self.addresses.prove(destination, now);
        self.is_verified = true;
        self.phase = Phase::Connected { heard_at: now };
    }

    /// Whether the client goes by other credentials than before: it restarts ICE (RFC 8839, section 4.4.3.1.1).
    pub(crate) fn is_restarted_by(&self, remote: &IceCreds) -> bool {
        self.ice.remote_credentials() != Some(remote)
    }

    /// Both sides look for a path anew, under new credentials. DTLS and the keys stay, and media goes where it went until
    /// the client nominates another path (RFC 8445, section 9). The credentials that count no more.
    pub(crate) fn restart(&mut self, own: IceCreds, remote: IceCreds) -> IceCreds {
        self.ice = agent(&own, remote, &self.candidates);
        self.agent_addresses = 0;
        std::mem::replace(&mut self.credentials, own)
    }

    pub(crate) const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    /// Whether its peer takes too long with what it has to do next.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.phase.is_overdue(now)
    }

    /// Nothing is expected of it any more.
    pub(crate) const fn give_up(&mut self) {
        self.phase = Phase::Failed;
    }

    /// The remote addresses that belong to it.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.remotes()
    }

    /// Addresses that the ICE agent remembers.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn remembered_addresses(&self) -> usize {
        self.ice.remote_candidates().count()
    }

    /// Streams whose packets are remembered.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn remembered_streams(&self) -> usize {
        self.keys.as_ref().map_or(0, |(opener, _)| opener.remembered().0.max(opener.remembered().1))
    }

    /// Takes a STUN message and the datagram that it is. `None` if it is not authentic and for this transport.
    pub(crate) fn handle_stun(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        (message, datagram): (StunMessage<'_>, &[u8]),
        now: Instant,
    ) -> Option<Noted> {
        if message.is_successful_binding_response() {
            return self.handle_answer(source, &message, datagram, now).map(|()| Noted::Known);
        }
        if !self.ice.accepts_message(&message) {
            return None;
        }
        let kept = self.path.map(|(_, destination)| destination);
        let noted = self.addresses.note((destination, source), datagram.len(), kept, now);
        if noted != Noted::Known {
            self.make_room();
        }
        let packet = StunPacket { proto: Protocol::Udp, source, destination, message };
        // It was accepted, and the agent's successor accepts the same.
        self.ice.handle_packet(now, packet);
        self.phase.note_heard(datagram.len(), now);
        // Until a pair is nominated, answers go where the peer was heard first.
        if !self.is_connected() {
            self.path.get_or_insert((destination, source));
        }
        Some(noted)
    }

    /// Takes an answer to a check of ours: who gives it is there, and media may go there.
    fn handle_answer(
        &mut self,
        source: SocketAddr,
        message: &StunMessage<'_>,
        datagram: &[u8],
        now: Instant,
    ) -> Option<()> {
        let hash = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
        let remote = self.ice.remote_credentials()?;
        if !message.verify(remote.pass.as_bytes(), hash)
            || !self.addresses.answer(source, check::transaction(datagram)?, now)
        {
            return None;
        }
        self.phase.note_heard(datagram.len(), now);
        if let Some(wanted) = self.wanted.take_if(|(_, destination)| *destination == source) {
            self.path = Some(wanted);
        }
        Some(())
    }

    /// Replaces an agent that has been shown too many addresses.
    fn make_room(&mut self) {
        self.agent_addresses = self.agent_addresses.saturating_add(1);
        if self.agent_addresses > AGENT_ADDRESSES_MAX
            && let Some(remote) = self.ice.remote_credentials().cloned()
        {
            self.ice = agent(&self.credentials, remote, &self.candidates);
            self.agent_addresses = 1;
        }
    }

    pub(crate) fn handle_dtls(&mut self, datagram: &[u8], now: Instant) {
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        self.phase.note_record(datagram.len());
        // A record that cannot be read is dropped; what is fatal shows in the next poll.
        let _unreadable = self.dtls.handle_timeout(now);
        let _unreadable = self.dtls.handle_packet(datagram);
    }

    /// Lets time pass: what was sent is longer ago, consent ends, and is asked for again.
    pub(crate) fn pass(&mut self, now: Instant, output: &mut Output) {
        if !self.is_connected() {
            return;
        }
        if self.path.is_some_and(|(_, destination)| !self.addresses.consents(destination, now)) {
            self.path = None;
        }
        if self.path.is_none() {
            self.wanted = self.addresses.freshest(now);
        }
        self.ask(now, output);
    }

    /// Sends the checks that are due: whether the peer hears us where media goes, and where it wants it
    /// to go.
    fn ask(&mut self, now: Instant, output: &mut Output) {
        for (source, destination) in [self.path, self.wanted].into_iter().flatten() {
            let random = &mut self.random;
            let transaction = self.addresses.ask(destination, || random.random(), now);
            let (Some(transaction), Some(remote)) = (transaction, self.ice.remote_credentials()) else {
                continue;
            };
            let names = (remote.ufrag.as_str(), self.credentials.ufrag.as_str());
            let request = check::request(names, &remote.pass, transaction);
            if self.addresses.take(destination, request.len(), now) {
                send(&request, source, destination, output);
            }
        }
    }

    /// Whether its peer was lately heard to be at an address that it sends to: nobody else gets it.
    pub(crate) fn holds(&self, address: SocketAddr, now: Instant) -> bool {
        self.path.is_some_and(|(_, destination)| destination == address)
            && !matches!(self.phase, Phase::Failed)
            && self.addresses.holds(address, self.is_connected(), now)
    }

    /// Decrypts RTP in place; the length without the tag.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8], now: Instant) -> Option<usize> {
        let bytes = packet.len();
        let length = self.opener()?.rtp(packet)?;
        self.phase.note_heard(bytes, now);
        Some(length)
    }

    /// Decrypts RTCP in place; the length without the trailer.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8], now: Instant) -> Option<usize> {
        let bytes = packet.len();
        let length = self.opener()?.rtcp(packet)?;
        self.phase.note_heard(bytes, now);
        Some(length)
    }

    fn opener(&mut self) -> Option<&mut Opener> {
        if !self.is_connected() {
            return None;
        }
        self.keys.as_mut().map(|(opener, _)| opener)
    }

    /// What sends: the keys, and from where to where.
    pub(crate) fn sender(&mut self) -> Option<(&mut Sealer, SocketAddr, SocketAddr)> {
        if !self.is_connected() {
            return None;
        }
        let (source, destination) = self.path?;
        self.keys.as_mut().map(|(_, sealer)| (sealer, source, destination))
    }

    /// Sends a compound RTCP packet.
    pub(crate) fn send_rtcp(&mut self, packet: &[u8], output: &mut Output) {
        if let Some((sealer, source, destination)) = self.sender() {
            output.datagram(source, destination, |bytes| sealer.rtcp(packet, bytes));
        }
    }

    /// When it wants to be looked after though nothing happens.
    pub(crate) fn next_deadline(&self, now: Instant) -> Instant {
        after(now, TICK)
    }

    /// Acts on time that has passed and sends what is due.
    pub(crate) fn drive(&mut self, now: Instant, output: &mut Output) -> Progress {
        self.ice.handle_timeout(now);
        while let Some(transmit) = self.ice.poll_transmit() {
            let (bytes, destination): (&[u8], _) = (&transmit.contents, transmit.destination);
            let is_allowed = if self.is_connected() {
                self.addresses.take(destination, bytes.len(), now)
            } else {
                self.phase.take(bytes.len())
            };
            if is_allowed {
                send(bytes, transmit.source, destination, output);
            }
        }
        while let Some(event) = self.ice.poll_event() {
            if let IceAgentEvent::NominatedSend { source, destination, .. } = event {
                self.nominate((source, destination), now);
            }
        }
        if self.is_connected() {
            self.ask(now, output);
        }
        // Without a path the first flight would be lost, and repeated only after a second.
        if self.path.is_none() || matches!(self.phase, Phase::Failed) {
            return Progress::Unchanged;
        }
        if self.dtls_due <= now && self.dtls.handle_timeout(now).is_err() {
            return self.fail();
        }
        self.drive_dtls(now, output)
    }

    /// The peer wants us to send on this path. A request says so, and where a request comes from can be
    /// forged: media goes on as before until the peer has proved that it hears us there.
    fn nominate(&mut self, path: Path, now: Instant) {
        if self.is_connected() && !self.addresses.consents(path.1, now) {
            self.wanted = Some(path);
        } else {
            self.path = Some(path);
            self.wanted = None;
        }
    }

    /// The handshake is done. Who ends it has read what we sent; if all of that went to one address,
    /// it hears us there.
    fn connect(&mut self, now: Instant) {
        self.phase = Phase::Connected { heard_at: now };
        match self.path.take() {
            Some(path) if self.spoken == Spoken::To(path.1) => {
                self.addresses.prove(path.1, now);
                self.path = Some(path);
            }
            elsewhere => self.wanted = elsewhere,
        }
    }

    const fn fail(&mut self) -> Progress {
        self.phase = Phase::Failed;
        Progress::Failed
    }

    fn drive_dtls(&mut self, now: Instant, output: &mut Output) -> Progress {
        let mut buffer = [0; DTLS_BYTES_MAX];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(record) => {
                    if let Some((source, destination)) = self.path
                        && self.phase.take(record.len())
                    {
                        self.spoken = self.spoken.and(destination);
                        send(record, source, destination, output);
                    }
                }
                dimpl::Output::Timeout(due) => {
                    // Never in the past, or the shell would spin.
                    self.dtls_due = due.max(after(now, DTLS_INTERVAL_MIN));
                    break;
                }
                dimpl::Output::PeerCert(certificate) => {
                    // RFC 8122, section 6.2: who it is is what the signalling said, and nothing else.
                    if !self.remote_fingerprint.is_of(certificate) {
                        return self.fail();
                    }
                    self.is_verified = true;
                }
                dimpl::Output::KeyingMaterial(material, profile) => {
                    self.keys =
                        our_profile(profile).and_then(|profile| contexts(profile, &material, self.is_client));
                    if self.keys.is_none() {
                        return self.fail();
                    }
                }
                dimpl::Output::CloseNotify => return self.fail(),
                dimpl::Output::BufferTooSmall { .. } => return self.fail(),
                // Data channels are not offered, so nobody has a use for application data.
                dimpl::Output::Connected | dimpl::Output::ApplicationData(_) | _ => {}
            }
        }
        if self.is_verified && self.keys.is_some() && !self.is_connected() {
            self.connect(now);
            self.ask(now, output);
            return Progress::Connected;
        }
        Progress::Unchanged
    }
}

impl Spoken {
    /// And to this one.
    fn and(self, destination: SocketAddr) -> Self {
        match self {
            Self::Nowhere => Self::To(destination),
            Self::To(before) if before == destination => self,
            Self::To(_) | Self::ToSeveral => Self::ToSeveral,
        }
    }
}

fn send(datagram: &[u8], source: SocketAddr, destination: SocketAddr, output: &mut Output) {
    output.datagram(source, destination, |bytes| {
        bytes.extend_from_slice(datagram);
        true
    });
}

/// AES-CM costs five times as much per packet and is not taken.
fn our_profile(profile: SrtpProfile) -> Option<Profile> {
    if profile == SrtpProfile::AEAD_AES_128_GCM {
        Some(Profile::Aes128Gcm)
    } else if profile == SrtpProfile::AEAD_AES_256_GCM {
        Some(Profile::Aes256Gcm)
    } else {
        None
    }
}
