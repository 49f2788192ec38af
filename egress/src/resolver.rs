//! From names to addresses that may be connected to.

use crate::names::Names;
use async_trait::async_trait;
use common::clock::SystemClock;
use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
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
