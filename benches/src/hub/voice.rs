//! What is said to whom: the same things in three protocols.

use super::link::Link;
use crate::stamp::nanoseconds;
use serde_json::{Value, json};
use std::{io, net::SocketAddr, sync::Arc};
use uuid::Uuid;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Switchboard,
    SocketIo,
    Ws,
}

/// Everything a client has to know of a server.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) protocol: Protocol,
    pub(super) address: SocketAddr,
    /// Of one person each.
    pub(super) tokens: Arc<[String]>,
    pub(super) rooms: Arc<[String]>,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `room.typing`, or what a server that keeps nothing has for messages.
    Ephemeral,
    /// `room.send`.
    Stored,
}

/// What a text says to a listener.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Saying<'a> {
    /// A message, with the time it was sent at.
    Message(&'a str),
    /// A message without a time.
    Timeless,
    /// Must be answered with this.
    Ping(&'static str),
    Other,
}

impl Voice {
    /// Connects as the `n`th person, and says so.
    ///
    /// # Errors
    /// If the server does not take it.
    pub(super) async fn open(&self, n: usize) -> io::Result<Link> {
        match self.protocol {
            Protocol::Switchboard => {
                let mut link = Link::connect(self.address, "/v1/ws").await?;
                let token = self.tokens.get(n % self.tokens.len().max(1)).ok_or(io::ErrorKind::NotFound)?;
                ask(&mut link, "connection.open", json!({ "token": token })).await?;
                Ok(link)
            }
            Protocol::SocketIo => {
                let mut link = Link::connect(self.address, "/socket.io/?EIO=4&transport=websocket").await?;
                link.pen().text("40").await?;
                link.until(|text| text.starts_with(b"40").then_some(())).await?;
                Ok(link)
            }
            Protocol::Ws => Link::connect(self.address, "/").await,
        }
    }

    /// The same server without its first rooms.
    pub(super) fn without_rooms_before(&self, first: usize) -> Self {
        Self { rooms: self.rooms.get(first..).unwrap_or_default().into(), ..self.clone() }
    }

    pub(super) fn room(&self, n: usize) -> &str {
        self.rooms.get(n).map_or("", String::as_str)
    }

    /// Enters a room, perhaps again after the message with this number.
    ///
    /// # Errors
    /// If the server does not let it in.
    pub(super) async fn join(&self, link: &mut Link, room: usize, after: Option<u64>) -> io::Result<()> {
        let room = self.room(room);
        match self.protocol {
            Protocol::Switchboard => {
                let params = after.map_or_else(
                    || json!({ "roomId": room }),
                    |after| json!({ "roomId": room, "after": after }),
                );
                let joined = ask(link, "room.join", params).await?;
                let is_recovered = joined.get("recovered").and_then(Value::as_bool);
                if after.is_some() && is_recovered != Some(true) {
                    return Err(io::Error::other("not all that was missed can be had"));
                }
                Ok(())
            }
            Protocol::SocketIo => {
                link.pen().text(&format!(r#"420["join","{room}"]"#)).await?;
                link.until(|text| text.starts_with(b"430").then_some(())).await
            }
            Protocol::Ws => {
                link.pen().text(&format!(r#"{{"join":"{room}"}}"#)).await?;
                link.until(|text| text.starts_with(br#"{"joined""#).then_some(())).await
            }
        }
    }

    /// A message of 200 bytes with the time in it; typing has about as many, and none. Nobody answers it.
    pub(super) fn message(&self, room: usize, class: Class, turn: u64) -> String {
        let (room, text) = (self.room(room), text());
        match (self.protocol, class) {
            (Protocol::Switchboard, Class::Ephemeral) => {
                let typing = turn.is_multiple_of(2);
                request(None, "room.typing", json!({ "roomId": room, "typing": typing }))
            }
            (Protocol::Switchboard, Class::Stored) => self.stored(None, room, &text),
            (Protocol::SocketIo, _) => format!(r#"42["say","{room}","{text}"]"#),
            (Protocol::Ws, _) => json!({ "room": room, "text": text }).to_string(),
        }
    }

    /// A message to be stored, whose answer has this id.
    pub(super) fn stored_request(&self, id: usize, room: usize) -> String {
        self.stored(Some(id), self.room(room), &text())
    }

    #[expect(clippy::unused_self, reason = "what is said belongs to whom it is said to")]
    fn stored(&self, id: Option<usize>, room: &str, text: &str) -> String {
        request(id, "room.send", json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text }))
    }

    /// What a text means to a listener.
    pub(super) fn saying<'a>(&self, text: &'a [u8]) -> Saying<'a> {
        if self.protocol == Protocol::SocketIo && text == b"2" {
            return Saying::Ping("3");
        }
        // Nothing else has the sign in it.
        if let Some(at) = text.iter().position(|byte| *byte == b'@') {
            let stamp = text.get(at + 1..).and_then(|rest| rest.split(|byte| *byte == b' ').next());
            return stamp.and_then(|stamp| str::from_utf8(stamp).ok()).map_or(Saying::Other, Saying::Message);
        }
        let head = text.get(..64).unwrap_or(text);
        if head.windows(13).any(|name| name == br#""room.typing""#) {
            Saying::Timeless
        } else {
            Saying::Other
        }
    }
}

fn text() -> String {
    format!("{:x<200}", format!("@{} ", nanoseconds()))
}

fn request(id: Option<usize>, method: &str, params: Value) -> String {
    match id {
        Some(id) => json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }),
        None => json!({ "jsonrpc": "2.0", "method": method, "params": params }),
    }
    .to_string()
}

/// The id of an answer, and whether it is a result; `None` for events.
pub(super) fn answered(text: &[u8]) -> Option<(usize, bool)> {
    const ID: &[u8] = br#""id":"#;
    let head = text.get(..64).unwrap_or(text);
    let at = head.windows(ID.len()).position(|piece| piece == ID)? + ID.len();
    let rest = text.get(at..)?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    let id = str::from_utf8(digits).ok()?.parse().ok()?;
    let is_result = head.windows(9).any(|piece| piece == br#""result":"#);
    Some((id, is_result))
}

/// Asks Switchboard and waits for the result.
async fn ask(link: &mut Link, method: &str, params: Value) -> io::Result<Value> {
    link.pen().text(&request(Some(1), method, params)).await?;
    let answer = link.until(|text| answered(text).and_then(|_| serde_json::from_slice::<Value>(text).ok()));
    let mut answer = answer.await?;
    match answer.get("error") {
        Some(error) => Err(io::Error::other(format!("{method}: {error}"))),
        None => Ok(answer.get_mut("result").map(Value::take).unwrap_or_default()),
    }
}
