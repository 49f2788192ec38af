//! A client that comes the way clients come: checks first, then DTLS, then media, from one port or another.

use super::stage::{Stage, address};
use crate::{
    engine::simulation::{check, reply},
    rtp::{header::PlainHeader, sequence::SeqNo},
    sdp::{fingerprint::Fingerprint, parse::Remote},
    srtp::{Opener, Profile, Sealer, contexts},
};
use common::clock::Clock;
use dimpl::{Dtls, DtlsCertificate, Output as DtlsOutput, SrtpProfile};
use std::{collections::BTreeSet, iter, sync::Arc};

/// What the client goes by in every description, as the stage writes them.
const PASSWORD: &str = "0123456789abcdef01234567";
const NAME: &str = "abcd";

/// The name and the password that a description of ours gives.
pub(super) fn names(sdp: &str) -> (String, String) {
    let value = |key: &str| sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
    (value("a=ice-ufrag:"), value("a=ice-pwd:"))
}

pub(super) struct Client {
    dtls: Dtls,
    certificate: DtlsCertificate,
    /// Where it is. What goes elsewhere it does not hear.
    pub(super) port: u16,
    /// Ports at which it hears, too.
    pub(super) others: BTreeSet<u16>,
    /// The server's name and password.
    names: (String, String),
    pub(super) keys: Option<(Opener, Sealer)>,
    /// Checks so far, which name them.
    checks: u8,
    /// Responses to them.
    pub(super) responses: usize,
    /// RTP and RTCP that came.
    pub(super) media: Vec<Vec<u8>>,
    /// Packets of data channels that came.
    pub(super) data: Vec<Vec<u8>>,
}

/// Lets clients and the server talk until nobody has anything to say; where what went, and what it was.
pub(super) fn talk(stage: &mut Stage, clients: &mut [&mut Client]) -> Vec<(u16, Vec<u8>)> {
    let mut log = Vec::new();
    loop {
        clients.iter_mut().for_each(|client| client.speak(stage));
        let runs = stage.output.runs().flat_map(|run| {
            let port = run.destination.port();
            run.bytes.chunks(run.segment).map(move |bytes| (port, bytes.to_vec()))
        });
        let datagrams: Vec<(u16, Vec<u8>)> = runs.collect();
        stage.output.clear_datagrams();
        if datagrams.is_empty() {
            return log;
        }
        for (port, datagram) in &datagrams {
            for client in clients.iter_mut().filter(|client| client.is_at(*port)) {
                client.take(stage, *port, datagram);
            }
        }
        log.extend(datagrams);
    }
}

impl Client {
    /// One that begins the handshake, unless it is passive.
    pub(super) fn new(stage: &Stage, port: u16, is_passive: bool) -> Self {
        let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
        let mut dtls = Dtls::new_12(Arc::default(), certificate.clone(), stage.clock.now());
        dtls.set_active(!is_passive);
        let (names, others) = ((String::new(), String::new()), BTreeSet::new());
        Self {
            dtls,
            certificate,
            port,
            others,
            names,
            keys: None,
            checks: 0,
            responses: 0,
            media: Vec::new(),
            data: Vec::new(),
        }
    }

    /// The description, as this client would have written it.
    pub(super) fn describe(&self, mut remote: Remote) -> Remote {
        let fingerprint = format!("sha-256 {}", self.certificate.fingerprint_str());
        remote.fingerprint = Fingerprint::read(iter::once(fingerprint.as_str())).unwrap();
        remote.is_passive = !self.dtls.is_active();
        remote
    }

    /// It has read a description of the server's.
    pub(super) fn read(&mut self, sdp: &str) {
        self.names = names(sdp);
    }

    /// A check from where it is.
    pub(super) fn check(&mut self, nominates: bool) -> Vec<u8> {
        self.checks = self.checks.wrapping_add(1);
        check((&self.names.0, &self.names.1), NAME, nominates, [self.checks; 12])
    }

    fn is_at(&self, port: u16) -> bool {
        port == self.port || self.others.contains(&port)
    }

    fn take(&mut self, stage: &mut Stage, port: u16, datagram: &[u8]) {
        match datagram[0] {
            0 | 1 => match reply(datagram, PASSWORD) {
                Some(reply) => stage.receive(address(port), reply),
                None => self.responses += usize::from(datagram.starts_with(&[1, 1])),
            },
            20..=63 => {
                self.dtls.handle_timeout(stage.clock.now()).unwrap();
                let _refused = self.dtls.handle_packet(datagram);
            }
            _ => self.media.push(datagram.to_vec()),
        }
    }

    /// Sends what DTLS has to say, once ICE has found a path.
    fn speak(&mut self, stage: &mut Stage) {
        if self.responses == 0 {
            return;
        }
        let _over = self.dtls.handle_timeout(stage.clock.now());
        let mut buffer = [0; 2048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                DtlsOutput::Packet(record) => stage.receive(address(self.port), record.to_vec()),
                DtlsOutput::KeyingMaterial(material, profile) => {
                    assert_eq!(profile, SrtpProfile::AEAD_AES_256_GCM, "it offers all of them");
                    let profile = Profile::Aes256Gcm;
                    self.keys = contexts(profile, &material, self.dtls.is_active());
                }
                DtlsOutput::Timeout(_) => return,
                DtlsOutput::ApplicationData(packet) => self.data.push(packet.to_vec()),
                DtlsOutput::BufferTooSmall { .. }
                | DtlsOutput::Connected
                | DtlsOutput::PeerCert(_)
                | DtlsOutput::CloseNotify
                | _ => {}
            }
        }
    }

    /// Ends the association.
    pub(super) fn close(&mut self, stage: &mut Stage) {
        self.dtls.close().unwrap();
        self.speak(stage);
    }

    /// Sends a packet of data channels.
    pub(super) fn send_data(&mut self, stage: &mut Stage, packet: &[u8]) {
        self.dtls.send_application_data(packet).unwrap();
        self.speak(stage);
    }

    /// Sends a packet of a camera.
    pub(super) fn send(&self, stage: &mut Stage, ssrc: u32, number: u64) {
        let sequence = SeqNo::from_extended(number);
        let header = PlainHeader {
            has_padding: false,
            marker: true,
            payload_type: 96,
            sequence: sequence.to_wire(),
            timestamp: 1,
            ssrc,
        };
        let (_, sealer) = self.keys.as_ref().expect("it is connected");
        let mut datagram = Vec::new();
        assert!(sealer.rtp(
            &header.to_bytes(),
            &[b"picture"],
            ssrc,
            sequence,
            sequence.cycles(),
            &mut datagram
        ));
        stage.receive(address(self.port), datagram);
        stage.engine.flush(stage.clock.now(), &mut stage.output);
    }
}
