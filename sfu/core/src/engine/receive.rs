//! What comes in, and its way to the subscribers.

use super::{Engine, Stream};
use crate::{
    demux::{self, Protocol},
    output::Output,
    publication::Publication,
    rtp::header::Header,
    stun::read::{Addressee, Message},
    transport::{Progress, addresses::Noted},
};
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
            self.stats.datagrams_refused = self.stats.datagrams_refused.wrapping_add(1);
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
        let message = Message::parse(datagram)?;
        let place = match message.addressee()? {
            Addressee::Named(name) => *self.by_ufrag.get(name)?,
            Addressee::Asker => *self.by_address.get(&source)?,
        };
        if self.is_held_by_another(source, place, now) {
            return None;
        }
        let transport = self.transports.get_mut(place)?.as_mut()?;
        let noted = transport.handle_stun(source, destination, &message, now, output)?;
        // Only who knows the password gets an address of ours.
        self.by_address.insert(source, place);
        if let Noted::New { forgotten: Some(forgotten) } = noted {
            self.forget_address(forgotten, place);
        }
        self.drive(place, now, output);
        Some(())
    }

    /// Whether an address is in use on another transport than this. Where a check comes from can be
    /// forged: what is in use is not given to the next who says to be there.
    fn is_held_by_another(&self, address: SocketAddr, place: usize, now: Instant) -> bool {
        let holder = self.by_address.get(&address).filter(|holder| **holder != place);
        let holder = holder.and_then(|holder| self.transports.get(*holder)?.as_ref());
        holder.is_some_and(|holder| holder.holds(address, now))
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
        match transport.handle_timeout(now, output) {
            Progress::Unchanged => {}
            Progress::Failed(reason) => self.lose(place, reason, output),
            Progress::Connected => self.wake_subscriptions(place, now, output),
        }
    }

    /// Who begins to receive needs key frames.
    pub(super) fn wake_subscriptions(&mut self, place: usize, now: Instant, output: &mut Output) {
        let received =
            |publication: &Publication| publication.subscriptions.iter().any(|it| it.transport == place);
        let received = self.publications.iter().filter(|(_, publication)| received(publication));
        for id in received.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.want_keyframe(id, now, output);
        }
    }

    fn handle_rtp(&mut self, source: SocketAddr, datagram: &mut [u8], now: Instant) -> Option<()> {
        let place = *self.by_address.get(&source)?;
        let transport = self.transports.get_mut(place)?.as_mut()?;
        let bytes = datagram.len();
        let length = transport.open_rtp(datagram, now)?;
        if !transport.incoming.take(bytes, now) {
            self.stats.packets_refused = self.stats.packets_refused.wrapping_add(1);
            return Some(());
        }
        let packet = datagram.get(..length)?;
        let header = Header::parse(packet)?;
        let payload = packet.get(header.length..)?;
        let stream = self.stream(place, &header)?;
        let publication = self.publications.get_mut(&stream.publication)?;
        if !publication.incoming.take(bytes, now) {
            self.stats.packets_refused = self.stats.packets_refused.wrapping_add(1);
            return Some(());
        }
        let (sequence, has_padding, payload) = if stream.is_rtx {
            let (original, rest) = payload.split_first_chunk::<ORIGINAL_BYTES>()?;
            (u16::from_be_bytes(*original), false, strip_padding(&header, rest)?)
        } else {
            (header.sequence, header.has_padding, payload)
        };
        if store(publication, &header, sequence, has_padding, payload, now) {
            self.stats.packets_received = self.stats.packets_received.wrapping_add(1);
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
        let owner = self.participants.get(self.owners.get(&place)?)?;
        let fits = |publication: &&mut Publication| {
            (publication.payload_type == header.payload_type && publication.ssrc.is_none())
                || publication.rtx_payload_type == Some(header.payload_type)
        };
        let range = owner.publications.first()?..=owner.publications.last()?;
        let own = self.publications.range_mut(range);
        let own = own.filter(|(id, _)| owner.publications.contains(id));
        let mut nameless = own.filter(|(_, publication)| fits(publication));
        let (&id, publication) = nameless.next()?;
        if nameless.next().is_some() {
            return None;
        }
        let is_rtx = publication.payload_type != header.payload_type;
        // One of each: who sends under ever new numbers leaves nothing behind.
        let known = if is_rtx { &mut publication.rtx_ssrc } else { &mut publication.ssrc };
        if let Some(before) = known.replace(header.ssrc) {
            self.streams.remove(&(place, before));
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
                        self.stats.packets_forwarded = self.stats.packets_forwarded.wrapping_add(1);
                    }
                }
            }
            fresh.clear();
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
