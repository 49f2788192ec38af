//! A Redis Cluster: which of its servers owns what, now and from now on.
//!
//! Our own and not the library's client of clusters: that one holds up the commands to all servers while it looks where
//! those of one have gone, and subscribes again by server and not by slot, which servers refuse.

use super::{
    HOLDERS_FIRST, RedisBackend,
    finder::{Finder, named_by_most, relocated},
    link::{self, limited, patient},
    now,
    partition::{ByPartition, Partition, Partitions},
    routes::{Address, Shard},
};
use crate::error::BusError;
use ::redis::{Client, ErrorKind, RedisError, Value, aio::MultiplexedConnection, cmd, from_redis_value};
use common::error::Chain;
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep_until,
};
use tracing::{info, warn};

/// How often it is looked who owns what while all is well. What moves is heard of sooner, by who is refused.
///
/// Shorter finds sooner a slot that has moved and that nobody uses; each time costs each server a question.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The same while a server is away: another may take its place.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Hints that may wait. When full, a further one is passed over: who gave it gives it again.
const HINTS: usize = 64;

/// What those who talk to servers learn of the cluster.
pub(super) enum Hint {
    /// This partition is there now.
    Moved(Partition, Address),
    /// Something was on its way there.
    Asked(Address),
    /// Something has changed.
    Look,
}

/// Where a cluster is looked for, and how to sign in at its servers.
pub(crate) struct Seeds(Vec<Client>);

impl Seeds {
    /// # Errors
    /// If there is none, or a URL is wrong.
    pub(super) fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, RedisError> {
        let seeds: Vec<Client> = urls.into_iter().map(Client::open).collect::<Result<_, _>>()?;
        if seeds.is_empty() {
            return Err((ErrorKind::InvalidClientConfig, "there are no nodes of the cluster to ask").into());
        }
        Ok(Self(seeds))
    }

    /// One of the cluster's servers, where one signs in as at the first that was named.
    fn client(&self, address: &Address) -> Result<Client, RedisError> {
        let none = || RedisError::from((ErrorKind::InvalidClientConfig, "there are no nodes"));
        let like = self.0.first().ok_or_else(none)?.get_connection_info();
        Client::open(relocated(like, address))
    }
}

/// Who owns what: an address for each partition that somebody owns.
type Owners = Vec<(Partition, Address)>;

pub(super) fn hints() -> (mpsc::Sender<Hint>, mpsc::Receiver<Hint>) {
    mpsc::channel(HINTS)
}

/// Looks who owns what, connects to them, and goes on looking.
///
/// # Errors
/// If no node answers, none of the servers lets us in, or none can be reached.
pub(super) async fn start(
    backend: Arc<RedisBackend>,
    seeds: Seeds,
    hints: mpsc::Receiver<Hint>,
) -> Result<(), BusError> {
    let watch = Watch { backend, seeds, hints };
    let mut starting = watch.apply(watch.look().await?);
    let outcomes = join_all(starting.drain(..)).await;
    let mut failure = None;
    let mut is_any_up = false;
    for outcome in outcomes {
        match outcome {
            Ok(Ok(())) => is_any_up = true,
            Ok(Err(error)) if link::is_shut_out(&error) => return Err(error.into()),
            Ok(Err(error)) => failure = Some(error),
            Err(_) => {}
        }
    }
    if !is_any_up {
        return Err(failure.map_or(BusError::Away, BusError::from));
    }
    // As a link: it goes on while parts drain, and ends with the runtime.
    #[expect(clippy::disallowed_methods, reason = "must outlive the drain")]
    tokio::spawn(watch.run());
    Ok(())
}

struct Watch {
    backend: Arc<RedisBackend>,
    seeds: Seeds,
    hints: mpsc::Receiver<Hint>,
}

/// What comes of the first attempt to connect to a server.
type Starting = oneshot::Receiver<Result<(), RedisError>>;

impl Watch {
    async fn run(mut self) {
        let mut looked_at = now();
        let mut is_told = false;
        loop {
            let pause = if is_told || !self.is_whole() { LOOK_AGAIN } else { LOOK_EVERY };
            tokio::select! {
                hint = self.hints.recv() => match hint {
                    Some(Hint::Moved(partition, address)) => {
                        let shard = self.shard(&self.known_as(partition, address), &mut Vec::new());
                        self.give(vec![(partition, shard)]);
                        // In a moment, when the others have heard of it, too.
                        (looked_at, is_told) = (now(), true);
                    }
                    Some(Hint::Asked(address)) => {
                        self.shard(&address, &mut Vec::new());
                    }
                    Some(Hint::Look) => is_told = true,
                    None => return,
                },
                () = sleep_until(looked_at + pause) => {
                    looked_at = now();
                    is_told = false;
                    if let Ok(owners) = self.look().await {
                        self.apply(owners);
                    }
                }
            }
        }
    }

