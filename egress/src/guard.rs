//! The judge of addresses.

use crate::{
    config::Config,
    error::Refusal,
    forbidden,
    own::OwnListeners,
    resolver::{Resolver, SystemResolver},
};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use url::{Host, Url};

/// How many of a name's addresses are tried.
///
/// More survive more broken ones; whoever owns a name chooses how many there are.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// Judges where tenants' addresses lead. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    config: Config,
    own: OwnListeners,
    resolver: Box<dyn Resolver>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Guard {
    /// One that asks the operating system for the addresses of names.
    pub fn new(config: Config) -> Self {
        Self::with_resolver(config, SystemResolver::default())
    }

    /// One that asks `resolver`.
    pub fn with_resolver(config: Config, resolver: impl Resolver) -> Self {
        Self(Arc::new(Inner { config, own: OwnListeners::default(), resolver: Box::new(resolver) }))
    }

    /// Notes that this process listens on `listener`: nothing is sent there, whatever is allowed.
    pub fn add_own_listener(&self, listener: SocketAddr) {
        self.0.own.add(listener);
    }

    /// Judges what can be judged of a URL without looking up its host.
    ///
    /// For early answers to whoever writes it down; [`HttpClient`](crate::HttpClient) asks again each
    /// time, and judges what the host resolves to.
    ///
    /// # Errors
    /// [`Refusal`], for the operator's eyes.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        let config = &self.0.config;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Refusal::Scheme);
        };
        match url.scheme() {
            "https" => {}
            "http" if config.https_only => return Err(Refusal::Insecure),
            "http" => {}
            _ => return Err(Refusal::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        if !config.ports.is_empty() && !config.ports.contains(&port) {
            return Err(Refusal::Port(port));
        }
        match host {
            Host::Ipv4(address) => self.judge(address.into(), port).map(|_| ()),
            Host::Ipv6(address) => self.judge(address.into(), port).map(|_| ()),
            // RFC 6761, section 6.3: it means loopback, whoever is asked.
            Host::Domain(name) if is_localhost(name) => {
                self.judge(Ipv4Addr::LOCALHOST.into(), port).map(|_| ())
            }
            Host::Domain(_) => Ok(()),
        }
    }

    /// Judges an address and port that are about to be connected to.
    pub(crate) fn judge(&self, address: IpAddr, port: u16) -> Result<IpAddr, Refusal> {
        let unwrapped = self.judge_address(address)?;
        if self.0.own.at(unwrapped, port) { Err(own_address(unwrapped)) } else { Ok(address) }
    }

    /// Whether something of ours listens on this port, at whatever address.
    pub(crate) fn is_own_port(&self, port: u16) -> bool {
        self.0.own.on(port)
    }

    /// The addresses of `host` that may be connected to, at least one.
    ///
    /// # Errors
    /// If there is none; a [`Refusal`] inside if there are others.
    pub(crate) async fn resolve(&self, host: &str, at_own_port: bool) -> io::Result<Vec<IpAddr>> {
        let found = self.0.resolver.resolve(host).await?;
        let mut refusal = None;
        let mut addresses = Vec::new();
        for address in found {
            let judged = self.judge_address(address).and_then(|unwrapped| {
                let is_own = at_own_port && self.0.own.on_any_port_at(unwrapped);
                if is_own { Err(own_address(unwrapped)) } else { Ok(address) }
            });
            match judged {
                Ok(address) => addresses.push(address),
                Err(why) => refusal = Some(why),
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        match refusal {
            Some(why) if addresses.is_empty() => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
            None if addresses.is_empty() => Err(io::Error::from(io::ErrorKind::NotFound)),
            // The others are not tried: a name may have addresses that only its owner's network sees.
            Some(_) | None => Ok(addresses),
        }
    }

    /// Judges an address alone; returns what it means.
    fn judge_address(&self, address: IpAddr) -> Result<IpAddr, Refusal> {
        let unwrapped = forbidden::unwrapped(address);
        if self.0.config.allow.iter().any(|network| network.contains(unwrapped)) {
            return Ok(unwrapped);
        }
        match forbidden::why_not(unwrapped) {
            Some(why) => Err(Refusal::Address { address: unwrapped, why }),
            None => Ok(unwrapped),
        }
    }
}

fn own_address(address: IpAddr) -> Refusal {
    Refusal::Address { address, why: "where this process itself listens" }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(config: &str) -> Guard {
        let guard = Guard::new(toml::from_str(config).unwrap());
        guard.add_own_listener("0.0.0.0:7880".parse().unwrap());
        guard
    }

    fn check(guard: &Guard, url: &str) -> Result<(), Refusal> {
        guard.check(&url.parse().unwrap_or_else(|error| panic!("{url} is no URL: {error}")))
    }

    /// Every spelling that the URL standard reads as an IPv4 address is that address.
    #[test]
    fn a_literal_address_that_is_not_public_is_refused_however_it_is_spelt() {
        for bad in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://①②⑦.⓪.⓪.①/",
            "http://0/",
            "http://0.0.0.0:80/",
            "http://[::]/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://10.0.0.1:5432/",
            "http://192.168.1.1/",
            "http://[2002:7f00:1::]/",
            "http://localhost/",
            "http://LOCALHOST:9/",
            "http://localhost./",
            "http://x.localhost/",
        ] {
            assert!(matches!(check(&guard(""), bad), Err(Refusal::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn only_http_without_credentials_is_sent_to() {
        for bad in
            ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "data:,x", "unix:/run/x"]
        {
            assert_eq!(check(&guard(""), bad), Err(Refusal::Scheme), "{bad}");
        }
        for bad in ["http://user@example.com/", "http://:word@example.com/", "https://a:b@8.8.8.8/"] {
            assert_eq!(check(&guard(""), bad), Err(Refusal::Credentials), "{bad}");
        }
        for good in ["http://example.com/", "https://example.com:5678/webhook/x", "https://8.8.8.8/"] {
            assert_eq!(check(&guard(""), good), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_operator_narrows_schemes_and_ports() {
        let guard = guard("https_only = true\nports = [443, 8443]");
        assert_eq!(check(&guard, "http://example.com/"), Err(Refusal::Insecure));
        assert_eq!(check(&guard, "https://example.com:5678/"), Err(Refusal::Port(5678)));
        assert_eq!(check(&guard, "https://example.com/"), Ok(()));
        assert_eq!(check(&guard, "https://example.com:8443/"), Ok(()));
    }

    #[test]
    fn the_operator_allows_networks_and_nothing_beside_them() {
        let guard = guard("allow = [\"10.1.0.0/16\", \"127.0.0.1/32\", \"fd00:1::/32\"]");
        for good in [
            "http://10.1.2.3/",
            "http://[::ffff:10.1.2.3]/",
            "http://[64:ff9b::10.1.2.3]/",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[fd00:1::5]/",
        ] {
            assert_eq!(check(&guard, good), Ok(()), "{good}");
        }
        for bad in ["http://10.2.0.1/", "http://127.0.0.2/", "http://[::1]/", "http://[fd00:2::5]/"] {
            assert!(check(&guard, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_has_this_process_talk_to_itself_whatever_is_allowed() {
        let guard = guard("allow = [\"0.0.0.0/0\"]");
        assert!(check(&guard, "http://127.0.0.1:7880/").is_err());
        assert!(check(&guard, "http://[::ffff:127.0.0.1]:7880/").is_err());
        assert_eq!(check(&guard, "http://127.0.0.1:7881/"), Ok(()));
    }
}
