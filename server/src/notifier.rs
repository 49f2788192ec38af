//! Notifies people of whom no device is connected: of calls, missed calls, mentions and messages for them alone.
//!
//! What is to be said waits in the store, written in the transaction that caused it. A [`Notifier`] says it: to devices
//! by [`web_push`], to the account's own programs by [`webhook`]. It is said at least once, under a topic by which what
//! is said later replaces what is shown.

mod config;
mod encryption;
mod limits;
mod vapid;
mod web_push;
mod webhook;
mod work;

pub use config::Config;
pub(crate) use limits::limits;
pub(crate) use vapid::new_keys;
pub(crate) use web_push::{Keys, Subscription};
pub(crate) use work::start;

use common::id::AccountId;
use store::{StoreError, notifications::Outgoing};

/// What became of an attempt to notify.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It was taken.
    Taken,
    /// There is no such device any more.
    Gone,
    /// It is refused, and would be again.
    Refused(String),
    /// It may be taken later.
    Failed(String),
}

/// A way by which people are notified.
trait Notifier {
    /// Where it leads.
    type Target: Send + Sync;

    /// Says it once. Takes no longer than [`SEND_TIME`](work::SEND_TIME).
    ///
    /// # Errors
    /// If the store fails, without which nothing can be said.
    fn notify(
        &self,
        account: AccountId,
        target: &Self::Target,
        notice: &Outgoing,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;
}

/// What became of it by the status that was answered (RFC 8030, sections 5 and 7.3).
fn outcome_of(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Taken,
        404 | 410 => Outcome::Gone,
        408 | 425 | 429 | 500..=599 => Outcome::Failed(format!("it answered {status}")),
        _ => Outcome::Refused(format!("it answered {status}")),
    }
}
