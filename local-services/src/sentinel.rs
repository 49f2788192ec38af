//! A Redis with a replica, watched by three Sentinels, on free ports of loopback.

use crate::{
    child::{self, Service, Signal},
    find,
};
use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long all of it may take to know each other.
const START_TIMEOUT: Duration = Duration::from_secs(30);

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
        let first = free_port()?;
        let second = free_port()?;
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
    let address = free_port()?;
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

fn binary() -> io::Result<PathBuf> {
    find::redis().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "no redis-server: run `cargo xtask setup redis`")
    })
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn await_answer(address: SocketAddr, question: &str, part: &str) -> io::Result<()> {
    let has_come = || ask(address, question).is_ok_and(|answer| answer.contains(part));
    if child::poll(START_TIMEOUT, has_come) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{question} never said {part}")))
}

/// What a server says to a command; of a long answer, how it begins.
#[expect(clippy::disallowed_methods, reason = "asks a server of this machine that was started here")]
fn ask(address: SocketAddr, command: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = vec![0; 16 * 1024];
    let length = stream.read(&mut answer)?;
    answer.truncate(length);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
