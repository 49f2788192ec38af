//! `switchboard create-account`: how an installation gets its first administrator.

use crate::{api::password, embedded::random_base64, roles::Parts};
use common::{id::AccountId, secret::Secret, token::Role};
use std::io;
use store::{StoreError, accounts, users, users::NewUser};

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another user has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The store refused or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system has no randomness.
    #[error("no password can be made")]
    Password(#[from] io::Error),
    /// The given password is not good enough.
    #[error(transparent)]
    WeakPassword(#[from] password::WeakPassword),
    /// The password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] password::HashError),
}

/// Makes an account with one administrator and returns the password: the given one, or a fresh one.
///
/// # Errors
/// [`CreateError`]; then nothing was made.
pub async fn create(
    parts: &Parts,
    name: &str,
    email: &str,
    given: Option<String>,
) -> Result<String, CreateError> {
    let chosen = match given {
        Some(password) => password,
        None => random_base64()?.chars().filter(char::is_ascii_alphanumeric).take(20).collect(),
    };
    let secret = Secret::new(chosen.clone());
    password::check(&secret, &[email, name])?;
    let other = parts.store.system().password_hash_of_email(email).await?;
    let hash = password::hash_like(&secret, other.as_ref())?;
    let clock = &*parts.clock;
    let mut tx = parts.store.tenant(AccountId::generate(clock)).await?;
    accounts::create(&mut tx, name, clock).await?;
    let user = NewUser { email, name: "Administrator", role: Role::Admin, password_hash: &hash };
    users::create(&mut tx, &user, clock).await.map_err(|error| match error {
        users::CreateError::EmailTaken => CreateError::EmailTaken,
        users::CreateError::Store(error) => CreateError::Store(error),
    })?;
    tx.commit().await?;
    Ok(chosen)
}
