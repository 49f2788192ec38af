//! Wrong passwords, written down after the answer.
//!
//! Only users who exist have a place to write to. Were it done before the
//! answer, its time would tell who does.

use super::App;
use common::{
    error::Chain,
    id::{AccountId, UserId},
};
use std::{net::IpAddr, sync::Arc};
use store::{
    StoreError,
    audit::{self, Actor, AuditRecord, Object},
    users,
};
use tracing::{debug, warn};

/// How many wrong passwords are being written down at once. More are not counted: those that are
/// suffice to lock, and each holds a connection to the database.
pub(super) const NOTES_MAX: usize = 16;

/// Counts a wrong password for each of `users`, whom the address is of, soon.
pub(super) fn count_wrong_password(app: &App, users: Vec<(AccountId, UserId)>, address: Option<IpAddr>) {
    if users.is_empty() {
        return;
    }
    let Ok(permit) = Arc::clone(&app.notes).try_acquire_owned() else {
        metrics::counter!("wrong_passwords_not_counted_total").increment(1);
        return;
    };
    let app = app.clone();
    app.background.tasks.clone().spawn(async move {
        let _permit = permit;
        for (account, user) in users {
            if let Err(error) = count_for_user(&app, account, user, address).await {
                debug!(error = %Chain(&error), user.id = %user, "A wrong password was not counted");
            }
        }
    });
}

async fn count_for_user(
    app: &App,
    account: AccountId,
    user: UserId,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    let mut tx = app.store.tenant(account).await?;
    if users::note_wrong_password(&mut tx, user, &*app.clock).await? {
        warn!(account.id = %account, user.id = %user, "User {user} is locked for unknown browsers after too many wrong passwords");
        let record = AuditRecord {
            actor: Actor::System,
            address,
            action: "user.locked",
            object: Object::User(user),
            before: None,
            after: None,
        };
        audit::record(&mut tx, &record, &*app.clock).await?;
    }
    tx.commit().await
}
