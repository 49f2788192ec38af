//! A line between clients and a media server that carries TCP, can be cut, and can stop carrying what goes to the clients.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Read at once.
const READ_BYTES: usize = 16 * 1024;

/// What the system keeps of what the server has sent and is not read yet; it doubles it for its own needs (`SO_RCVBUF`).
const RECEIVED_BYTES: u32 = 32 * 1024;

/// Running. Dropping it ends it.
pub struct TcpLine {
    /// Where it listens.
    pub port: u16,
    /// Grows with each cut.
    cut: watch::Sender<u32>,
    is_stopped: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl TcpLine {
    /// Leads to a media server, and carries everything at first.
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (cut, is_stopped) = (watch::Sender::new(0), watch::Sender::new(false));
        let (cuts, stops) = (cut.clone(), is_stopped.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            // They end with this one.
            let mut pairs = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                pairs.spawn(carry(client, to, cuts.subscribe(), stops.subscribe()));
            }
        });
        Self { port, cut, is_stopped, _task: task }
    }

    /// Ends the connections that there are.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// From now on nothing goes to the clients, and what is sent to them waits.
    pub fn stop(&self) {
        self.is_stopped.send_replace(true);
    }

    /// From now on it does again.
    pub fn go_on(&self) {
        self.is_stopped.send_replace(false);
    }
}

/// One connection, until either side ends it or it is cut.
async fn carry(
    client: TcpStream,
    to: SocketAddr,
    mut cut: watch::Receiver<u32>,
    stopped: watch::Receiver<bool>,
) {
    let Ok(server) = connect(to).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let never = watch::Sender::new(false);
    tokio::select! {
        () = pass(from_client, to_server, never.subscribe()) => {}
        () = pass(from_server, to_client, stopped) => {}
        _cut = cut.changed() => {}
    }
}

/// A connection of which the system keeps little while nobody reads it: left to itself it takes megabytes.
#[expect(clippy::disallowed_methods, reason = "tests play the outside, which egress does not let in")]
async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVED_BYTES)?;
    socket.connect(to).await
}

/// Passes on what comes, while it is not stopped.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut stopped: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; READ_BYTES];
    while stopped.wait_for(|is_stopped| !is_stopped).await.is_ok() {
        match from.read(&mut bytes).await {
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).await.is_ok() => {}
            Ok(_) | Err(_) => return,
        }
    }
}
