//! A line between a client and a media server that carries so much a second: UDP, with a queue before it as routers
//! have.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

/// How long a datagram may wait in the queue. What would have to wait for longer is lost.
const QUEUE_TIME: Duration = Duration::from_millis(300);

/// Likewise, datagrams.
const DATAGRAMS_MAX: usize = 4096;

/// The largest datagram.
const BYTES_MAX: usize = 65_536;

/// The line's rate that carries everything.
const UNLIMITED: u64 = u64::MAX;

/// Running. Dropping it ends it.
pub struct NarrowLine {
    /// Where it listens.
    pub address: SocketAddr,
    /// Bits a second towards the client.
    rate: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl NarrowLine {
    /// Leads to a media server, and carries everything at first. Each of its clients has a line of its own.
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    pub async fn start(to: SocketAddr) -> Self {
        let front = Arc::new(bound().await);
        let address = front.local_addr().expect("it is bound");
        let rate = Arc::new(AtomicU64::new(UNLIMITED));
        let task = tokio::spawn(carry(front, to, Arc::clone(&rate)));
        Self { address, rate, task }
    }

    /// From now on so many bits a second are carried towards each client.
    pub fn carries(&self, bits_per_second: u64) {
        self.rate.store(bits_per_second, Ordering::Relaxed);
    }

    /// From now on everything is.
    pub fn carries_everything(&self) {
        self.carries(UNLIMITED);
    }
}

impl Drop for NarrowLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a line in real time")]
fn now() -> Instant {
    Instant::now()
}

async fn bound() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port")
}

/// What clients send goes on at once, from a socket for each of them.
async fn carry(front: Arc<UdpSocket>, to: SocketAddr, rate: Arc<AtomicU64>) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    // They end with this one.
    let mut lines = JoinSet::new();
    let mut datagram = vec![0; BYTES_MAX];
    while let Ok((length, client)) = front.recv_from(&mut datagram).await {
        let back = match backs.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let back = Arc::new(bound().await);
                let (queue, waiting) = mpsc::channel(DATAGRAMS_MAX);
                lines.spawn(enqueue(Arc::clone(&back), queue, Arc::clone(&rate)));
                lines.spawn(release(Arc::clone(&front), client, waiting));
                place.insert(back)
            }
        };
        let _lost = back.send_to(&datagram[..length], to).await;
    }
}

/// Gives each datagram of the server the time at which the line has carried it.
async fn enqueue(back: Arc<UdpSocket>, queue: mpsc::Sender<(Instant, Vec<u8>)>, rate: Arc<AtomicU64>) {
    let mut free_at = now();
    let mut datagram = vec![0; BYTES_MAX];
    while let Ok((length, _)) = back.recv_from(&mut datagram).await {
        let now = now();
        let begins = free_at.max(now);
        if begins.saturating_duration_since(now) > QUEUE_TIME {
            continue;
        }
        let bits = u64::try_from(length).expect("a few") * 8;
        let micros = bits.saturating_mul(1_000_000) / rate.load(Ordering::Relaxed);
        free_at = begins + Duration::from_micros(micros);
        // What finds no room is lost, like what would have to wait for too long.
        let _lost = queue.try_send((free_at, datagram[..length].to_vec()));
    }
}

async fn release(front: Arc<UdpSocket>, client: SocketAddr, mut waiting: mpsc::Receiver<(Instant, Vec<u8>)>) {
    while let Some((at, datagram)) = waiting.recv().await {
        sleep_until(at).await;
        let _lost = front.send_to(&datagram, client).await;
    }
}
