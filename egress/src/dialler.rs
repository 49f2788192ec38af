//! The one dialler, for protocols other than HTTP.

use crate::{error::Error, guard::Guard};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

/// Makes TCP connections to where the guard lets it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialler {
    guard: Guard,
    within: Duration,
}

impl Dialler {
    /// One whose connections take no longer than `within` to be made, lookup included.
    pub fn new(guard: &Guard, within: Duration) -> Self {
        Self { guard: guard.clone(), within }
    }

    /// Connects to a host, which is a name or an address.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Dial`]: nothing was sent.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        timeout(self.within, self.attempt(host, port)).await.map_err(io::Error::from)?
    }

    #[expect(clippy::disallowed_methods, reason = "the one dialler, after the guard has judged")]
    async fn attempt(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let addresses = match bare.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.guard.resolve(host, self.guard.is_own_port(port)).await?,
        };
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            // Every address, also those that were resolved: this is the last moment to say no.
            let address = self.guard.judge(address, port)?;
            match TcpStream::connect(SocketAddr::new(address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(Error::Dial(failure))
    }
}
