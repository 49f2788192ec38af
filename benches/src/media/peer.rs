//! One end of a transport: ICE, DTLS, and SRTP by the media plane's own code, over a socket of its own.
//!
//! Cheap, because it runs on the same cores as the server it measures: nothing is parsed of a packet
//! but where its payload begins.

use super::description::{Local, Remote, Stream};
use dimpl::{Dtls, DtlsCertificate, SrtpProfile};
use is::{
    Candidate, IceAgent, IceCreds, Protocol,
    stun::{StunMessage, StunPacket},
};
use sfu_core::{
    rtp::{header::PlainHeader, sequence::SeqNo},
    srtp::{Opened, Opener, Profile, Sealer, contexts},
};
use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, time::timeout};
use uuid::Uuid;

/// How long it may take until media can flow.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often what waits for time is looked after while connecting.
const TICK: Duration = Duration::from_millis(10);

/// Room for a datagram.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// A payload begins with one byte of VP8's descriptor (RFC 7741, section 4.2), then the time it was sent.
const STAMP_OFFSET: usize = 1;

/// The start of a partition, without extensions: the first packet of a frame.
const DESCRIPTOR: u8 = 0x10;

/// What all peers share.
#[derive(Clone)]
pub(super) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
    /// What times are counted from.
    epoch: Instant,
}

impl Identity {
    /// # Errors
    /// If no certificate can be made.
    pub(super) fn new(epoch: Instant) -> Result<Self, Box<dyn Error>> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| format!("no certificate: {error:?}"))?;
        Ok(Self { certificate, config: Arc::default(), epoch })
    }
}

pub(super) struct Peer {
    socket: UdpSocket,
    address: SocketAddr,
    server: SocketAddr,
    ice: IceAgent,
    dtls: Dtls,
    is_active: bool,
    opener: Option<Opener>,
    sealer: Option<Sealer>,
    fingerprint: String,
    epoch: Instant,
    buffer: Box<[u8; DATAGRAM_BYTES_MAX]>,
}

#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
fn now() -> Instant {
    Instant::now()
}

