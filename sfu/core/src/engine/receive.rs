//! What comes in, and its way to the subscribers.

use super::{Engine, Stream};
use crate::{
    demux::{self, Protocol},
    output::Output,
    publication::Publication,
    rtcp::read::{self, Said},
    rtp::{header::Header, sequence::SeqNo},
    transport::Progress,
};
use is::stun::StunMessage;
use std::{net::SocketAddr, time::Instant};

/// The first two bytes of a retransmission's payload: the original number (RFC 4588, section 4).
const ORIGINAL_BYTES: usize = 2;

impl Engine {
    /// Takes a datagram. What it causes to be forwarded goes out with [`flush`](Self::flush).
    pub fn handle_datagram(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &mut [u8],
        now: Instant,
        output: &mut Output,
    ) {
        let is_known = match demux::protocol(datagram) {
            Some(Protocol::Stun) => self.handle_stun(source, destination, datagram, now, output),
            Some(Protocol::Dtls) => self.handle_dtls(source, datagram, now, output),
            Some(Protocol::Rtp) => self.handle_rtp(source, datagram, now),
            Some(Protocol::Rtcp) => self.handle_rtcp(source, datagram, now, output),
            None => None,
        };
        if is_known.is_none() {
            self.stats.datagrams_refused += 1;
        }
    }

