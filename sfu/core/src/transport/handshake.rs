//! DTLS: who the peer is, and the keys (RFC 5764, RFC 8842).

use super::{Identity, our_profile};
use crate::{
    loss::LossReason,
    moment::after,
    sdp::fingerprint::Fingerprint,
    srtp::{Opener, Sealer, contexts},
};
use dimpl::{Dtls, Error, SecurityError};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Room for the largest DTLS record that we write.
const DTLS_BYTES_MAX: usize = 2048;

/// How soon the handshake is looked after again at least.
const DTLS_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// How long a handshake may take after what should have ended it.
///
/// An alert that comes before the keys anybody could have sent, and so may be none of the peer's: then the
/// handshake goes on. If it was, nothing else comes.
pub(crate) const FAULT_TIME: Duration = Duration::from_secs(5);

/// Keys for what the peer sends, and for what we send.
pub(super) type Keys = (Opener, Sealer);

/// The DTLS association of one transport.
pub(super) struct Handshake {
    /// Elsewhere: of no use to a packet of media, and large.
    dtls: Box<Dtls>,
    due: Instant,
    is_client: bool,
    /// The fingerprint that the peer's description has, once there is one.
    expected: Option<Fingerprint>,
    /// The certificate that it has shown.
    shown: Option<Vec<u8>>,
    is_over: bool,
    keys: Option<Keys>,
    /// The keys were given out: alerts are the peer's own from now on.
    is_established: bool,
    /// Packets of data channels that came and are not taken yet; none where nobody has use for any.
    data: Option<Vec<Vec<u8>>>,
    /// The first thing that was wrong, and when it was.
    fault: Option<(Instant, LossReason)>,
}

impl Handshake {
    /// One that waits for the peer to begin, which it may do before it has described itself.
    pub(super) fn new(identity: &Identity, now: Instant) -> Self {
        let dtls = Dtls::new_12(Arc::clone(&identity.dtls), identity.certificate.clone(), now);
        Self {
            dtls: Box::new(dtls),
            due: now,
            is_client: false,
            expected: None,
            shown: None,
            is_over: false,
            keys: None,
            is_established: false,
            data: None,
            fault: None,
        }
    }

    /// The peer has described itself: by this fingerprint, and whether it leaves it to us to begin.
    pub(super) fn describe(
        &mut self,
        identity: &Identity,
        fingerprint: Fingerprint,
        is_client: bool,
        now: Instant,
    ) {
        if is_client {
            // Whatever came before was not what it says now.
            *self = Self { data: self.data.take(), ..Self::new(identity, now) };
            self.dtls.set_active(true);
            self.is_client = true;
        }
        self.expected = Some(fingerprint);
    }

    /// Whether the peer's description has this fingerprint.
    pub(super) fn expects(&self, fingerprint: &Fingerprint) -> bool {
        self.expected.as_ref() == Some(fingerprint)
    }

    /// When it needs attention though nothing comes.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// When it has failed unless it is over by then.
    pub(super) fn fault_deadline(&self) -> Option<Instant> {
        self.fault.as_ref().map(|(at, _)| after(*at, FAULT_TIME))
    }

    /// What was wrong with it first.
    pub(super) fn take_fault(&mut self) -> Option<LossReason> {
        self.fault.take().map(|(_, reason)| reason)
    }

    /// Takes a record.
    pub(super) fn handle_record(&mut self, datagram: &[u8], now: Instant) {
        let taken = self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(datagram));
        if let Err(error) = taken
            && (!self.is_established
                || matches!(error, Error::SecurityError(SecurityError::FatalAlert { .. })))
        {
            self.fault.get_or_insert_with(|| (now, LossReason::Dtls(describe(&error))));
        }
    }

    /// Whether there is use for packets of data channels.
    pub(super) fn agree_on_data(&mut self, is_agreed: bool) {
        self.data = if is_agreed { Some(self.data.take().unwrap_or_default()) } else { None };
    }

    /// Takes the packets of data channels that came.
    pub(super) fn take_data(&mut self) -> Vec<Vec<u8>> {
        self.data.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Encrypts a packet of data channels. What is to be sent then, [`handle_timeout`](Self::handle_timeout) sends,
    /// before the next one comes here: there is not room for many.
    pub(super) fn add_data(&mut self, packet: &[u8]) -> bool {
        self.is_established && self.dtls.send_application_data(packet).is_ok()
    }

    /// Sends what is due, and gives out the keys once, when it is over and the peer is who it should be.
    ///
    /// # Errors
    /// Why it has failed for good.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        mut send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, LossReason> {
        if let Some((_, alert)) = self.fault.take_if(|_| self.is_established) {
            return Err(alert);
        }
        if self.due <= now {
            self.dtls.handle_timeout(now).map_err(|error| LossReason::Dtls(describe(&error)))?;
        }
        let mut buffer = [0; DTLS_BYTES_MAX];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(record) => send(record),
                dimpl::Output::Timeout(due) => {
                    // Never in the past, or the shell would spin.
                    self.due = due.max(after(now, DTLS_INTERVAL_MIN));
                    break;
                }
                dimpl::Output::PeerCert(certificate) => self.shown = Some(certificate.to_vec()),
                dimpl::Output::KeyingMaterial(material, profile) => {
                    self.keys =
                        our_profile(profile).and_then(|profile| contexts(profile, &material, self.is_client));
                    if self.keys.is_none() {
                        return Err(LossReason::NoSrtpProfile);
                    }
                }
                dimpl::Output::Connected => self.is_over = true,
                dimpl::Output::CloseNotify => return Err(LossReason::Closed),
                dimpl::Output::BufferTooSmall { needed } => {
                    return Err(LossReason::Dtls(format!("a record has {needed} bytes")));
                }
                // Until it is known who sends it, it is nobody's.
                dimpl::Output::ApplicationData(packet) => {
                    if let Some(data) = self.data.as_mut().filter(|_| self.is_established) {
                        data.push(packet.to_vec());
                    }
                }
                _ => {}
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<Option<Keys>, LossReason> {
        let (Some(shown), Some(expected)) = (&self.shown, &self.expected) else { return Ok(None) };
        // RFC 8122, section 6.2: who it is is what the signalling said, and nothing else.
        if !expected.is_of(shown) {
            return Err(LossReason::WrongCertificate);
        }
        if !std::mem::take(&mut self.is_over) {
            return Ok(None);
        }
        self.fault = None;
        self.is_established = true;
        self.keys.take().map(Some).ok_or(LossReason::NoSrtpProfile)
    }
}

/// What an error is about, with the name of an alert (RFC 5246, section 7.2; RFC 8446, section 6).
fn describe(error: &Error) -> String {
    let Error::SecurityError(SecurityError::FatalAlert { description }) = error else {
        return error.to_string();
    };
    let name = match description {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        _ => "alert",
    };
    format!("{name} ({description})")
}
