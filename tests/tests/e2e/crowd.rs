//! Many in one room, and what it costs the rest when many of them come or go at once: no connection.

use common::{
    clock::{Clock, SystemClock},
    guest::Guest,
    id::{AccountId, RoomId},
    identity::GuestId,
    token::sign_join,
};
use futures_util::future::join_all;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    pin::pin,
    time::{Duration, Instant},
};
use switchboard_tests::{
    browser::Turn,
    installation::{AUTH_SECRET, Account, Installation},
    people::people,
    server::Server,
    socket::Socket,
};
use uuid::Uuid;

/// Connections that are opened side by side.
const OPENED_AT_ONCE: usize = 16;

struct Crowd {
    account: AccountId,
    room: RoomId,
}

impl Crowd {
    fn new(socket: &Socket, room: &str) -> Self {
        let account = socket.opened["accountId"].as_str().expect("an account").parse().expect("an id");
        Self { account, room: room.parse().expect("an id") }
    }

    /// A token for a guest of their own.
    fn guest(&self, name: &str) -> String {
        let guest = Guest {
            account: self.account,
            id: GuestId::of_digest(Uuid::new_v4().into_bytes()),
            name: name.to_owned(),
            room: self.room,
            rights: BTreeSet::new(),
            issued_at: SystemClock.utc(),
            expires_at: SystemClock.utc() + Duration::from_secs(600),
        };
        sign_join(&EncodingKey::from_secret(AUTH_SECRET.as_bytes()), &guest).expect("a token")
    }

    /// A token for each of so many users.
    async fn people(&self, installation: &Installation, count: usize) -> Vec<String> {
        people(installation, self.account, count).await.into_iter().map(|person| person.token).collect()
    }

    /// Opens a connection with each token, in the room.
    async fn enter(&self, server: &Server, tokens: Vec<String>) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for tokens in tokens.chunks(OPENED_AT_ONCE) {
            sockets.extend(self.open(server, tokens).await);
        }
        sockets
    }

    /// The same, where so much is told meanwhile that whoever read nothing of it would be closed.
    async fn enter_and_forget(&self, server: &Server, tokens: Vec<String>) -> Vec<Socket> {
        let mut sockets: Vec<Socket> = Vec::new();
        for tokens in tokens.chunks(OPENED_AT_ONCE) {
            let opened = read_meanwhile(&mut sockets, self.open(server, tokens)).await;
            sockets.extend(opened);
        }
        sockets
    }

    async fn open(&self, server: &Server, tokens: &[String]) -> Vec<Socket> {
        let opening = tokens.iter().map(|token| async {
            let mut socket = Socket::open(&server.base, token).await;
            socket.ask("room.join", json!({ "roomId": self.room })).await;
            socket
        });
        join_all(opening).await
    }
}

/// Does something while these are read.
async fn read_meanwhile<T>(sockets: &mut [Socket], work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let reading = join_all(sockets.iter_mut().map(Socket::forget));
    tokio::select! {
        done = &mut work => done,
        // Without sockets there is nothing to read.
        _ = reading => work.await,
    }
}

async fn world(installation: &Installation, server: &Server) -> (Account, Crowd) {
    let account = installation.account("acme", server).await;
    let room = account.room("Hall").await;
    let ada = Socket::open(&server.base, &account.admin.token).await;
    let crowd = Crowd::new(&ada, &room);
    (account, crowd)
}

/// All who are in the room, as read page by page.
async fn roster(socket: &mut Socket, room: RoomId) -> (BTreeSet<String>, u64) {
    let (mut read, mut params) = (BTreeSet::new(), json!({ "roomId": room }));
    loop {
        let page = socket.ask("room.members", params.clone()).await;
        let members = page["members"].as_array().expect("members");
        assert!(members.len() <= 100 && page.to_string().len() <= 64 * 1024);
        params["after"] = members.last().map_or(Value::Null, |member| member["connectionId"].clone());
        for member in members {
            assert!(read.insert(member["connectionId"].as_str().expect("an id").to_owned()), "nobody twice");
        }
        if page["more"] == false {
            return (read, page["memberCount"].as_u64().expect("a count"));
        }
    }
}

