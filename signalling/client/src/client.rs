//! The protocol over a connection: requests and their answers, events, and how it ended.

use crate::{Connection, Writer, frame};
use common::protocol::{Event, Failure, Parameters, connection::Opened};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, fmt::Display, io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpStream, ToSocketAddrs},
    time::timeout,
};

/// Where the hub is.
const PATH: &str = "/v1/ws";

/// How long an answer may take, unless [`Client::answering_within`] says otherwise. The hub gives up sooner.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The result of a request, or the error that answers it, as it came.
pub type Answer = Result<Value, Value>;

/// A client of the hub, on one connection.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    next_id: u64,
    answer_time: Duration,
    opened: Option<Opened>,
    /// Messages that nobody has looked at yet.
    arrived: VecDeque<Value>,
    /// Messages that came while another was waited for.
    kept: VecDeque<Value>,
    /// Pings that are not answered yet.
    pings: VecDeque<Vec<u8>>,
    lost: Option<Lost>,
}

/// How a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Lost {
    /// The server has closed it, with this code ([`common::protocol::close`]).
    #[error("the server closes the connection with {0:?}")]
    Closed(Option<u16>),
    /// It ended without a close frame.
    #[error("the connection has ended")]
    Ended,
    /// An answer did not come in time, so the connection is given up.
    #[error("the server does not answer in time")]
    Silent,
    /// It broke, or what came was not the protocol.
    #[error("the connection is broken")]
    Broken(#[source] Arc<io::Error>),
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nobody to answer any more. Whether it was carried out is not known.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The server refused.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// What came is not what the protocol says.
    #[error("what the server says is not the protocol")]
    Malformed(#[from] serde_json::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self::Broken(Arc::new(error))
    }
}

/// A request as text; without an id it is not answered.
///
/// # Errors
/// If `params` cannot be written as JSON.
pub fn request(id: Option<u64>, method: &str, params: &impl Serialize) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Request<'a, P> {
        jsonrpc: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        method: &'a str,
        params: &'a P,
    }
    serde_json::to_string(&Request { jsonrpc: "2.0", id, method, params })
}

