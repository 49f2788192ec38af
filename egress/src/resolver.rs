//! From names to addresses that may be connected to.

use crate::{
    guard::Guard,
    names::{Names, inherited},
};
use async_trait::async_trait;
use common::clock::SystemClock;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};

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
pub(crate) struct SystemResolver(Names);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Names::new(look_up, Arc::new(SystemClock)))
    }
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    #[expect(clippy::disallowed_methods, reason = "the one place where names are looked up")]
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.find(host).await
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
        Box::pin(inherited(async move {
            let addresses = guard.resolve(name.as_str(), at_own_port).await?;
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        }))
    }
}
