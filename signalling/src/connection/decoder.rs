//! What a client sends: frames taken apart and put together to messages (RFC 6455, section 5), without IO.

use super::end::{End, close};
use common::protocol::close as close_codes;
use std::{borrow::Cow, io::Cursor, str};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

/// The largest frame and message, in bytes: a session description of the largest size, escaped.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// The longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: usize = 125;

const TOO_BIG: End = close(close_codes::TOO_BIG, "the message is too big");
const INVALID_TEXT: End = close(close_codes::INVALID_TEXT, "the text is not UTF-8");

const fn violation(reason: &'static str) -> End {
    close(close_codes::PROTOCOL_ERROR, reason)
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Text(Cow<'a, str>),
    /// Of whatever content: nothing here is binary.
    Binary,
    Ping(&'a [u8]),
    Pong,
    /// With its code, if it has one.
    Close(Option<u16>),
}

/// Puts messages together.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Of a message that is not complete.
    fragments: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
    /// Of how many of them it is known that they are text.
    checked: usize,
}

impl Fragments {
    /// Finds out early what can be no text any more, whatever comes.
    fn check(&mut self) -> Result<(), End> {
        if !self.is_text {
            return Ok(());
        }
        let unchecked = self.bytes.get(self.checked..).unwrap_or_default();
        match str::from_utf8(unchecked) {
            Ok(_) => self.checked = self.bytes.len(),
            // The rest of a character may be in the next one.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(INVALID_TEXT),
        }
        Ok(())
    }
}

impl Decoder {
    /// The next message in `input`, and how many bytes of it are done with. Without a message, those that are left
    /// are to be given again with more behind them. Unmasks in place.
    ///
    /// # Errors
    /// What the connection is to be closed with: 1002, 1007 or 1009 (RFC 6455, section 7.4.1).
    pub(super) fn next<'a>(&mut self, mut input: &'a mut [u8]) -> Result<(usize, Option<Message<'a>>), End> {
        let mut done = 0;
        loop {
            let Some((header, header_bytes, length)) = self.header(input)? else { return Ok((done, None)) };
            let Some((frame, rest)) = input.split_at_mut_checked(header_bytes + length) else {
                return Ok((done, None));
            };
            done += frame.len();
            input = rest;
            let (_, payload) = frame.split_at_mut(header_bytes);
            unmask(payload, header.mask.unwrap_or_default());
            if let Some(message) = self.take(&header, payload)? {
                return Ok((done, Some(message)));
            }
        }
    }

    /// The header of the next frame, its own length and that of the payload, if it is all there.
    fn header(&self, input: &[u8]) -> Result<Option<(FrameHeader, usize, usize)>, End> {
        let mut cursor = Cursor::new(input);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| violation("the opcode is reserved"))?;
        let Some((header, length)) = parsed else { return Ok(None) };
        let header_bytes = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        if header.len(length) != header_bytes {
            return Err(violation("the length is not in its shortest form"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(violation("a reserved bit is set"));
        }
        if header.mask.is_none() {
            return Err(violation("the frame is not masked"));
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final => return Err(violation("a control frame is fragmented")),
            OpCode::Control(_) if length > CONTROL_BYTES_MAX => {
                return Err(violation("the control frame is too long"));
            }
            OpCode::Data(Data::Continue) if self.fragments.is_none() => {
                return Err(violation("there is nothing to continue"));
            }
            OpCode::Data(Data::Text | Data::Binary) if self.fragments.is_some() => {
                return Err(violation("the message before is not complete"));
            }
            OpCode::Control(_) | OpCode::Data(_) => {}
        }
        let before = self.fragments.as_ref().map_or(0, |fragments| fragments.bytes.len());
        if length > MESSAGE_BYTES_MAX - before {
            return Err(TOO_BIG);
        }
        Ok(Some((header, header_bytes, length)))
    }

    fn take<'a>(&mut self, header: &FrameHeader, payload: &'a [u8]) -> Result<Option<Message<'a>>, End> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Some(Message::Ping(payload))),
            OpCode::Control(Control::Pong) => Ok(Some(Message::Pong)),
            OpCode::Control(Control::Close | Control::Reserved(_)) => closed(payload).map(Some),
            OpCode::Data(kind) => {
                if header.is_final && self.fragments.is_none() {
                    return whole(kind == Data::Text, Cow::Borrowed(payload)).map(Some);
                }
                let is_text = kind == Data::Text;
                let fragments = self
                    .fragments
                    .get_or_insert_with(|| Box::new(Fragments { is_text, bytes: Vec::new(), checked: 0 }));
                fragments.bytes.extend_from_slice(payload);
                if !header.is_final {
                    return fragments.check().map(|()| None);
                }
                let Some(fragments) = self.fragments.take() else { return Ok(None) };
                whole(fragments.is_text, Cow::Owned(fragments.bytes)).map(Some)
            }
        }
    }
}

fn whole(is_text: bool, bytes: Cow<'_, [u8]>) -> Result<Message<'_>, End> {
    if !is_text {
        return Ok(Message::Binary);
    }
    let text = match bytes {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
    };
    text.map(Message::Text).ok_or(INVALID_TEXT)
}

/// A close frame says nothing, or a code that may be sent and a reason (RFC 6455, sections 5.5.1 and 7.4).
fn closed(payload: &[u8]) -> Result<Message<'static>, End> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(Message::Close(None))
        } else {
            Err(violation("the close frame has half a code"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(violation("no close frame may have that code"));
    }
    if str::from_utf8(reason).is_err() {
        return Err(INVALID_TEXT);
    }
    Ok(Message::Close(Some(code)))
}

/// RFC 6455, section 5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
