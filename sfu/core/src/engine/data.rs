//! What participants say to each other in data channels: who gets it, and on which transport.

use super::Engine;
use crate::{data::Passed, id::TransportId, output::Output, sdp::data::DataSection};
use common::id::ConnectionId;
use std::time::Instant;

impl Engine {
    /// Whether a participant may send messages in data channels; from the beginning of its stay it may not.
    pub fn allow_data(&mut self, participant: ConnectionId, may_send: bool) {
        let id = self.sessions.find(participant);
        if let Some(known) = id.and_then(|id| self.sessions.get_mut(id)) {
            known.sends_data = may_send;
        }
    }

    /// What was agreed on for a transport that its participant sends on.
    pub(super) fn agree_on_data(&mut self, id: TransportId, section: Option<DataSection>, now: Instant) {
        self.data.agree(id, section, now);
        if let Some(transport) = self.transports.get_mut(id) {
            transport.agree_on_data(section.is_some());
        }
    }

    /// Takes what came in the data channels of a transport.
    pub(super) fn take_data(&mut self, id: TransportId, now: Instant) {
        let Some(transport) = self.transports.get_mut(id) else { return };
        for packet in transport.take_data() {
            self.data.handle_packet(id, packet, now);
        }
    }

    /// Passes on messages that came, and sends what may go. What is passed on makes others due, which then are.
    pub(super) fn pass_on_data(&mut self, now: Instant, output: &mut Output) {
        while let Some(id) = self.data.take_due(now) {
            self.read_data(id, now);
            if let Some(transport) = self.transports.get_mut(id) {
                self.data.transmit(id, now, |packet| transport.send_data(packet, now, output));
            }
        }
    }

    fn read_data(&mut self, id: TransportId, now: Instant) {
        let owner = self.transports.owner(id);
        let Some((owner, known)) = owner.and_then(|owner| Some((owner, self.sessions.get(owner)?))) else {
            return;
        };
        while let Some(message) = self.data.read(id, known.connection, known.sends_data, now) {
            let Passed { delivery, to, bytes } = message;
            for (_, receiver) in self.sessions.others(owner) {
                let is_meant = to.is_empty() || to.contains(&receiver.connection);
                if let Some(transport) = receiver.publish.filter(|_| is_meant && receiver.receives) {
                    self.data.write(transport, &bytes, delivery, now);
                }
            }
        }
    }
}