    /// Whether each partition goes over a link.
    fn is_whole(&self) -> bool {
        self.backend.routes().taken() == Partitions::ALL
    }

    /// A server that does not know by which name it is reached leaves that out: it is on the host that was asked.
    fn known_as(&self, partition: Partition, address: Address) -> Address {
        if !address.host.is_empty() {
            return address;
        }
        let routes = self.backend.routes();
        let asked = routes.owner(partition).and_then(|shard| shard.address.as_ref());
        asked.map_or(address.clone(), |asked| Address { host: asked.host.clone(), port: address.port })
    }

    /// What most say of those servers that we are connected to; of the nodes of the configuration, if there is none.
    async fn look(&self) -> Result<Owners, RedisError> {
        let connected: Vec<(MultiplexedConnection, Option<Address>)> = {
            let routes = self.backend.routes();
            let servers = routes.shards().iter();
            servers.filter_map(|shard| Some((shard.server().ok()?.commands, shard.address.clone()))).collect()
        };
        if !connected.is_empty() {
            let asked = connected
                .into_iter()
                .map(|(mut commands, at)| async move { limited(owners(&mut commands, at)).await });
            if let Ok(owners) = named_by_most(asked).await {
                return Ok(owners);
            }
        }
        let asked = self.seeds.0.iter().map(|seed| {
            limited(async {
                let mut commands = seed.get_multiplexed_async_connection_with_config(&patient()).await?;
                owners(&mut commands, address_of(seed)).await
            })
        });
        named_by_most(asked).await
    }

    /// Has every partition go over the link to its owner. What it returns says what comes of links that are new.
    fn apply(&self, owners: Owners) -> Vec<Starting> {
        let mut starting = Vec::new();
        let owned = owners.into_iter();
        let given = owned.map(|(partition, at)| (partition, self.shard(&at, &mut starting))).collect();
        self.give(given);
        self.backend.routes_mut().retire_idle();
        starting
    }

    fn give(&self, owners: Vec<(Partition, Option<Arc<Shard>>)>) {
        let mut moved = 0;
        {
            let mut routes = self.backend.routes_mut();
            for (partition, shard) in owners {
                if shard.is_some() && routes.set_owner(partition, shard) {
                    moved += 1;
                    // The new owner may lack what the former one had last: who held a lease comes first.
                    self.backend.of(partition).set_leases_from(now() + HOLDERS_FIRST);
                }
            }
        }
        if moved > 0 {
            info!(count = moved, "Parts of the Redis Cluster have moved to other servers");
            self.backend.judge_link();
        }
    }

    /// The link to a server, which begins if there is none yet.
    fn shard(&self, address: &Address, starting: &mut Vec<Starting>) -> Option<Arc<Shard>> {
        let mut routes = self.backend.routes_mut();
        if let Some(shard) = routes.at(address) {
            return Some(Arc::clone(shard));
        }
        let client = match self.seeds.client(address) {
            Ok(client) => client,
            Err(error) => {
                warn!(%address, error = %Chain(&error), "A server of the Redis Cluster cannot be connected to");
                return None;
            }
        };
        let (shard, is_up) = link::open(&self.backend, Finder::at(client), Some(address.clone()));
        routes.add(Arc::clone(&shard));
        starting.push(is_up);
        Some(shard)
    }
}

fn address_of(client: &Client) -> Option<Address> {
    use ::redis::ConnectionAddr;
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(Address { host: host.clone(), port: *port })
        }
        ConnectionAddr::Unix(_) | _ => None,
    }
}

/// Who owns what, as a server that is reached at `asked` sees it.
async fn owners(commands: &mut MultiplexedConnection, asked: Option<Address>) -> Result<Owners, RedisError> {
    let ranges: Vec<Value> = cmd("CLUSTER").arg("SLOTS").query_async(commands).await?;
    let mut owners = ByPartition::new(|| None);
    for range in ranges {
        let range: Vec<Value> = from_redis_value(range)?;
        let mut fields = range.into_iter();
        let (Some(first), Some(last), Some(owner)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (first, last): (u16, u16) = (from_redis_value(first)?, from_redis_value(last)?);
        let mut owner = from_redis_value::<Vec<Value>>(owner)?.into_iter();
        let (Some(host), Some(port)) = (owner.next(), owner.next()) else { continue };
        let host: Option<String> = from_redis_value(host)?;
        let named = host.filter(|host| !host.is_empty() && host != "?");
        let Some(host) = named.or_else(|| asked.as_ref().map(|asked| asked.host.clone())) else { continue };
        let address = Address { host, port: from_redis_value(port)? };
        for partition in Partition::all().filter(|partition| (first..=last).contains(&partition.slot())) {
            *owners.of_mut(partition) = Some(address.clone());
        }
    }
    Ok(Partition::all().filter_map(|partition| Some((partition, owners.of(partition).clone()?))).collect())
}
