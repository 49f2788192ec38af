//! A [`Client`] as a test wants it: what is not as expected is a failure, and nothing is waited for without end.

use crate::PATIENCE;
use serde_json::{Value, json};
use signalling_client::{Answer, Client, Lost};
use std::{convert::Infallible, time::Duration};
use tokio::{net::TcpSocket, time::timeout};

/// One connection, opened with a token.
pub struct Socket {
    client: Client,
    /// The result of `connection.open`.
    pub opened: Value,
}

/// `host:port` of `http://host:port`.
pub(crate) fn address(base: &str) -> &str {
    base.trim_start_matches("http://")
}

impl Socket {
    /// Connects to `base` (`http://…`) without saying who it is.
    pub async fn connect(base: &str) -> Self {
        let client = Client::connect(address(base)).await.expect("the hub accepts sockets");
        Self::of(client)
    }

    fn of(client: Client) -> Self {
        Self { client: client.answering_within(PATIENCE), opened: Value::Null }
    }

    /// Connects, takes little from the network before it is read, and authenticates.
    pub async fn open_narrow(base: &str, token: &str) -> Self {
        let address = address(base);
        let narrow = TcpSocket::new_v4().expect("a socket");
        narrow.set_recv_buffer_size(4096).expect("a small buffer");
        #[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
        let stream = narrow.connect(address.parse().expect("an address")).await.expect("a connection");
        let client = Client::by(stream, address).await.expect("the hub accepts sockets");
        Self::of(client).authenticated(token).await
    }

    /// Connects and authenticates.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::connect(base).await.authenticated(token).await
    }

    async fn authenticated(mut self, token: &str) -> Self {
        self.opened = self.ask("connection.open", json!({ "token": token })).await;
        self
    }

    /// This device's name.
    pub fn connection_id(&self) -> String {
        self.opened["connectionId"].as_str().expect("the connection is open").to_owned()
    }

    /// Bytes that were read since the handshake.
    pub fn bytes_read(&self) -> usize {
        self.client.bytes_read().try_into().expect("a test reads less")
    }

    /// Asks and expects a result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method} failed: {error}"))
    }

    /// Asks; `Err` is the JSON-RPC error.
    pub async fn try_ask(&mut self, method: &str, params: Value) -> Answer {
        self.client.request_json(method, &params).await.unwrap_or_else(|lost| panic!("{method}: {lost}"))
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
        self.wait_for(patience, wanted).await["params"].take()
    }

    /// The next of these events, as it came, keeping others for later.
    pub async fn event_of(&mut self, methods: &[&str]) -> Value {
        self.wait_for(PATIENCE, |message| methods.iter().any(|method| message["method"] == **method)).await
    }

    async fn wait_for(&mut self, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(kept) = self.client.take_kept(&wanted) {
            return kept;
        }
        loop {
            let message = self.receive_within(patience).await;
            if wanted(&message) {
                return message;
            }
            self.client.keep(message);
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
        self.client.has_kept(|message| message["method"] == method)
    }

    /// Answers pings and keeps events for later, for as long as it is polled.
    pub async fn idle(&mut self) -> Infallible {
        loop {
            let message = open(self.client.message().await);
            self.client.keep(message);
        }
    }

    /// Answers pings and forgets what comes, for as long as it is polled.
    pub async fn forget(&mut self) -> Infallible {
        loop {
            open(self.client.message().await);
        }
    }

    /// Sends a text as it is, well-formed or not.
    pub async fn send_text(&mut self, text: &str) {
        open(self.client.send_text(text).await);
    }

    /// The next message that says something.
    pub async fn receive(&mut self) -> Value {
        self.receive_within(PATIENCE).await
    }

    async fn receive_within(&mut self, patience: Duration) -> Value {
        open(timeout(patience, self.client.message()).await.expect("the server says something in time"))
    }

    /// Waits for the server to close the socket and returns the code; `None` without a close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        self.closed_within(PATIENCE).await
    }

    /// The same, for closes that take longer.
    pub async fn closed_within(&mut self, patience: Duration) -> Option<u16> {
        timeout(patience, self.client.closed()).await.expect("the server closes in time")
    }
}

/// What an open connection gives.
fn open<T>(outcome: Result<T, Lost>) -> T {
    outcome.unwrap_or_else(|lost| panic!("the socket stays open: {lost}"))
}
