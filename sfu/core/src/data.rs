//! Data channels: the associations of all transports, by when they are due.
//!
//! An association costs memory from when its section was agreed on.

mod allowance;
mod association;
pub(crate) mod dcep;
pub(crate) mod envelope;
#[cfg(any(test, feature = "simulation"))]
mod fuzzing;
mod packet;

pub(crate) use allowance::{BYTES, MESSAGES};
pub(crate) use association::{KEPT_BYTES_MAX, LOSSY_WAITING_MAX, STREAMS_MAX, WAITING_MAX};

#[cfg(test)]
pub(crate) use packet::with_checksum;

#[cfg(any(test, feature = "simulation"))]
pub(crate) use fuzzing::{read_control, read_message, read_packet};

use crate::{id::TransportId, schedule::Schedule, sdp::data::DataSection};
use association::{Association, Incoming, NotSent, Taken};
use bytes::Bytes;
use common::id::ConnectionId;
use envelope::{Delivery, Message};
use slotmap::SecondaryMap;
use std::time::Instant;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DataStats {
    /// Messages that came and were passed on.
    pub messages_received: u64,
    /// Likewise in bytes, with what each says of itself.
    pub bytes_received: u64,
    /// Messages that went out, one for each receiver.
    pub messages_sent: u64,
    /// Likewise in bytes.
    pub bytes_sent: u64,
    /// Lossy messages that came faster than their sender may send.
    pub dropped_rate: u64,
    /// Messages of participants who may not send any.
    pub dropped_forbidden: u64,
    /// Messages and packets of another form.
    pub dropped_malformed: u64,
    /// Messages that were not sent to a receiver for whom too much waits.
    pub dropped_full: u64,
    /// Receivers who were cut off, for they did not read.
    pub cut: u64,
}

/// A message that is to be passed on.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) delivery: Delivery,
    /// Whom it is for; empty for everybody else.
    pub(crate) to: Vec<ConnectionId>,
    /// As receivers read it.
    pub(crate) bytes: Bytes,
}

/// All associations.
#[derive(Default)]
pub(crate) struct DataChannels {
    associations: SecondaryMap<TransportId, Box<Association>>,
    deadlines: Schedule<TransportId>,
    pub(crate) stats: DataStats,
}

impl DataChannels {
    /// What was agreed on for a transport: an association, which stays if there is one, or none.
    pub(crate) fn agree(&mut self, id: TransportId, section: Option<DataSection>, now: Instant) {
        match section {
            Some(section) if !self.associations.contains_key(id) => {
                self.associations.insert(id, Box::new(Association::new(section, now)));
            }
            Some(_) => {}
            None => self.forget(id),
        }
    }

    /// The transport is gone, or its data channels are.
    pub(crate) fn forget(&mut self, id: TransportId) {
        self.associations.remove(id);
        self.deadlines.remove(id);
    }

    /// Takes a packet.
    pub(crate) fn handle_packet(&mut self, id: TransportId, packet: Vec<u8>, now: Instant) {
        let Some(association) = self.associations.get_mut(id) else { return };
        if !association.handle_packet(packet, now) {
            count(&mut self.stats.dropped_malformed, 1);
        }
        self.deadlines.set(id, now);
    }

    /// Reads the next message that came on a transport and is to be passed on, with whoever sent it.
    pub(crate) fn read(
        &mut self,
        id: TransportId,
        sender: ConnectionId,
        may_send: bool,
        now: Instant,
    ) -> Option<Passed> {
        let association = self.associations.get_mut(id)?;
        let stats = &mut self.stats;
        loop {
            let Incoming { delivery, bytes } = match association.read(now)? {
                Taken::Message(message) => message,
                Taken::Overrun => {
                    count(&mut stats.dropped_rate, 1);
                    continue;
                }
                Taken::Malformed => {
                    count(&mut stats.dropped_malformed, 1);
                    continue;
                }
            };
            if !may_send {
                count(&mut stats.dropped_forbidden, 1);
                continue;
            }
            let Some(message) = Message::parse(&bytes, delivery) else {
                count(&mut stats.dropped_malformed, 1);
                continue;
            };
            count(&mut stats.messages_received, 1);
            count(&mut stats.bytes_received, bytes.len());
            return Some(Passed { delivery, bytes: message.from(sender), to: message.to });
        }
    }

    /// Has a message sent on a transport, if it has data channels.
    pub(crate) fn write(&mut self, id: TransportId, message: &Bytes, delivery: Delivery, now: Instant) {
        let Some(association) = self.associations.get_mut(id) else { return };
        let stats = &mut self.stats;
        match association.write(message, delivery) {
            Ok(()) => {
                count(&mut stats.messages_sent, 1);
                count(&mut stats.bytes_sent, message.len());
            }
            Err(NotSent::NotThere) => return,
            Err(NotSent::Full) => {
                count(&mut stats.dropped_full, 1);
                return;
            }
            Err(NotSent::Cut) => {
                count(&mut stats.dropped_full, 1);
                count(&mut stats.cut, 1);
            }
        }
        self.deadlines.set(id, now);
    }

    /// When the first of them is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Takes one that is due, for which [`transmit`](Self::transmit) is called afterwards.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<TransportId> {
        let id = self.deadlines.take_due(now)?;
        if let Some(association) = self.associations.get_mut(id) {
            association.handle_timeout(now);
        }
        Some(id)
    }

    /// Gives out the packets of one that may go now.
    pub(crate) fn transmit(&mut self, id: TransportId, now: Instant, send: impl FnMut(&[u8])) {
        let due = self.associations.get_mut(id).and_then(|association| association.transmit(now, send));
        if let Some(at) = due {
            self.deadlines.set(id, at);
        }
    }

    /// How many there are.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn len(&self) -> usize {
        self.associations.len()
    }
}

const fn count(counter: &mut u64, more: usize) {
    *counter = counter.wrapping_add(more as u64);
}
