//! Things of an account with a name and a few fields: what is asked for all of them in the same words.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use std::fmt::Display;

/// A row that is listed, found and deleted by its id alone.
#[expect(async_fn_in_trait, reason = "only ever called on types that are known, whose futures are Send")]
pub trait Named: Sized {
    /// UUIDv7, so that later ones sort later.
    type Id: Copy + Display;

    /// By which it is found.
    fn id(&self) -> Self::Id;

    /// The account's, in the order of their creation, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    async fn list(tx: &mut TenantTx, after: Option<Self::Id>, limit: u16) -> Result<Vec<Self>, StoreError>;

    /// The one with this id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    async fn find(tx: &mut TenantTx, id: Self::Id) -> Result<Option<Self>, StoreError>;

    /// Deletes one.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`]; [`ChangeError::Referenced`] while it is in use.
    async fn delete(tx: &mut TenantTx, id: Self::Id) -> Result<(), ChangeError>;
}

/// Makes a type [`Named`]: its id's type, its table, and its columns, each of which is a field.
macro_rules! named {
    ($thing:ident, $id:ident, $table:literal, $columns:literal) => {
        impl crate::named::Named for $thing {
            type Id = $id;

            fn id(&self) -> $id {
                self.id
            }

            async fn list(
                tx: &mut TenantTx,
                after: Option<$id>,
                limit: u16,
            ) -> Result<Vec<Self>, StoreError> {
                let rows = sqlx::query_as!(
                    Self,
                    "SELECT " + $columns + " FROM " + $table + " WHERE id > $1 ORDER BY id LIMIT $2",
                    after.map_or(uuid::Uuid::nil(), $id::as_uuid),
                    i64::from(limit)
                );
                Ok(rows.fetch_all(tx.connection()).await?)
            }

            async fn find(tx: &mut TenantTx, id: $id) -> Result<Option<Self>, StoreError> {
                let row = sqlx::query_as!(
                    Self,
                    "SELECT " + $columns + " FROM " + $table + " WHERE id = $1",
                    id.as_uuid()
                );
                Ok(row.fetch_optional(tx.connection()).await?)
            }

            async fn delete(tx: &mut TenantTx, id: $id) -> Result<(), ChangeError> {
                let deleted = sqlx::query!("DELETE FROM " + $table + " WHERE id = $1", id.as_uuid());
                match deleted.execute(tx.connection()).await?.rows_affected() {
                    1 => Ok(()),
                    _ => Err(ChangeError::NotFound),
                }
            }
        }
    };
}
pub(crate) use named;
