//! A WebSocket client that outlives its server: whatever is lost is an error, not a failure of the test.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// How long an answer may take before the connection is given up. Short: what is asked for in the middle of a
/// fault and never answered is asked for again while there is time to be well again.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(4);

/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a request has no result.
#[derive(Debug)]
pub enum NoAnswer {
    /// The connection is gone, or says nothing.
    Gone,
    /// The server refused, with this error.
    Refused(Value),
}

/// An authenticated connection.
pub struct Tenacious {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    events: VecDeque<Value>,
    /// What the server calls it.
    pub id: String,
}

impl Tenacious {
    /// Connects to `base` and authenticates, again and again until it works.
    pub async fn open(base: &str, token: &str) -> Self {
        Self::open_any(&[base], 0, token).await
    }

    /// Connects to the first of `bases` that takes it, beginning with number `first`, again and again until one does.
    pub async fn open_any(bases: &[impl AsRef<str>], first: usize, token: &str) -> Self {
        for base in bases.iter().cycle().skip(first % bases.len()) {
            if let Ok(Ok(client)) = timeout(ANSWER_TIME, Self::try_open(base.as_ref(), token)).await {
                return client;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("there is nowhere to connect to")
    }

    async fn try_open(base: &str, token: &str) -> Result<Self, NoAnswer> {
        let url = format!("{}/v1/ws", base.replacen("http", "ws", 1));
        #[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
        let (stream, _) = connect_async(url).await.map_err(|_| NoAnswer::Gone)?;
        let mut client = Self { stream, next_id: 1, events: VecDeque::new(), id: String::new() };
        let opened = client.ask("connection.open", &json!({ "token": token })).await?;
        opened["connectionId"].as_str().expect("it has a name").clone_into(&mut client.id);
        Ok(client)
    }

    /// Asks and waits for the answer; events that come meanwhile are kept.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ask(&mut self, method: &str, params: &Value) -> Result<Value, NoAnswer> {
        let id = self.next_id;
        self.next_id += 1;
        let frame = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        timeout(ANSWER_TIME, async {
            self.stream.send(Message::text(frame)).await.map_err(|_| NoAnswer::Gone)?;
            loop {
                let mut message = self.read().await?;
                if message["id"] != id {
                    self.events.push_back(message);
                } else if message["error"].is_null() {
                    return Ok(message["result"].take());
                } else {
                    return Err(NoAnswer::Refused(message["error"].take()));
                }
            }
        })
        .await
        .unwrap_or(Err(NoAnswer::Gone))
    }

    /// The next event, however long it takes.
    ///
    /// # Errors
    /// [`NoAnswer::Gone`].
    pub async fn event(&mut self) -> Result<Value, NoAnswer> {
        match self.events.pop_front() {
            Some(event) => Ok(event),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Result<Value, NoAnswer> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|_| NoAnswer::Gone);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(NoAnswer::Gone),
                Some(Ok(_)) => {}
            }
        }
    }
}
