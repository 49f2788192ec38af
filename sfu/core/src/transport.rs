//! One transport of one participant: ICE-lite, DTLS, and then SRTP keys.

use crate::{
    output::Output,
    srtp::{Opener, Profile, Sealer, contexts},
};
use dimpl::{
    Dtls, DtlsCertificate, SrtpProfile,
    certificate::{calculate_fingerprint, format_fingerprint},
};
use is::{
    Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol,
    stun::{StunMessage, StunPacket},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a transport may be silent before its participant counts as lost.
///
/// Consent checks come every few seconds (RFC 7675); longer forgives a change of network.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Room for the largest DTLS record that we write.
const DTLS_BYTES_MAX: usize = 2048;

/// What all transports of an engine share.
pub(crate) struct Identity {
    pub(crate) certificate: DtlsCertificate,
    pub(crate) fingerprint: String,
    pub(crate) dtls: Arc<dimpl::Config>,
    pub(crate) candidates: Vec<SocketAddr>,
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

pub(crate) struct Transport {
    pub(crate) credentials: IceCreds,
    ice: IceAgent,
    dtls: Dtls,
    dtls_due: Instant,
    remote_fingerprint: String,
    is_verified: bool,
    is_client: bool,
    keys: Option<(Opener, Sealer)>,
    is_connected: bool,
    has_failed: bool,
    /// From where to where we send.
    path: Option<(SocketAddr, SocketAddr)>,
    heard_at: Instant,
}

impl Transport {
    pub(crate) fn new(
        identity: &Identity,
        credentials: IceCreds,
        remote: IceCreds,
        remote_fingerprint: String,
        is_client: bool,
        now: Instant,
    ) -> Self {
        let mut ice = IceAgent::new(credentials.clone());
        ice.set_ice_lite(true);
        ice.set_controlling(false);
        for &address in &identity.candidates {
            if let Ok(candidate) = Candidate::host(address, Protocol::Udp) {
                ice.add_local_candidate(candidate);
            }
        }
        ice.set_remote_credentials(remote);
        let mut dtls = Dtls::new_12(Arc::clone(&identity.dtls), identity.certificate.clone(), now);
        dtls.set_active(is_client);
        Self {
            credentials,
            ice,
            dtls,
            dtls_due: now,
            remote_fingerprint,
            is_verified: false,
            is_client,
            keys: None,
            is_connected: false,
            has_failed: false,
            path: None,
            heard_at: now,
        }
    }

    /// Connects without ICE and DTLS, with keys that the simulation chose.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn connect_directly(
        &mut self,
        keys: (Opener, Sealer),
        source: SocketAddr,
        destination: SocketAddr,
    ) {
        self.keys = Some(keys);
        self.path = Some((source, destination));
        self.is_verified = true;
        self.is_connected = true;
    }

    /// The description of an offer or answer changed: the client gathers anew.
    pub(crate) fn set_remote(&mut self, remote: IceCreds) {
        if self.ice.remote_credentials() != Some(&remote) {
            self.ice.set_remote_credentials(remote);
        }
    }

    pub(crate) const fn is_connected(&self) -> bool {
        self.is_connected
    }

    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) > SILENCE_MAX
    }

    /// Whether a STUN message is authentic and for this transport.
    pub(crate) fn handle_stun(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        message: StunMessage<'_>,
        now: Instant,
    ) -> bool {
        if !self.ice.accepts_message(&message) {
            return false;
        }
        let packet = StunPacket { proto: Protocol::Udp, source, destination, message };
        if !self.ice.handle_packet(now, packet) {
            return false;
        }
        self.heard_at = now;
        // Until a pair is nominated, answers go where the peer was heard last.
        self.path.get_or_insert((destination, source));
        true
    }

    pub(crate) fn handle_dtls(&mut self, datagram: &[u8], now: Instant) {
        if self.has_failed {
            return;
        }
        self.heard_at = now;
        // A record that cannot be read is dropped; what is fatal shows in the next poll.
        let _unreadable = self.dtls.handle_timeout(now);
        let _unreadable = self.dtls.handle_packet(datagram);
    }

    /// Decrypts RTP in place; the length without the tag.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8], now: Instant) -> Option<usize> {
        let length = self.opener()?.rtp(packet)?;
        self.heard_at = now;
        Some(length)
    }

    /// Decrypts RTCP in place; the length without the trailer.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8], now: Instant) -> Option<usize> {
        let length = self.opener()?.rtcp(packet)?;
        self.heard_at = now;
        Some(length)
    }

    fn opener(&mut self) -> Option<&mut Opener> {
        if !self.is_connected {
            return None;
        }
        self.keys.as_mut().map(|(opener, _)| opener)
    }

    /// What sends: the keys, and from where to where.
    pub(crate) fn sender(&mut self) -> Option<(&mut Sealer, SocketAddr, SocketAddr)> {
        if !self.is_connected {
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

    /// When the handshake needs attention though nothing happens.
    pub(crate) const fn next_deadline(&self) -> Instant {
        self.dtls_due
    }

    /// Acts on time that has passed and sends what is due.
    pub(crate) fn drive(&mut self, now: Instant, output: &mut Output) -> Progress {
        self.ice.handle_timeout(now);
        while let Some(transmit) = self.ice.poll_transmit() {
            output.datagram(transmit.source, transmit.destination, |bytes| {
                bytes.extend_from_slice(&transmit.contents);
                true
            });
        }
        while let Some(event) = self.ice.poll_event() {
            if let IceAgentEvent::NominatedSend { source, destination, .. } = event {
                self.path = Some((source, destination));
            }
        }
        if self.has_failed {
            return Progress::Unchanged;
        }
        if self.dtls_due <= now && self.dtls.handle_timeout(now).is_err() {
            return self.fail();
        }
        self.drive_dtls(now, output)
    }

    fn fail(&mut self) -> Progress {
        self.has_failed = true;
        self.is_connected = false;
        Progress::Failed
    }

    fn drive_dtls(&mut self, now: Instant, output: &mut Output) -> Progress {
        let mut buffer = [0; DTLS_BYTES_MAX];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(record) => {
                    if let Some((source, destination)) = self.path {
                        output.datagram(source, destination, |bytes| {
                            bytes.extend_from_slice(record);
                            true
                        });
                    }
                }
                dimpl::Output::Timeout(due) => {
                    // Never in the past, or the shell would spin.
                    self.dtls_due = due.max(now + Duration::from_millis(1));
                    break;
                }
                dimpl::Output::PeerCert(certificate) => {
                    let fingerprint = format_fingerprint(&calculate_fingerprint(certificate));
                    // RFC 8122, section 6.2: who it is is what the signalling said, and nothing else.
                    if !fingerprint.eq_ignore_ascii_case(&self.remote_fingerprint) {
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
        if self.is_verified && self.keys.is_some() && !self.is_connected {
            self.is_connected = true;
            return Progress::Connected;
        }
        Progress::Unchanged
    }
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
