//! A client of the wire protocol for networks that let no WebSocket through: it hears by server-sent events and posts.

use crate::PATIENCE;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::{collections::VecDeque, time::Duration};
use tokio::time::timeout;

/// One connection.
pub struct EventStream {
    client: Client,
    /// The instance that is asked.
    pub base: String,
    /// The connection's name.
    pub id: String,
    /// What proves whose it is.
    pub secret: String,
    /// The last event that was heard.
    pub seen: u64,
    /// The number of the last batch.
    pub number: u64,
    next_id: u64,
    stream: Option<Response>,
    text: String,
    heard: VecDeque<Value>,
    /// What it was closed with.
    pub closed: Option<u16>,
    /// The result of `connection.open`.
    pub opened: Value,
}

impl EventStream {
    /// Opens one without saying who it is.
    pub async fn connect(base: &str) -> Self {
        let client = client();
        let answer = client.post(format!("{base}/v1/events")).send().await.expect("the hub answers");
        assert_eq!(answer.status(), 201);
        let begun: Value = answer.json().await.expect("an object");
        let text = |name: &str| begun[name].as_str().expect("a text").to_owned();
        Self {
            client,
            base: base.to_owned(),
            id: text("id"),
            secret: text("secret"),
            seen: 0,
            number: 0,
            next_id: 1,
            stream: None,
            text: String::new(),
            heard: VecDeque::new(),
            closed: None,
            opened: Value::Null,
        }
    }

    /// Opens one and authenticates.
    pub async fn open(base: &str, token: &str) -> Self {
        let mut events = Self::connect(base).await;
        events.opened = events.ask("connection.open", json!({ "token": token })).await;
        events
    }

    /// The connection's address at the instance that is asked.
    pub fn url(&self) -> String {
        format!("{}/v1/events/{}", self.base, self.id)
    }

    /// Asks for a stream, or for one answer with a query.
    pub async fn get(&self, query: &str) -> Response {
        let request = self.client.get(format!("{}{query}", self.url())).bearer_auth(&self.secret);
        request.header("last-event-id", self.seen.to_string()).send().await.expect("the hub answers")
    }

    /// Begins another stream behind what was heard.
    pub async fn follow(&mut self) {
        let answer = self.get("").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store, no-transform");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        self.text.clear();
        self.stream = Some(answer);
    }

    /// The stream is gone.
    pub fn cut(&mut self) {
        self.stream = None;
        self.text.clear();
    }

    /// Posts a batch as it is.
    pub async fn post(&self, body: String) -> StatusCode {
        self.try_post(body).await.expect("the hub answers")
    }

    /// The same where the hub may not read to the end.
    ///
    /// # Errors
    /// If it has ended the connection before.
    pub async fn try_post(&self, body: String) -> reqwest::Result<StatusCode> {
        let request = self.client.post(self.url()).bearer_auth(&self.secret).body(body);
        Ok(request.send().await?.status())
    }

    /// Says something, as the next batch.
    pub async fn say(&mut self, frames: &[Value]) {
        self.number += 1;
        let status = self.post(json!({ "number": self.number, "frames": frames }).to_string()).await;
        assert_eq!(status, 204);
    }

    /// Closes the connection.
    pub async fn leave(&self) -> StatusCode {
        let request = self.client.delete(self.url()).bearer_auth(&self.secret);
        request.send().await.expect("the hub answers").status()
    }

    /// Asks and expects a result.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.say(&[json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })]).await;
        let mut answer = self.hear(|message| message["id"] == id).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Waits for the next event called `method` that `fits`, keeping others for later.
    pub async fn event(&mut self, method: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut event = self.hear(|message| message["method"] == method && fits(&message["params"])).await;
        event["params"].take()
    }

    async fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        timeout(PATIENCE, async {
            loop {
                if let Some(at) = self.heard.iter().position(&wanted) {
                    return self.heard.remove(at).expect("just found");
                }
                assert!(self.closed.is_none(), "the server closes: {:?}", self.closed);
                self.read().await;
            }
        })
        .await
        .expect("the server says something in time")
    }

    /// Waits until the server closes; with which code.
    pub async fn closed_within(&mut self, patience: Duration) -> u16 {
        let close = async {
            loop {
                if let Some(code) = self.closed {
                    return code;
                }
                self.read().await;
            }
        };
        timeout(patience, close).await.expect("the server closes in time")
    }

    /// Reads what comes next, of the next stream if one has ended.
    async fn read(&mut self) {
        if self.stream.is_none() {
            self.follow().await;
        }
        let piece = self.stream.as_mut().expect("it was just begun").chunk().await;
        let Ok(Some(piece)) = piece else { return self.cut() };
        self.take(&String::from_utf8_lossy(&piece));
    }

    /// Takes what has come of an answer.
    pub fn take(&mut self, piece: &str) {
        self.text.push_str(piece);
        while let Some((event, rest)) = self.text.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            self.text = rest;
            let of = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let Some(data) = of("data") else { continue };
            let data: Value = serde_json::from_str(data).expect("events are JSON");
            match of("event") {
                Some("close") => self.closed = data["code"].as_u64().and_then(|code| code.try_into().ok()),
                Some(_) => {}
                None => {
                    let id: u64 = of("id").and_then(|id| id.parse().ok()).expect("a number");
                    assert_eq!(id, self.seen + 1, "nothing is missing, nothing comes twice");
                    self.seen = id;
                    self.heard.push_back(data);
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}
