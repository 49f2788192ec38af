//! Commands, wherever what they are about lies: they follow a cluster's redirections.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding>

use super::{
    RedisBackend, WAIT_MAX,
    cluster::Hint,
    partition::Partition,
    routes::{Address, Server},
    scripts,
};
use crate::error::BusError;
use futures_util::FutureExt;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value, from_redis_value, pipe};
use std::{pin::pin, time::Duration};
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

/// The pause before a server is asked again that was not ready: a slot is on its way, or a link is coming up.
const PAUSE: Duration = Duration::from_millis(5);

/// How often others of this process get their turn before an answer counts as late: enough for a command that waits to
/// be written, and for its answer to be read.
const YIELDS: usize = 16;

/// How often it is tried: a slot may be on its way for long.
const TRIES: u32 = 16;

/// Where a server says that a command is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The slot has gone there for good.
    Moved(Address),
    /// The slot is going there, and what this was about has gone already, or is not there yet.
    Ask(Address),
    /// The slot is going elsewhere, and some of what this was about has gone already.
    TryAgain,
    /// To the same server, once it knows the script.
    Untold,
}

impl Redirect {
    pub(super) fn of(error: &RedisError) -> Option<Self> {
        let ErrorKind::Server(kind) = error.kind() else { return None };
        if kind == ServerErrorKind::Moved {
            address(error).map(Self::Moved)
        } else if kind == ServerErrorKind::Ask {
            address(error).map(Self::Ask)
        } else if kind == ServerErrorKind::TryAgain {
            Some(Self::TryAgain)
        } else if kind == ServerErrorKind::NoScript {
            Some(Self::Untold)
        } else {
            None
        }
    }
}

