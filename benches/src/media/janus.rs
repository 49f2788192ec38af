//! Driving Debian's Janus with its VideoRoom, over its HTTP interface.

use super::target::{Seat, Server};
use local_services::{ports, scratch::Scratch};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    net::IpAddr,
    path::Path,
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::sleep,
};

/// Where Debian's package `janus` puts it.
const BINARY: &str = "/usr/bin/janus";

/// How often it is asked whether it is up, how often at most, and how long an answer may take.
const START_INTERVAL: Duration = Duration::from_millis(50);
const START_TRIES: u32 = 200;
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Threads that forward. Without them each participant has one of its own, which costs more.
const EVENT_LOOPS: u32 = 2;

/// Bits a second that a room lets anybody send; its default of 128,000 throttles a camera.
const BITRATE: u32 = 4_000_000;

/// What is missing for it to be measured, in a sentence; `None` if nothing is.
pub(super) fn is_missing() -> Option<String> {
    let is_there = Path::new(BINARY).exists();
    (!is_there).then(|| format!("Janus is not measured: there is no {BINARY} (apt-get install janus)"))
}

pub(super) struct Janus {
    child: Child,
    client: reqwest::Client,
    /// The address of its one session, in which everybody has handles.
    session: String,
    transactions: u64,
    rooms: BTreeSet<usize>,
    /// Who sends: the handle, and the number by which others subscribe.
    feeds: BTreeMap<Seat, u64>,
    /// Who has been offered everything.
    offered: BTreeSet<Seat>,
    /// The handle of who was offered something last.
    subscriber: u64,
    _dir: Scratch,
}

impl Janus {
    /// Starts it with media at this address, which must not be a loopback interface's: it ignores those.
    pub(super) async fn start(ip: IpAddr) -> Result<Self, Box<dyn Error>> {
        let dir = Scratch::new()?;
        let port = ports::free()?.port();
        configure(dir.path(), ip, port)?;
        let mut command = Command::new(BINARY);
        command.arg(format!("--configs-folder={}", dir.path().display()));
        command.arg(format!("--config={}", dir.join("janus.jcfg").display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "load tools play the outside, which egress does not let in"
        )]
        let client = reqwest::Client::builder().timeout(ANSWER_TIME).build()?;
        let base = format!("http://127.0.0.1:{port}/janus");
        let mut janus = Self {
            child,
            client,
            session: base.clone(),
            transactions: 0,
            rooms: BTreeSet::new(),
            feeds: BTreeMap::new(),
            offered: BTreeSet::new(),
            subscriber: 0,
            _dir: dir,
        };
        let mut tries = 0;
        let created = loop {
            match janus.post(&base, json!({ "janus": "create" })).await {
                Ok(created) => break created,
                Err(error) if tries == START_TRIES => return Err(error),
                Err(_) => sleep(START_INTERVAL).await,
            }
            tries += 1;
        };
        janus.session = format!("{base}/{}", number(&created, "/data/id")?);
        Ok(janus)
    }

    /// Asks, and returns the immediate answer.
    async fn post(&mut self, url: &str, mut body: Value) -> Result<Value, Box<dyn Error>> {
        self.transactions += 1;
        if let Some(body) = body.as_object_mut() {
            body.insert("transaction".to_owned(), self.transactions.to_string().into());
        }
        let answer: Value = self.client.post(url).json(&body).send().await?.json().await?;
        let reason = answer.pointer("/error/reason").or_else(|| answer.pointer("/plugindata/data/error"));
        match reason.and_then(Value::as_str) {
            Some(reason) => Err(reason.into()),
            None => Ok(answer),
        }
    }

    async fn attach(&mut self) -> Result<u64, Box<dyn Error>> {
        let session = self.session.clone();
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" });
        number(&self.post(&session, attach).await?, "/data/id")
    }

    /// Tells the plugin something and waits for the event that answers it.
    async fn tell(
        &mut self,
        handle: u64,
        body: Value,
        description: Option<(&str, String)>,
    ) -> Result<Value, Box<dyn Error>> {
        let mut message = json!({ "janus": "message", "body": body });
        if let (Some((kind, sdp)), Some(message)) = (description, message.as_object_mut()) {
            message.insert("jsep".to_owned(), json!({ "type": kind, "sdp": sdp }));
        }
        let url = format!("{}/{handle}", self.session);
        let answer = self.post(&url, message).await?;
        if answer.pointer("/plugindata").is_some() {
            return Ok(answer);
        }
        let transaction = self.transactions.to_string();
        loop {
            let events = self.client.get(format!("{}?maxev=20", self.session)).send().await?;
            let events: Vec<Value> = events.json().await?;
            let of_ours =
                |event: &Value| event.pointer("/transaction").and_then(Value::as_str) == Some(&transaction);
            let Some(event) = events.into_iter().find(of_ours) else { continue };
            return match event.pointer("/plugindata/data/error").and_then(Value::as_str) {
                Some(error) => Err(error.into()),
                None => Ok(event),
            };
        }
    }

