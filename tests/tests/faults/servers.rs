//! `kill -9` of each process of ours.

use crate::stage::{BACK_WITHIN, SETTLED_WITHIN, Stage, a_while, calls_work, durable_postgres, meta, rounds};
use local_services::{redis::Redis, scratch::Scratch};
use switchboard_tests::{
    PATIENCE,
    installation::Installation,
    load::{Doors, Load},
    report,
    server::Server,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_at_load_loses_and_doubles_nothing() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let mut stage = Stage::one(Installation::with_own_postgres(&postgres).await).await;
    for _ in 0..rounds() {
        let server = stage.servers.pop().expect("it runs");
        let address = server.address();
        server.kill();
        stage.servers.push(stage.installation.server_on(&address));
        stage.is_back().await;
        tokio::time::sleep(a_while() / 3).await;
    }
    stage.balances().await;
}

/// Each role in a process of its own: the others go on, and the load goes round all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_be_killed_by_itself() {
    let directory = Scratch::new().expect("a directory");
    let postgres = durable_postgres(directory.path());
    let redis = Redis::start(&directory.path().join("r")).expect("Redis starts");
    let mut installation = Installation::with_own_postgres(&postgres).await.with_own_redis(&redis);
    let graph = meta(&mut installation).await;
    let mut servers: Vec<(&str, Server)> = ["api", "signalling", "inbox", "sfu"]
        .map(|role| (role, installation.role(role, "127.0.0.1:0")))
        .into();
    let base = |servers: &[(&str, Server)], role: &str| {
        servers.iter().find(|(name, _)| *name == role).expect("it runs").1.base.clone()
    };
    let account = installation.account("acme", &servers[0].1).await;
    let channel = account.whatsapp().await;
    let hub = base(&servers, "signalling");
    let doors = Doors {
        api: base(&servers, "api"),
        inbox: base(&servers, "inbox"),
        hub: hub.clone(),
        other_hub: hub,
    };
    let load = Load::start(&doors, &account, &channel, graph, PATIENCE).await;
    let hub = base(&servers, "signalling");
    for at in 0..servers.len() {
        let (role, server) = servers.remove(at);
        let address = server.address();
        server.kill();
        servers.insert(at, (role, installation.role(role, &address)));
        let all = load.ledger.works_again(BACK_WITHIN);
        tokio::join!(all, calls_work(&hub, &account));
    }
    let totals = load.settle(SETTLED_WITHIN).await;
    report(&format!("balanced: {totals:?}"));
}

/// The kernel takes a process's children only if they were told to end with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_postgres_ends_with_a_server_that_is_killed() {
    let directory = Scratch::new().expect("a directory");
    let server = Server::start(&crate::embedded::environment(directory.path()));
    let postgres = crate::embedded::postmaster(directory.path());
    server.kill();
    let is_gone = || !std::path::Path::new(&format!("/proc/{postgres}")).exists();
    assert!(local_services::child::poll(PATIENCE, is_gone), "Postgres {postgres} outlived its server");
}
