//! A client of the REST layer.

use crate::{PATIENCE, tenacious::ANSWER_TIME};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A signed-in user.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    base: String,
    /// The access token.
    pub token: String,
    /// The user's id.
    pub user: String,
}

impl Rest {
    /// Signs in.
    pub async fn sign_in(base: &str, email: &str, password: &str) -> Self {
        let mut rest =
            Self { client: client(), base: base.to_owned(), token: String::new(), user: String::new() };
        let answer = rest.post("/v1/auth/sign-in", json!({ "email": email, "password": password })).await;
        answer["accessToken"].as_str().expect("a token").clone_into(&mut rest.token);
        answer["user"]["id"].as_str().expect("a user").clone_into(&mut rest.user);
        rest
    }

    /// A program that calls with an API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { token: key.to_owned(), ..self.clone() }
    }

    /// The same user at another instance.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Reads, and expects success.
    pub async fn get(&self, path: &str) -> Value {
        self.expect(Method::GET, path, None).await
    }

    /// Writes, and expects success.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.expect(Method::POST, path, Some(body)).await
    }

    /// Deletes, and expects success.
    pub async fn delete(&self, path: &str) {
        self.expect(Method::DELETE, path, None).await;
    }

    /// Changes, and expects success.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        self.expect(Method::PATCH, path, Some(body)).await
    }

    async fn expect(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path} answered {status}: {answer}");
        answer
    }

    /// Reads a file: its status, media type and bytes.
    pub async fn file(&self, path: &str) -> (StatusCode, String, Vec<u8>) {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.send().await.expect("the server answers");
        let kind = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let (status, kind) = (answer.status(), kind.unwrap_or_default().to_owned());
        (status, kind, answer.bytes().await.expect("the whole file").to_vec())
    }

    /// Uploads a file to a room.
    pub async fn upload(
        &self,
        room: &str,
        name: &str,
        bytes: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let mut url =
            reqwest::Url::parse(&self.base).expect("a URL").join(&format!("/v1/rooms/{room}/attachments"));
        if let Ok(url) = &mut url {
            url.query_pairs_mut().append_pair("fileName", name);
        }
        let request = self.client.post(url.expect("a URL")).bearer_auth(&self.token).body(bytes);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Whether reading works at this moment.
    pub async fn can_get(&self, path: &str) -> bool {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        request.timeout(ANSWER_TIME).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Calls and returns whatever comes.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }
}

/// An HTTP client for a black box: everything that it talks to is on loopback.
#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        // Servers are killed and started again on the same address.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}
