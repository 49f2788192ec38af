//! Something between the hub and Postgres that misbehaves on order.

use std::{
    env,
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::testing::URL_VARIABLE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::Notify,
};

/// The tests' Postgres, for tests of several threads: a database is dropped by one that waits for it.
pub(crate) struct Proxy {
    /// A superuser's.
    pub(crate) url: String,
    /// The answer to the next COMMIT is lost, and the connection with it.
    loses_commit: Arc<AtomicBool>,
    freezes: Arc<Notify>,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let url = env::var(URL_VARIABLE).unwrap();
        let directory = url.split(['?', '&']).find_map(|part| part.strip_prefix("host="));
        let socket = format!("{}/.s.PGSQL.5432", directory.expect("a socket of this machine"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://postgres@{}/postgres?sslmode=disable", listener.local_addr().unwrap());
        let (loses_commit, freezes) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let (order, freeze) = (Arc::clone(&loses_commit), Arc::clone(&freezes));
        background(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = UnixStream::connect(&socket).await.unwrap();
                let (order, freeze) = (Arc::clone(&order), Arc::clone(&freeze));
                background(async move {
                    tokio::select! {
                        _ = relay(&mut client, &mut server, &order) => {}
                        // Both ends stay open.
                        () = freeze.notified() => pending().await,
                    }
                });
            }
        });
        Self { url, loses_commit, freezes }
    }

    /// Loses the answer to the next COMMIT once it is done, and the connection with it.
    pub(crate) fn lose_commit(&self) {
        self.loses_commit.store(true, Ordering::SeqCst);
    }

    /// Nothing comes through the connections that there are any more, and nobody closes them.
    pub(crate) fn freeze(&self) {
        self.freezes.notify_waiters();
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the test")]
fn background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

async fn relay(client: &mut TcpStream, server: &mut UnixStream, loses_commit: &AtomicBool) -> io::Result<()> {
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
                if is_commit && loses_commit.swap(false, Ordering::SeqCst) {
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