    fn handle_stun(
        &mut self,
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &[u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let message = StunMessage::parse(datagram).ok()?;
        let named = message.split_username().and_then(|(ours, _)| self.by_name.get(ours).copied());
        let place = named.or_else(|| self.by_address.get(&source).copied())?;
        let transport = self.transports.get_mut(place)?.as_mut()?;
        if !transport.handle_stun(source, destination, message, now) {
            return None;
        }
        // Only who knows the password gets an address of ours.
        self.by_address.insert(source, place);
        self.drive(place, now, output);
        Some(())
    }

    fn handle_dtls(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let place = *self.by_address.get(&source)?;
        self.transports.get_mut(place)?.as_mut()?.handle_dtls(datagram, now);
        self.drive(place, now, output);
        Some(())
    }

    /// Lets a transport act, and acts on what became of it.
    pub(super) fn drive(&mut self, place: usize, now: Instant, output: &mut Output) {
        let Some(Some(transport)) = self.transports.get_mut(place) else { return };
        match transport.drive(now, output) {
            Progress::Unchanged => {}
            Progress::Failed => self.lose(place, output),
            Progress::Connected => self.wake_subscriptions(place, now, output),
        }
    }

    /// Who begins to receive needs key frames.
    pub(super) fn wake_subscriptions(&mut self, place: usize, now: Instant, output: &mut Output) {
        for publication in self.publications.values_mut() {
            if publication.subscriptions.iter().any(|subscription| subscription.transport == place) {
                publication.want_keyframe();
            }
        }
        self.ask_for_keyframes(now, output);
    }

    fn handle_rtp(&mut self, source: SocketAddr, datagram: &mut [u8], now: Instant) -> Option<()> {
        let place = *self.by_address.get(&source)?;
        let length = self.transports.get_mut(place)?.as_mut()?.open_rtp(datagram, now)?;
        let packet = datagram.get(..length)?;
        let header = Header::parse(packet)?;
        let payload = packet.get(header.length..)?;
        let stream = self.stream(place, &header)?;
        let publication = self.publications.get_mut(&stream.publication)?;
        let (sequence, has_padding, payload) = if stream.is_rtx {
            let (original, rest) = payload.split_first_chunk::<ORIGINAL_BYTES>()?;
            (u16::from_be_bytes(*original), false, strip_padding(&header, rest)?)
        } else {
            (header.sequence, header.has_padding, payload)
        };
        if store(publication, &header, sequence, has_padding, payload, now) {
            self.stats.packets_received += 1;
            if publication.fresh.len() == 1 {
                self.fresh.push(stream.publication);
            }
        }
        Some(())
    }

    /// What stream a packet is of. One that no description named is known by its
    /// payload type if that is unique on the transport.
    fn stream(&mut self, place: usize, header: &Header<'_>) -> Option<Stream> {
        if let Some(stream) = self.streams.get(&(place, header.ssrc)) {
            return Some(*stream);
        }
        let mut nameless = self.publications.iter_mut().filter(|(_, publication)| {
            publication.transport == place
                && (publication.payload_type == header.payload_type && publication.ssrc.is_none()
                    || publication.rtx_payload_type == Some(header.payload_type))
        });
        let (&id, publication) = nameless.next()?;
        if nameless.next().is_some() {
            return None;
        }
        let is_rtx = publication.payload_type != header.payload_type;
        if !is_rtx {
            publication.ssrc = Some(header.ssrc);
        }
        let stream = Stream { publication: id, is_rtx };
        self.streams.insert((place, header.ssrc), stream);
        Some(stream)
    }

    /// Forwards what has come since the last call, subscriber by subscriber, so
    /// that packets to one address lie together.
    pub fn flush(&mut self, output: &mut Output) {
        for id in self.fresh.drain(..) {
            let Some(publication) = self.publications.get_mut(&id) else { continue };
            let Publication { subscriptions, fresh, buffer, .. } = publication;
            for subscription in subscriptions {
                let Some(Some(transport)) = self.transports.get_mut(subscription.transport) else { continue };
                for &sequence in fresh.iter() {
                    if let Some(packet) = buffer.get(sequence) {
                        subscription.send(sequence, packet, transport, output);
                        self.stats.packets_forwarded += 1;
                    }
                }
            }
            fresh.clear();
        }
    }

    fn handle_rtcp(
        &mut self,
        source: SocketAddr,
        datagram: &mut [u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let place = *self.by_address.get(&source)?;
        let length = self.transports.get_mut(place)?.as_mut()?.open_rtcp(datagram, now)?;
        let compound = datagram.get(..length)?;
        read::each(compound, |said| match said {
            Said::SenderReport { ssrc, ntp, rtp_time } => {
                self.note_report(place, ssrc, ntp, rtp_time, now, output)
            }
            Said::Nack { ssrc, first, following } => self.resend(place, ssrc, first, following, output),
            Said::KeyframeRequest { ssrc } => {
                let publication =
                    self.feedback.get(&(place, ssrc)).and_then(|id| self.publications.get_mut(id));
                if let Some(publication) = publication {
                    publication.want_keyframe();
                }
            }
        });
        self.ask_for_keyframes(now, output);
        Some(())
    }

    fn note_report(
        &mut self,
        place: usize,
        ssrc: u32,
        ntp: u64,
        rtp_time: u32,
        now: Instant,
        output: &mut Output,
    ) {
        let Some(stream) = self.streams.get(&(place, ssrc)).filter(|stream| !stream.is_rtx) else { return };
        let Some(publication) = self.publications.get_mut(&stream.publication) else { return };
        publication.log.note_report(ntp, now);
        for subscription in &publication.subscriptions {
            if let Some(Some(transport)) = self.transports.get_mut(subscription.transport) {
                subscription.report(ntp, rtp_time, transport, output);
            }
        }
    }

    fn resend(&mut self, place: usize, ssrc: u32, first: u16, following: u16, output: &mut Output) {
        let Some(publication) =
            self.feedback.get(&(place, ssrc)).and_then(|id| self.publications.get_mut(id))
        else {
            return;
        };
        let Publication { subscriptions, buffer, log, .. } = publication;
        let Some(subscription) =
            subscriptions.iter_mut().find(|one| one.transport == place && one.ssrc == ssrc)
        else {
            return;
        };
        let Some(Some(transport)) = self.transports.get_mut(place) else { return };
        let wires =
            (0..16_u16).filter(|bit| following & (1 << bit) != 0).map(|bit| first.wrapping_add(bit + 1));
        for wire in std::iter::once(first).chain(wires) {
            let found = log.extend(wire).and_then(|sequence: SeqNo| Some((sequence, buffer.get(sequence)?)));
            if let Some((sequence, packet)) = found {
                subscription.resend(sequence, packet, transport, output);
                self.stats.packets_resent += 1;
                self.stats.packets_forwarded += 1;
            }
        }
    }
}

/// Keeps a packet; whether it is new.
fn store(
    publication: &mut Publication,
    header: &Header<'_>,
    sequence: u16,
    has_padding: bool,
    payload: &[u8],
    now: Instant,
) -> bool {
    use crate::publication::Arrival;
    let Arrival::New(sequence) = publication.log.arrive(sequence, header.timestamp, now) else {
        return false;
    };
    publication.buffer.insert(sequence, header.marker, has_padding, header.timestamp, payload);
    publication.fresh.push(sequence);
    true
}

/// A retransmission that is only padding probes the network and carries nothing.
fn strip_padding<'a>(header: &Header<'_>, payload: &'a [u8]) -> Option<&'a [u8]> {
    if !header.has_padding {
        return Some(payload);
    }
    let padding = usize::from(*payload.last()?);
    payload.get(..payload.len().checked_sub(padding)?).filter(|rest| !rest.is_empty())
}