/// Each change was a frame for everybody: more frames than may wait for a socket.
#[tokio::test]
async fn six_hundred_leave_at_once_and_nobody_else_is_closed() {
    let _turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let (_account, crowd) = world(&installation, &server).await;
    let people = crowd.people(&installation, 900).await;
    let mut going = crowd.enter(&server, people).await;
    let mut staying = going.split_off(600);
    let watcher = &mut staying[0];
    watcher.ask("presence.subscribe", json!({})).await;
    drop(going);
    for socket in &mut staying {
        let changed = socket.event("room.membersChanged", |event| event["memberCount"] == 300).await;
        assert_eq!(changed["roomId"], json!(crowd.room));
        assert!(!socket.has_seen("room.memberLeft").await);
    }
    let watcher = &mut staying[0];
    let gone = watcher.event("presence.changed", |event| event["onlineCount"] == 300).await;
    assert_eq!(gone["complete"], true, "an id has 39 bytes");
    // All of them are alive, and agree on who is.
    let ids: BTreeSet<String> = staying.iter().map(Socket::connection_id).collect();
    for socket in &mut staying {
        assert_eq!(roster(socket, crowd.room).await, (ids.clone(), 300));
    }
}

/// Nobody says goodbye: the others find out, all at once.
#[tokio::test]
async fn the_death_of_an_instance_with_six_hundred_closes_nobody_on_the_other() {
    let _turn = Turn::take();
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let (_account, crowd) = world(&installation, &a).await;
    let mut people = crowd.people(&installation, 620).await;
    let mut here = crowd.enter(&a, people.split_off(600)).await;
    here[0].ask("presence.subscribe", json!({})).await;
    let there = crowd.enter(&b, people).await;
    assert_eq!(roster(&mut here[0], crowd.room).await.1, 620);
    b.kill();
    drop(there);
    for socket in &mut here {
        socket.event("room.membersChanged", |event| event["memberCount"] == 20).await;
    }
    here[0].event("presence.changed", |event| event["onlineCount"] == 20).await;
    let ids: BTreeSet<String> = here.iter().map(Socket::connection_id).collect();
    for socket in &mut here {
        assert_eq!(roster(socket, crowd.room).await, (ids.clone(), 20));
    }
    let online = here[0].ask("presence.subscribe", json!({})).await;
    assert_eq!((online["users"].as_array().map(Vec::len), &online["more"]), (Some(20), &json!(false)));
}

/// The longest names there are: the list of all of them is longer than may wait for a socket.
#[tokio::test]
async fn a_room_of_twelve_hundred_with_long_names_is_joined_by_everybody() {
    let _turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let (account, crowd) = world(&installation, &server).await;
    let tokens = (0..1200).map(|_| crowd.guest(&"😀".repeat(300))).collect();
    let mut sockets = crowd.enter_and_forget(&server, tokens).await;
    let going = sockets.split_off(1150);
    let room = crowd.room;
    read_meanwhile(&mut sockets, async { all_are_told(&server, &account, room, going).await }).await;
    // Who reads nothing for a while is closed: all the others are read while some ask.
    let mut asking = sockets.split_off(sockets.len() - 23);
    let asked = async { join_all(asking.iter_mut().map(|socket| roster(socket, room))).await };
    for (_, count) in read_meanwhile(&mut sockets, asked).await {
        assert_eq!(count, 1150, "Ada has left");
    }
}

/// To who comes last, page by page; and when some go.
async fn all_are_told(server: &Server, account: &Account, room: RoomId, going: Vec<Socket>) {
    let mut ada = Socket::open(&server.base, &account.admin.token).await;
    let joined = ada.ask("room.join", json!({ "roomId": room })).await;
    let members = joined["members"].as_array().expect("members");
    assert!((20..=100).contains(&members.len()) && joined.to_string().len() <= 64 * 1024);
    assert_eq!(members[0]["name"].as_str().map(|name| name.chars().count()), Some(200));
    assert_eq!(joined["memberCount"], 1201);
    let (read, count) = roster(&mut ada, room).await;
    assert_eq!((read.len(), count), (1201, 1201));
    drop(going);
    ada.event("room.membersChanged", |event| event["memberCount"] == 1151).await;
    ada.ask("room.leave", json!({ "roomId": room })).await;
}

