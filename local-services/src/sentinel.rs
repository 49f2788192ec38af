//! A Redis with a replica, watched by three Sentinels, on free ports of loopback.

use crate::{
    child::{self, Service, Signal},
    ports,
    servers::{START_TIMEOUT, ask, await_answer, binary},
};
use std::{fs, io, net::SocketAddr, path::Path};

/// The name under which the Sentinels watch.
const SERVICE: &str = "switchboard";

/// Two servers of which one takes writes, and who decides which.
#[derive(Debug)]
pub struct Watched {
    servers: Vec<(SocketAddr, Option<Service>)>,
    sentinels: Vec<(SocketAddr, Service)>,
}

impl Watched {
    /// Starts them with their files in `dir`, and returns once the Sentinels could elect the replica.
    ///
    /// # Errors
    /// If there is no Redis on this machine, or one does not start.
    pub fn start(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let first = ports::free()?;
        let second = ports::free()?;
        let main = server(dir, first, &[])?;
        let follow = ["--replicaof".to_owned(), first.ip().to_string(), first.port().to_string()];
        let replica = server(dir, second, &follow)?;
        await_answer(second, "INFO replication", "master_link_status:up")?;
        let sentinels = (0..3).map(|_| sentinel(dir, first)).collect::<io::Result<Vec<_>>>()?;
        for (address, _) in &sentinels {
            await_answer(*address, &format!("SENTINEL REPLICAS {SERVICE}"), &second.port().to_string())?;
            await_answer(*address, &format!("SENTINEL MASTER {SERVICE}"), "num-other-sentinels\r\n$1\r\n2")?;
        }
        Ok(Self { servers: vec![(first, Some(main)), (second, Some(replica))], sentinels })
    }

    /// How to sign in, wherever that is: the host is the name under which the Sentinels watch.
    pub fn url(&self) -> String {
        format!("redis://{SERVICE}")
    }

    /// The Sentinels' URLs.
    pub fn sentinels(&self) -> Vec<String> {
        self.sentinels.iter().map(|(address, _)| format!("redis://{address}")).collect()
    }

    /// The processes of the Sentinels.
    pub fn sentinel_ids(&self) -> Vec<u32> {
        self.sentinels.iter().map(|(_, service)| service.id()).collect()
    }

    /// Ends the server that took writes at first, at once, as a crash would.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill_first(&mut self) -> io::Result<()> {
        match self.servers.first_mut().and_then(|(_, service)| service.take()) {
            Some(mut service) => service.stop(Signal::Kill).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Has the Sentinels elect the other server, as an operator does before maintenance.
    ///
    /// # Errors
    /// If they cannot be asked, or refuse.
    pub fn hand_over(&self) -> io::Result<()> {
        let Some((address, _)) = self.sentinels.first() else { return Ok(()) };
        let answer = ask(*address, &format!("SENTINEL FAILOVER {SERVICE}"))?;
        if answer.starts_with("+OK") { Ok(()) } else { Err(io::Error::other(answer)) }
    }
}

fn server(dir: &Path, address: SocketAddr, more: &[String]) -> io::Result<Service> {
    let name = format!("redis-{}", address.port());
    let mut command = child::command(&binary()?, None);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--repl-diskless-sync-delay", "0", "--dir"]).arg(dir);
    command.args(["--dbfilename", &format!("{name}.rdb"), "--port", &address.port().to_string()]).args(more);
    let mut service = Service::start(command, &dir.join(format!("{name}.log")), Signal::Terminate)?;
    service
        .wait_until(START_TIMEOUT, || ask(address, "PING").is_ok_and(|answer| answer.starts_with("+PONG")))?;
    Ok(service)
}

fn sentinel(dir: &Path, watched: SocketAddr) -> io::Result<(SocketAddr, Service)> {
    let address = ports::free()?;
    let name = format!("sentinel-{}", address.port());
    // A Sentinel writes what it learns into its configuration.
    let file = dir.join(format!("{name}.conf"));
    let (ip, port) = (watched.ip(), watched.port());
    fs::write(
        &file,
        format!(
            "bind 127.0.0.1\nport {own}\ndir {dir}\nsentinel monitor {SERVICE} {ip} {port} 2\n\
             sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n",
            own = address.port(),
            dir = dir.display(),
        ),
    )?;
    let mut command = child::command(&binary()?, None);
    command.arg(&file).arg("--sentinel");
    let mut service = Service::start(command, &dir.join(format!("{name}.log")), Signal::Terminate)?;
    service
        .wait_until(START_TIMEOUT, || ask(address, "PING").is_ok_and(|answer| answer.starts_with("+PONG")))?;
    Ok((address, service))
}
