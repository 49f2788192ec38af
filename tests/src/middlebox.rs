//! Something between clients and a server that lets no WebSocket through, and may keep answers until they end.

use crate::server::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The longest head that it reads.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Running. Dropping it ends it.
pub struct Middlebox {
    /// Where it listens, as `http://…`.
    pub base: String,
    task: JoinHandle<()>,
}

impl Middlebox {
    /// Stands before a server. `gathers`: an answer goes on only when it has ended.
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    pub async fn start(server: &Server, gathers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let to = server.address();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = to.clone();
                tokio::spawn(async move { relay(client, &to, gathers).await });
            }
        });
        Self { base, task }
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request: each has a connection of its own.
#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
async fn relay(mut client: TcpStream, to: &str, gathers: bool) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok().filter(|_| head.len() < HEAD_BYTES_MAX)?);
    }
    let head = String::from_utf8(head).ok()?;
    if head.to_lowercase().contains("\r\nupgrade:") {
        return client
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await
            .ok();
    }
    let is_kept = |line: &&str| !line.to_lowercase().starts_with("connection:");
    let lines: Vec<&str> = head.trim_end().split("\r\n").filter(is_kept).collect();
    let mut server = TcpStream::connect(to).await.ok()?;
    server.write_all(format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n")).as_bytes()).await.ok()?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answer = async {
        if gathers {
            let mut all = Vec::new();
            from_server.read_to_end(&mut all).await.ok()?;
            to_client.write_all(&all).await.ok()?;
        } else {
            copy(&mut from_server, &mut to_client).await.ok()?;
        }
        to_client.shutdown().await.ok()
    };
    // Whoever asks ends the connection to end a stream.
    let request = async { copy(&mut from_client, &mut to_server).await };
    tokio::select! {
        done = answer => done,
        _gone = request => None,
    }
}
