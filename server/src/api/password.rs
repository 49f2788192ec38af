//! Passwords: hashed slowly with argon2id, a few at a time, in memory that is there for it.
//!
//! [`rules`] says which passwords are good enough, wherever one is made.

mod rules;
mod slots;
mod workspace;

pub(super) use rules::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
pub use rules::{WeakPassword, check};
pub(super) use slots::Asker;

use super::problem::Problem;
use crate::config::SignIn;
use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use aws_lc_rs::{constant_time, rand};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use common::secret::Secret;
use slots::Slots;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task, time};
use workspace::Workspaces;

/// How long a sign-in waits for its turn. Longer helps more people through a
/// rush; shorter lets them know sooner.
pub(super) const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// How soon to come again when too many wait already.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Salts that one verification tries at most. All hashes of an e-mail address have the same one, but for
/// those that were made at the same moment.
const SALTS_MAX: usize = 4;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Verified when there is no such user, so that the answer takes the same time.
/// Its parameters must be those of [`hash`]; no password is known to match it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that cannot be hashed: no randomness, or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The operating system has no randomness.
    #[error("there is no randomness for a password's salt")]
    Randomness,
    /// The algorithm refuses its parameters.
    #[error("a password cannot be hashed: {0}")]
    Algorithm(argon2::Error),
}

/// Hashes a password with argon2id: 19 MiB, two passes (OWASP's recommendation). Takes tens of milliseconds.
///
/// # Errors
/// [`HashError`].
pub fn hash(password: &Secret) -> Result<String, HashError> {
    hash_like(password, None)
}

/// Hashes a password with the salt of another `hash` of the same e-mail address, if there is one.
///
/// # Errors
/// [`HashError`].
pub fn hash_like(password: &Secret, other: Option<&Secret>) -> Result<String, HashError> {
    hash_in(&mut workspace::fresh(), password, other)
}

fn hash_in(blocks: &mut [Block], password: &Secret, other: Option<&Secret>) -> Result<String, HashError> {
    let salt = match other.and_then(|other| Known::read(other.expose())) {
        Some(known) => known.salt,
        None => {
            let mut salt = vec![0; SALT_BYTES];
            rand::fill(&mut salt).map_err(|_| HashError::Randomness)?;
            salt
        }
    };
    let params = Params::DEFAULT;
    let hash = run(blocks, password, &params, &salt).map_err(HashError::Algorithm)?;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", BASE64.encode(salt), BASE64.encode(hash)))
}

/// One run of the algorithm.
fn run(
    blocks: &mut [Block],
    password: &Secret,
    params: &Params,
    salt: &[u8],
) -> Result<[u8; HASH_BYTES], argon2::Error> {
    let mut hash = [0; HASH_BYTES];
    let algorithm = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    algorithm.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut hash, blocks)?;
    Ok(hash)
}

/// Hashes that one run decides about, each with its index.
type Group = Vec<(usize, Known)>;

/// A hash in PHC format, taken apart.
struct Known {
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Known {
    /// Whether one run decides about both.
    fn is_like(&self, other: &Self) -> bool {
        let costs = |known: &Self| (known.params.m_cost(), known.params.t_cost(), known.params.p_cost());
        costs(self) == costs(other) && self.salt == other.salt
    }

    /// `None` if it is not one of ours: then no password matches it.
    fn read(text: &str) -> Option<Self> {
        let parsed = PasswordHash::new(text).ok()?;
        if parsed.algorithm != argon2::ARGON2ID_IDENT || parsed.version != Some(Version::V0x13.into()) {
            return None;
        }
        let params = Params::try_from(&parsed).ok()?;
        Some(Self { params, salt: parsed.salt?.to_vec(), hash: parsed.hash?.as_bytes().to_vec() })
    }
}

/// Does this work without holding up requests, in as many workspaces as are set up.
#[derive(Clone)]
pub(super) struct Passwords {
    shared: Arc<Shared>,
}

struct Shared {
    workspaces: Workspaces,
    /// One for each workspace.
    turns: Arc<Semaphore>,
    /// Those and the slots to wait.
    slots: Arc<Slots>,
    /// How often the algorithm ran.
    runs: AtomicU64,
}

impl Passwords {
    pub(super) fn new(config: &SignIn) -> Self {
        let slots = config.workspaces.saturating_add(config.waiting_max);
        Self {
            shared: Arc::new(Shared {
                workspaces: Workspaces::default(),
                turns: Arc::new(Semaphore::new(config.workspaces.clamp(1, Semaphore::MAX_PERMITS))),
                slots: Slots::new(slots),
                runs: AtomicU64::new(0),
            }),
        }
    }

    /// Hashes a new password, like `other` hashes of the same e-mail address.
    pub(super) async fn hash(
        &self,
        asker: &Asker,
        password: Secret,
        other: Option<Secret>,
    ) -> Result<String, Problem> {
        let hash = self.work(asker, move |shared, blocks| {
            shared.count_run();
            hash_in(blocks, &password, other.as_ref())
        });
        hash.await?.map_err(|error| Problem::internal(&error))
    }

