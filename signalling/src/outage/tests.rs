//! What this instance has stored without hearing that it has.

use super::*;
use crate::{
    config::Config,
    rooms::{self, join},
    testing::{Connected, ID, World},
};
use common::{
    id::ClientMessageId,
    protocol::room::{Join, Send},
    subject::link::LinkUp,
};
use std::{
    env, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::testing::{TestDatabase, URL_VARIABLE};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    time::timeout,
};

/// How long something may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between the hub and Postgres: loses an answer on order.
struct Forgetful {
    url: String,
    /// The answer to the next COMMIT is lost, and the connection with it.
    forgets: Arc<AtomicBool>,
}

impl Forgetful {
    async fn start() -> Self {
        let url = env::var(URL_VARIABLE).unwrap();
        let directory = url.split(['?', '&']).find_map(|part| part.strip_prefix("host="));
        let socket = format!("{}/.s.PGSQL.5432", directory.expect("a socket of this machine"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://postgres@{}/postgres?sslmode=disable", listener.local_addr().unwrap());
        let forgets = Arc::new(AtomicBool::new(false));
        let order = Arc::clone(&forgets);
        background(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, order) = (UnixStream::connect(&socket).await.unwrap(), Arc::clone(&order));
                background(async move {
                    let _either_has_gone = relay(client, server, &order).await;
                });
            }
        });
        Self { url, forgets }
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the test")]
fn background(work: impl Future<Output = ()> + std::marker::Send + 'static) {
    tokio::spawn(work);
}

async fn relay(mut client: TcpStream, mut server: UnixStream, forgets: &AtomicBool) -> io::Result<()> {
    let (mut asked, mut answered) = ([0; 8192], [0; 8192]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => {
                let some = &asked[..count?];
                if some.is_empty() {
                    return Ok(());
                }
                server.write_all(some).await?;
                let is_commit = some.windows(6).any(|word| word == b"COMMIT");
                if is_commit && forgets.swap(false, Ordering::SeqCst) {
                    // Once it is done.
                    return server.readable().await;
                }
            }
            count = server.read(&mut answered) => {
                let some = &answered[..count?];
                if some.is_empty() {
                    return Ok(());
                }
                client.write_all(some).await?;
            }
        }
    }
}

async fn enter(world: &World, client: &mut Connected, room_id: RoomId) {
    join(&world.hub, &client.client, Some(&ID), &Join { room_id: Some(room_id), ..Join::default() }).await;
    assert!(client.frame().await["result"].is_object());
}

/// Passes for the wrong reason if the sender tried again, or somebody said something after it: nobody does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_without_the_hub_hearing_of_it_is_told_all_the_same() {
    let postgres = Forgetful::start().await;
    let world = World::on(TestDatabase::create_on(&postgres.url).await, Config::default()).await;
    let others = world.hub.bus().subscribe(&LinkUp).await.unwrap();
    world.hub.spawn(watch(world.hub.clone(), others));
    let room = world.room().await;
    let (mut ada, mut ben) = (world.connect().await, world.connect().await);
    enter(&world, &mut ada, room).await;
    enter(&world, &mut ben, room).await;
    postgres.forgets.store(true, Ordering::SeqCst);
    let said = Send {
        room_id: room,
        client_id: ClientMessageId::generate(&*world.clock),
        text: "hello".to_owned(),
        reply_to: None,
        mentions: Vec::new(),
        attachments: Vec::new(),
    };
    rooms::send(&world.hub, &ada.client, Some(ID.clone()), said).await;
    let answer = async {
        loop {
            let frame = ada.frame().await;
            if frame["id"] == 1 {
                return frame;
            }
        }
    };
    let answer = timeout(PATIENCE, answer).await.expect("it is answered");
    assert_eq!(answer["error"]["data"]["code"], "unavailable");
    let told = async { while ben.frame().await["params"]["message"]["text"] != "hello" {} };
    timeout(PATIENCE, told).await.expect("it is told");
}
