//! From names to addresses that may be connected to.

use crate::guard::Guard;
use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// How many names are looked up at once. The operating system's lookup blocks a thread, for seconds
/// where a server of names is slow.
///
/// More let slow names hold up others less; each takes a thread while it lasts.
pub(crate) const LOOKUPS_MAX: usize = 64;

/// Finds the addresses of a name. Tests bring their own.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of `host`, whatever they are: the guard judges them.
    ///
    /// # Errors
    /// If there is none.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's.
pub(crate) struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = move || {
            // Given back when the thread is: whoever asked may have stopped waiting long ago.
            let _permit = permit;
            #[expect(clippy::disallowed_methods, reason = "the one place where names are looked up")]
            let found = (host.as_str(), 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        };
        tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
    }
}

/// A [`Guard`] where reqwest asks for addresses.
pub(crate) struct Judged {
    pub(crate) guard: Guard,
    /// Whether the connection will be to a port on which this process listens somewhere: reqwest does
    /// not say which port it asks for.
    pub(crate) at_own_port: bool,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, at_own_port) = (self.guard.clone(), self.at_own_port);
        Box::pin(async move {
            let addresses = guard.resolve(name.as_str(), at_own_port).await?;
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