    /// Which of `hashes` the password is of, by index. Without any, as of an unknown user, it takes as long.
    pub(super) async fn verify(
        &self,
        asker: &Asker,
        password: Secret,
        hashes: Vec<Secret>,
    ) -> Result<Vec<usize>, Problem> {
        self.work(asker, move |shared, blocks| shared.verify(blocks, &password, &hashes)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        asker: &Asker,
        work: impl FnOnce(&Shared, &mut [Block]) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::unavailable("too many people are signing in").retry_after(BUSY_RETRY);
        let slot = self.shared.slots.take(asker).ok_or_else(busy)?;
        let turn = time::timeout(TURN_TIMEOUT, Arc::clone(&self.shared.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(busy()) };
        let shared = Arc::clone(&self.shared);
        task::spawn_blocking(move || {
            // Given back when the work is done, also if the client did not wait for it.
            let _held = (slot, turn);
            let mut blocks = shared.workspaces.take();
            let done = work(&shared, &mut blocks);
            shared.workspaces.put_back(blocks);
            done
        })
        .await
        .map_err(|error| Problem::internal(&error))
    }
}

impl Shared {
    fn verify(&self, blocks: &mut [Block], password: &Secret, hashes: &[Secret]) -> Vec<usize> {
        let known = hashes.iter().map(|hash| Known::read(hash.expose())).enumerate();
        let mut groups: Vec<Group> = Vec::new();
        for (index, known) in known.filter_map(|(index, known)| Some((index, known?))) {
            match groups.iter_mut().find(|group| group.iter().all(|(_, other)| other.is_like(&known))) {
                Some(group) => group.push((index, known)),
                None => groups.push(vec![(index, known)]),
            }
        }
        if groups.is_empty() {
            groups.push(Known::read(NOBODY).map(|nobody| (usize::MAX, nobody)).into_iter().collect());
        }
        let mut right: Vec<usize> =
            groups.iter().take(SALTS_MAX).flat_map(|group| self.matches(blocks, password, group)).collect();
        right.sort_unstable();
        right
    }

    /// Which of the hashes of one salt match, by one run.
    fn matches(&self, blocks: &mut [Block], password: &Secret, group: &[(usize, Known)]) -> Vec<usize> {
        let Some((_, first)) = group.first() else { return Vec::new() };
        self.count_run();
        let Ok(hash) = run(blocks, password, &first.params, &first.salt) else { return Vec::new() };
        let is_right = |known: &Known| constant_time::verify_slices_are_equal(&known.hash, &hash).is_ok();
        group.iter().filter(|(_, known)| is_right(known)).map(|(index, _)| *index).collect()
    }

    fn count_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("password_hashes_total").increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn passwords(config: &SignIn) -> Passwords {
        Passwords::new(config)
    }

    #[tokio::test]
    async fn only_the_password_matches_its_hash() {
        let passwords = passwords(&SignIn::default());
        let hash = secret(&passwords.hash(&Asker::default(), secret("correct horse"), None).await.unwrap());
        let verify = async |text: &str, hash: &Secret| {
            passwords.verify(&Asker::default(), secret(text), vec![hash.clone()]).await.unwrap()
        };
        assert_eq!(verify("correct horse", &hash).await, [0]);
        assert!(verify("correct house", &hash).await.is_empty());
        assert!(verify("correct horse", &secret("not a hash")).await.is_empty());
    }

    /// Another implementation reads what we write, and we read what it writes.
    #[tokio::test]
    async fn hashes_are_in_the_common_format() {
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        let ours = hash(&secret("correct horse")).unwrap();
        let parsed = PasswordHash::new(&ours).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        let theirs = Argon2::default().hash_password(b"correct horse").unwrap().to_string();
        let passwords = passwords(&SignIn::default());
        assert_eq!(
            passwords
                .verify(&Asker::default(), secret("correct horse"), vec![secret(&theirs)])
                .await
                .unwrap(),
            [0]
        );
    }

    /// Otherwise the time of an answer would tell whether a user exists.
    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let nobody = Known::read(NOBODY).unwrap();
        let real = Known::read(&hash(&secret("x")).unwrap()).unwrap();
        assert_eq!(format!("{:?}", nobody.params), format!("{:?}", real.params));
        assert_eq!((nobody.salt.len(), nobody.hash.len()), (real.salt.len(), real.hash.len()));
    }

    /// Nor whether one exists in several accounts: the algorithm runs once for nobody, one and many.
    #[tokio::test]
    async fn verifying_is_the_same_work_however_many_accounts_know_the_address() {
        let passwords = passwords(&SignIn::default());
        let first = secret(&hash(&secret("correct horse")).unwrap());
        let second = secret(&hash_like(&secret("battery staple"), Some(&first)).unwrap());
        let third = secret(&hash_like(&secret("correct horse"), Some(&first)).unwrap());
        for (hashes, right) in [
            (vec![], vec![]),
            (vec![first.clone()], vec![0]),
            (vec![second.clone(), first.clone()], vec![1]),
            (vec![first, second, third], vec![0, 2]),
        ] {
            let before = passwords.shared.runs.load(Ordering::Relaxed);
            assert_eq!(
                passwords.verify(&Asker::default(), secret("correct horse"), hashes).await.unwrap(),
                right
            );
            assert_eq!(passwords.shared.runs.load(Ordering::Relaxed) - before, 1);
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_are_told_to_come_again() {
        let passwords = passwords(&SignIn { workspaces: 1, waiting_max: 2 });
        let tries = (0..6).map(|_| {
            let passwords = passwords.clone();
            task::spawn_blocking(move || {
                tokio::runtime::Handle::current().block_on(passwords.verify(
                    &Asker::default(),
                    secret("x"),
                    Vec::new(),
                ))
            })
        });
        let mut refused = 0;
        for outcome in tries.collect::<Vec<_>>() {
            refused += usize::from(outcome.await.unwrap().is_err());
        }
        // Three have a slot; whether the others come in time for a free one depends on the machine.
        assert!((1..=3).contains(&refused), "{refused}");
        let idle = passwords.shared.workspaces.count();
        assert_eq!(idle, 1, "one workspace is enough for one at a time");
    }
}