/// What looking on at a page costs at most in a second while many come, whom the page tells by name: fifty of them, at
/// less than 160 bytes each, and the number of all four times.
const LOOKING_ON: usize = 8 * 1024;

/// On two instances; one of those who were there before looks at the first page: a page of names, and then so many a
/// second as long as the storm takes.
#[tokio::test]
async fn a_storm_of_a_thousand_joins_sends_at_most_32_kib_to_each() {
    let _turn = Turn::take();
    const JOINS: usize = 1000;
    let installation = Installation::new().await.clustered();
    let servers = [installation.server(), installation.server()];
    let (account, crowd) = world(&installation, &servers[0]).await;
    let room = json!({ "roomId": crowd.room });
    let mut looking = Socket::open(&servers[0].base, &account.admin.token).await;
    looking.ask("room.join", room.clone()).await;
    looking.ask("room.members", json!({ "roomId": crowd.room, "follow": true })).await;
    let mut sockets = Vec::new();
    let tokens: Vec<String> = (0..JOINS).map(|n| crowd.guest(&format!("Grace Hopper {n}"))).collect();
    for (n, tokens) in tokens.chunks(OPENED_AT_ONCE).enumerate() {
        let base = &servers[n % servers.len()].base;
        sockets.extend(join_all(tokens.iter().map(|token| Socket::open(base, token))).await);
    }
    let read = |sockets: &[Socket]| sockets.iter().map(|socket| socket.bytes_read()).collect::<Vec<_>>();
    let (before, looking_before) = (read(&sockets), looking.bytes_read());
    let begun = Instant::now();
    join_all(sockets.iter_mut().map(|socket| socket.ask("room.join", room.clone()))).await;
    for socket in &mut sockets {
        socket.event("room.membersChanged", |event| event["memberCount"] == JOINS + 1).await;
    }
    let sent: Vec<usize> = read(&sockets).iter().zip(before).map(|(after, before)| after - before).collect();
    let (everybody, count) = roster(&mut sockets[0], crowd.room).await;
    assert_eq!((everybody.len(), count), (JOINS + 1, 1001));
    let first = everybody.into_iter().take(100).collect();
    follow_until(&mut looking, &first).await;
    let to_looking = looking.bytes_read() - looking_before;
    let seconds = usize::try_from(begun.elapsed().as_secs()).expect("a few") + 1;
    let (most, mean) = (sent.iter().max().expect("one"), sent.iter().sum::<usize>() / sent.len());
    println!(
        "{most} bytes to one who joined, {mean} on average, {to_looking} in {seconds} s to who looked on"
    );
    assert!(*most <= 32 * 1024, "{most}");
    assert!(to_looking <= 16 * 1024 + seconds * LOOKING_ON, "{to_looking} in {seconds} s");
}

/// Follows the first page of members, which was empty, until these are on it.
async fn follow_until(socket: &mut Socket, wanted: &BTreeSet<String>) {
    let mut page = BTreeSet::from([socket.connection_id()]);
    let id = |value: &Value| value.as_str().expect("an id").to_owned();
    loop {
        let told = socket.event_of(&["room.memberJoined", "room.pageChanged"]).await;
        let params = &told["params"];
        match params["joined"].as_array() {
            Some(joined) => {
                params["left"]
                    .as_array()
                    .expect("ids")
                    .iter()
                    .for_each(|left| assert!(page.remove(&id(left))));
                page.extend(joined.iter().map(|member| id(&member["connectionId"])));
            }
            None => assert!(page.insert(id(&params["member"]["connectionId"]))),
        }
        if page == *wanted {
            return;
        }
    }
}
