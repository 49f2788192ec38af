//! A Redis of our own on a unix socket, which a test may kill and start again.

use crate::{
    child::{self, Service, Signal},
    find, ports,
};
use std::{
    fs,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A Redis that forgets everything when it ends.
#[derive(Debug)]
pub struct Redis {
    dir: PathBuf,
    tls: Option<Tls>,
    service: Option<Service>,
}

/// A port of loopback that is reached over TLS.
#[derive(Debug)]
struct Tls {
    port: u16,
    certificate: PathBuf,
    key: PathBuf,
}

impl Redis {
    /// Starts one with its socket and log in `dir`, which is made if missing.
    ///
    /// # Errors
    /// If there is no Redis on this machine or it does not start.
    pub fn start(dir: &Path) -> io::Result<Self> {
        Self::begin(dir, None)
    }

    /// The same, which also listens over TLS on a free port of loopback, with this certificate and key (PEM).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_tls(dir: &Path, certificate: &Path, key: &Path) -> io::Result<Self> {
        let port = ports::free()?.port();
        Self::begin(dir, Some(Tls { port, certificate: certificate.to_owned(), key: key.to_owned() }))
    }

    fn begin(dir: &Path, tls: Option<Tls>) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut redis = Self { dir: dir.to_owned(), tls, service: None };
        redis.restart()?;
        Ok(redis)
    }

    /// Where clients connect: a socket of this machine.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Where clients connect over TLS, if they can.
    pub fn tls_url(&self) -> Option<String> {
        self.tls.as_ref().map(|tls| format!("rediss://localhost:{}", tls.port))
    }

    /// Its process; `None` if it was ended.
    pub fn id(&self) -> Option<u32> {
        self.service.as_ref().map(Service::id)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> io::Result<()> {
        match self.service.take() {
            Some(mut service) => service.stop(Signal::Kill).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Starts it again, empty.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        let binary = find::redis().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no redis-server: run `cargo xtask setup redis`")
        })?;
        let socket = self.socket();
        let mut command = child::command(&binary, None);
        command.args([
            "--port",
            "0",
            "--save",
            "",
            "--appendonly",
            "no",
            "--unixsocketperm",
            "777",
            "--unixsocket",
        ]);
        command.arg(&socket).arg("--dir").arg(&self.dir);
        if let Some(tls) = &self.tls {
            command.args(["--bind", "127.0.0.1", "--tls-auth-clients", "no", "--tls-port"]);
            command.arg(tls.port.to_string()).arg("--tls-cert-file").arg(&tls.certificate);
            command.arg("--tls-key-file").arg(&tls.key);
        }
        let mut service = Service::start(command, &self.dir.join("redis.log"), Signal::Terminate)?;
        service.wait_until(START_TIMEOUT, || answers(&socket))?;
        self.service = Some(service);
        Ok(())
    }

    /// Lets somebody in by a name of their own, with everybody's rights; their URL.
    ///
    /// # Errors
    /// If Redis is away or refuses.
    pub fn let_in(&self, name: &str) -> io::Result<String> {
        order(&self.socket(), &format!("ACL SETUSER {name} on >{name} ~* &* +@all"))?;
        Ok(format!("{}?user={name}&pass={name}", self.url()))
    }

    /// Cuts off who came in by this name, and keeps them out until they are let in again.
    ///
    /// # Errors
    /// If Redis is away or refuses.
    pub fn shut_out(&self, name: &str) -> io::Result<()> {
        let socket = self.socket();
        order(&socket, &format!("ACL SETUSER {name} off"))?;
        order(&socket, &format!("CLIENT KILL USER {name}"))
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("redis.sock")
    }
}

fn answers(socket: &Path) -> bool {
    order(socket, "PING").is_ok()
}

/// Has Redis carry out a command.
fn order(socket: &Path, command: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    if kind == *b"-" { Err(io::Error::other(format!("Redis refused {command}"))) } else { Ok(()) }
}
