//! Ways for fuzz targets into what is read of data channels.

use super::{
    association::Association,
    dcep::Control,
    envelope::{Delivery, Message},
    packet::{self, Header},
};
use crate::sdp::data::DataSection;
use common::id::ConnectionId;
use std::{hint::black_box, time::Instant};
use uuid::Uuid;

/// Reads a message. What its receivers get ends as it does.
pub(crate) fn read_message(bytes: &[u8], is_lossy: bool) {
    let delivery = if is_lossy { Delivery::Lossy } else { Delivery::Reliable };
    if let Some(message) = Message::parse(bytes, delivery) {
        let sender = ConnectionId::from_uuid(Uuid::from_u128(7));
        let received = message.from(sender);
        let destinations = message.to.len().saturating_mul(16).saturating_add(3);
        assert!(bytes.get(destinations..) == received.get(18..), "its topic and payload are the same");
    }
}

/// Reads a message about a channel.
pub(crate) fn read_control(bytes: &[u8]) {
    black_box(Control::parse(bytes));
}

/// Looks at a packet, and gives it to an association.
pub(crate) fn read_packet(bytes: &[u8], now: Instant) {
    black_box((packet::has_data(bytes), packet::window(bytes), Header::of(bytes).map(Header::abort)));
    let mut association = Association::new(DataSection { message_bytes_max: 1024 }, now);
    association.handle_packet(packet::with_checksum(bytes), now);
    while let Some(taken) = association.read(now) {
        black_box(taken);
    }
    association.transmit(now, |packet| assert!(packet.len() <= 1200, "it fits into a datagram"));
}