impl Client {
    /// Connects to a hub at `address`, `host:port`, without saying who it is.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub async fn connect(address: impl ToSocketAddrs + Display) -> io::Result<Self> {
        Ok(Self::over(Connection::connect(address, PATH).await?))
    }

    /// The same by a TCP connection that was made already.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub async fn by(stream: TcpStream, host: &str) -> io::Result<Self> {
        Ok(Self::over(Connection::over(stream, host, PATH).await?))
    }

    fn over(connection: Connection) -> Self {
        let (arrived, kept, pings) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self {
            connection,
            next_id: 1,
            answer_time: ANSWER_TIME,
            opened: None,
            arrived,
            kept,
            pings,
            lost: None,
        }
    }

    /// The same, with another time in which answers must come.
    #[must_use]
    pub fn answering_within(self, answer_time: Duration) -> Self {
        Self { answer_time, ..self }
    }

    /// Says who it is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(&mut self, token: &str) -> Result<&Opened, Error> {
        let answer = self.request_json("connection.open", &json!({ "token": token })).await?;
        Ok(self.opened.insert(read(answer)?))
    }

    /// What the server has said to [`Client::open`].
    pub const fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// Asks for what `params` are the parameters of.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn request<P: Parameters + Serialize>(&mut self, params: &P) -> Result<P::Result, Error> {
        let id = self.send(P::METHOD, params).await?;
        read(self.answer(id).await?)
    }

    /// Asks in JSON. The answer is as it came, result or error.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn request_json(&mut self, method: &str, params: &Value) -> Result<Answer, Lost> {
        let id = self.send(method, params).await?;
        self.answer(id).await
    }

    /// Sends a text as it is, well-formed or not.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn send_text(&mut self, text: &str) -> Result<(), Lost> {
        Ok(self.connection.writer().text(text).await?)
    }

    async fn send(&mut self, method: &str, params: &impl Serialize) -> Result<u64, Lost> {
        let id = self.next_id;
        self.next_id += 1;
        let text = request(Some(id), method, params).map_err(io::Error::from)?;
        self.send_text(&text).await?;
        Ok(id)
    }

    async fn answer(&mut self, id: u64) -> Result<Answer, Lost> {
        match timeout(self.answer_time, self.find_answer(id)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.lost.insert(Lost::Silent).clone()),
        }
    }

    async fn find_answer(&mut self, id: u64) -> Result<Answer, Lost> {
        loop {
            let mut message = self.message().await?;
            if message.get("id").and_then(Value::as_u64) != Some(id) {
                self.kept.push_back(message);
                continue;
            }
            return Ok(match message.get_mut("error") {
                Some(error) => Err(error.take()),
                None => Ok(message.get_mut("result").map(Value::take).unwrap_or_default()),
            });
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// [`Error::Lost`], or [`Error::Malformed`] for what is no event of this version of the protocol.
    pub async fn event(&mut self) -> Result<Event, Error> {
        Ok(serde_json::from_value(self.event_json().await?)?)
    }

    /// The next event as it came, its name in `method`.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn event_json(&mut self) -> Result<Value, Lost> {
        match self.kept.pop_front() {
            Some(event) => Ok(event),
            None => self.message().await,
        }
    }

    /// The next message that nobody has looked at, be it an event or an answer.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn message(&mut self) -> Result<Value, Lost> {
        loop {
            if let Some(message) = self.arrived.pop_front() {
                return Ok(message);
            }
            self.read().await?;
        }
    }

    /// Keeps a message for later.
    pub fn keep(&mut self, message: Value) {
        self.kept.push_back(message);
    }

    /// Takes the first of the kept messages that is `wanted`.
    pub fn take_kept(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let at = self.kept.iter().position(wanted)?;
        self.kept.remove(at)
    }

    /// Whether one of the kept messages is `wanted`.
    pub fn has_kept(&self, wanted: impl Fn(&Value) -> bool) -> bool {
        self.kept.iter().any(wanted)
    }

    /// Waits for the server to end the connection, answers pings and forgets what comes. The code; `None` without a
    /// close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            self.arrived.clear();
            match self.read().await {
                Ok(()) => {}
                Err(Lost::Closed(code)) => return code,
                Err(Lost::Ended | Lost::Silent | Lost::Broken(_)) => return None,
            }
        }
    }

    /// Bytes that were read since the handshake.
    pub const fn bytes_read(&self) -> u64 {
        self.connection.bytes_read()
    }

    /// What writes to the connection, beside this.
    pub fn writer(&self) -> Writer {
        self.connection.writer()
    }

    /// The connection, for whoever wants no more than its frames. What has come and was not asked for is forgotten.
    pub fn into_connection(self) -> Connection {
        self.connection
    }

    /// Reads what comes next. Who stops waiting misses nothing.
    async fn read(&mut self) -> Result<(), Lost> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let (arrived, pings) = (&mut self.arrived, &mut self.pings);
        let (mut closed, mut unread) = (None, None);
        let heard = self.connection.hear(|opcode, payload| match opcode {
            // Nothing comes after it (RFC 6455, section 5.5.1).
            _ if closed.is_some() => {}
            frame::TEXT => match serde_json::from_slice(payload) {
                Ok(message) => arrived.push_back(message),
                Err(error) => unread = Some(io::Error::from(error)),
            },
            frame::PING => pings.push_back(payload.to_vec()),
            frame::CLOSE => closed = Some(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            _ => {}
        });
        let goes_on = heard.await;
        // What came before the end is looked at first.
        self.lost = match (closed, unread, goes_on) {
            (Some(code), ..) => Some(Lost::Closed(code)),
            (None, Some(error), _) | (None, None, Err(error)) => Some(error.into()),
            (None, None, Ok(false)) => Some(Lost::Ended),
            (None, None, Ok(true)) => None,
        };
        let writer = self.connection.writer();
        if let Some(Lost::Closed(code)) = &self.lost {
            // The answer that the server waits for; it may be gone already. Pings need none any more.
            let _gone = writer.close(code.unwrap_or(1000)).await;
            return Ok(());
        }
        while let Some(ping) = self.pings.front() {
            // Nobody may hear it any more. How the connection ended shows by reading, behind what came before that.
            let _gone = writer.pong(ping).await;
            self.pings.pop_front();
        }
        Ok(())
    }
}

/// What an answer says, typed.
fn read<T: serde::de::DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    match answer {
        Ok(result) => Ok(serde_json::from_value(result)?),
        Err(error) => Err(Error::Refused(serde_json::from_value(error)?)),
    }
}

#[cfg(test)]
mod tests;