    async fn open(&mut self, room: usize, handle: u64) -> Result<(), Box<dyn Error>> {
        if self.rooms.insert(room) {
            let create = json!({
                "request": "create", "room": room + 1, "publishers": 1000, "bitrate": BITRATE,
                "audiocodec": "opus", "videocodec": "vp8",
            });
            self.tell(handle, create, None).await?;
        }
        Ok(())
    }
}

impl Server for Janus {
    fn id(&self) -> Option<u32> {
        self.child.id()
    }

    async fn join(&mut self, _seat: Seat, _send: bool, _receive: bool) -> Result<(), Box<dyn Error>> {
        Ok(())
    }

    async fn publish(&mut self, seat: Seat, sdp: String) -> Result<String, Box<dyn Error>> {
        let handle = self.attach().await?;
        self.open(seat.room, handle).await?;
        let join = json!({ "request": "joinandconfigure", "ptype": "publisher", "room": seat.room + 1 });
        let joined = self.tell(handle, join, Some(("offer", sdp))).await?;
        self.feeds.insert(seat, number(&joined, "/plugindata/data/id")?);
        description(&joined)
    }

    async fn subscribe(&mut self, seat: Seat) -> Result<Option<String>, Box<dyn Error>> {
        if !self.offered.insert(seat) {
            return Ok(None);
        }
        let others = self.feeds.iter().filter(|(it, _)| it.room == seat.room && **it != seat);
        let streams: Vec<Value> = others.map(|(_, feed)| json!({ "feed": feed })).collect();
        self.subscriber = self.attach().await?;
        let join = json!({
            "request": "join", "ptype": "subscriber", "room": seat.room + 1, "streams": streams,
        });
        description(&self.tell(self.subscriber, join, None).await?).map(Some)
    }

    async fn answer(&mut self, _seat: Seat, sdp: String) -> Result<(), Box<dyn Error>> {
        let start = json!({ "request": "start" });
        self.tell(self.subscriber, start, Some(("answer", sdp))).await.map(drop)
    }
}

fn number(answer: &Value, pointer: &str) -> Result<u64, Box<dyn Error>> {
    let found = answer.pointer(pointer).and_then(Value::as_u64);
    found.ok_or_else(|| format!("no {pointer} in {answer}").into())
}

fn description(event: &Value) -> Result<String, Box<dyn Error>> {
    let sdp = event.pointer("/jsep/sdp").and_then(Value::as_str);
    sdp.map(str::to_owned).ok_or_else(|| format!("no description in {event}").into())
}

/// Writes its configuration: of all plugins the VideoRoom, of all transports HTTP.
fn configure(dir: &Path, ip: IpAddr, port: u16) -> Result<(), Box<dyn Error>> {
    let others = |folder: &str, kept: &str| -> Result<String, Box<dyn Error>> {
        let installed = fs::read_dir(format!("/usr/lib/x86_64-linux-gnu/janus/{folder}"))?;
        let names = installed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| !name.contains(kept)).collect::<Vec<_>>().join(","))
    };
    let main = format!(
        "general: {{ debug_level = 2, event_loops = {EVENT_LOOPS}, session_timeout = 0 }}\n\
         nat: {{ ice_enforce_list = \"{ip}\", ignore_mdns = true }}\n\
         media: {{ rtp_port_range = \"20000-22000\" }}\n\
         plugins: {{ disable = \"{}\" }}\n\
         transports: {{ disable = \"{}\" }}\n",
        others("plugins", "videoroom")?,
        others("transports", "http")?,
    );
    let http = format!(
        "general: {{ json = \"compact\", base_path = \"/janus\", http = true, port = {port}, ip = \"127.0.0.1\", https = false }}\n"
    );
    fs::write(dir.join("janus.jcfg"), main)?;
    fs::write(dir.join("janus.transport.http.jcfg"), http)?;
    Ok(fs::write(dir.join("janus.plugin.videoroom.jcfg"), "general: { }\n")?)
}
