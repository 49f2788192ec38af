//! Why something did not go out, or no answer came back.

use std::net::IpAddr;

/// What a tenant is told when there was no HTTP answer, whatever the cause.
///
/// One sentence for a refused address, a name that does not exist, a closed port, silence and a bad
/// certificate: told apart, they would draw a map of networks that the tenant cannot see.
pub const UNDELIVERABLE: &str = "the address cannot be delivered to";

/// Why an address is not connected to. For the operator's eyes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not HTTP.
    #[error("the address is not an http or https URL with a host")]
    Scheme,
    /// Not encrypted, where it must be.
    #[error("the address is not https")]
    Insecure,
    /// It carries a user or password.
    #[error("the address has a user or password in it")]
    Credentials,
    /// The operator does not allow the port.
    #[error("port {0} is not among egress.ports")]
    Port(u16),
    /// The address is not public, or this process listens there.
    #[error("{address} is {why}; egress.allow does not have it")]
    Address {
        /// The address, unwrapped if it was an IPv4 address in IPv6 clothes.
        address: IpAddr,
        /// What it is.
        why: &'static str,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The guard refused before a name was resolved; its refusals afterwards are sources of
    /// [`Self::Http`].
    #[error("refused")]
    Refused(#[from] Refusal),
    /// No connection, no answer, or a broken one.
    #[error("no answer")]
    Http(#[source] reqwest::Error),
    /// No connection, by the [`Dialler`](crate::Dialler).
    #[error("no connection")]
    Dial(#[from] std::io::Error),
    /// The answer is longer than the caller reads.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
    /// The answer is not the JSON that it should be.
    #[error("the answer cannot be understood")]
    Malformed(#[from] serde_json::Error),
}

impl Error {
    /// Whether its host was not looked up because too many were: it says nothing about the other side.
    pub fn is_busy(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if io.is_some_and(|error| error.kind() == std::io::ErrorKind::ResourceBusy) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Whether certainly nothing was sent: it can be repeated without being done twice.
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Dial(_) => true,
            Self::Http(error) => error.is_connect() || error.is_builder(),
            Self::TooLarge(_) | Self::Malformed(_) => false,
        }
    }
}

impl From<reqwest::Error> for Error {
    /// Without the URL: its path may be a secret between tenant and receiver.
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}
