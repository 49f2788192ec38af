//! What is refused before anybody looks at it: floods without a token, and guessing at API keys.

use crate::{
    api::{KEY_PREFIX, problem::Problem},
    buckets::{Buckets, Rate},
};
use axum::http::{HeaderMap, StatusCode, header};
use common::{address::ClientNetwork, clock::Clock, error::ErrorCode};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Wrong API keys from one network, and how soon another may follow.
///
/// More forgives more programs with an old key behind one address; a key itself is 256 random bits.
pub(super) const WRONG_KEYS: Rate = Rate { burst: 30, every: Duration::from_secs(2) };

/// How long a key that was good is remembered after its last use.
const GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How many networks, and how many good keys, are remembered.
pub(super) const REMEMBERED: usize = 50_000;

/// Paths where providers deliver: they have no token, are signed, and have limits of their own.
const DELIVERIES: &str = "/v1/webhooks/";

/// The gate of one listener.
pub(super) struct Gate {
    anonymous: Buckets,
    wrong_keys: Buckets,
    /// Keys that were good lately: who shares a network with a guesser is not held up.
    good_keys: Buckets,
    hasher: RandomState,
}

/// A request that was let in.
pub(super) enum Pass {
    /// With an API key, whose fate is still open.
    Key {
        /// From where.
        network: ClientNetwork,
        /// The key's hash: nothing of it is kept.
        key: u64,
    },
    /// Anything else.
    Other,
}

impl Gate {
    pub(super) fn new(anonymous: Rate, clock: &Arc<dyn Clock>) -> Self {
        let remembering = Rate { burst: 1, every: GOOD_FOR };
        Self {
            anonymous: Buckets::new(anonymous, REMEMBERED, Arc::clone(clock)),
            wrong_keys: Buckets::new(WRONG_KEYS, REMEMBERED, Arc::clone(clock)),
            good_keys: Buckets::new(remembering, REMEMBERED, Arc::clone(clock)),
            hasher: RandomState::new(),
        }
    }

    /// Lets a request to `path` in.
    ///
    /// # Errors
    /// If its network has asked too much without a token, or has tried too many wrong keys.
    pub(super) fn admit(
        &self,
        network: ClientNetwork,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Pass, Problem> {
        if !path.starts_with("/v1/") || path.starts_with(DELIVERIES) {
            return Ok(Pass::Other);
        }
        let Some(authorization) = headers.get(header::AUTHORIZATION) else {
            return match self.anonymous.take(&network) {
                Ok(()) => Ok(Pass::Other),
                Err(wait) => Err(too_many("too many requests without a token", wait)),
            };
        };
        let token =
            authorization.to_str().ok().and_then(|text| text.split_once(' ')).map(|(_, token)| token.trim());
        let Some(key) = token.filter(|token| token.starts_with(KEY_PREFIX)) else { return Ok(Pass::Other) };
        let key = self.hasher.hash_one(key);
        match self.wrong_keys.look(&network) {
            // A token is in its bucket: it was not good lately.
            Err(wait) if self.good_keys.look(&key).is_ok() => Err(too_many("too many wrong API keys", wait)),
            Ok(()) | Err(_) => Ok(Pass::Key { network, key }),
        }
    }

    /// What became of it.
    pub(super) fn note(&self, pass: &Pass, status: StatusCode) {
        match pass {
            Pass::Key { network, .. } if status == StatusCode::UNAUTHORIZED => {
                let _empty_already = self.wrong_keys.take(network);
            }
            Pass::Key { key, .. } => {
                self.good_keys.forget(key);
                let _was_full = self.good_keys.take(key);
            }
            Pass::Other => {}
        }
    }
}

fn too_many(detail: &'static str, wait: Duration) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, detail).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use common::{address::ClientAddress, clock::ManualClock};

    fn gate() -> Gate {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        Gate::new(Rate { burst: 5, every: Duration::from_secs(1) }, &clock)
    }

    fn network(last: u8) -> ClientNetwork {
        ClientAddress([192, 0, 2, last].into()).network()
    }

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn a_flood_without_a_token_is_refused_and_others_are_not() {
        let (gate, none) = (gate(), HeaderMap::new());
        for _ in 0..5 {
            assert!(gate.admit(network(1), "/v1/auth/sign-in", &none).is_ok());
        }
        assert!(gate.admit(network(1), "/v1/auth/sign-in", &none).is_err());
        assert!(gate.admit(network(2), "/v1/auth/sign-in", &none).is_ok());
        // With a token, the console's files, and what providers deliver.
        assert!(gate.admit(network(1), "/v1/me", &bearer("ey.ey.x")).is_ok());
        assert!(gate.admit(network(1), "/js/main.js", &none).is_ok());
        assert!(gate.admit(network(1), "/v1/webhooks/whatsapp/1", &none).is_ok());
    }

    #[test]
    fn guessing_keys_ends_and_a_good_key_of_the_same_network_goes_on() {
        let gate = gate();
        let used = gate.admit(network(1), "/v1/calls", &bearer("sbk_good")).ok().unwrap();
        gate.note(&used, StatusCode::OK);
        for number in 0..WRONG_KEYS.burst {
            let pass = gate.admit(network(1), "/v1/calls", &bearer(&format!("sbk_{number}")));
            gate.note(&pass.ok().unwrap(), StatusCode::UNAUTHORIZED);
        }
        assert!(gate.admit(network(1), "/v1/calls", &bearer("sbk_another")).is_err());
        assert!(gate.admit(network(1), "/v1/calls", &bearer("sbk_good")).is_ok());
        assert!(gate.admit(network(1), "/v1/calls", &bearer("ey.ey.x")).is_ok());
        assert!(gate.admit(network(2), "/v1/calls", &bearer("sbk_another")).is_ok());
    }
}
