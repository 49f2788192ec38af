//! What every fault needs: services of its own to break, servers, and a load that goes on meanwhile.

use common::{
    id::RoomId,
    protocol::{media, room},
};
use local_services::{
    postgres::{Postgres, PostgresOptions},
    redis::Redis,
};
use signalling_client::Error;
use std::{path::Path, time::Duration};
use switchboard_tests::{
    PATIENCE,
    graph::Graph,
    installation::{Account, Installation},
    is_long,
    load::{Doors, Load},
    report,
    rest::client,
    server::Server,
    tenacious,
};

/// How long after the end of a fault everything must work again.
pub(crate) const BACK_WITHIN: Duration = Duration::from_secs(10);

/// How long it takes at most until all that was accepted has left: a reply that a killed server was sending is
/// sent again when its lease has ended, not before, because nobody knows whether it left.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// How often a fault is made.
pub(crate) fn rounds() -> u32 {
    if is_long() { 10 } else { 2 }
}

/// How long a fault lasts, and how long the load runs in peace between two.
pub(crate) fn a_while() -> Duration {
    Duration::from_secs(if is_long() { 20 } else { 3 })
}

/// Says that a fault could not be made here.
pub(crate) fn left_out(fault: &str, why: &str) {
    report(&format!("LEFT OUT: {fault}: {why}"));
}

/// Whether the server says that it can do its work.
pub(crate) async fn is_ready(server: &Server) -> bool {
    let answer = client().get(format!("{}/ready", server.base)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// Waits until the server says that it can do its work, or that it cannot.
pub(crate) async fn until_ready(server: &Server, ready: bool, patience: Duration) {
    let looks = async {
        while is_ready(server).await != ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, looks).await.unwrap_or_else(|_| panic!("/ready did not become {ready}"));
}

/// A call can be joined at this hub within [`BACK_WITHIN`] from now on.
pub(crate) async fn calls_work(hub: &str, account: &Account) {
    let room = account.room("Call").await.parse().expect("an id");
    let mut last = None;
    let tries = async {
        while let Err(error) = try_call(hub, account, room).await {
            last = Some(error);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let outcome = tokio::time::timeout(BACK_WITHIN, tries).await;
    outcome.unwrap_or_else(|_| panic!("calls do not work again: {last:?}"));
}

async fn try_call(hub: &str, account: &Account, room_id: RoomId) -> Result<(), Error> {
    let mut socket = tenacious::open(hub, &account.admin.token).await;
    socket.request(&room::Join { room_id: Some(room_id), ..room::Join::default() }).await?;
    let join = media::Join { room_id, previous_connection_id: None, state: media::StateChange::default() };
    socket.request(&join).await?;
    Ok(())
}

/// Meta, for servers on this installation that are started from now on.
pub(crate) async fn meta(installation: &mut Installation) -> Graph {
    let graph = Graph::start().await;
    installation.set("SWITCHBOARD_INBOX__GRAPH__BASE_URL", &graph.base);
    if !is_long() {
        // No fault lasts as long; a reply that a killed server was sending leaves sooner.
        installation.set("SWITCHBOARD_INBOX__LEASE_S", "1");
    }
    graph
}

/// A Postgres that keeps what it has confirmed: a test's fast one would lose it by right.
pub(crate) fn durable_postgres(directory: &Path) -> Postgres {
    Postgres::start(&options(directory)).expect("Postgres starts")
}

pub(crate) fn options(directory: &Path) -> PostgresOptions {
    PostgresOptions::durable(directory.join("pg"))
}

/// An installation with an account, a server, and a load on it. Fields end in this order.
pub(crate) struct Stage {
    pub(crate) load: Load,
    pub(crate) servers: Vec<Server>,
    pub(crate) account: Account,
    pub(crate) installation: Installation,
}

impl Stage {
    /// One server.
    pub(crate) async fn one(mut installation: Installation) -> Self {
        let graph = meta(&mut installation).await;
        let server = installation.server();
        Self::over(installation, vec![server], graph).await
    }

    /// Two instances behind one Redis: the load writes to the one and listens on the other.
    pub(crate) async fn two(installation: Installation, redis: &Redis) -> Self {
        let mut installation = installation.with_own_redis(redis);
        let graph = meta(&mut installation).await;
        let servers = vec![installation.server(), installation.server()];
        Self::over(installation, servers, graph).await
    }

    /// These servers, on this installation.
    async fn over(installation: Installation, servers: Vec<Server>, graph: Graph) -> Self {
        let (first, last) = (&servers[0], &servers[servers.len() - 1]);
        let account = installation.account("acme", first).await;
        let meta = account.whatsapp().await;
        let doors = Doors { other_hub: last.base.clone(), ..Doors::one(&first.base) };
        let load = Load::start(&doors, &account, &meta, graph, PATIENCE).await;
        Self { load, servers, account, installation }
    }

    /// Everything works within [`BACK_WITHIN`] from now on, and every server says so.
    pub(crate) async fn is_back(&self) {
        self.load.ledger.works_again(BACK_WITHIN).await;
        for server in &self.servers {
            until_ready(server, true, BACK_WITHIN).await;
        }
    }

    /// Calls can be joined within [`BACK_WITHIN`] from now on, at the hub that is listened on.
    pub(crate) async fn calls_work(&self) {
        let hub = &self.servers[self.servers.len() - 1].base;
        calls_work(hub, &self.account).await;
    }

    /// Ends the load and does the sums: nothing lost, nothing twice.
    pub(crate) async fn balances(self) {
        let totals = self.load.settle(SETTLED_WITHIN).await;
        report(&format!("balanced: {totals:?}"));
    }
}

/// Signals that are sent to processes of the test's own.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    Stop,
    Continue,
    Kill,
}

/// Sends a signal to a process that the test has started, and to what that has started.
pub(crate) fn signal(process: u32, signal: Signal) {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        all.extend(children(parent));
        next += 1;
    }
    for process in all {
        send(process, signal);
    }
}

/// The processes that a process has started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[expect(unsafe_code, reason = "signals have no safe interface")]
pub(crate) fn send(process: u32, signal: Signal) {
    let number = match signal {
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
        Signal::Kill => libc::SIGKILL,
    };
    let id = libc::pid_t::try_from(process).expect("a process id");
    // SAFETY: a number of a child, or of a child's child; if it has just ended nothing happens.
    unsafe { libc::kill(id, number) };
}
