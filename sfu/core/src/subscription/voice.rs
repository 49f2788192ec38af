//! Sending a voice: alone, or with what earlier packets of it carried.

use super::{Shift, Subscription};
use crate::{
    buffer::Packet,
    encoding::Encoding,
    output::Output,
    rtp::{
        red::{BLOCKS_MAX, Headers},
        sequence::SeqNo,
    },
    transport::Transport,
};
use std::time::Instant;

/// The contents of earlier packets that one carries at most, in bytes: a voice's packets have tens of bytes.
const EARLIER_BYTES_MAX: usize = 600;

/// What a packet has of contents at most where others are added to its own, in bytes: with its headers it still passes
/// every network.
const CONTENTS_BYTES_MAX: usize = 1_200;

impl Subscription {
    /// The subscriber takes what earlier packets carried with those that follow them, or not.
    pub(crate) fn agree_on_red(&mut self, is_agreed: bool) {
        if self.redundancy.is_agreed() != is_agreed {
            self.redundancy.agree(is_agreed);
        }
    }

    /// Sends a packet of a voice's `encoding`; its bytes on the network.
    pub(super) fn send_voice(
        &mut self,
        (number, shift): (SeqNo, Shift),
        (packet, encoding): (&Packet, &Encoding),
        transport: &mut Transport,
        now: Instant,
        output: &mut Output,
    ) -> Option<usize> {
        let red = self.types.red.filter(|_| self.redundancy.is_on(now));
        let mut headers = Headers::new(self.types.media);
        let mut blocks: [&[u8]; BLOCKS_MAX] = [&[]; BLOCKS_MAX];
        let mut room = EARLIER_BYTES_MAX.min(CONTENTS_BYTES_MAX.saturating_sub(packet.payload.len()));
        let earlier = red.map(|_| self.redundancy.take(number, now)).into_iter().flatten();
        let earlier = earlier.filter_map(|number| self.sent_of(number, encoding));
        for (block, earlier) in blocks.iter_mut().zip(earlier) {
            let offset = packet.timestamp.wrapping_sub(earlier.timestamp);
            if let Some(rest) = room.checked_sub(earlier.payload.len())
                && headers.push(offset, earlier.payload.len())
            {
                (*block, room) = (&earlier.payload, rest);
            }
        }
        let bytes = blocks.iter().fold(0_usize, |sum, block| sum.saturating_add(block.len()));
        let red = red.filter(|_| !headers.is_empty() && transport.may_add(bytes, now));
        let Some(red) = red else {
            return self.send_now((number, shift), packet, transport, now, output);
        };
        let [first, second, third, fourth] = blocks;
        let payload = [headers.finish(), first, second, third, fourth, &packet.payload];
        self.send_as((number, shift), packet, (red.payload_type, &payload), transport, now, output)
    }

    /// What went out under a number, if it is of this encoding and can be a block of another packet.
    fn sent_of<'a>(&self, number: SeqNo, encoding: &'a Encoding) -> Option<&'a Packet> {
        let sent = self.timeline.sent(number.to_wire()).filter(|sent| sent.number == number)?;
        let sent = (number >= self.types_since).then_some(sent)?;
        let packet = encoding.buffer.get(sent.sequence).filter(|_| self.current == Some(sent.encoding))?;
        // Padding has its length at the end of the packet, and so belongs to no block.
        (!packet.has_padding).then_some(packet)
    }
}
