//! Finds the Redis that takes writes: always the same one, or the one that Sentinels name.
//!
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

use super::{
    link::{limited, patient},
    routes::Address,
};
use ::redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, Value,
    cmd,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{collections::HashMap, hash::Hash};

pub(crate) enum Finder {
    /// There is one, and this is it.
    Fixed(Client),
    /// Several copy each other, and Sentinels say which of them takes writes.
    Watched {
        /// By which the Sentinels know them.
        service: String,
        sentinels: Vec<Client>,
        /// How to sign in at each of them. Its host is the service's name.
        sign_in: ConnectionInfo,
    },
}

impl Finder {
    pub(crate) fn fixed(url: &str) -> Result<Self, RedisError> {
        Ok(Self::Fixed(Client::open(url)?))
    }

    pub(crate) const fn at(client: Client) -> Self {
        Self::Fixed(client)
    }

    pub(crate) fn watched<'a>(
        url: &str,
        sentinels: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RedisError> {
        let sign_in = url.into_connection_info()?;
        let service = match sign_in.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            ConnectionAddr::Unix(_) | _ => {
                return Err((ErrorKind::InvalidClientConfig, "Sentinels watch no Redis at a path").into());
            }
        };
        let sentinels = sentinels.into_iter().map(Client::open).collect::<Result<_, _>>()?;
        Ok(Self::Watched { service, sentinels, sign_in })
    }

    /// The one that takes writes now.
    pub(crate) async fn find(&self) -> Result<Client, RedisError> {
        match self {
            Self::Fixed(client) => Ok(client.clone()),
            Self::Watched { service, sentinels, sign_in } => {
                let address = elected(service, sentinels).await?;
                let client = Client::open(relocated(sign_in, &address))?;
                limited(check_role(&client)).await?;
                Ok(client)
            }
        }
    }
}

/// How to sign in at another server as at this one.
pub(super) fn relocated(like: &ConnectionInfo, to: &Address) -> ConnectionInfo {
    let Address { host, port } = to.clone();
    let address = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) | _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(address)
}

/// The server that most Sentinels name. One that was cut off from the others names the one of before.
async fn elected(service: &str, sentinels: &[Client]) -> Result<Address, RedisError> {
    named_by_most(sentinels.iter().map(|sentinel| limited(named_by(sentinel, service)))).await
}

/// What most of those say who are asked, as soon as more than half of them have said the same.
pub(super) async fn named_by_most<T: Clone + Eq + Hash>(
    asked: impl IntoIterator<Item = impl Future<Output = Result<T, RedisError>>>,
) -> Result<T, RedisError> {
    let mut answers: FuturesUnordered<_> = asked.into_iter().collect();
    let all = answers.len();
    let mut votes: HashMap<T, usize> = HashMap::new();
    let mut failure = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(named) => {
                let count = votes.entry(named.clone()).or_default();
                *count += 1;
                if *count * 2 > all {
                    return Ok(named);
                }
            }
            Err(error) => failure = Some(error),
        }
    }
    let most = votes.into_iter().max_by_key(|(_, count)| *count).map(|(named, _)| named);
    let nobody = || (ErrorKind::InvalidClientConfig, "there is nobody to ask").into();
    most.ok_or_else(|| failure.unwrap_or_else(nobody))
}

async fn named_by(sentinel: &Client, service: &str) -> Result<Address, RedisError> {
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&patient()).await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
    let address: Option<(String, u16)> = question.query_async(&mut connection).await?;
    let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel watches no Redis by that name");
    address.map(|(host, port)| Address { host, port }).ok_or_else(|| unknown().into())
}

/// Sentinels name a server before it knows of its election, and one that was elected away until it hears of that.
async fn check_role(client: &Client) -> Result<(), RedisError> {
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient()).await?;
    let answer: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
    match answer.into_iter().next().map(String::from_redis_value).transpose()?.as_deref() {
        Some("master") => Ok(()),
        Some(_) | None => Err((ErrorKind::Io, "the Redis that Sentinels name takes no writes yet").into()),
    }
}
