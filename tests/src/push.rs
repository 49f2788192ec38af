//! A push service and its devices (RFC 8030): checks who pushes (RFC 8292), and decrypts what comes (RFC 8291).

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey},
    error::Unspecified,
    hmac,
    signature::{self, ECDSA_P256_SHA256_FIXED},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, sync::mpsc, task::AbortHandle};

/// What the service does with a push beside noting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Sends the pusher to a path of its own.
    Redirect,
    /// Takes it, and then sends 50 MB.
    Flood,
    /// Takes it, and never answers.
    Hang,
}

/// A push as it came.
#[derive(Debug)]
pub struct Pushed {
    /// For which device.
    pub device: String,
    headers: HeaderMap,
    body: Bytes,
}

struct Inner {
    pushes: mpsc::Sender<Pushed>,
    answers: Mutex<VecDeque<Answer>>,
}

/// A push service on this machine.
pub struct PushService {
    /// Its origin.
    pub base: String,
    inner: Arc<Inner>,
    pushes: mpsc::Receiver<Pushed>,
    server: AbortHandle,
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(
    State(inner): State<Arc<Inner>>,
    Path(device): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = inner.answers.lock().expect("not poisoned").pop_front().unwrap_or(Answer::Status(201));
    inner.pushes.send(Pushed { device, headers, body }).await.expect("the test lives");
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Answer::Redirect => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/push/elsewhere")]).into_response()
        }
        Answer::Flood => (StatusCode::CREATED, Body::from(vec![b'x'; 50 * 1024 * 1024])).into_response(),
        Answer::Hang => std::future::pending().await,
    }
}

impl PushService {
    /// Starts one.
    pub async fn start() -> Self {
        let (sender, pushes) = mpsc::channel(1024);
        let inner = Arc::new(Inner { pushes: sender, answers: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().route("/push/{device}", post(take)).with_state(Arc::clone(&inner));
        #[expect(clippy::disallowed_methods, reason = "ends with the test, by its handle")]
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self { base, inner, pushes, server }
    }

    /// Does this with the next push; called again, with the one after it.
    pub fn answer_next(&self, answer: Answer) {
        self.inner.answers.lock().expect("not poisoned").push_back(answer);
    }

    /// The next push, in time.
    pub async fn pushed(&mut self) -> Pushed {
        tokio::time::timeout(crate::PATIENCE, self.pushes.recv())
            .await
            .expect("a push, in time")
            .expect("it runs")
    }

    /// What has come and nobody has looked at.
    pub fn unread(&mut self) -> Vec<Pushed> {
        std::iter::from_fn(|| self.pushes.try_recv().ok()).collect()
    }
}

/// A device that has subscribed.
pub struct Device {
    name: String,
    own: PrivateKey,
    public_key: Vec<u8>,
    auth: [u8; 16],
}

impl Device {
    /// A device of this name, with keys of its own.
    pub fn new(name: &str) -> Self {
        let own = PrivateKey::generate(&ECDH_P256).expect("randomness");
        let public_key = own.compute_public_key().expect("it has one").as_ref().to_vec();
        Self { name: name.to_owned(), own, public_key, auth: *uuid::Uuid::new_v4().as_bytes() }
    }

    /// What its browser gives the page.
    pub fn subscription(&self, service: &str) -> Value {
        json!({
            "endpoint": format!("{service}/push/{}", self.name), "expirationTime": null,
            "keys": { "p256dh": BASE64.encode(&self.public_key), "auth": BASE64.encode(self.auth) },
        })
    }

    /// What a push for it says.
    pub fn decrypt(&self, push: &Pushed) -> Value {
        assert_eq!(push.device, self.name);
        assert_eq!(push.header("content-encoding"), "aes128gcm");
        assert!(push.body.len() <= 4096, "{} bytes", push.body.len());
        let (salt, rest) = push.body.split_at(16);
        let (record_bytes, rest) = rest.split_at(4);
        assert_eq!(record_bytes, 4096_u32.to_be_bytes());
        assert_eq!(rest[0], 65);
        let (sender, record) = rest[1..].split_at(65);
        let info = [b"WebPush: info\0".as_slice(), &self.public_key, sender].concat();
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let material = agreement::agree(&self.own, peer, Unspecified, |secret| {
            Ok(expand(&extract(&self.auth, secret), &info))
        });
        let pseudo_random = extract(salt, &material.expect("a point"));
        let key = expand(&pseudo_random, b"Content-Encoding: aes128gcm\0");
        let nonce = expand(&pseudo_random, b"Content-Encoding: nonce\0");
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).expect("12 bytes");
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).expect("16 bytes"));
        let mut record = record.to_vec();
        let text = key.open_in_place(nonce, Aad::empty(), &mut record).expect("it is for this device");
        let (delimiter, text) = text.split_last().expect("a delimiter");
        assert_eq!(*delimiter, 2, "it is the last record");
        serde_json::from_slice(text).expect("JSON")
    }
}

fn extract(salt: &[u8], material: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), material).as_ref().to_vec()
}

fn expand(pseudo_random: &[u8], info: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, pseudo_random);
    hmac::sign(&key, &[info, &[1]].concat()).as_ref().to_vec()
}

impl Pushed {
    /// A header field that must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().expect("text")
    }

    /// For how many seconds it may wait.
    pub fn ttl(&self) -> u64 {
        self.header("ttl").parse().expect("a number")
    }

    /// Checks who pushes: with the key that devices subscribe with, to this service alone, for at most a day.
    pub fn check_sender(&self, service: &str, public_key: &str, contact: &str) {
        let field = self.header("authorization").strip_prefix("vapid ").expect("the scheme");
        let parts: Vec<(&str, &str)> =
            field.split(',').map(|part| part.trim().split_once('=').expect("a parameter")).collect();
        let part = |name| parts.iter().find(|(found, _)| *found == name).expect("the parameter").1;
        assert_eq!(part("k"), public_key);
        let (signed, tag) = part("t").rsplit_once('.').expect("a signature");
        let key = BASE64.decode(public_key).expect("base64url");
        signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(signed.as_bytes(), &BASE64.decode(tag).expect("base64url"))
            .expect("signed by that key");
        let (head, claims) = signed.split_once('.').expect("two parts");
        let json =
            |part| serde_json::from_slice::<Value>(&BASE64.decode(part).expect("base64url")).expect("JSON");
        assert_eq!(json(head), json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = json(claims);
        assert_eq!((&claims["aud"], &claims["sub"]), (&json!(service), &json!(contact)));
        #[expect(clippy::disallowed_methods, reason = "the service has a clock of its own")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let left = claims["exp"].as_u64().expect("a time").checked_sub(now).expect("it has not expired");
        assert!((1..=24 * 60 * 60).contains(&left), "{left} s");
    }
}
