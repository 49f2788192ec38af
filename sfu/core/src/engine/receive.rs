//! What comes in, and which part it is for.

use super::Engine;
use crate::{
    address::TransportAddress,
    demux::{self, Protocol},
    encoding::{Arrival, Encoding},
    forward::{Received, Sent},
    output::Output,
    stun::read::{Addressee, Message},
    transport::addresses::Noted,
};
use std::{net::SocketAddr, time::Instant};

impl Engine {
    /// Takes a datagram, or a frame of a TCP connection. What it causes to be forwarded goes out with
    /// [`flush`](Self::flush). False if it belongs to nobody or is not authentic.
    pub fn handle_datagram(
        &mut self,
        source: impl Into<TransportAddress>,
        destination: SocketAddr,
        datagram: &mut [u8],
        now: Instant,
        output: &mut Output,
    ) -> bool {
        let source = source.into();
        let is_known = match demux::protocol(datagram) {
            Some(Protocol::Stun) => self.handle_stun(source, destination, datagram, now, output),
            Some(Protocol::Dtls) => self.handle_dtls(source, datagram, now, output),
            Some(Protocol::Rtp) => self.handle_rtp(source, datagram, now, output),
            Some(Protocol::Rtcp) => self.handle_rtcp(source, datagram, now, output),
            None => None,
        };
        if is_known.is_none() {
            self.stats.datagrams_refused = self.stats.datagrams_refused.wrapping_add(1);
        }
        is_known.is_some()
    }

    fn handle_stun(
        &mut self,
        source: TransportAddress,
        destination: SocketAddr,
        datagram: &[u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let message = Message::parse(datagram)?;
        let id = match message.addressee()? {
            Addressee::Named(name) => self.transports.by_ufrag(name)?,
            Addressee::Asker => self.transports.by_address(source)?,
        };
        if self.transports.is_held_by_another(source, id, now) {
            return None;
        }
        let transport = self.transports.get_mut(id)?;
        let noted = transport.handle_stun(source, destination, &message, now, output)?;
        // Only who knows the password gets an address of ours.
        self.transports.note_address(source, id);
        if let Noted::New { forgotten: Some(forgotten) } = noted {
            self.transports.forget_address(forgotten, id);
        }
        self.drive(id, now, output);
        Some(())
    }

    fn handle_dtls(
        &mut self,
        source: TransportAddress,
        datagram: &[u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let id = self.transports.by_address(source)?;
        self.transports.get_mut(id)?.handle_dtls(datagram, now);
        self.drive(id, now, output);
        Some(())
    }

    fn handle_rtp(
        &mut self,
        source: TransportAddress,
        datagram: &mut [u8],
        now: Instant,
        output: &mut Output,
    ) -> Option<()> {
        let id = self.transports.by_address(source)?;
        let transport = self.transports.get_mut(id)?;
        let bytes = datagram.len();
        let opened = transport.open_rtp(datagram, now)?;
        if !transport.incoming.take(bytes, now) {
            self.stats.packets_refused = self.stats.packets_refused.wrapping_add(1);
            return Some(());
        }
        let received = self.forwarding.receive(id, opened, bytes, now);
        // What is past what a track may send counts as lost: whoever adapts to what arrives will send less.
        if received.is_none_or(|received| received.arrival.is_some()) {
            self.arrival_feedback.note(id, &opened.header, received.is_some(), now);
        }
        let Received { encoding, is_of_new_stream, is_beginning, arrival, level } = received?;
        let begins = || self.forwarding.encoding(encoding).is_some_and(Encoding::has_fresh_key_frame);
        if is_of_new_stream && !begins() {
            self.key_frames.ask(encoding, &mut self.forwarding, &mut self.transports, now, output);
        }
        if is_beginning {
            self.note_beginning(encoding, now, output);
        }
        match arrival {
            None => {
                self.stats.packets_refused = self.stats.packets_refused.wrapping_add(1);
                return Some(());
            }
            Some(Arrival::Repeated) => return Some(()),
            Some(Arrival::Newest(_, Some(ask_at))) => self.retransmission.note_gap(encoding, ask_at),
            Some(Arrival::First(_) | Arrival::Newest(_, None) | Arrival::Late(_)) => {}
        }
        if let Some(is_speaking) = level.and_then(|level| self.speakers.hear(encoding, level, now)) {
            self.tell_speaking(id, is_speaking, output);
        }
        self.stats.packets_received = self.stats.packets_received.wrapping_add(1);
        Some(())
    }

    /// Forwards what has come since the last call.
    pub fn flush(&mut self, now: Instant, output: &mut Output) {
        self.hand_to_recorder(output);
        let sent = self.forwarding.flush(&mut self.transports, now, output);
        self.note_sent(sent);
        // Voices and pictures come first.
        self.pass_on_data(now, output);
    }

    /// Counts what was sent.
    pub(super) const fn note_sent(&mut self, sent: Sent) {
        let Sent { first, again, padding, overdue } = sent;
        let stats = &mut self.stats;
        stats.packets_forwarded = stats.packets_forwarded.wrapping_add(first).wrapping_add(again);
        stats.packets_resent = stats.packets_resent.wrapping_add(again);
        stats.packets_padding = stats.packets_padding.wrapping_add(padding);
        stats.packets_overdue = stats.packets_overdue.wrapping_add(overdue);
    }
}
