//! A line between a client and a media server that carries so much a second, and whose router may give its clients other
//! addresses: UDP, with a queue before it as routers have.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinHandle, JoinSet},
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

/// Where clients are heard from now on, and who wants to know once it is so.
type Move = (IpAddr, oneshot::Sender<()>);

/// Running. Dropping it ends it.
pub struct NarrowLine {
    /// Where it listens.
    pub address: SocketAddr,
    /// Bits a second towards the client.
    rate: Arc<AtomicU64>,
    moves: mpsc::Sender<Move>,
    task: JoinHandle<()>,
}

impl NarrowLine {
    /// Leads to a media server, and carries everything at first. Each of its clients has a line of its own.
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    pub async fn start(to: SocketAddr) -> Self {
        let front = Arc::new(bound(Ipv4Addr::LOCALHOST.into()).await);
        let address = front.local_addr().expect("it is bound");
        let rate = Arc::new(AtomicU64::new(UNLIMITED));
        let (moves, moved) = mpsc::channel(1);
        let router = Router { front, rate: Arc::clone(&rate), clients: BTreeMap::new(), deaf: Vec::new() };
        let task = tokio::spawn(router.carry(to, moved));
        Self { address, rate, moves, task }
    }

    /// From now on so many bits a second are carried towards each client.
    pub fn carries(&self, bits_per_second: u64) {
        self.rate.store(bits_per_second, Ordering::Relaxed);
    }

    /// From now on everything is.
    pub fn carries_everything(&self) {
        self.carries(UNLIMITED);
    }

    /// From now on the server hears each client from another port of this address of loopback, and what it sends to where
    /// it heard them before is lost without a word, as behind a router that has forgotten them. No client is told.
    pub async fn moves_to(&self, address: Ipv4Addr) {
        let (done, moved) = oneshot::channel();
        self.moves.send((address.into(), done)).await.expect("the line runs");
        moved.await.expect("the line runs");
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

async fn bound(address: IpAddr) -> UdpSocket {
    UdpSocket::bind((address, 0)).await.expect("a port")
}

/// Where the server hears a client.
struct Client {
    back: Arc<UdpSocket>,
    /// What the server sends it waits here.
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
    listening: AbortHandle,
}

struct Router {
    front: Arc<UdpSocket>,
    rate: Arc<AtomicU64>,
    clients: BTreeMap<SocketAddr, Client>,
    /// Where clients were heard before: nobody reads what comes there, and nobody says so.
    deaf: Vec<Arc<UdpSocket>>,
}

impl Router {
    /// What clients send goes on at once, from a socket for each of them.
    async fn carry(mut self, to: SocketAddr, mut moved: mpsc::Receiver<Move>) {
        // They end with this one.
        let mut lines = JoinSet::new();
        let mut from = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut datagram = vec![0; BYTES_MAX];
        let front = Arc::clone(&self.front);
        loop {
            tokio::select! {
                Some((address, done)) = moved.recv() => {
                    from = address;
                    self.move_clients(from, &mut lines).await;
                    let _nobody_waits = done.send(());
                }
                Ok((length, client)) = front.recv_from(&mut datagram) => {
                    let back = self.back(client, from, &mut lines).await;
                    let _lost = back.send_to(&datagram[..length], to).await;
                }
                else => return,
            }
        }
    }

    async fn back(&mut self, client: SocketAddr, from: IpAddr, lines: &mut JoinSet<()>) -> &UdpSocket {
        match self.clients.entry(client) {
            Entry::Occupied(known) => &known.into_mut().back,
            Entry::Vacant(place) => {
                let (queue, waiting) = mpsc::channel(DATAGRAMS_MAX);
                lines.spawn(release(Arc::clone(&self.front), client, waiting));
                &place.insert(Client::heard_at(from, queue, &self.rate, lines).await).back
            }
        }
    }

    async fn move_clients(&mut self, to: IpAddr, lines: &mut JoinSet<()>) {
        for client in self.clients.values_mut() {
            let moved = Client::heard_at(to, client.queue.clone(), &self.rate, lines).await;
            let before = std::mem::replace(client, moved);
            before.listening.abort();
            self.deaf.push(before.back);
        }
    }
}

impl Client {
    async fn heard_at(
        address: IpAddr,
        queue: mpsc::Sender<(Instant, Vec<u8>)>,
        rate: &Arc<AtomicU64>,
        lines: &mut JoinSet<()>,
    ) -> Self {
        let back = Arc::new(bound(address).await);
        let listening = lines.spawn(enqueue(Arc::clone(&back), queue.clone(), Arc::clone(rate)));
        Self { back, queue, listening }
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
