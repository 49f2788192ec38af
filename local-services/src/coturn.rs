//! A coturn of our own on loopback, for tests.

use crate::{
    child::{self, Service, Signal},
    find,
};
use std::{
    fs, io,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    time::Duration,
};

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How long an answer may take before it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(100);

/// "Where do you see me?" (RFC 8489, section 5): a method, no attributes, the magic cookie and any transaction.
const BINDING_REQUEST: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// A running coturn. Dropping it stops it.
#[derive(Debug)]
pub struct Coturn {
    _service: Service,
}

impl Coturn {
    /// Starts one with this configuration, which must make it listen at 127.0.0.1:`port`, on UDP.
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
        // On TCP it listens a moment earlier.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        service.wait_until(START_TIMEOUT, || {
            socket.send_to(&BINDING_REQUEST, (Ipv4Addr::LOCALHOST, port)).is_ok()
                && socket.recv(&mut [0; 512]).is_ok()
        })?;
        Ok(Self { _service: service })
    }
}
