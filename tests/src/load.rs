//! Good clients that go on through faults, and write down what they were promised and what they got.

use crate::{
    answers,
    graph::Graph,
    installation::Account,
    ledger::Ledger,
    rest::{Rest, client},
    tenacious::{self, ANSWER_TIME},
    webhook::Meta,
};
use common::{
    id::RoomId,
    protocol::{
        Event,
        inbox::{Direction, InboxEvent, Sequenced},
        room::{Join, RoomMessage},
    },
};
use signalling_client::{Client, Error};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Messages of each kind without which a sum would mean nothing.
const LEAST: usize = 30;

/// How often each client does something.
const PERIOD: Duration = Duration::from_millis(40);

/// How long a webhook's sender waits before it sends the same again.
const WEBHOOK_PAUSE: Duration = Duration::from_millis(200);

/// Where the clients go; one address or several.
#[derive(Clone)]
pub struct Doors {
    /// REST.
    pub api: String,
    /// Webhooks.
    pub inbox: String,
    /// The hub that messages are sent to.
    pub hub: String,
    /// The hub that they are heard on.
    pub other_hub: String,
}

impl Doors {
    /// All behind one address.
    pub fn one(base: &str) -> Self {
        Self {
            api: base.to_owned(),
            inbox: base.to_owned(),
            hub: base.to_owned(),
            other_hub: base.to_owned(),
        }
    }
}

/// A running load. Dropping it ends it.
pub struct Load {
    /// What was promised and what was kept.
    pub ledger: Arc<Ledger>,
    senders: JoinSet<()>,
    listeners: JoinSet<()>,
    stop: CancellationToken,
}

impl Load {
    /// Starts it: a customer who writes, a person who speaks in a room, another who listens, an agent with
    /// the inbox open, another who answers by `graph`, and a program that reads. Returns when everything has
    /// worked once.
    pub async fn start(
        doors: &Doors,
        account: &Account,
        meta: &Meta,
        graph: Graph,
        patience: Duration,
    ) -> Self {
        let ledger = Arc::new(Ledger::default());
        let stop = CancellationToken::new();
        let room: RoomId = account.room("Load").await.parse().expect("an id");
        let token = account.admin.token.clone();
        let (mut senders, mut listeners) = (JoinSet::new(), JoinSet::new());
        listeners.spawn(listen(doors.other_hub.clone(), token.clone(), room, Arc::clone(&ledger)));
        listeners.spawn(watch(doors.hub.clone(), token.clone(), Arc::clone(&ledger)));
        listeners.spawn(read(account.admin.at(&doors.api), Arc::clone(&ledger)));
        listeners.spawn(answers::take(graph, doors.inbox.clone(), meta.clone(), Arc::clone(&ledger)));
        let answers = answers::write(doors.api.clone(), token.clone(), Arc::clone(&ledger), stop.clone());
        senders.spawn(answers);
        senders.spawn(write(doors.inbox.clone(), meta.clone(), Arc::clone(&ledger), stop.clone()));
        senders.spawn(speak(doors.hub.clone(), token, room, Arc::clone(&ledger), stop.clone()));
        ledger.works_again(patience).await;
        Self { ledger, senders, listeners, stop }
    }

    /// Waits until there was enough of it, lets the senders finish what they are at, and does the sums.
    pub async fn settle(mut self, patience: Duration) -> crate::ledger::Totals {
        self.ledger.holds(LEAST, patience).await;
        self.stop.cancel();
        let finished = async {
            while let Some(sender) = self.senders.join_next().await {
                sender.expect("nothing surprised the sender");
            }
        };
        tokio::time::timeout(patience, finished).await.expect("the senders are answered in the end");
        let totals = self.ledger.balance(patience).await;
        if let Some(listener) = self.listeners.try_join_next() {
            listener.expect("nothing surprised the listener");
        }
        totals
    }
}

