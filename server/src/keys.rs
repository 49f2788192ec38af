//! The keys by which tokens are verified: our own secret, outside secrets, and fetched JWKS.

use crate::config::{Auth, OutsideIssuer};
use common::{
    backoff::Backoff,
    chance,
    error::Chain,
    secret::Secret,
    token::{Issuer, OWN_ISSUER},
};
use egress::{Guard, HttpClient, StatusCode, Terms};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm},
};
use shutdown::Shutdown;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tracing::{info, warn};

/// How often an issuer's keys are fetched again.
///
/// Shorter notices a revoked key sooner; longer bothers the issuer less.
const REFRESH_EVERY: Duration = Duration::from_secs(5 * 60);

/// How soon a failed fetch is tried again. A minute at most: nobody of that issuer gets in until it succeeds.
const RETRY: Backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(60));

/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest set of keys that is read, in bytes: a key has about one thousand.
const JWKS_BYTES_MAX: u64 = 1024 * 1024;

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the issuer answered {0}")]
    Refused(StatusCode),
    #[error("the issuer's keys cannot be had")]
    Http(#[from] egress::Error),
}

/// Gathers all keys now, and keeps fetched ones fresh until shutdown.
///
/// An issuer that cannot be reached does not stop the start: its tokens are
/// refused until its keys arrive, everybody else's work.
///
/// # Errors
/// If no HTTP client can be built.
pub fn watch_issuers(
    auth: &Auth,
    own_secret: &Secret,
    guard: &Guard,
    shutdown: &Shutdown,
) -> Result<watch::Receiver<Arc<[Issuer]>>, egress::Error> {
    let mut fixed = vec![Issuer {
        name: OWN_ISSUER.to_owned(),
        audience: None,
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(own_secret.expose().as_bytes()),
        outside: None,
    }];
    for issuer in &auth.issuers {
        if let Some(secret) = &issuer.hs256_secret {
            fixed.push(with_key(
                issuer,
                None,
                Algorithm::HS256,
                DecodingKey::from_secret(secret.expose().as_bytes()),
            ));
        }
    }
    let (sender, receiver) = watch::channel(Arc::from(fixed.as_slice()));
    let sender = Arc::new(sender);
    for issuer in &auth.issuers {
        if let Some(url) = &issuer.jwks_url {
            // The operator writes it into the configuration, often with an address inside.
            let terms = Terms::within(FETCH_TIMEOUT).trusting(url);
            let keeper = Keeper {
                client: HttpClient::new(guard, terms)?,
                url: url.clone(),
                issuer: with_key(issuer, None, Algorithm::HS256, DecodingKey::from_secret(&[])),
                keys: Arc::clone(&sender),
            };
            let token = shutdown.token.clone();
            shutdown.tasks.spawn(async move { token.run_until_cancelled(keeper.run()).await });
        }
    }
    Ok(receiver)
}

fn with_key(
    issuer: &OutsideIssuer,
    key_id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
) -> Issuer {
    Issuer {
        name: issuer.name.clone(),
        audience: issuer.audience.clone(),
        key_id,
        algorithm,
        key,
        outside: Some(issuer.rules()),
    }
}

/// Keeps one issuer's fetched keys in the common list.
struct Keeper {
    client: HttpClient,
    url: url::Url,
    /// Everything but key, key id and algorithm, which come from the fetched set.
    issuer: Issuer,
    keys: Arc<watch::Sender<Arc<[Issuer]>>>,
}

impl Keeper {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let wait = match self.fetch().await {
                Ok(set) => {
                    failures = 0;
                    self.replace(&set);
                    REFRESH_EVERY
                }
                Err(error) => {
                    warn!(issuer = %self.issuer.name, error = %Chain(&error), "The keys of issuer {} could not be fetched; will retry", self.issuer.name);
                    failures += 1;
                    RETRY.delay(failures, chance::fraction())
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch(&self) -> Result<JwkSet, FetchError> {
        let answer = self.client.get(self.url.clone()).send().await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.json(JWKS_BYTES_MAX).await?),
            status => Err(FetchError::Refused(status)),
        }
    }

    fn replace(&self, set: &JwkSet) {
        let fresh: Vec<Issuer> = set.keys.iter().filter_map(|key| self.usable(key)).collect();
        info!(issuer = %self.issuer.name, keys = fresh.len(), "Fetched the keys of issuer {}", self.issuer.name);
        self.keys.send_modify(|all| {
            let others = all.iter().filter(|issuer| issuer.name != self.issuer.name).cloned();
            *all = others.chain(fresh).collect();
        });
    }

    /// The key as one of ours; `None` for symmetric ones and algorithms we do not verify.
    fn usable(&self, jwk: &Jwk) -> Option<Issuer> {
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
            return None;
        }
        let algorithm = algorithm_of(jwk)?;
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Issuer { key_id: jwk.common.key_id.clone(), algorithm, key, ..self.issuer.clone() })
    }
}

/// The algorithm that the key is for; the usual one of its type where it does not say.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    const KNOWN: [(KeyAlgorithm, Algorithm); 7] = [
        (KeyAlgorithm::RS256, Algorithm::RS256),
        (KeyAlgorithm::RS384, Algorithm::RS384),
        (KeyAlgorithm::RS512, Algorithm::RS512),
        (KeyAlgorithm::PS256, Algorithm::PS256),
        (KeyAlgorithm::ES256, Algorithm::ES256),
        (KeyAlgorithm::ES384, Algorithm::ES384),
        (KeyAlgorithm::EdDSA, Algorithm::EdDSA),
    ];
    if let Some(named) = jwk.common.key_algorithm {
        return KNOWN.into_iter().find(|(key, _)| *key == named).map(|(_, algorithm)| algorithm);
    }
    if matches!(jwk.algorithm, AlgorithmParameters::RSA(_)) {
        Some(Algorithm::RS256)
    } else if matches!(jwk.algorithm, AlgorithmParameters::EllipticCurve(_)) {
        Some(Algorithm::ES256)
    } else if matches!(jwk.algorithm, AlgorithmParameters::OctetKeyPair(_)) {
        Some(Algorithm::EdDSA)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
