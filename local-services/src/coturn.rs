//! A coturn of our own on loopback, for tests.

use crate::{
    child::{self, Service, Signal},
    find,
};
use std::{fs, io, net::TcpStream, path::Path, time::Duration};

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running coturn. Dropping it stops it.
#[derive(Debug)]
pub struct Coturn {
    _service: Service,
}

impl Coturn {
    /// Starts one with this configuration, which must make it listen on TCP at 127.0.0.1:`port` too.
    ///
    /// # Errors
    /// If there is no coturn on this machine or it does not start.
    pub fn start(dir: &Path, configuration: &str, port: u16) -> io::Result<Self> {
        let binary = find::coturn().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no turnserver: run `cargo xtask setup coturn`")
        })?;
        fs::create_dir_all(dir)?;
        let file = dir.join("turnserver.conf");
        fs::write(&file, configuration)?;
        let mut command = child::command(&binary, None);
        command
            .arg("-c")
            .arg(&file)
            .arg("--userdb")
            .arg(dir.join("turndb"))
            .arg("--pidfile")
            .arg(dir.join("pid"));
        let mut service = Service::start(command, &dir.join("turnserver.log"), Signal::Terminate)?;
        #[expect(clippy::disallowed_methods, reason = "our own service on loopback, which egress refuses")]
        service.wait_until(START_TIMEOUT, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { _service: service })
    }
}
