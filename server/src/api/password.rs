//! Passwords: hashed slowly with argon2id, on threads of their own, a few at a time.

use super::problem::Problem;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use common::secret::Secret;
use std::{sync::Arc, thread, time::Duration};
use tokio::{sync::Semaphore, task, time};

/// How long a sign-in waits for its turn. Longer helps more people through a
/// rush; shorter lets them know sooner.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// Verified when there is no such user, so that the answer takes the same time.
/// Its parameters must be those of [`hash`]; no password is known to match it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that cannot be hashed: the operating system has no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password cannot be hashed: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// Hashes a password with argon2id: 19 MiB, two passes (OWASP's recommendation). Takes tens of milliseconds.
///
/// # Errors
/// [`HashError`].
pub fn hash(password: &Secret) -> Result<String, HashError> {
    Argon2::default()
        .hash_password(password.expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(HashError)
}

/// Whether `password` is the one of `hash`; a hash that cannot be read matches nothing.
fn matches(password: &Secret, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
}

/// Does this work without holding up requests, and no more of it at once than there are processors.
#[derive(Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from))) }
    }
}

impl Passwords {
    /// Hashes a new password.
    pub(super) async fn hash(&self, password: Secret) -> Result<String, Problem> {
        self.work(move || hash(&password)).await?.map_err(|error| Problem::internal(&error))
    }

    /// Whether `password` is right. Without a `hash`, as of an unknown user, it
    /// takes as long and is false.
    pub(super) async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Problem> {
        self.work(move || match hash {
            Some(hash) => matches(&password, hash.expose()),
            None => {
                matches(&password, NOBODY);
                false
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let turn = time::timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::unavailable("too many people are signing in"));
        };
        task::spawn_blocking(move || {
            // Given back when the work is done, also if the client did not wait for it.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| Problem::internal(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn only_the_password_matches_its_hash() {
        let hash = hash(&secret("correct horse")).unwrap();
        assert!(matches(&secret("correct horse"), &hash));
        assert!(!matches(&secret("correct house"), &hash));
        assert!(!matches(&secret("correct horse"), "not a hash"));
    }

    /// Otherwise the time of an answer would tell whether a user exists.
    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let real = hash(&secret("x")).unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!((nobody.algorithm, nobody.version), (real.algorithm, real.version));
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!(nobody.hash.unwrap().len(), real.hash.unwrap().len());
    }
}
