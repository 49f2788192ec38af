//! A Redis Cluster of three primaries with a replica each, on free ports of loopback.

use crate::{
    child::{self, Service, Signal},
    ports,
    servers::{ask, await_answer, binary},
};
use std::{fs, io, net::SocketAddr, path::Path, thread, time::Duration};

/// How many own slots.
const PRIMARIES: usize = 3;

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// After how many milliseconds without an answer the others take a server for dead. Short, as they are all of one machine.
const NODE_TIMEOUT_MS: u32 = 1_000;

/// A server of the cluster.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    /// Where the others talk to it.
    bus: SocketAddr,
    /// By which the others know it.
    id: String,
    service: Option<Service>,
}

impl Node {
    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process; `None` if it was ended.
    pub fn process(&self) -> Option<u32> {
        self.service.as_ref().map(Service::id)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        self.service.take().map_or(Ok(()), |mut service| service.stop(Signal::Kill).map(drop))
    }

    /// Has it carry out a command that is answered with one line; that line.
    ///
    /// # Errors
    /// If it is away or refuses.
    pub fn order(&self, command: &str) -> io::Result<String> {
        let answer = ask(self.address, command)?;
        if answer.starts_with('-') {
            Err(io::Error::other(format!("{command}: {answer}")))
        } else {
            Ok(answer)
        }
    }
}

/// Six servers that share one keyspace.
#[derive(Debug)]
pub struct Cluster {
    /// Each owns a third of the slots.
    pub primaries: Vec<Node>,
    /// Each copies the primary of the same place, if they were asked for.
    pub replicas: Vec<Node>,
}

impl Cluster {
    /// Starts three primaries with their files in `dir`, and with a replica each; returns once all of them know who owns
    /// what, and replicas have what there is to copy. A replica takes its primary's place some two seconds after that died.
    ///
    /// # Errors
    /// If there is no Redis on this machine, or one does not start.
    pub fn start(dir: &Path) -> io::Result<Self> {
        Self::begin(dir, true)
    }

    /// The same without replicas: what a primary owned is away with it, and the rest goes on.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_without_replicas(dir: &Path) -> io::Result<Self> {
        Self::begin(dir, false)
    }

    fn begin(dir: &Path, has_replicas: bool) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let count = if has_replicas { 2 * PRIMARIES } else { PRIMARIES };
        let mut nodes: Vec<Node> = (0..count).map(|_| start(dir)).collect::<io::Result<_>>()?;
        for node in &nodes {
            await_answer(node.address, "PING", "+PONG")?;
        }
        for (place, node) in nodes.iter_mut().enumerate() {
            let id = ask(node.address, "CLUSTER MYID")?;
            node.id = id.lines().nth(1).unwrap_or_default().to_owned();
            // Each begins with an epoch of its own: else it takes them seconds to agree on that.
            ask(node.address, &format!("CLUSTER SET-CONFIG-EPOCH {}", place + 1))?;
        }
        let each = usize::from(SLOTS).div_ceil(PRIMARIES);
        for (place, node) in nodes.iter().take(PRIMARIES).enumerate() {
            let (first, last) = (place * each, ((place + 1) * each).min(SLOTS.into()) - 1);
            node.order(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
        }
        // Each to each: what they tell each other of others takes them seconds.
        for (place, node) in nodes.iter().enumerate() {
            for other in nodes.iter().skip(place + 1) {
                let (host, port, bus) = (other.address.ip(), other.address.port(), other.bus.port());
                node.order(&format!("CLUSTER MEET {host} {port} {bus}"))?;
            }
        }
        for node in &nodes {
            await_answer(node.address, "CLUSTER INFO", &format!("cluster_known_nodes:{count}"))?;
        }
        let replicas = nodes.split_off(PRIMARIES);
        for (primary, replica) in nodes.iter().zip(&replicas) {
            await_answer(replica.address, &format!("CLUSTER REPLICATE {}", primary.id), "+OK")?;
        }
        for node in nodes.iter().chain(&replicas) {
            await_answer(node.address, "CLUSTER INFO", "cluster_state:ok")?;
        }
        for replica in &replicas {
            await_answer(replica.address, "INFO replication", "master_link_status:up")?;
        }
        Ok(Self { primaries: nodes, replicas })
    }

    /// The primaries' URLs.
    pub fn urls(&self) -> Vec<String> {
        self.primaries.iter().map(Node::url).collect()
    }

    /// The primary, by its place, that owns a slot as long as none has moved.
    pub fn owner(slot: u16) -> usize {
        usize::from(slot) / usize::from(SLOTS).div_ceil(PRIMARIES)
    }

    /// Begins to move a slot from one primary to another: what is in it stays where it is until it is [moved](Self::end_move).
    ///
    /// # Errors
    /// If one of them is away or refuses.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        let (from, to) = self.two(from, to)?;
        to.order(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", from.id))?;
        from.order(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", to.id)).map(drop)
    }

    /// Moves what is in a slot whose move has begun, key by key, `pause` after each.
    ///
    /// # Errors
    /// As [`Self::begin_move`].
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, pause: Duration) -> io::Result<()> {
        let (from, to) = self.two(from, to)?;
        loop {
            let keys = from.order(&format!("CLUSTER GETKEYSINSLOT {slot} 1"))?;
            let Some(key) = keys.lines().nth(2).map(str::to_owned) else { return Ok(()) };
            let (host, port) = (to.address.ip(), to.address.port());
            from.order(&format!("MIGRATE {host} {port} {key} 0 5000"))?;
            thread::sleep(pause);
        }
    }

    /// Ends the move of a slot that is empty where it was.
    ///
    /// # Errors
    /// As [`Self::begin_move`].
    pub fn end_move(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        let (from, to) = self.two(from, to)?;
        for node in [to, from].into_iter().chain(&self.primaries) {
            node.order(&format!("CLUSTER SETSLOT {slot} NODE {}", to.id))?;
        }
        Ok(())
    }

    fn two(&self, from: usize, to: usize) -> io::Result<(&Node, &Node)> {
        let none = || io::Error::other("there is no such primary");
        Ok((self.primaries.get(from).ok_or_else(none)?, self.primaries.get(to).ok_or_else(none)?))
    }
}

fn start(dir: &Path) -> io::Result<Node> {
    let (address, bus) = (ports::free()?, ports::free()?);
    let name = format!("node-{}", address.port());
    let mut command = child::command(&binary()?, None);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--cluster-enabled", "yes"]);
    command.args(["--repl-diskless-sync-delay", "0", "--cluster-require-full-coverage", "no"]);
    command.args(["--cluster-node-timeout", &NODE_TIMEOUT_MS.to_string()]);
    command.args(["--cluster-config-file", &format!("{name}.conf"), "--dbfilename", &format!("{name}.rdb")]);
    command.args(["--port", &address.port().to_string(), "--cluster-port", &bus.port().to_string(), "--dir"]);
    command.arg(dir);
    let service = Service::start(command, &dir.join(format!("{name}.log")), Signal::Terminate)?;
    Ok(Node { address, bus, id: String::new(), service: Some(service) })
}
