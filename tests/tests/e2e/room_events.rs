//! Webhooks are told what happens in calls: each thing once, in order, signed, whichever instance and media node is there
//! to say so.

use aws_lc_rs::hmac;
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use local_services::{
    postgres::{Postgres, PostgresOptions},
    scratch::Scratch,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use switchboard_tests::{
    PATIENCE, eventually,
    installation::{Account, Installation},
    native::Kind,
    server::Server,
    socket::Socket,
    whip::Whip,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

const EVENTS: [&str; 7] = [
    "roomStarted",
    "roomEnded",
    "participantJoined",
    "participantLeft",
    "trackPublished",
    "trackUnpublished",
    "recordingReady",
];

/// Longer than it takes until a node that is gone is missed, and who was there with it.
const LONG: Duration = Duration::from_secs(150);

/// A program that is told, and what it was told, by number.
struct Program {
    taken: mpsc::Receiver<(HeaderMap, String)>,
    key: hmac::Key,
    told: BTreeMap<u64, Value>,
    serves: JoinHandle<std::io::Result<()>>,
}

async fn take(State(taken): State<mpsc::Sender<(HeaderMap, String)>>, headers: HeaderMap, body: String) {
    taken.send((headers, body)).await.expect("the test listens");
}

impl Program {
    /// Starts one and has the account tell it of rooms.
    async fn of(account: &Account) -> Self {
        let (sender, taken) = mpsc::channel(64);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(take)).with_state(sender);
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        let serves = tokio::spawn(async move { axum::serve(listener, router).await });
        let hook = json!({ "kind": "standard", "url": url, "events": EVENTS });
        let hook = account.admin.post("/v1/webhooks", hook).await;
        assert_eq!(hook["subject"], "rooms");
        let key = hook["secret"].as_str().and_then(|secret| secret.strip_prefix("whsec_")).expect("a secret");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64.decode(key).expect("base64"));
        Self { taken, key, told: BTreeMap::new(), serves }
    }

    /// Takes what comes until there are so many events, or nothing for `patience`.
    async fn take(&mut self, count: usize, patience: Duration) {
        while self.told.len() < count {
            let next = tokio::time::timeout(patience, self.taken.recv()).await;
            let (headers, body) =
                next.unwrap_or_else(|_| panic!("told in time: {:?}", self.names())).expect("it is served");
            let header = |name: &str| headers[name].to_str().expect("text").to_owned();
            let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
            let signature = header("webhook-signature");
            let tag = BASE64.decode(signature.strip_prefix("v1,").expect("a scheme")).expect("base64");
            hmac::verify(&self.key, signed.as_bytes(), &tag).expect("the signature is right");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["type"], body["data"]["event"]["type"]);
            let seq = body["data"]["seq"].as_u64().expect("a number");
            // An attempt whose outcome a killed server or Postgres did not keep is made again; what it says is the same.
            if let Some(known) = self.told.insert(seq, body) {
                assert_eq!(known, self.told[&seq]);
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.told.values().map(|body| body["type"].as_str().expect("a name")).collect()
    }

    /// The names of all events, which are numbered without a gap.
    fn in_order(&self) -> Vec<&str> {
        let numbers: Vec<u64> = self.told.keys().copied().collect();
        assert!(numbers.iter().zip(1..).all(|(number, at)| *number == at), "{numbers:?}");
        self.names()
    }

    /// Nothing was told beyond what was taken: the next numbers are those of what happens now, in a room of its own.
    async fn is_all(&mut self, server: &Server, account: &Account) {
        let count = self.told.len();
        let room = account.room("Last").await;
        let _somebody = join(server, account, &room).await;
        self.take(count + 2, PATIENCE).await;
        assert_eq!(self.in_order()[count..], ["roomStarted", "participantJoined"]);
        let last = self.told.values().next_back().expect("it was told");
        assert_eq!(last["data"]["event"]["room"]["id"], room);
    }

    fn event(&self, seq: u64) -> &Value {
        &self.told[&seq]["data"]["event"]
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

async fn installation() -> Installation {
    open(Installation::new().await.clustered())
}

/// One that may deliver to programs on this machine.
fn open(mut installation: Installation) -> Installation {
    installation.set("SWITCHBOARD_EGRESS__ALLOW", "[\"127.0.0.1/32\"]");
    installation
}

async fn join(server: &Server, account: &Account, room: &str) -> Socket {
    let mut socket = Socket::open(&server.base, &account.admin.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    socket.ask("media.join", json!({ "roomId": room })).await;
    socket
}

/// Two instances of everything, and a hub that is killed with somebody connected to it.
#[tokio::test]
async fn what_happens_in_a_call_is_told_once_in_order_and_signed_whichever_instances_people_are_at() {
    let installation = installation().await;
    let (a, b) = (installation.server(), installation.server());
    let hub = installation.role("signalling", "127.0.0.1:0");
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut program = Program::of(&account).await;
    let mut ada = join(&a, &account, &room).await;
    program.take(2, PATIENCE).await;
    let mut ben = join(&b, &account, &room).await;
    program.take(3, PATIENCE).await;
    ada.ask("media.publish", json!({ "roomId": room, "tracks": [{ "source": "camera" }] })).await;
    ada.ask("media.publish", json!({ "roomId": room, "tracks": [{ "source": "screen" }] })).await;
    program.take(6, PATIENCE).await;
    ben.ask("media.leave", json!({ "roomId": room })).await;
    program.take(7, PATIENCE).await;
    let cleo = join(&hub, &account, &room).await;
    program.take(8, PATIENCE).await;
    hub.kill();
    program.take(9, LONG).await;
    drop(cleo);
    ada.ask("media.leave", json!({ "roomId": room })).await;
    program.take(12, PATIENCE).await;
    assert_eq!(
        program.in_order(),
        [
            "roomStarted",
            "participantJoined",
            "participantJoined",
            "trackPublished",
            "trackUnpublished",
            "trackPublished",
            "participantLeft",
            "participantJoined",
            "participantLeft",
            "trackUnpublished",
            "participantLeft",
            "roomEnded",
        ]
    );
    let started = &program.event(1)["room"];
    assert_eq!((&started["id"], &started["name"]), (&json!(room), &json!("Lobby")));
    assert_eq!(&program.event(12)["room"], started);
    let participant = &program.event(2)["participant"];
    assert_eq!(participant["connectionId"], ada.connection_id());
    assert_eq!(participant["isGuest"], false);
    let tracks = [4, 5, 6].map(|seq| &program.event(seq)["track"]["source"]);
    assert_eq!(tracks, ["camera", "camera", "screen"]);
    let left = [7, 9, 11].map(|seq| &program.event(seq)["reason"]);
    assert_eq!(left, ["left", "connectionLost", "left"]);
    program.is_all(&b, &account).await;
}

/// Who is moved, or comes back elsewhere, never left, and the room was never over, until nobody is there to say so.
#[tokio::test]
async fn calls_go_on_at_other_media_nodes_untold_and_what_goes_on_nowhere_ends_at_last() {
    let installation = installation().await;
    let hub = installation.role("api,signalling,inbox", "127.0.0.1:0");
    let first = installation.role("sfu", "127.0.0.1:0");
    let account = installation.account("acme", &hub).await;
    let room = account.room("Lobby").await;
    let mut program = Program::of(&account).await;
    let mut ada = join(&hub, &account, &room).await;
    let _ben = join(&hub, &account, &room).await;
    program.take(3, PATIENCE).await;
    let second = installation.role("sfu", "127.0.0.1:0");
    first.terminate();
    tokio::task::spawn_blocking(move || first.ended()).await.expect("it ends in order");
    ada.ask("media.publish", json!({ "roomId": room, "tracks": [{ "source": "camera" }] })).await;
    program.take(4, PATIENCE).await;
    let third = installation.role("sfu", "127.0.0.1:0");
    second.kill();
    eventually("Ada is back", PATIENCE, async || {
        ada.try_ask("media.join", json!({ "roomId": room })).await.is_ok()
    })
    .await;
    program.take(5, PATIENCE).await;
    third.kill();
    let _fourth = installation.role("sfu", "127.0.0.1:0");
    program.take(8, LONG).await;
    assert_eq!(
        program.in_order(),
        [
            "roomStarted",
            "participantJoined",
            "participantJoined",
            "trackPublished",
            "trackUnpublished",
            "participantLeft",
            "participantLeft",
            "roomEnded",
        ]
    );
    assert_eq!([6, 7].map(|seq| &program.event(seq)["reason"]), ["serverLost", "serverLost"]);
    assert_eq!(program.event(8)["room"], program.event(1)["room"]);
    program.is_all(&hub, &account).await;
}

/// Whoever begins to listen in the middle of a call is told of it, though nothing happens in it.
#[tokio::test]
async fn a_call_that_goes_on_is_told_of_and_a_recording_once_it_can_be_fetched() {
    let installation = installation().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let _ada = join(&server, &account, &room).await;
    let mut program = Program::of(&account).await;
    program.take(2, PATIENCE).await;
    let recordings = format!("/v1/rooms/{room}/recordings");
    let (status, begun) = account.admin.call(Method::POST, &recordings, None).await;
    assert_eq!(status, StatusCode::CREATED, "{begun}");
    let id = begun["id"].as_str().expect("an id");
    let (status, stopped) = account.admin.call(Method::POST, &format!("{recordings}/{id}/stop"), None).await;
    assert!(status.is_success(), "{stopped}");
    program.take(3, PATIENCE).await;
    assert_eq!(program.in_order(), ["roomStarted", "participantJoined", "recordingReady"]);
    let recording = &program.event(3)["recording"];
    assert_eq!((&recording["id"], &recording["status"]), (&json!(id), &json!("ended")));
    assert!(account.admin.can_get(&format!("{recordings}/{id}/manifest")).await);
}

#[tokio::test]
async fn a_guest_who_publishes_over_http_is_told_of_like_everybody() {
    let installation = installation().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Stage").await;
    let mut program = Program::of(&account).await;
    let key = json!({ "name": "Studio", "permissions": ["rooms.read", "rooms.manage"] });
    let key = account.admin.post("/v1/api-keys", key).await;
    let studio = account.admin.with_key(key["key"].as_str().expect("a key"));
    let guest = json!({ "guest": { "identity": "encoder", "name": "Encoder" }, "rights": ["media.send"] });
    let minted = studio.post(&format!("/v1/rooms/{room}/join-tokens"), guest).await;
    let token = minted["token"].as_str().expect("a token");
    let encoder = Whip::publish(&server.base, token, &room, &[Kind::Video]).await;
    program.take(3, PATIENCE).await;
    assert_eq!(encoder.end(&server.base).await, StatusCode::OK);
    program.take(6, PATIENCE).await;
    assert_eq!(
        program.in_order(),
        [
            "roomStarted",
            "participantJoined",
            "trackPublished",
            "trackUnpublished",
            "participantLeft",
            "roomEnded",
        ]
    );
    let participant = &program.event(2)["participant"];
    assert_eq!(participant["connectionId"], encoder.id().to_string());
    assert_eq!((&participant["name"], &participant["isGuest"]), (&json!("Encoder"), &json!(true)));
    assert_eq!(program.event(3)["participant"], *participant);
    assert_eq!(program.event(3)["track"]["kind"], "video");
    assert_eq!(program.event(5)["reason"], "left");
}

/// Calls go on, and what happened in them meanwhile is told when the database is there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_postgres_is_away_is_told_afterwards() {
    let directory = Scratch::new().expect("a directory");
    let options = PostgresOptions::durable(directory.path().join("pg"));
    let postgres = Postgres::start(&options).expect("Postgres starts");
    let installation = open(Installation::with_own_postgres(&postgres).await);
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let mut program = Program::of(&account).await;
    let mut ada = join(&server, &account, &room).await;
    let mut ben = join(&server, &account, &room).await;
    program.take(3, PATIENCE).await;
    drop(postgres);
    ben.ask("media.publish", json!({ "roomId": room, "tracks": [{ "source": "camera" }] })).await;
    ben.ask("media.leave", json!({ "roomId": room })).await;
    ada.ask("media.leave", json!({ "roomId": room })).await;
    let _postgres = Postgres::start(&options).expect("Postgres starts again");
    program.take(8, LONG).await;
    assert_eq!(
        program.in_order()[3..],
        ["trackPublished", "trackUnpublished", "participantLeft", "participantLeft", "roomEnded"]
    );
    let left = [6, 7].map(|seq| &program.event(seq)["participant"]["connectionId"]);
    assert_eq!(left, [&json!(ben.connection_id()), &json!(ada.connection_id())]);
}
