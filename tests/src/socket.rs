//! A WebSocket client that speaks the wire protocol.

use crate::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{Error, Message},
};

/// One connection, opened with a token.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    /// Events that came while something else was waited for.
    events: VecDeque<Value>,
    /// The result of `connection.open`.
    pub opened: Value,
    /// Bytes of the frames that were read since the handshake, with their headers.
    pub bytes_read: usize,
}

impl Socket {
    /// Connects to `base` (`http://…`) without saying who it is.
    pub async fn connect(base: &str) -> Self {
        let url = format!("{}/v1/ws", base.replacen("http", "ws", 1));
        #[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
        let (stream, _) = connect_async(url).await.expect("the hub accepts sockets");
        Self { stream, next_id: 1, events: VecDeque::new(), opened: Value::Null, bytes_read: 0 }
    }

    /// Connects, takes little from the network before it is read, and authenticates.
    pub async fn open_narrow(base: &str, token: &str) -> Self {
        let address = base.trim_start_matches("http://");
        let narrow = TcpSocket::new_v4().expect("a socket");
        narrow.set_recv_buffer_size(4096).expect("a small buffer");
        #[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
        let stream = narrow.connect(address.parse().expect("an address")).await.expect("a connection");
        let url = format!("ws://{address}/v1/ws");
        let (stream, _) =
            client_async(url, MaybeTlsStream::Plain(stream)).await.expect("the hub accepts sockets");
        let mut socket =
            Self { stream, next_id: 1, events: VecDeque::new(), opened: Value::Null, bytes_read: 0 };
        socket.opened = socket.ask("connection.open", json!({ "token": token })).await;
        socket
    }

    /// Connects and authenticates.
    pub async fn open(base: &str, token: &str) -> Self {
        let mut socket = Self::connect(base).await;
        socket.opened = socket.ask("connection.open", json!({ "token": token })).await;
        socket
    }

    /// This device's name.
    pub fn connection_id(&self) -> String {
        self.opened["connectionId"].as_str().expect("the connection is open").to_owned()
    }

    /// Asks and expects a result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method} failed: {error}"))
    }

    /// Asks; `Err` is the JSON-RPC error.
    pub async fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.next_id;
        self.next_id += 1;
        self.send_raw(Message::text(
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string(),
        ))
        .await;
        loop {
            let mut message = self.receive().await;
            if message["id"] == id {
                return match message.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(message["result"].take()),
                };
            }
            self.events.push_back(message);
        }
    }

    /// Waits for the next event called `method` that `fits`, keeping others for later.
    pub async fn event(&mut self, method: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.event_within(PATIENCE, method, fits).await
    }

    /// The same, for what takes longer to come. `patience` is for each message that comes before it.
    pub async fn event_within(
        &mut self,
        patience: Duration,
        method: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let wanted = |message: &Value| message["method"] == method && fits(&message["params"]);
        if let Some(at) = self.events.iter().position(wanted) {
            return self.events.remove(at).expect("just found")["params"].take();
        }
        loop {
            let mut message = self.receive_within(patience).await;
            if wanted(&message) {
                return message["params"].take();
            }
            self.events.push_back(message);
        }
    }

    /// The next of these events, as it came, keeping others for later.
    pub async fn event_of(&mut self, methods: &[&str]) -> Value {
        let wanted = |message: &Value| methods.iter().any(|method| message["method"] == **method);
        if let Some(at) = self.events.iter().position(wanted) {
            return self.events.remove(at).expect("just found");
        }
        loop {
            let message = self.receive().await;
            if wanted(&message) {
                return message;
            }
            self.events.push_back(message);
        }
    }

    /// Whether an event called `method` has come that nobody waited for, up to an answer that the
    /// server gives from here on: whatever it had sent before is read first. "No" means something.
    pub async fn has_seen(&mut self, method: &str) -> bool {
        self.try_ask("no.such.method", Value::Null).await.expect_err("there is no such method");
        self.has_read(method)
    }

    /// Whether such an event is among what was read while something else was waited for. "No" says
    /// nothing about what waits on the network.
    pub fn has_read(&self, method: &str) -> bool {
        self.events.iter().any(|message| message["method"] == method)
    }

    /// Answers pings and keeps events for later, for as long as it is polled.
    pub async fn idle(&mut self) -> Infallible {
        loop {
            let message = self.read().await.expect("the socket stays open").expect("the socket works");
            if let Message::Text(text) = message {
                self.events.push_back(serde_json::from_str(&text).expect("the server speaks JSON"));
            }
        }
    }

    /// Answers pings and forgets what comes, for as long as it is polled.
    pub async fn forget(&mut self) -> Infallible {
        loop {
            self.read().await.expect("the socket stays open").expect("the socket works");
        }
    }

    /// Sends a frame as it is, well-formed or not.
    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket is open");
    }

    async fn read(&mut self) -> Option<Result<Message, Error>> {
        let message = self.stream.next().await?;
        if let Ok(message) = &message {
            let header = match message.len() {
                0..126 => 2,
                126..0x1_0000 => 4,
                _ => 10,
            };
            self.bytes_read += header + message.len();
        }
        Some(message)
    }

    /// The next message that says something.
    pub async fn receive(&mut self) -> Value {
        self.receive_within(PATIENCE).await
    }

    async fn receive_within(&mut self, patience: Duration) -> Value {
        let text = async {
            loop {
                let message = self.read().await.expect("the socket stays open");
                match message.expect("the socket works") {
                    Message::Text(text) => return text,
                    Message::Close(frame) => panic!("the server closes the socket: {frame:?}"),
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            }
        };
        // Over all of it: pings are nothing that was said.
        let text = tokio::time::timeout(patience, text).await.expect("the server says something in time");
        serde_json::from_str(&text).expect("the server speaks JSON")
    }

    /// Waits for the server to close the socket and returns the code; `None` without a close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        self.closed_within(PATIENCE).await
    }

    /// The same, for closes that take longer.
    pub async fn closed_within(&mut self, patience: Duration) -> Option<u16> {
        let close = async {
            loop {
                match self.read().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(patience, close).await.expect("the server closes in time")
    }
}
