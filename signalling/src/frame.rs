//! What goes to sockets: WebSocket frames (RFC 6455, section 5), encoded once, header and all, however many they go to.
//! A client without a WebSocket gets what is in them.

use bytes::Bytes;
use common::protocol::{Event, envelope};
use std::sync::{Arc, LazyLock};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The longest header of a frame that is not masked, in bytes.
const HEADER_BYTES_MAX: usize = 10;

/// A ping without a payload.
static PING: LazyLock<Frame> = LazyLock::new(|| Frame::new(OpCode::Control(Control::Ping), &[]));

/// The opcodes of what is said to clients (RFC 6455, section 5.2).
const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// There is no code (RFC 6455, section 7.4.1).
const NO_STATUS: u16 = 1005;

/// What is in a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(Bytes),
    Close {
        code: u16,
        reason: String,
    },
    /// A ping or a pong.
    Control,
}

/// A frame. Cheap to clone, and small where it waits.
#[derive(Debug, Clone)]
pub(crate) struct Frame(Arc<[u8]>);

impl Frame {
    pub(crate) fn event(event: &Event) -> Self {
        Self::text(&envelope::event_frame(event))
    }

    pub(crate) fn text(json: &str) -> Self {
        Self::new(OpCode::Data(Data::Text), json.as_bytes())
    }

    pub(crate) fn ping() -> Self {
        PING.clone()
    }

    /// The answer to a ping with this payload, of 125 bytes at most.
    pub(crate) fn pong(payload: &[u8]) -> Self {
        Self::new(OpCode::Control(Control::Pong), payload)
    }

    /// Without a code only as the answer to a close frame that has none.
    pub(crate) fn close(code: Option<u16>, reason: &str) -> Self {
        let mut payload = Vec::new();
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            payload.extend_from_slice(reason.as_bytes());
        }
        Self::new(OpCode::Control(Control::Close), &payload)
    }

    fn new(opcode: OpCode, payload: &[u8]) -> Self {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let mut bytes = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
        // Only writing may fail, and a vector takes everything.
        let _written = header.format(u64::try_from(payload.len()).unwrap_or(u64::MAX), &mut bytes);
        bytes.extend_from_slice(payload);
        Self(Arc::from(bytes))
    }

    /// With its header.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its content, without a copy of it.
    pub(crate) fn content(&self) -> Content {
        let header_bytes = match self.0.get(1) {
            Some(126) => 4,
            Some(127) => HEADER_BYTES_MAX,
            Some(_) | None => 2,
        };
        let whole = Bytes::from_owner(Arc::clone(&self.0));
        let payload = whole.slice(header_bytes.min(whole.len())..);
        match self.0.first().map(|first| first & 0x0f) {
            Some(TEXT) => Content::Text(payload),
            Some(CLOSE) => match payload.split_first_chunk() {
                Some((code, reason)) => Content::Close {
                    code: u16::from_be_bytes(*code),
                    reason: String::from_utf8_lossy(reason).into_owned(),
                },
                None => Content::Close { code: NO_STATUS, reason: String::new() },
            },
            Some(_) | None => Content::Control,
        }
    }

    /// In bytes, with its header.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header's three forms (RFC 6455, section 5.2).
    #[test]
    fn a_frame_says_how_long_it_is() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let frame = Frame::text(&text);
            assert_eq!(frame.as_bytes(), [&header, text.as_bytes()].concat());
            assert_eq!(frame.content(), Content::Text(text.into()));
        }
        assert_eq!(Frame::pong(b"ab").as_bytes(), [0x8a, 2, b'a', b'b']);
        assert_eq!(Frame::close(Some(1000), "x").as_bytes(), [0x88, 3, 0x03, 0xe8, b'x']);
        assert_eq!(Frame::close(None, "").as_bytes(), [0x88, 0]);
        let close = |code, reason: &str| Content::Close { code, reason: reason.to_owned() };
        assert_eq!(Frame::close(Some(4000), "slow").content(), close(4000, "slow"));
        assert_eq!(Frame::close(None, "").content(), close(1005, ""));
        assert_eq!(
            [Frame::ping(), Frame::pong(b"x")].map(|frame| frame.content()),
            [Content::Control, Content::Control]
        );
    }
}
