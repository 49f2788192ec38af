//! A page in Firefox, by WebDriver BiDi (W3C) as far as somebody in front of a page needs it.

use crate::MEDIA_PATIENCE;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use local_services::firefox::Firefox;
use serde_json::{Value, json};
use signalling_client::{Connection, frame};
use std::{path::Path, time::Duration};
use tokio::{sync::Mutex, time::timeout};

/// A camera and a microphone that need no permission, and nothing for the network.
const PREFERENCES: &[(&str, &str)] = &[
    ("media.navigator.streams.fake", "true"),
    // Whoever may use devices is known, and gathers more than the address that the world is reached by: loopback, too.
    ("permissions.default.camera", "1"),
    ("permissions.default.microphone", "1"),
    ("media.peerconnection.ice.loopback", "true"),
    ("media.peerconnection.ice.obfuscate_host_addresses", "false"),
    // Ten pictures a second are as good as thirty, and a third of the work on a machine without a graphics card.
    ("media.navigator.video.default_fps", "10"),
    ("layout.frame_rate", "15"),
    // Each process that waits for a page that is never opened has cost a start.
    ("dom.ipc.processPrelaunch.enabled", "false"),
    ("fission.autostart", "false"),
    // Sound plays without a gesture.
    ("media.autoplay.default", "0"),
    ("media.autoplay.blocking_policy", "0"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("app.normandy.enabled", "false"),
    ("nimbus.rollouts.enabled", "false"),
];

/// How long the first answer may take. Firefox listens before it has a window, and answers once it has one: where
/// others keep the processors busy, long after.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// One page. Dropping it ends its Firefox.
pub(super) struct Page {
    /// The id of the page.
    context: String,
    wire: Mutex<Wire>,
    _firefox: Firefox,
}

/// Commands and their answers.
struct Wire {
    connection: Connection,
    last_id: u64,
    /// Messages that nobody has looked at yet.
    arrived: Vec<Value>,
}

impl Page {
    /// Starts a Firefox of its own whose profile is in `directory`.
    pub(super) async fn start(directory: &Path) -> Self {
        let firefox = Firefox::start(directory, PREFERENCES).expect("Firefox starts");
        let connection = Connection::connect(firefox.address(), "/session").await.expect("it speaks BiDi");
        let wire = Wire { connection, last_id: 0, arrived: Vec::new() };
        let mut page = Self { context: String::new(), wire: Mutex::new(wire), _firefox: firefox };
        page.ask_within(START_PATIENCE, "session.new", json!({ "capabilities": {} })).await;
        let tree = page.ask("browsingContext.getTree", json!({})).await;
        page.context = tree["contexts"][0]["context"].as_str().expect("a page").to_owned();
        page
    }

    /// The result of a command. What a page waits for by itself ends before.
    async fn ask(&self, method: &str, params: Value) -> Value {
        self.ask_within(MEDIA_PATIENCE + Duration::from_secs(5), method, params).await
    }

    async fn ask_within(&self, patience: Duration, method: &str, params: Value) -> Value {
        let answer = timeout(patience, async {
            let mut wire = self.wire.lock().await;
            wire.last_id += 1;
            let id = wire.last_id;
            let command = json!({ "id": id, "method": method, "params": params });
            wire.connection.writer().text(&command.to_string()).await.expect("Firefox listens");
            wire.answer(id).await
        });
        let answer = answer.await.unwrap_or_else(|_| panic!("{method}: no answer"));
        assert_eq!(answer["type"], "success", "{method}: {answer}");
        answer["result"].clone()
    }

    /// Opens a page and waits until it is loaded.
    pub(super) async fn open(&self, url: &str) {
        let params = json!({ "context": self.context, "url": url, "wait": "complete" });
        self.ask("browsingContext.navigate", params).await;
    }

    /// Runs the body of a function whose last argument takes the result, as WebDriver's "Execute Async Script" does.
    pub(super) async fn execute(&self, body: &str, arguments: &[Value]) -> Value {
        let function = format!(
            "(given) => new Promise((done) => (function () {{ {body} }}).apply(null, [...JSON.parse(given), done]))
                .then((result) => JSON.stringify(result ?? null))"
        );
        let given = json!({ "type": "string", "value": json!(arguments).to_string() });
        let params = json!({
            "functionDeclaration": function, "arguments": [given], "awaitPromise": true,
            "target": { "context": self.context },
            // What only a person may start starts.
            "userActivation": true,
        });
        let outcome = self.ask("script.callFunction", params).await;
        let text = outcome["result"]["value"].as_str();
        serde_json::from_str(text.unwrap_or_else(|| panic!("the page runs scripts: {outcome}")))
            .expect("JSON")
    }

    /// Presses and releases the mouse at a place of the window.
    pub(super) async fn press(&self, [x, y]: [i64; 2]) {
        let actions = json!([
            { "type": "pointerMove", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        self.act(json!({ "type": "pointer", "id": "mouse", "actions": actions })).await;
    }

    /// Types.
    pub(super) async fn keys(&self, text: &str) {
        let strokes = text.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        });
        let actions: Vec<Value> = strokes.collect();
        self.act(json!({ "type": "key", "id": "keyboard", "actions": actions })).await;
    }

    async fn act(&self, source: Value) {
        self.ask("input.performActions", json!({ "context": self.context, "actions": [source] })).await;
    }

    /// What the page looks like, as PNG.
    pub(super) async fn screenshot(&self) -> Vec<u8> {
        let shot = self.ask("browsingContext.captureScreenshot", json!({ "context": self.context })).await;
        BASE64.decode(shot["data"].as_str().expect("a picture")).expect("base64")
    }
}

impl Wire {
    async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(place) = self.arrived.iter().position(|message| message["id"] == id) {
                return self.arrived.swap_remove(place);
            }
            // Whatever else comes is what nobody has asked for.
            self.arrived.clear();
            let arrived = &mut self.arrived;
            let is_there = self.connection.hear(|opcode, payload| {
                if opcode == frame::TEXT {
                    arrived.push(serde_json::from_slice(payload).expect("JSON"));
                }
            });
            assert!(is_there.await.expect("what it says is WebSocket"), "Firefox has ended");
        }
    }
}
