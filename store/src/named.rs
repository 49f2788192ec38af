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

/// Gives the module of a [`Named`] type with two members, both texts, its `create` and `update`: the id's type, the
/// table, and each member with its column.
macro_rules! two_texts {
    ($thing:ident, $id:ident, $table:literal, $first:ident $first_column:literal, $second:ident $second_column:literal) => {
        /// Creates one.
        ///
        /// # Errors
        /// [`ChangeError::Taken`].
        pub async fn create(
            tx: &mut TenantTx,
            $first: &str,
            $second: &str,
            clock: &dyn common::clock::Clock,
        ) -> Result<$thing, ChangeError> {
            let account = tx.account_column();
            let row = sqlx::query_as!(
                $thing,
                "INSERT INTO "
                    + $table
                    + " (account_id, id, created_at, "
                    + $first_column
                    + ", "
                    + $second_column
                    + ") VALUES ($1, $2, $3, $4, $5) RETURNING id, "
                    + $first_column
                    + ", "
                    + $second_column,
                account,
                $id::generate(clock).as_uuid(),
                clock.utc(),
                &*crate::column::text($first),
                &*crate::column::text($second)
            );
            Ok(row.fetch_one(tx.connection()).await?)
        }

        /// Changes one.
        ///
        /// # Errors
        /// [`ChangeError::NotFound`], [`ChangeError::Taken`].
        pub async fn update(
            tx: &mut TenantTx,
            id: $id,
            $first: &str,
            $second: &str,
        ) -> Result<$thing, ChangeError> {
            let row = sqlx::query_as!(
                $thing,
                "UPDATE "
                    + $table
                    + " SET "
                    + $first_column
                    + " = $2, "
                    + $second_column
                    + " = $3 WHERE id = $1 RETURNING id, "
                    + $first_column
                    + ", "
                    + $second_column,
                id.as_uuid(),
                &*crate::column::text($first),
                &*crate::column::text($second)
            );
            row.fetch_optional(tx.connection()).await?.ok_or(ChangeError::NotFound)
        }
    };
}
pub(crate) use two_texts;
