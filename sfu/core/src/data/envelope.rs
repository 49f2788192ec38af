//! What each message carries besides what its sender has to say: to whom it goes, from whom it comes, and what it is
//! about (`docs/PROTOCOL.md`, "Data in a session").

use bytes::{BufMut, Bytes, BytesMut};
use common::id::ConnectionId;
use uuid::Uuid;

/// The form that is written here.
const VERSION: u8 = 1;

/// Whom one message may be directed to at most.
pub(crate) const DESTINATIONS_MAX: usize = 16;

/// The longest topic, in bytes.
pub(crate) const TOPIC_BYTES_MAX: usize = 64;

/// The most that one reliable message may carry, in bytes.
///
/// As much as every stack takes in one message, and as LiveKit's clients send.
pub(crate) const RELIABLE_BYTES_MAX: usize = 15 * 1024;

/// The most that one lossy message may carry, in bytes: with more it would come in many packets, and be lost with each.
pub(crate) const LOSSY_BYTES_MAX: usize = 1200;

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of them, in their order.
    Reliable,
    /// Once each, and never again.
    Lossy,
}

impl Delivery {
    /// The most that a message may carry, in bytes.
    pub(crate) const fn bytes_max(self) -> usize {
        match self {
            Self::Reliable => RELIABLE_BYTES_MAX,
            Self::Lossy => LOSSY_BYTES_MAX,
        }
    }
}

/// A message as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Whom it is for; empty for everybody else.
    pub(crate) to: Vec<ConnectionId>,
    topic: &'a str,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message; `None` if it has another form, or more of something than it may.
    pub(crate) fn parse(bytes: &'a [u8], delivery: Delivery) -> Option<Self> {
        let ([VERSION, flags, count], rest) = bytes.split_first_chunk()? else { return None };
        let count = usize::from(*count);
        if *flags != 0 || count > DESTINATIONS_MAX {
            return None;
        }
        let (to, rest) = rest.split_at_checked(count.saturating_mul(16))?;
        let to = to.as_chunks::<16>().0.iter();
        let to = to.map(|id| ConnectionId::from_uuid(Uuid::from_bytes(*id))).collect();
        let (length, rest) = rest.split_first()?;
        let length = usize::from(*length);
        let (topic, payload) = rest.split_at_checked(length)?;
        let topic = str::from_utf8(topic).ok()?;
        let is_short = length <= TOPIC_BYTES_MAX && payload.len() <= delivery.bytes_max();
        is_short.then_some(Self { to, topic, payload })
    }

    /// The same as its receivers read it. Who sent it is written here and nowhere else.
    pub(crate) fn from(&self, sender: ConnectionId) -> Bytes {
        let Self { topic, payload, .. } = self;
        let length = topic.len().saturating_add(payload.len()).saturating_add(19);
        let mut bytes = BytesMut::with_capacity(length);
        bytes.put_slice(&[VERSION, 0]);
        bytes.put_slice(sender.as_uuid().as_bytes());
        bytes.put_u8(u8::try_from(topic.len()).unwrap_or(u8::MAX));
        bytes.put_slice(topic.as_bytes());
        bytes.put_slice(payload);
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> ConnectionId {
        ConnectionId::from_uuid(Uuid::from_u128(n))
    }

    fn written(to: &[u128], topic: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, 0, u8::try_from(to.len()).unwrap()];
        to.iter().for_each(|id| bytes.extend(id.to_be_bytes()));
        bytes.push(u8::try_from(topic.len()).unwrap());
        [bytes, topic.to_vec(), payload.to_vec()].concat()
    }

    #[test]
    fn a_message_is_read_and_written_with_its_sender() {
        let bytes = written(&[7, 8], "Tafel".as_bytes(), b"stroke");
        let message = Message::parse(&bytes, Delivery::Reliable).unwrap();
        assert_eq!(message, Message { to: vec![id(7), id(8)], topic: "Tafel", payload: b"stroke" });
        let sender = 9_u128.to_be_bytes();
        let expected = [&[1, 0][..], &sender, &[5], b"Tafelstroke"].concat();
        assert_eq!(message.from(id(9)), expected);
        let empty = written(&[], b"", b"");
        assert_eq!(Message::parse(&empty, Delivery::Lossy).map(|it| it.to), Some(Vec::new()));
    }

    #[test]
    fn what_has_another_form_is_not_read() {
        let good = written(&[7], b"topic", b"payload");
        for length in 0..good.len() - b"payload".len() {
            assert_eq!(Message::parse(&good[..length], Delivery::Reliable), None, "{length} bytes");
        }
        let mut other = good.clone();
        other[0] = 2;
        assert_eq!(Message::parse(&other, Delivery::Reliable), None, "another version");
        other = good;
        other[1] = 1;
        assert_eq!(Message::parse(&other, Delivery::Reliable), None, "what nobody knows yet");
        let not_text = written(&[], &[0xFF], b"");
        assert_eq!(Message::parse(&not_text, Delivery::Reliable), None);
    }

    #[test]
    fn each_bound_is_held_and_what_is_just_below_passes() {
        let is_read = |to: usize, topic: usize, payload: usize, delivery| {
            let bytes = written(&vec![7; to], &vec![b'x'; topic], &vec![0; payload]);
            Message::parse(&bytes, delivery).is_some()
        };
        for (delivery, most) in [(Delivery::Reliable, 15_360), (Delivery::Lossy, 1200)] {
            assert!(is_read(16, 64, most, delivery));
            assert!(!is_read(17, 64, most, delivery));
            assert!(!is_read(16, 65, most, delivery));
            assert!(!is_read(16, 64, most + 1, delivery));
        }
    }
}
