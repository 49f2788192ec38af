//! Asks the store what many want to know together: what gathers in an account while what was asked before is answered
//! goes into one transaction. Who asks alone hardly waits longer for it; when thousands come back at once, most of what
//! they cost was a transaction for each.

use crate::{hub::Hub, together::Together};
use common::{id::AccountId, protocol::Failure};
use tokio::sync::oneshot;

/// What of one kind many ask.
pub(crate) struct Kind<Q, A, W> {
    /// Where those wait that were not asked yet.
    pub(crate) waiting: fn(&Hub) -> &Together<Q, A>,
    /// Asks; an answer for each, in their order.
    pub(crate) ask_all: fn(Hub, AccountId, Vec<Q>) -> W,
}

/// Asks, together with others of the account.
///
/// # Errors
/// What the store says, to all who asked together.
pub(crate) async fn ask<Q, A, W>(
    hub: &Hub,
    kind: Kind<Q, A, W>,
    account: AccountId,
    question: Q,
) -> Result<A, Failure>
where
    Q: Send + Sync + 'static,
    A: Send + Sync + 'static,
    W: Future<Output = Result<Vec<A>, Failure>> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    if (kind.waiting)(hub).push(account, (question, reply)) {
        // Not by who came first: the others' answers must not depend on whether that one stays.
        hub.finish(ask_for_all(hub.clone(), kind, account));
    }
    answer.await.unwrap_or_else(|_| Err(Failure::internal()))
}

/// Forgets what waits if asking panics, which is a bug: else nobody in the account would be answered any more.
struct Asking<'a, Q, A>(&'a Together<Q, A>, AccountId);

impl<Q, A> Drop for Asking<'_, Q, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.forget(self.1);
        }
    }
}

async fn ask_for_all<Q, A, W>(hub: Hub, kind: Kind<Q, A, W>, account: AccountId)
where
    W: Future<Output = Result<Vec<A>, Failure>>,
{
    let waiting = (kind.waiting)(&hub);
    let _asking = Asking(waiting, account);
    while let Some(some) = waiting.take(account) {
        let (questions, replies): (Vec<Q>, Vec<_>) = some.into_iter().unzip();
        let answers = (kind.ask_all)(hub.clone(), account, questions).await;
        let answers: Vec<Result<A, Failure>> = match answers {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(failure) => replies.iter().map(|_| Err(failure.clone())).collect(),
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            let _gone = reply.send(answer);
        }
    }
}