/// The host is empty where the server does not know by which name it is reached.
fn address(error: &RedisError) -> Option<Address> {
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

impl RedisBackend {
    /// Has one command carried out, by whichever server owns the partition. `command` is given which process of Redis it
    /// goes to.
    ///
    /// # Errors
    /// [`BusError::Away`] and [`BusError::Redis`], the latter also if it takes longer than [`WAIT_MAX`].
    pub(super) async fn command<T: FromRedisValue>(
        &self,
        partition: Partition,
        command: impl Fn(&str) -> Cmd,
    ) -> Result<T, BusError> {
        let answers =
            self.in_time(partition, self.follow(partition, |process| vec![command(process)])).await?;
        let answer = answers.into_iter().next().unwrap_or(Value::Nil);
        Ok(from_redis_value(answer).map_err(RedisError::from)?)
    }

    /// The same of several, in one piece and in their order.
    ///
    /// # Errors
    /// As of [`command`](Self::command): then some may have been carried out.
    pub(super) async fn commands(
        &self,
        partition: Partition,
        commands: impl Fn() -> Vec<Cmd>,
    ) -> Result<(), BusError> {
        self.in_time(partition, self.follow(partition, |_| commands())).await.map(drop)
    }

    /// Nobody waits for the bus for longer than [`WAIT_MAX`]; and if one had to, others do not wait at all until the link
    /// has found that the server answers.
    ///
    /// # Errors
    /// Those of `work`, [`BusError::Redis`] if it took longer, and [`BusError::Away`] after somebody else's did.
    pub(super) async fn in_time<T>(
        &self,
        partition: Partition,
        work: impl Future<Output = Result<T, BusError>>,
    ) -> Result<T, BusError> {
        let shard = self.shard(partition).filter(|shard| !shard.is_suspect()).ok_or(BusError::Away)?;
        let mut work = pin!(work);
        if let Ok(outcome) = timeout(WAIT_MAX, &mut work).await {
            return outcome;
        }
        // This process may have been too busy to write the command or to read the answer. That is not Redis's doing, and
        // others do not get theirs sooner if Redis is doubted for it.
        for _ in 0..YIELDS {
            yield_now().await;
            if let Some(outcome) = work.as_mut().now_or_never() {
                return outcome;
            }
        }
        shard.suspect();
        Err(RedisError::from((ErrorKind::Io, "Redis did not answer in time")).into())
    }

    /// The same, however long a server takes to answer.
    pub(super) async fn follow(
        &self,
        partition: Partition,
        commands: impl Fn(&str) -> Vec<Cmd>,
    ) -> Result<Vec<Value>, BusError> {
        let mut answers = Vec::new();
        let mut redirect: Option<Redirect> = None;
        let mut refused = BusError::Away;
        for _ in 0..TRIES {
            let mut server = match self.redirected(partition, redirect.as_ref())? {
                Some(server) => server,
                None => {
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let mut pipeline = pipe();
            pipeline.ignore_errors();
            for command in commands(&server.process).into_iter().skip(answers.len()) {
                if matches!(redirect, Some(Redirect::Ask(_))) {
                    pipeline.cmd("ASKING").ignore();
                }
                pipeline.add_command(command);
            }
            let answered: Vec<Value> = pipeline.query_async(&mut server.commands).await?;
            let mut failure = None;
            for answer in answered {
                // What came after it was refused for the same reason.
                if let Value::ServerError(error) = answer {
                    failure = Some(RedisError::from(error));
                    break;
                }
                answers.push(answer);
            }
            let Some(error) = failure else { return Ok(answers) };
            redirect = Some(self.judge(&error, partition, &mut server).await?);
            refused = error.into();
        }
        Err(refused)
    }

    /// Where the next attempt goes. `None` if that is not known, or not within reach, yet.
    fn redirected(
        &self,
        partition: Partition,
        redirect: Option<&Redirect>,
    ) -> Result<Option<Server>, BusError> {
        let routes = self.routes();
        match redirect {
            Some(Redirect::Moved(address) | Redirect::Ask(address)) => {
                Ok(routes.at(address).and_then(|shard| shard.server().ok()))
            }
            Some(Redirect::TryAgain | Redirect::Untold) | None => {
                routes.owner(partition).ok_or(BusError::Away)?.server().map(Some)
            }
        }
    }

    /// What is to be done about an error.
    async fn judge(
        &self,
        error: &RedisError,
        partition: Partition,
        server: &mut Server,
    ) -> Result<Redirect, BusError> {
        let Some(redirect) = Redirect::of(error) else {
            if matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly)) {
                self.hint(Hint::Look);
            }
            return Err(error.clone().into());
        };
        match &redirect {
            Redirect::Moved(address) => self.hint(Hint::Moved(partition, address.clone())),
            Redirect::Ask(address) => self.hint(Hint::Asked(address.clone())),
            Redirect::TryAgain => sleep(PAUSE).await,
            Redirect::Untold => scripts::load_all(&mut server.commands).await?,
        }
        Ok(redirect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(kind: ServerErrorKind, detail: &str) -> Option<Redirect> {
        Redirect::of(&(ErrorKind::Server(kind), "Redis says", detail.to_owned()).into())
    }

    #[test]
    fn a_redirection_names_an_address_of_any_kind_or_is_none() {
        let to = |host: &str, port| Address { host: host.to_owned(), port };
        for (detail, expected) in [
            ("3999 127.0.0.1:6381", Some(to("127.0.0.1", 6381))),
            ("3999 node-1.example:6381", Some(to("node-1.example", 6381))),
            ("3999 ::1:6381", Some(to("::1", 6381))),
            ("3999 :6381", Some(to("", 6381))),
            ("3999 ?", None),
            ("3999 host:99999", None),
            ("3999", None),
            ("", None),
        ] {
            assert_eq!(redirect(ServerErrorKind::Moved, detail), expected.clone().map(Redirect::Moved));
            assert_eq!(redirect(ServerErrorKind::Ask, detail), expected.map(Redirect::Ask));
        }
        assert_eq!(redirect(ServerErrorKind::TryAgain, ""), Some(Redirect::TryAgain));
        assert_eq!(redirect(ServerErrorKind::ReadOnly, "3999 127.0.0.1:6381"), None);
    }
}
