//! Many clients that listen.

use super::voice::{Class, Link, Saying, Voice};
use crate::{percentiles::Latencies, stamp::age};
use common::clock::{Clock, SystemClock};
use signalling_client::{Connection, Writer, frame};
use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

/// Connections that are made at the same time.
const AT_ONCE: usize = 32;

/// What all of a crowd have heard.
#[derive(Default)]
pub(super) struct Heard {
    messages: AtomicU64,
    bytes: AtomicU64,
    ages: Mutex<Latencies>,
}

impl Heard {
    /// Messages, all listeners together.
    pub(super) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Bytes, whatever they said.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How old messages were, since this was last asked.
    pub(super) fn take_ages(&self) -> Latencies {
        std::mem::take(&mut self.ages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until nothing more comes.
    pub(super) async fn settle(&self) {
        let mut bytes = self.bytes();
        loop {
            sleep(Duration::from_millis(300)).await;
            let now = self.bytes();
            if now == bytes {
                return;
            }
            bytes = now;
        }
    }
}

/// Clients in rooms. All end when it is dropped.
pub(super) struct Crowd {
    pub(super) heard: Arc<Heard>,
    /// When each had joined, since the first began.
    pub(super) joined: Vec<Duration>,
    listeners: JoinSet<()>,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self { heard: Arc::default(), joined: Vec::new(), listeners: JoinSet::new() }
    }

    /// Connects, signs in and joins `count` clients, `per_room` in each room.
    ///
    /// # Errors
    /// If one is not let in.
    pub(super) async fn gather(
        voice: &Voice,
        class: Class,
        count: usize,
        per_room: usize,
    ) -> io::Result<Self> {
        let mut crowd = Self::new();
        let (started, next) = (SystemClock.now(), Arc::new(AtomicUsize::new(0)));
        let (sender, mut links) = mpsc::channel(AT_ONCE);
        let mut connecting = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (voice, next, sender) = (voice.clone(), Arc::clone(&next), sender.clone());
            connecting.spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    let joined = join(&voice, n, n / per_room.max(1), class).await;
                    if sender.send(joined.map(|(link, _)| link)).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        while let Some(link) = links.recv().await {
            crowd.listen(voice, link?);
            crowd.joined.push(SystemClock.now() - started);
        }
        Ok(crowd)
    }

    /// One more listens, and may speak.
    pub(super) fn listen(&mut self, voice: &Voice, link: Link) -> Writer {
        let writer = link.writer();
        self.listeners.spawn(listen(voice.clone(), link.into_connection(), Arc::clone(&self.heard)));
        writer
    }

    /// Clients that came a second, among those from this one to that one.
    pub(super) fn rate(&self, from: usize, to: usize) -> f64 {
        let at = |n: usize| {
            n.checked_sub(1).and_then(|n| self.joined.get(n)).copied().unwrap_or_default().as_secs_f64()
        };
        let count = u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX);
        f64::from(count) / (at(to) - at(from)).max(f64::EPSILON)
    }
}

/// Connects the `n`th client and enters a room. What the room is called in messages comes with it.
///
/// # Errors
/// If it is not let in.
pub(super) async fn join(voice: &Voice, n: usize, room: usize, class: Class) -> io::Result<(Link, String)> {
    let mut link = voice.open(n).await?;
    let room = voice.join(&mut link, room, class, None).await?;
    Ok((link, room))
}

/// Counts what comes, until the connection ends.
async fn listen(voice: Voice, mut connection: Connection, heard: Arc<Heard>) {
    let writer = connection.writer();
    loop {
        let before = connection.bytes_read();
        let (mut ping, mut pong) = (None, None);
        let heard_more = connection.hear(|opcode, payload| match opcode {
            frame::TEXT => match voice.saying(payload) {
                Saying::Message(stamp) => {
                    heard.messages.fetch_add(1, Ordering::Relaxed);
                    if let Some(age) = age(stamp) {
                        heard.ages.lock().unwrap_or_else(PoisonError::into_inner).note(age);
                    }
                }
                Saying::Ping(answer) => ping = Some(answer),
                Saying::Other => {}
            },
            frame::PING => pong = Some(payload.to_vec()),
            _ => {}
        });
        let goes_on = heard_more.await.unwrap_or(false);
        heard.bytes.fetch_add(connection.bytes_read() - before, Ordering::Relaxed);
        if let Some(answer) = ping {
            // An end is heard.
            let _ended = writer.text(answer).await;
        }
        if let Some(payload) = pong {
            let _ended = writer.pong(&payload).await;
        }
        if !goes_on {
            return;
        }
    }
}
