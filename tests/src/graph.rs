//! A stand-in for Meta's Graph API that checks a reply as strictly as the real one.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, OnceLock},
};
use tokio::{
    net::TcpListener,
    sync::{OwnedMutexGuard, mpsc},
    task::AbortHandle,
};

/// A reply that was accepted.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The id it was given.
    pub id: String,
    /// The customer's number.
    pub to: String,
    /// What it says.
    pub text: String,
    /// What every status about it carries: the sender's own name for it.
    pub callback_data: String,
}

struct Inner {
    phone_number_id: Mutex<String>,
    access_token: Mutex<String>,
    replies: mpsc::Sender<Reply>,
    /// What customers sent, by id: media type and bytes.
    files: Mutex<BTreeMap<String, (&'static str, Vec<u8>)>>,
    /// Where a file is said to be, if that is not here.
    elsewhere: Mutex<BTreeMap<String, String>>,
    base: OnceLock<String>,
    /// How the next requests are refused, whatever they say: HTTP status and Meta's code.
    refusals: Mutex<VecDeque<(StatusCode, u32)>>,
    /// Answers wait while this is held: the reply has been taken, and nobody has been told.
    answers: Arc<tokio::sync::Mutex<()>>,
}

/// The running stand-in. It ends when dropped.
pub struct Graph {
    /// Its base URL.
    pub base: String,
    inner: Arc<Inner>,
    replies: mpsc::Receiver<Reply>,
    server: AbortHandle,
}

impl Graph {
    /// Starts one for a channel that [`Self::expect`] names later.
    pub async fn start() -> Self {
        let (sender, replies) = mpsc::channel(1024);
        let inner = Arc::new(Inner {
            phone_number_id: Mutex::default(),
            access_token: Mutex::default(),
            replies: sender,
            files: Mutex::default(),
            elsewhere: Mutex::default(),
            base: OnceLock::new(),
            refusals: Mutex::default(),
            answers: Arc::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        inner.base.set(base.clone()).expect("once");
        let app = Router::new()
            .route("/{version}/{phone}/messages", post(message))
            .route("/{version}/{media}", get(file_address))
            .route("/files/of/{media}", get(file))
            .with_state(Arc::clone(&inner));
        #[expect(clippy::disallowed_methods, reason = "ends with the test, by its handle")]
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self { base, inner, replies, server }
    }

    /// Accept replies of this number with this token only.
    pub fn expect(&self, phone_number_id: &str, access_token: &str) {
        phone_number_id.clone_into(&mut self.inner.phone_number_id.lock().expect("not poisoned"));
        access_token.clone_into(&mut self.inner.access_token.lock().expect("not poisoned"));
    }

    /// Keep a file that a customer sent.
    pub fn keep(&self, id: &str, mime_type: &'static str, bytes: &[u8]) {
        let mut files = self.inner.files.lock().expect("not poisoned");
        files.insert(id.to_owned(), (mime_type, bytes.to_vec()));
    }

    /// Say that a file is at `url`, whoever is there.
    pub fn keep_at(&self, id: &str, url: &str) {
        self.keep(id, "image/jpeg", &[]);
        self.inner.elsewhere.lock().expect("not poisoned").insert(id.to_owned(), url.to_owned());
    }

    /// Refuse the next request like this; called again, the one after it.
    pub fn refuse_next(&self, status: u16, code: u32) {
        let status = StatusCode::from_u16(status).expect("an HTTP status");
        self.inner.refusals.lock().expect("not poisoned").push_back((status, code));
    }

    /// Refusals that nobody has met yet.
    pub fn refusals_left(&self) -> usize {
        self.inner.refusals.lock().expect("not poisoned").len()
    }

    /// Take replies and keep the answers back until what is returned is dropped.
    pub async fn hold_answers(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.inner.answers).lock_owned().await
    }

    /// The next accepted reply.
    pub async fn reply(&mut self) -> Reply {
        tokio::time::timeout(crate::PATIENCE, self.replies.recv())
            .await
            .expect("a reply in time")
            .expect("the stand-in runs")
    }

    /// The next accepted reply, however long it takes.
    pub async fn next(&mut self) -> Option<Reply> {
        self.replies.recv().await
    }

    /// Replies that have been accepted and not been looked at.
    pub fn pending(&self) -> usize {
        self.replies.len()
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn message(
    State(inner): State<Arc<Inner>>,
    Path((version, phone)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let refusal = inner.refusals.lock().expect("not poisoned").pop_front();
    if let Some((status, code)) = refusal {
        return refuse(status, code, "As the test wants it");
    }
    let token = inner.access_token.lock().expect("not poisoned").clone();
    if header("authorization") != format!("Bearer {token}") {
        return refuse(StatusCode::UNAUTHORIZED, 190, "Invalid OAuth access token");
    }
    let numbered = version.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok());
    if !numbered || phone != *inner.phone_number_id.lock().expect("not poisoned") {
        return refuse(StatusCode::BAD_REQUEST, 33, "Object does not exist");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(StatusCode::BAD_REQUEST, 100, "Invalid JSON");
    };
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some("whatsapp"), Some("individual"), Some("text"), Some(to), Some(said)) =
        (text("/messaging_product"), text("/recipient_type"), text("/type"), text("/to"), text("/text/body"))
    else {
        return refuse(StatusCode::BAD_REQUEST, 100, "Invalid parameter");
    };
    if !header("content-type").starts_with("application/json") || said.chars().count() > 4096 {
        return refuse(StatusCode::BAD_REQUEST, 100, "Invalid parameter");
    }
    let callback_data = text("/biz_opaque_callback_data").unwrap_or_default().to_owned();
    let id = format!("wamid.{}", uuid::Uuid::new_v4().simple());
    let reply = Reply { id: id.clone(), to: to.to_owned(), text: said.to_owned(), callback_data };
    if inner.replies.send(reply).await.is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, 131_000, "Something went wrong");
    }
    drop(inner.answers.lock().await);
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": to, "wa_id": to }],
        "messages": [{ "id": id }],
    });
    (StatusCode::OK, Json(answer))
}

