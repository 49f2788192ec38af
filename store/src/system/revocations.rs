//! Sign-ins, permissions and elevations of all accounts that ended lately, for the list by which reading is refused.

use super::System;
use crate::error::StoreError;
use common::{
    id::{SignInId, UserId},
    revocation::{Ended, Revocation},
};
use sqlx::query;
use time::OffsetDateTime;

impl System {
    /// The sign-ins and elevations that ended, and the users whose role was narrowed, after `since`.
    ///
    /// What is committed later may have ended earlier, by as much as a transaction takes: ask for a while more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ended_since(&self, since: OffsetDateTime) -> Result<Vec<Revocation>, StoreError> {
        let sign_ins = query!(r#"SELECT id, revoked_at AS "at!" FROM sign_ins WHERE revoked_at > $1"#, since)
            .fetch_all(&self.pool)
            .await?;
        let elevations =
            query!(r#"SELECT user_id, ended_at AS "at!" FROM elevations WHERE ended_at > $1"#, since)
                .fetch_all(&self.pool)
                .await?;
        let narrowed = query!(
            r#"SELECT u.id, r.narrowed_at AS "at!" FROM roles r
               JOIN users u ON u.account_id = r.account_id AND u.role_id = r.id WHERE r.narrowed_at > $1"#,
            since
        )
        .fetch_all(&self.pool)
        .await?;
        let sign_ins = sign_ins
            .into_iter()
            .map(|row| Revocation { what: Ended::SignIn(SignInId::from_uuid(row.id)), at: row.at });
        let elevations = elevations
            .into_iter()
            .map(|row| Revocation { what: Ended::Elevation(UserId::from_uuid(row.user_id)), at: row.at });
        let narrowed = narrowed
            .into_iter()
            .map(|row| Revocation { what: Ended::Permissions(UserId::from_uuid(row.id)), at: row.at });
        Ok(sign_ins.chain(elevations).chain(narrowed).collect())
    }
}
