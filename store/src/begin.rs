//! Transactions that whoever stops waiting for them leaves closed.

use sqlx::{Error, PgPool, Postgres, SqlSafeStr, Transaction};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::runtime::Handle;

/// A transaction that is being begun.
///
/// If its future is dropped meanwhile, the statement is under way and sqlx does not know of a transaction yet, so it
/// gives the connection back with one open: what others did on it would never be committed. Here it is begun to its
/// end and then rolled back.
struct Beginning(Option<Pin<Box<Begun>>>);

type Begun = dyn Future<Output = Result<Transaction<'static, Postgres>, Error>> + Send;

/// Begins a transaction with this statement.
///
/// # Errors
/// Those of sqlx.
pub(crate) async fn begin(
    pool: &PgPool,
    statement: impl SqlSafeStr,
) -> Result<Transaction<'static, Postgres>, Error> {
    let connection = pool.acquire().await?;
    Beginning(Some(Transaction::begin(connection, Some(statement.into_sql_str())))).await
}

impl Future for Beginning {
    type Output = Result<Transaction<'static, Postgres>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(begun) = self.0.as_mut() else { return Poll::Pending };
        let outcome = ready!(begun.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        // Nobody is left to wait for it, and it ends by itself.
        if let Some(begun) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { drop(begun.await) });
        }
    }
}