fn is_authorised(inner: &Inner, headers: &HeaderMap) -> bool {
    let token = inner.access_token.lock().expect("not poisoned").clone();
    headers.get("authorization").is_some_and(|value| value == format!("Bearer {token}").as_str())
}

/// Where a file is, for five minutes.
async fn file_address(
    State(inner): State<Arc<Inner>>,
    Path((_, media)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> (StatusCode, Json<Value>) {
    if !is_authorised(&inner, &headers) {
        return refuse(StatusCode::UNAUTHORIZED, 190, "Invalid OAuth access token");
    }
    if let Some((status, code)) = inner.refusals.lock().expect("not poisoned").pop_front() {
        return refuse(status, code, "Something went wrong");
    }
    let number = inner.phone_number_id.lock().expect("not poisoned").clone();
    let files = inner.files.lock().expect("not poisoned");
    match files.get(&media).filter(|_| query.get("phone_number_id") == Some(&number)) {
        Some((mime_type, bytes)) => {
            let here = || format!("{}/files/of/{media}", inner.base.get().expect("set"));
            let url = inner.elsewhere.lock().expect("not poisoned").get(&media).cloned().unwrap_or_else(here);
            let about = json!({ "messaging_product": "whatsapp", "url": url, "mime_type": mime_type,
                                "sha256": "", "file_size": bytes.len(), "id": media });
            (StatusCode::OK, Json(about))
        }
        None => refuse(StatusCode::BAD_REQUEST, 100, "Unsupported get request"),
    }
}

async fn file(State(inner): State<Arc<Inner>>, Path(media): Path<String>, headers: HeaderMap) -> Response {
    if !is_authorised(&inner, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let found = inner.files.lock().expect("not poisoned").get(&media).cloned();
    match found {
        Some((mime_type, bytes)) => ([("content-type", mime_type)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn refuse(status: StatusCode, code: u32, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": { "message": message, "type": "OAuthException", "code": code } })))
}
