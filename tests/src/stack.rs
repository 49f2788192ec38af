//! A participant in a call whose WebRTC stack is somebody else's, as a program beside the test.
//!
//! The programs are in `tests/stacks`. Each joins a room's call, sends sound and picture, answers what it is offered, and
//! says on its standard output what it receives.

use crate::{MEDIA_PATIENCE, PATIENCE, provided, socket::address};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use uuid::Uuid;

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// In Python. What it receives is decoded, and counted if it can be heard, or moves.
    Aiortc,
    /// In C++, for Node.js. It counts packets.
    Libdatachannel,
}

/// How much more of a track must arrive until it counts as one that goes on: a few seconds of what sounds now and then.
const MORE: u64 = 20;

/// A device in a room's call. Dropping it kills it.
pub struct Participant {
    stack: Stack,
    id: Uuid,
    /// Its end is what tells it to leave.
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    child: Child,
}

/// What was received of each track, by whose it is and its source.
type Received = BTreeMap<(Uuid, String), u64>;

impl Stack {
    fn command(self) -> Command {
        let program = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("stacks").join(name);
        match self {
            Self::Aiortc => {
                let mut python = Command::new(provided("SWITCHBOARD_TEST_AIORTC"));
                python.arg("-B").arg(program("by_aiortc.py"));
                python
            }
            Self::Libdatachannel => {
                let mut node = Command::new(provided("SWITCHBOARD_TEST_NODE"));
                // Older ones have no WebSocket otherwise.
                node.arg("--experimental-websocket").arg(program("by_libdatachannel.js"));
                node.env("SWITCHBOARD_TEST_LIBDATACHANNEL", provided("SWITCHBOARD_TEST_LIBDATACHANNEL"));
                node
            }
        }
    }
}

impl Participant {
    /// Joins the room and its call, and sends once media goes through the server: from the third participant on.
    pub async fn join(stack: Stack, base: &str, token: &str, room: &str) -> Self {
        let mut command = stack.command();
        command.args([&format!("ws://{}/v1/ws", address(base)), token, room]).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let input = child.stdin.take().expect("it is a pipe");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let mut participant = Self { stack, id: Uuid::nil(), input, output, child };
        let joined = participant.says().await;
        participant.id =
            joined["connectionId"].as_str().and_then(|id| id.parse().ok()).expect("it says who it is");
        participant
    }

    /// This device's name.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    async fn says(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{:?} says nothing", self.stack)).expect("it can be read");
        let line = line.unwrap_or_else(|| panic!("{:?} has ended", self.stack));
        serde_json::from_str(&line).expect("JSON")
    }

    async fn received(&mut self) -> Received {
        let report = self.says().await;
        let tracks = report["tracks"].as_array().expect("tracks").iter();
        tracks
            .map(|track| {
                let id = track["connectionId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                let source = track["source"].as_str().expect("a source").to_owned();
                ((id, source), track["received"].as_u64().expect("a count"))
            })
            .collect()
    }

    /// Waits until it is offered microphone and camera of these and of nobody else, and gets further with each.
    pub async fn sees_and_hears(&mut self, others: &[Uuid]) {
        let stack = self.stack;
        let sources = ["camera", "microphone"];
        let mut expected: Vec<_> =
            others.iter().flat_map(|id| sources.map(|source| (*id, source.to_owned()))).collect();
        expected.sort();
        let mut before: Option<Received> = None;
        let mut latest = Received::new();
        let all = async {
            loop {
                latest = self.received().await;
                if !latest.keys().eq(expected.iter()) {
                    before = None;
                    continue;
                }
                let before = before.get_or_insert_with(|| latest.clone());
                if latest.iter().all(|(track, now)| *now >= before[track] + MORE) {
                    return;
                }
            }
        };
        let outcome = timeout(MEDIA_PATIENCE, all).await;
        assert!(outcome.is_ok(), "{stack:?} gets too little: {latest:?} after {before:?}, of {expected:?}");
    }

    /// Leaves the call in an orderly way.
    pub async fn leave(mut self) {
        drop(self.input);
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it is ours");
        assert!(ended.success(), "{:?} ends with {ended}", self.stack);
    }
}
