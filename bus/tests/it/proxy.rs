//! Something between a process and Redis that misbehaves on order.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{UnixListener, UnixStream},
    sync::watch,
};

/// What it does with connections. A change cuts those that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Answers every command with this line, and Redis gets none.
    Answer(&'static str),
    /// Lets so many bytes through to Redis on each connection, and then cuts it.
    CutAfter(u64),
}

pub(crate) struct Proxy {
    path: PathBuf,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) fn start(url: &str) -> Self {
        let to = PathBuf::from(url.strip_prefix("redis+unix://").expect("a socket of this machine"));
        let path = to.with_file_name("proxy.sock");
        let listener = UnixListener::bind(&path).expect("it can be bound");
        let (mode, cuts) = (watch::Sender::new(Mode::Pass), Arc::new(AtomicU32::new(0)));
        let (modes, count) = (mode.clone(), Arc::clone(&cuts));
        background(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (to, mut changes, count) = (to.clone(), modes.subscribe(), Arc::clone(&count));
                background(async move {
                    let mode = *changes.borrow_and_update();
                    tokio::select! {
                        () = relay(client, &to, mode, &count) => {}
                        _ = changes.changed() => {}
                    }
                });
            }
        });
        Self { path, mode, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.path.display())
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many connections were cut for what they had sent.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::Relaxed)
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the test")]
fn background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

async fn relay(mut client: UnixStream, to: &PathBuf, mode: Mode, cuts: &AtomicU32) {
    if let Mode::Answer(line) = mode {
        return answer(client, line).await;
    }
    // Redis may be away: then whoever comes is cut off.
    let Ok(mut redis) = UnixStream::connect(to).await else { return };
    if let Mode::CutAfter(bytes) = mode {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_redis, mut to_redis) = redis.split();
        let mut limited = (&mut from_client).take(bytes);
        tokio::select! {
            sent = tokio::io::copy(&mut limited, &mut to_redis) => {
                if sent.is_ok_and(|sent| sent == bytes) {
                    cuts.fetch_add(1, Ordering::Relaxed);
                }
            }
            _ = tokio::io::copy(&mut from_redis, &mut to_client) => {}
        }
        return;
    }
    let _broken = copy_bidirectional(&mut client, &mut redis).await;
}

/// A command begins with a line that says how many words it has.
async fn answer(mut client: UnixStream, line: &str) {
    let mut read = [0; 4_096];
    while let Ok(count @ 1..) = client.read(&mut read).await {
        let lines = read.iter().take(count).copied().collect::<Vec<_>>();
        let commands = lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"*")).count();
        if client.write_all(line.repeat(commands).as_bytes()).await.is_err() {
            return;
        }
    }
}
