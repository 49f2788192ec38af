//! The private Postgres of a server without configuration.

use crate::stage::{BACK_WITHIN, Signal, rounds, send, signal, until_ready};
use local_services::scratch::Scratch;
use serde_json::json;
use std::{fs, path::Path};
use switchboard_tests::{PATIENCE, rest::client, server::Server};

/// What a server on its own in `directory` is started with.
pub(crate) fn environment(directory: &Path) -> Vec<(String, String)> {
    let directory = directory.join("data").display().to_string();
    let settings = [
        ("SWITCHBOARD_DATABASE__DATA_DIR", directory.as_str()),
        ("SWITCHBOARD_SFU__LISTEN", "127.0.0.1:0"),
        ("SWITCHBOARD_LOG__FILTER", "warn"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The process id of its Postgres.
pub(crate) fn postmaster(directory: &Path) -> u32 {
    written_postmaster(directory).expect("it runs")
}

/// The same, if one is written down.
fn written_postmaster(directory: &Path) -> Option<u32> {
    let text = fs::read_to_string(directory.join("data/postgres/data/postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Whether the server can look up a user at this moment; what `/ready` says may be a second old.
async fn asks_the_database(server: &Server) -> bool {
    let nobody = json!({ "email": "nobody@example.test", "password": "a guess" });
    let request = client().post(format!("{}/v1/auth/sign-in", server.base)).json(&nobody);
    request.send().await.is_ok_and(|answer| answer.status() == 401)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_postgres_that_is_killed_is_started_again() {
    let directory = Scratch::new().expect("a directory");
    let server = Server::start(&environment(directory.path()));
    until_ready(&server, true, PATIENCE).await;
    for _ in 0..rounds() {
        let killed = postmaster(directory.path());
        signal(killed, Signal::Kill);
        let is_another = || written_postmaster(directory.path()).is_some_and(|another| another != killed);
        let back = async {
            while !is_another() || !asks_the_database(&server).await {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(BACK_WITHIN, back).await.expect("Postgres is back");
    }
}

/// Half a server that looks healthy is worse than none: what restarts it can see that it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_postgres_cannot_be_started_ends() {
    let directory = Scratch::new().expect("a directory");
    let server = Server::start(&environment(directory.path()));
    until_ready(&server, true, PATIENCE).await;
    let data = directory.path().join("data/postgres/data");
    let killed = postmaster(directory.path());
    fs::write(data.join("postgresql.conf"), "no such setting = 1\n").expect("it is ours");
    send(killed, Signal::Kill);
    let ended = tokio::task::spawn_blocking(move || server.ended());
    tokio::time::timeout(PATIENCE * 2, ended).await.expect("the server ends").expect("in order");
}