/// A customer: each message is sent until it is taken, as Meta does.
async fn write(base: String, meta: Meta, ledger: Arc<Ledger>, stop: CancellationToken) {
    let client = client();
    while !stop.is_cancelled() {
        let text = format!("customer {}", Uuid::new_v4());
        let body = meta.messages(&[(&format!("wamid.{}", Uuid::new_v4().simple()), &text)]).to_string();
        let signature = meta.signature(body.as_bytes());
        loop {
            let request = client
                .post(format!("{base}{}", meta.path))
                .timeout(ANSWER_TIME)
                .header("content-type", "application/json")
                .header("x-hub-signature-256", &signature)
                .body(body.clone());
            if request.send().await.is_ok_and(|answer| answer.status() == 200) {
                ledger.stored(text);
                break;
            }
            tokio::time::sleep(WEBHOOK_PAUSE).await;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// A person who speaks: each message is sent, under one client id, until it is confirmed.
async fn speak(base: String, token: String, room: RoomId, ledger: Arc<Ledger>, stop: CancellationToken) {
    let mut socket = None;
    while !stop.is_cancelled() {
        let text = format!("said {}", Uuid::new_v4());
        let send = tenacious::message(room, text.clone());
        loop {
            let mut open = match socket.take() {
                Some(open) => open,
                None => {
                    let mut open = tenacious::open(&base, &token).await;
                    if open.request(&Join { room_id: Some(room), ..Join::default() }).await.is_err() {
                        tokio::time::sleep(PERIOD).await;
                        continue;
                    }
                    open
                }
            };
            match open.request(&send).await {
                Ok(sent) => {
                    socket = Some(open);
                    ledger.confirmed(text, sent.message.seq);
                    break;
                }
                // Refused for now, or gone: begun anew.
                Err(_) => tokio::time::sleep(PERIOD).await,
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// A person who listens, and resumes by the last number heard.
async fn listen(base: String, token: String, room: RoomId, ledger: Arc<Ledger>) {
    loop {
        let mut socket = tenacious::open(&base, &token).await;
        // The lost connection is the end of this one, not of the listener.
        let _gone = listen_once(&mut socket, room, &ledger).await;
        tokio::time::sleep(PERIOD).await;
    }
}

async fn listen_once(socket: &mut Client, room: RoomId, ledger: &Ledger) -> Result<(), Error> {
    let after = ledger.last_heard().unwrap_or(0);
    let joined = socket.resume_room(room, after, |message| hear(ledger, message)).await?;
    assert!(joined.recovered, "what was missed can be had");
    loop {
        if let Event::RoomMessage(posted) = socket.event().await? {
            hear(ledger, posted.message);
        }
    }
}

fn hear(ledger: &Ledger, message: RoomMessage) {
    ledger.heard(message.seq, message.text);
}

/// An agent with the inbox open.
async fn watch(base: String, token: String, ledger: Arc<Ledger>) {
    let mut after = 0;
    loop {
        let mut socket = tenacious::open(&base, &token).await;
        let _gone = watch_once(&mut socket, &mut after, &ledger).await;
        tokio::time::sleep(PERIOD).await;
    }
}

async fn watch_once(socket: &mut Client, after: &mut u64, ledger: &Ledger) -> Result<(), Error> {
    let subscribed = socket.resume_inbox(*after, |event| see(ledger, event, after)).await?;
    assert!(subscribed.recovered, "what was missed can be had");
    loop {
        if let Event::InboxEvent(event) = socket.event().await? {
            see(ledger, *event, after);
        }
    }
}

fn see(ledger: &Ledger, event: Sequenced, after: &mut u64) {
    *after = event.seq;
    if let InboxEvent::MessageCreated { conversation, message } = event.event
        && message.direction == Direction::Inbound
    {
        ledger.screened(*after, message.text.expect("a text"), &conversation.id.to_string());
    }
}

/// A program that reads a list over and over.
async fn read(rest: Rest, ledger: Arc<Ledger>) {
    loop {
        if rest.can_get("/v1/conversations").await {
            ledger.read();
        }
        tokio::time::sleep(PERIOD).await;
    }
}
