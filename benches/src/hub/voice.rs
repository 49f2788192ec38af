//! What is said to whom: the same things in three protocols.

use crate::stamp::nanoseconds;
use common::protocol::room::{Join, RoomClass};
use serde_json::json;
use signalling_client::{Client, Connection, Error, Lost, Writer, frame, request};
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

/// A connection that has said who it is, by which it enters rooms.
pub(super) enum Link {
    Switchboard(Box<Client>),
    Other(Connection),
}

/// What the rooms keep, which a server that keeps nothing has no word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing: `room.publish`.
    Ephemeral,
    /// All of it: `room.send`.
    Durable,
}

/// What a text says to a listener.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Saying<'a> {
    /// A message, with the time it was sent at.
    Message(&'a str),
    /// Must be answered with this.
    Ping(&'static str),
    Other,
}

impl Link {
    pub(super) fn writer(&self) -> Writer {
        match self {
            Self::Switchboard(client) => client.writer(),
            Self::Other(connection) => connection.writer(),
        }
    }

    /// Bytes that were read since the handshake.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Switchboard(client) => client.bytes_read(),
            Self::Other(connection) => connection.bytes_read(),
        }
    }

    /// What is left of it for who listens alone.
    pub(super) fn into_connection(self) -> Connection {
        match self {
            Self::Switchboard(client) => client.into_connection(),
            Self::Other(connection) => connection,
        }
    }
}

impl Voice {
    /// Connects as the `n`th person, and says so.
    ///
    /// # Errors
    /// If the server does not take it.
    pub(super) async fn open(&self, n: usize) -> io::Result<Link> {
        match self.protocol {
            Protocol::Switchboard => {
                let mut client = Client::connect(self.address).await?;
                let token = self.tokens.get(n % self.tokens.len().max(1)).ok_or(io::ErrorKind::NotFound)?;
                client.open(token).await.map_err(failed)?;
                Ok(Link::Switchboard(Box::new(client)))
            }
            Protocol::SocketIo => {
                let path = "/socket.io/?EIO=4&transport=websocket";
                let mut connection = Connection::connect(self.address, path).await?;
                say(&mut connection, "40", "40").await?;
                Ok(Link::Other(connection))
            }
            Protocol::Ws => Ok(Link::Other(Connection::connect(self.address, "/").await?)),
        }
    }

    /// The same server without its first rooms.
    pub(super) fn without_rooms_before(&self, first: usize) -> Self {
        Self { rooms: self.rooms.get(first..).unwrap_or_default().into(), ..self.clone() }
    }

    /// Enters a room, perhaps again after the message with this number. What the room is called in messages.
    ///
    /// # Errors
    /// If the server does not let it in.
    pub(super) async fn join(
        &self,
        link: &mut Link,
        room: usize,
        class: Class,
        after: Option<u64>,
    ) -> io::Result<String> {
        let room = self.rooms.get(room).map_or("", String::as_str);
        match (link, self.protocol) {
            (Link::Switchboard(client), _) => {
                let join = match class {
                    Class::Ephemeral => Join {
                        name: Some(room.to_owned()),
                        class: Some(RoomClass::Ephemeral),
                        ..Join::default()
                    },
                    Class::Durable => {
                        let room_id = room.parse().map_err(io::Error::other)?;
                        Join { room_id: Some(room_id), after, ..Join::default() }
                    }
                };
                let joined = client.request(&join).await.map_err(failed)?;
                if after.is_some() && !joined.recovered {
                    return Err(io::Error::other("not all that was missed can be had"));
                }
                return Ok(joined.room_id.to_string());
            }
            (Link::Other(connection), Protocol::SocketIo) => {
                say(connection, &format!(r#"420["join","{room}"]"#), "430").await?;
            }
            (Link::Other(connection), Protocol::Switchboard | Protocol::Ws) => {
                say(connection, &format!(r#"{{"join":"{room}"}}"#), r#"{"joined""#).await?;
            }
        }
        Ok(room.to_owned())
    }

    /// A message of 200 bytes with the time in it. Nobody answers it.
    pub(super) fn message(&self, room: &str, class: Class) -> io::Result<String> {
        let text = text();
        match (self.protocol, class) {
            (Protocol::Switchboard, Class::Ephemeral) => {
                let event = json!({ "roomId": room, "name": "said", "data": text });
                Ok(request(None, "room.publish", &event)?)
            }
            (Protocol::Switchboard, Class::Durable) => stored(None, room, &text),
            (Protocol::SocketIo, _) => Ok(format!(r#"42["say","{room}","{text}"]"#)),
            (Protocol::Ws, _) => Ok(json!({ "room": room, "text": text }).to_string()),
        }
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
        Saying::Other
    }
}

fn text() -> String {
    format!("{:x<200}", format!("@{} ", nanoseconds()))
}

/// A message to be stored, whose answer has this id.
pub(super) fn stored_request(id: usize, room: &str) -> io::Result<String> {
    stored(Some(id as u64), room, &text())
}

fn stored(id: Option<u64>, room: &str, text: &str) -> io::Result<String> {
    let message = json!({ "roomId": room, "clientId": Uuid::new_v4(), "text": text });
    Ok(request(id, "room.send", &message)?)
}

/// Says something to a server of another protocol, and waits for a text that begins with `answer`.
async fn say(connection: &mut Connection, text: &str, answer: &str) -> io::Result<()> {
    connection.writer().text(text).await?;
    let mut is_answered = false;
    while !is_answered {
        let heard = connection.hear(|opcode, payload| {
            is_answered |= opcode == frame::TEXT && payload.starts_with(answer.as_bytes());
        });
        if !heard.await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// A refusal is [`io::ErrorKind::Other`]; anything else is the connection's.
fn failed(error: Error) -> io::Error {
    match error {
        Error::Lost(Lost::Broken(error)) => error.kind().into(),
        Error::Lost(Lost::Silent) => io::ErrorKind::TimedOut.into(),
        Error::Lost(Lost::Closed(_) | Lost::Ended) => io::ErrorKind::UnexpectedEof.into(),
        Error::Refused(_) | Error::Malformed(_) => io::Error::other(error),
    }
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