impl Peer {
    pub(super) async fn open(identity: &Identity, ip: IpAddr) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let address = socket.local_addr()?;
        let text = Uuid::new_v4().simple().to_string();
        let ufrag = text.chars().take(8).collect();
        let mut ice = IceAgent::new(IceCreds { ufrag, pass: text });
        ice.set_controlling(true);
        ice.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Self {
            socket,
            address,
            server: address,
            ice,
            dtls: Dtls::new_12(Arc::clone(&identity.config), identity.certificate.clone(), now()),
            is_active: true,
            opener: None,
            sealer: None,
            fingerprint: identity.certificate.fingerprint_str(),
            epoch: identity.epoch,
            buffer: Box::new([0; DATAGRAM_BYTES_MAX]),
        })
    }

    /// Its offer of `streams`.
    pub(super) fn offer(&self, streams: &[Stream]) -> String {
        self.local().offer(streams)
    }

    /// Its answer to a server's offer.
    pub(super) fn answer(&self, offer: &str) -> String {
        self.local().answer(offer)
    }

    fn local(&self) -> Local<'_> {
        let IceCreds { ufrag, pass } = self.ice.local_credentials();
        Local { ufrag, pwd: pass, fingerprint: &self.fingerprint, address: self.address }
    }

    /// Finds its way to the server of this description, and agrees on keys.
    pub(super) async fn connect(&mut self, remote: &str) -> Result<(), Box<dyn Error>> {
        let remote = Remote::read(remote).ok_or("the server's description lacks something")?;
        self.server = remote.address;
        self.is_active = !remote.is_active;
        self.dtls.set_active(self.is_active);
        self.ice.set_remote_credentials(IceCreds { ufrag: remote.ufrag, pass: remote.pwd });
        self.ice.add_remote_candidate(Candidate::host(remote.address, "udp")?);
        let start = now();
        while self.sealer.is_none() {
            if now() - start > PATIENCE {
                return Err(format!("no connection with {}", self.server).into());
            }
            self.drive()?;
            if let Ok(Ok((length, source))) = timeout(TICK, self.socket.recv_from(&mut self.buffer[..])).await
            {
                self.note(length, source);
            }
        }
        // What it has to say last.
        self.drive()
    }

    /// Lets time pass: checks are sent, and what DTLS has to say.
    pub(super) fn drive(&mut self) -> Result<(), Box<dyn Error>> {
        let now = now();
        self.ice.handle_timeout(now);
        self.transmit();
        while self.ice.poll_event().is_some() {}
        if !self.ice.state().is_connected() {
            return Ok(());
        }
        self.dtls.handle_timeout(now).map_err(|error| format!("DTLS failed: {error:?}"))?;
        let mut record = [0; DATAGRAM_BYTES_MAX];
        loop {
            match self.dtls.poll_output(&mut record) {
                dimpl::Output::Packet(record) => self.give(record),
                dimpl::Output::KeyingMaterial(material, profile) => {
                    let profile = if profile == SrtpProfile::AEAD_AES_128_GCM {
                        Profile::Aes128Gcm
                    } else if profile == SrtpProfile::AEAD_AES_256_GCM {
                        Profile::Aes256Gcm
                    } else {
                        return Err("the server chose no AES-GCM".into());
                    };
                    let (opener, sealer) = contexts(profile, &material, self.is_active).ok_or("no keys")?;
                    (self.opener, self.sealer) = (Some(opener), Some(sealer));
                }
                dimpl::Output::Timeout(_) => return Ok(()),
                dimpl::Output::BufferTooSmall { .. } | dimpl::Output::CloseNotify => {
                    return Err("the server ended DTLS".into());
                }
                // The load client believes whatever certificate it is shown.
                dimpl::Output::Connected
                | dimpl::Output::PeerCert(_)
                | dimpl::Output::ApplicationData(_)
                | _ => {}
            }
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.ice.poll_transmit() {
            let _lost = self.socket.try_send_to(&transmit.contents, transmit.destination);
        }
    }

    /// A full socket loses what it is given, as a network would.
    fn give(&self, datagram: &[u8]) {
        let _lost = self.socket.try_send_to(datagram, self.server);
    }

    /// Takes a datagram of this length; the time at which it was sent, if it is media.
    fn note(&mut self, length: usize, source: SocketAddr) -> Option<Duration> {
        let datagram = self.buffer.get_mut(..length)?;
        match (*datagram.first()?, *datagram.get(1)?) {
            (0..=3, _) => {
                let message = StunMessage::parse(datagram).ok()?;
                let packet = StunPacket { proto: Protocol::Udp, source, destination: self.address, message };
                self.ice.handle_packet(now(), packet);
                self.transmit();
                None
            }
            (20..=63, _) => {
                let _unreadable = self.dtls.handle_packet(datagram);
                None
            }
            // RTCP (RFC 5761, section 4).
            (128..=191, 192..=223) => None,
            (128..=191, _) => {
                let Opened { payload, .. } = self.opener.as_mut()?.rtp(datagram)?;
                let (stamp, _) = payload.get(STAMP_OFFSET..)?.split_first_chunk()?;
                Some(Duration::from_nanos(u64::from_be_bytes(*stamp)))
            }
            _ => None,
        }
    }

    /// Waits until something has come.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Takes everything that has come; `heard` is told when media was sent, and how long it took.
    pub(super) fn take(&mut self, mut heard: impl FnMut(Duration, Duration)) {
        while let Ok((length, source)) = self.socket.try_recv_from(&mut self.buffer[..]) {
            if let Some(sent_at) = self.note(length, source) {
                heard(sent_at, (now() - self.epoch).saturating_sub(sent_at));
            }
        }
    }

    /// Sends a packet of media under this header, its payload filled up to `bytes`.
    pub(super) fn send(&self, header: &PlainHeader, sequence: SeqNo, bytes: usize, datagram: &mut Vec<u8>) {
        let Some(sealer) = &self.sealer else { return };
        let nanoseconds = u64::try_from((now() - self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let mut payload = [0x55; DATAGRAM_BYTES_MAX];
        if let Some((descriptor, rest)) = payload.split_first_mut()
            && let Some((stamp, _)) = rest.split_first_chunk_mut()
        {
            (*descriptor, *stamp) = (DESCRIPTOR, nanoseconds.to_be_bytes());
        }
        datagram.clear();
        let payload = payload.get(..bytes).unwrap_or(&payload);
        let cycles = sequence.cycles();
        if sealer.rtp(&header.to_bytes(), &[payload], header.ssrc, sequence, cycles, datagram) {
            self.give(datagram);
        }
    }

    /// Sends a compound RTCP packet.
    pub(super) fn send_rtcp(&mut self, packet: &[u8]) {
        let mut datagram = Vec::new();
        if self.sealer.as_mut().is_some_and(|sealer| sealer.rtcp(packet, &mut datagram)) {
            self.give(&datagram);
        }
    }
}
