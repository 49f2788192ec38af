//! A new version is rolled out: every instance stops in order and starts again, one after the other, while people talk
//! in many rooms and in many calls.

use crate::stage::SETTLED_WITHIN;
use common::{
    error::ErrorCode,
    id::{CallId, ConnectionId, RoomId},
    protocol::{
        Event,
        call::{Accept, EndReason, HangUp, Media, Resume, Ring},
        room::Join,
    },
};
use signalling_client::{Client, Error};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use switchboard_tests::{
    PATIENCE,
    installation::Installation,
    is_long,
    people::{Person, people},
    report,
    server::Server,
    tenacious,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

const INSTANCES: usize = 3;

/// Rooms, people who listen in each, and calls.
fn size() -> (usize, usize, usize) {
    if is_long() { (500, 10, 100) } else { (12, 10, 6) }
}

/// How often somebody speaks in each room.
fn period() -> Duration {
    Duration::from_millis(if is_long() { 2_000 } else { 250 })
}

/// How long a client waits that was refused for now.
const PAUSE: Duration = Duration::from_millis(200);

/// What everybody shares.
struct Town {
    bases: Vec<String>,
    /// Listeners who are in their rooms.
    listening: watch::Sender<usize>,
    reconnects: AtomicUsize,
    resumes: AtomicUsize,
    /// Nobody speaks any more.
    quiet: CancellationToken,
    /// Calls are to be hung up.
    over: CancellationToken,
}

impl Town {
    /// Connects somewhere; the next time elsewhere.
    async fn connect(&self, at: &mut usize, token: &str) -> Client {
        *at += 1;
        tenacious::open_any(&self.bases, *at, token).await
    }

    async fn all_listen(&self, count: usize) {
        let mut listening = self.listening.subscribe();
        let all = listening.wait_for(|listening| *listening == count);
        let so_far = *self.listening.borrow();
        let outcome = tokio::time::timeout(SETTLED_WITHIN, all).await;
        outcome.unwrap_or_else(|_| panic!("{so_far} of {count} listen")).expect("somebody counts");
    }
}

/// Who is told to go waits for as long as they are told to; who just lost the connection does not.
async fn moved(event: &Event) -> bool {
    let Event::ConnectionMoving(moving) = event else { return false };
    sleep(Duration::from_millis(moving.delay_ms)).await;
    true
}

/// Speaks in a room until all is quiet, and then says how much was said: each message is sent, under one client id,
/// until it is confirmed.
async fn speak(
    town: Arc<Town>,
    token: String,
    room: RoomId,
    said: watch::Sender<Option<u64>>,
    mut at: usize,
) {
    let mut socket = None;
    let mut last = 0;
    while !town.quiet.is_cancelled() {
        let send = tenacious::message(room, format!("after {last}"));
        loop {
            let mut open = match socket.take() {
                Some(open) => open,
                None => {
                    let mut open = town.connect(&mut at, &token).await;
                    if open.request(&join(room)).await.is_err() {
                        sleep(PAUSE).await;
                        continue;
                    }
                    open
                }
            };
            match open.request(&send).await {
                Ok(sent) => {
                    last = sent.message.seq;
                    socket = Some(open);
                    break;
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        sleep(period()).await;
    }
    said.send_replace(Some(last));
}

/// Listens until everything was heard that was said; the numbers of what was heard, in order.
async fn listen(
    town: Arc<Town>,
    token: String,
    room: RoomId,
    mut said: watch::Receiver<Option<u64>>,
    mut at: usize,
) -> Vec<u64> {
    let mut heard: Vec<u64> = Vec::new();
    loop {
        let mut socket = town.connect(&mut at, &token).await;
        let after = heard.last().copied().unwrap_or(0);
        let Ok(joined) = socket.resume_room(room, after, |message| heard.push(message.seq)).await else {
            sleep(PAUSE).await;
            continue;
        };
        assert!(joined.recovered, "what was missed can be had");
        town.listening.send_modify(|count| *count += 1);
        let has_all = hear(&mut socket, &mut heard, &mut said).await;
        town.listening.send_modify(|count| *count -= 1);
        if has_all {
            return heard;
        }
        town.reconnects.fetch_add(1, Ordering::Relaxed);
    }
}

fn join(room: RoomId) -> Join {
    Join { room_id: Some(room), ..Join::default() }
}

/// Whether everything was heard; if not, the connection is lost.
async fn hear(socket: &mut Client, heard: &mut Vec<u64>, said: &mut watch::Receiver<Option<u64>>) -> bool {
    loop {
        if said.borrow().is_some_and(|said| heard.last().copied().unwrap_or(0) >= said) {
            return true;
        }
        let event = tokio::select! {
            event = socket.event() => event,
            Ok(()) = said.changed() => continue,
        };
        match event {
            Ok(Event::RoomMessage(posted)) => heard.push(posted.message.seq),
            Ok(event) if moved(&event).await => return false,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// One side of a call.
struct Side {
    socket: Client,
    token: String,
    call: CallId,
    at: usize,
}

impl Side {
    /// Stays in the call, by however many connections, until all are to hang up.
    async fn stay(mut self, town: Arc<Town>) -> Self {
        loop {
            let event = tokio::select! {
                () = town.over.cancelled() => return self,
                event = self.socket.event() => event,
            };
            match event {
                Ok(Event::CallEnded(ended)) => panic!("a call was cut: {ended:?}"),
                Ok(event) if moved(&event).await => self.come_back(&town).await,
                Ok(_) => {}
                Err(_) => self.come_back(&town).await,
            }
        }
    }

    async fn come_back(&mut self, town: &Town) {
        let resume = Resume { call_id: self.call, connection_id: device(&self.socket) };
        loop {
            let mut socket = town.connect(&mut self.at, &self.token).await;
            match socket.request(&resume).await {
                Ok(_) => {
                    self.socket = socket;
                    town.resumes.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Err(Error::Refused(why)) if why.data.code != ErrorCode::UNAVAILABLE => {
                    panic!("nobody comes back into a call: {why:?}");
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Waits for an event that says something of the call.
    async fn until<T>(&mut self, says: impl Fn(Event) -> Option<(CallId, T)>) -> T {
        loop {
            let event = self.socket.event().await.expect("nobody stops an instance any more");
            if let Some((call, said)) = says(event)
                && call == self.call
            {
                return said;
            }
        }
    }
}

/// What the server calls the device.
fn device(socket: &Client) -> ConnectionId {
    socket.opened().expect("it is open").connection_id
}

/// Two people in a call, each at an instance of their own.
async fn call(town: &Town, room: RoomId, [ada, ben]: [Person; 2], number: usize) -> (Side, Side) {
    let (mut ada_at, mut ben_at) = (number, number + 1);
    let mut ada_socket = town.connect(&mut ada_at, &ada.token).await;
    let ben_socket = town.connect(&mut ben_at, &ben.token).await;
    let said = "nobody stops an instance yet";
    ada_socket.request(&join(room)).await.expect(said);
    let ring = Ring { room_id: room, user_id: ben.user, media: Media::Audio };
    let call = ada_socket.request(&ring).await.expect(said).call_id;
    let side = |socket, token, at| Side { socket, token, call, at };
    let (mut ada, mut ben) = (side(ada_socket, ada.token, ada_at), side(ben_socket, ben.token, ben_at));
    ben.until(|event| if let Event::CallIncoming(call) = event { Some((call.call_id, ())) } else { None })
        .await;
    ben.socket.request(&Accept { call_id: call }).await.expect(said);
    ada.until(|event| if let Event::CallAnswered(call) = event { Some((call.call_id, ())) } else { None })
        .await;
    (ada, ben)
}

/// Stops each instance in order, and starts it again where it was.
async fn roll(installation: &Installation, servers: &mut Vec<Server>, town: &Town, listeners: usize) {
    for number in 0..servers.len() {
        let server = servers.remove(number);
        let (address, stopped) = (server.address(), Instant::now());
        server.terminate();
        tokio::task::block_in_place(|| server.ended());
        let ended = stopped.elapsed();
        let server = tokio::task::block_in_place(|| installation.server_on(&address));
        servers.insert(number, server);
        town.all_listen(listeners).await;
        report(&format!(
            "instance {number}: ended after {ended:.1?}, all listen again {:.1?} after it was told to stop",
            stopped.elapsed()
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_message_and_cuts_no_call() {
    let installation = Installation::new().await.clustered();
    let mut servers: Vec<Server> = (0..INSTANCES).map(|_| installation.server()).collect();
    let account = installation.account("acme", &servers[0]).await;
    let (rooms, people_in_each, calls) = size();
    let town = Arc::new(Town {
        bases: servers.iter().map(|server| server.base.clone()).collect(),
        listening: watch::Sender::new(0),
        reconnects: AtomicUsize::new(0),
        resumes: AtomicUsize::new(0),
        quiet: CancellationToken::new(),
        over: CancellationToken::new(),
    });
    let account_id =
        town.connect(&mut 0, &account.admin.token).await.opened().expect("it is open").account_id;
    let count = 2 * calls + rooms * (1 + people_in_each);
    let mut everybody = people(&installation, account_id, count).await.into_iter();
    let mut somebody = || everybody.next().expect("there are enough");
    let mut sides = JoinSet::new();
    for number in 0..calls {
        let room = account.room(&format!("Call {number}")).await.parse().expect("an id");
        let (ada, ben) = call(&town, room, [somebody(), somebody()], number).await;
        let town = Arc::clone(&town);
        sides.spawn(async move {
            let (mut ada, mut ben) = tokio::join!(ada.stay(Arc::clone(&town)), ben.stay(town));
            // The last instance may still be taking the call over.
            ada.socket.request(&HangUp { call_id: ada.call }).await.expect("it goes on");
            let ended = |event| {
                if let Event::CallEnded(ended) = event { Some((ended.call_id, ended.reason)) } else { None }
            };
            assert_eq!(ben.until(ended).await, EndReason::HungUp);
            ada.call
        });
    }
    let (mut speakers, mut listeners) = (JoinSet::new(), JoinSet::new());
    for number in 0..rooms {
        let room: RoomId = account.room(&format!("Room {number}")).await.parse().expect("an id");
        let (tell, said) = watch::channel(None);
        speakers.spawn(speak(Arc::clone(&town), somebody().token, room, tell, number));
        for at in 0..people_in_each {
            let town = Arc::clone(&town);
            listeners.spawn(listen(town, somebody().token, room, said.clone(), number + at));
        }
    }
    town.all_listen(rooms * people_in_each).await;
    roll(&installation, &mut servers, &town, rooms * people_in_each).await;
    town.quiet.cancel();
    while let Some(speaker) = speakers.join_next().await {
        speaker.expect("nothing surprised the speaker");
    }
    let mut heard = 0;
    while let Some(listener) = listeners.join_next().await {
        let numbers = listener.expect("nothing surprised the listener");
        let last = u64::try_from(numbers.len()).expect("a count");
        assert!(last > 0 && numbers.iter().copied().eq(1..=last), "each once, in order: {numbers:?}");
        heard += numbers.len();
    }
    town.over.cancel();
    let admin = account.admin.at(&servers[0].base);
    while let Some(side) = tokio::time::timeout(PATIENCE, sides.join_next()).await.expect("they hang up") {
        let call = side.expect("no call is cut");
        let record = admin.get(&format!("/v1/calls/{call}")).await;
        assert_eq!(record["outcome"], "hungUp");
    }
    let (reconnects, resumes) =
        (town.reconnects.load(Ordering::Relaxed), town.resumes.load(Ordering::Relaxed));
    assert!(reconnects >= rooms * people_in_each / 2 && resumes >= calls, "hardly anybody had to move");
    report(&format!(
        "{INSTANCES} instances restarted: {heard} of {heard} messages heard once and in order by {} people, who \
         reconnected {reconnects} times; {calls} of {calls} calls went on, with {resumes} resumes",
        rooms * people_in_each
    ));
}
