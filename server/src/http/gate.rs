//! Refuses floods without a good token, and guessing at API keys, before a handler sees the request.

use axum::http::{HeaderMap, StatusCode};
use common::{
    address::ClientNetwork,
    bucket::{Buckets, Rate},
    clock::Clock,
    error::ErrorCode,
};
use ingress::{Accepted, KEY_PREFIX, Problem, bearer};
use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// Wrong API keys from one network, and how soon another may follow.
///
/// More forgives more programs with an old key behind one address; a key itself is 256 random bits.
pub(super) const WRONG_KEYS: Rate = Rate::every(30, Duration::from_secs(2));

/// How long a key that was good is remembered after its last use.
const GOOD_KEY_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The same for a person's token, of which there is another every few minutes.
const GOOD_TOKEN_FOR: Duration = Duration::from_secs(60 * 60);

/// How many networks, keys and tokens are remembered, of each.
pub(super) const REMEMBERED: usize = 50_000;

/// The path that providers deliver to: without a token, but signed, and under limits of their own.
const DELIVERIES: &str = "/v1/webhooks/whatsapp/";

/// Whether a path is open to everybody: a token is not looked at there, so it buys nothing.
fn is_open(path: &str) -> bool {
    let open = ["/v1/asyncapi.json", "/v1/openapi.json", "/v1/ws", "/v1/events"];
    path.starts_with("/v1/auth/") || open.contains(&path)
}

/// The gate of one listener.
pub(super) struct Gate {
    anonymous: Buckets,
    wrong_keys: Buckets,
    /// Requests with a token that was refused, or that nobody has looked at. As many as without one, and beside
    /// those: who has a good token is not held up by who has none.
    wrong_tokens: Buckets,
    /// Tokens that were good lately: whoever shares a network with a guesser is not held up.
    good_keys: Buckets,
    good_tokens: Buckets,
    hasher: RandomState,
}

/// A request that was let in.
pub(super) enum Pass {
    /// With an API key or another token, whose fate is still open.
    Token {
        /// From where.
        network: ClientNetwork,
        /// Its hash: nothing of it is kept.
        token: u64,
        /// Whether it is an API key.
        is_key: bool,
        /// For the handler to tell.
        accepted: Accepted,
    },
    /// Anything else.
    Other,
}

impl Gate {
    pub(super) fn new(anonymous: Rate, clock: &Arc<dyn Clock>) -> Self {
        let buckets = |rate| Buckets::new(rate, REMEMBERED, Arc::clone(clock));
        let remembering = |every| buckets(Rate::every(1, every));
        Self {
            anonymous: buckets(anonymous),
            wrong_keys: buckets(WRONG_KEYS),
            wrong_tokens: buckets(anonymous),
            good_keys: remembering(GOOD_KEY_FOR),
            good_tokens: remembering(GOOD_TOKEN_FOR),
            hasher: RandomState::new(),
        }
    }

    /// Lets a request to `path` in.
    ///
    /// # Errors
    /// If its network has asked too much without a token or with wrong ones, or has tried too many wrong keys.
    pub(super) fn admit(
        &self,
        network: ClientNetwork,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Pass, Problem> {
        if !path.starts_with("/v1/") || path.starts_with(DELIVERIES) {
            return Ok(Pass::Other);
        }
        let Some(token) = bearer(headers).filter(|_| !is_open(path)) else {
            let without_token = |wait| too_many("too many requests without a token", wait);
            self.anonymous.take(&network).map_err(without_token)?;
            return Ok(Pass::Other);
        };
        let is_key = token.starts_with(KEY_PREFIX);
        // Before anything is verified: a signature or a look into the store is what a flood of wrong tokens would make
        // us pay for. Hashed with a key of this process, so that nobody can choose a token that has another's bucket.
        let token = self.hasher.hash_one(token);
        // Its bucket is not empty: it has not been good lately, so what its network has used up counts.
        if self.good(is_key).look(&token).is_ok() {
            let in_vain = |wait| too_many("too many requests with a token that is not valid", wait);
            self.wrong_tokens.look(&network).map_err(in_vain)?;
            if is_key {
                let too_many_keys = |wait| too_many("too many wrong API keys", wait);
                self.wrong_keys.look(&network).map_err(too_many_keys)?;
            }
        }
        Ok(Pass::Token { network, token, is_key, accepted: Accepted::default() })
    }

    /// Counts a request by its answer.
    pub(super) fn note(&self, pass: &Pass, status: StatusCode) {
        let Pass::Token { network, token, is_key, accepted } = pass else { return };
        let is_refused = status == StatusCode::UNAUTHORIZED;
        if accepted.is_so() && !is_refused {
            // Emptied and taken from once: an empty bucket says that the token was good, and it fills up, which
            // forgets it, when it has not been used for its time.
            let good = self.good(*is_key);
            good.forget(token);
            let _was_full = good.take(token);
            return;
        }
        let counted = if *is_key && is_refused { &self.wrong_keys } else { &self.wrong_tokens };
        let _empty_already = counted.take(network);
    }

    const fn good(&self, is_key: bool) -> &Buckets {
        if is_key { &self.good_keys } else { &self.good_tokens }
    }
}

fn too_many(detail: &'static str, wait: Duration) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RATE_LIMITED, detail).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, header};
    use common::{address::ClientAddress, clock::ManualClock};

    fn gate() -> Gate {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        Gate::new(Rate::every(5, Duration::from_secs(1)), &clock)
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

    /// What the handlers answer to a request: whether they accept its token, and a status.
    fn answer(gate: &Gate, path: &str, token: &str, outcome: Result<u16, u16>) -> bool {
        let Ok(pass) = gate.admit(network(1), path, &bearer(token)) else { return false };
        if let (Pass::Token { accepted, .. }, Ok(_)) = (&pass, outcome) {
            accepted.note();
        }
        let (Ok(status) | Err(status)) = outcome;
        gate.note(&pass, StatusCode::from_u16(status).unwrap());
        true
    }

    #[test]
    fn a_token_buys_nothing_where_nobody_looks_at_it() {
        for path in [
            "/v1/auth/refresh",
            "/v1/auth/sign-in",
            "/v1/asyncapi.json",
            "/v1/openapi.json",
            "/v1/ws",
            "/v1/events",
            "/v1/nowhere",
        ] {
            let gate = gate();
            for number in 0..5 {
                assert!(answer(&gate, path, &format!("x{number}"), Err(404)), "{path}");
            }
            assert!(!answer(&gate, path, "x", Err(404)), "{path}");
        }
        let (gate, basic) = (gate(), [(header::AUTHORIZATION, HeaderValue::from_static("Basic eDp4"))]);
        let basic = basic.into_iter().collect();
        let admitted = (0..10).filter(|_| gate.admit(network(1), "/v1/me", &basic).is_ok()).count();
        assert_eq!(admitted, 5, "it is no token");
        assert!(gate.admit(network(1), "/v1/webhooks/1", &basic).is_err(), "nothing is delivered there");
    }

    #[test]
    fn tokens_that_are_refused_count_and_one_that_was_accepted_goes_on() {
        let gate = gate();
        assert!(answer(&gate, "/v1/me", "ey.good", Ok(200)));
        for number in 0..5 {
            assert!(answer(&gate, "/v1/me", &format!("ey.{number}"), Err(401)));
        }
        assert!(!answer(&gate, "/v1/me", "ey.another", Err(401)));
        assert!(answer(&gate, "/v1/me", "ey.good", Ok(200)));
    }

    #[test]
    fn a_key_is_good_where_it_was_accepted_and_nowhere_else() {
        let gate = gate();
        // 200, though nobody looked at it; as the API's description is.
        assert!(answer(&gate, "/v1/nowhere", "sbk_junk", Err(200)));
        while answer(&gate, "/v1/calls", "sbk_wrong", Err(401)) {}
        assert!(!answer(&gate, "/v1/calls", "sbk_junk", Err(401)));
    }

    #[test]
    fn guessing_keys_ends_and_a_good_key_of_the_same_network_goes_on() {
        let gate = gate();
        let used = gate.admit(network(1), "/v1/calls", &bearer("sbk_good")).ok().unwrap();
        if let Pass::Token { accepted, .. } = &used {
            accepted.note();
        }
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

    /// A gate whose clock the test moves.
    fn gate_and_clock() -> (Gate, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        (Gate::new(Rate::every(5, Duration::from_secs(1)), &shared), clock)
    }

    #[test]
    fn who_was_refused_is_let_in_again_at_the_rate_and_not_sooner() {
        let ((gate, clock), none) = (gate_and_clock(), HeaderMap::new());
        let admitted =
            || (0..100).take_while(|_| gate.admit(network(1), "/v1/auth/sign-in", &none).is_ok()).count();
        assert_eq!((admitted(), admitted()), (5, 0));
        clock.advance(Duration::from_millis(999));
        assert_eq!(admitted(), 0);
        clock.advance(Duration::from_millis(1));
        assert_eq!(admitted(), 1);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(admitted(), 5, "no more than at once after a pause");
    }

    #[test]
    fn a_refusal_says_when_to_come_again() {
        use axum::response::IntoResponse;
        let ((gate, _), none) = (gate_and_clock(), HeaderMap::new());
        while gate.admit(network(1), "/v1/me", &none).is_ok() {}
        let refused = gate.admit(network(1), "/v1/me", &none).err().unwrap().into_response();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }

    /// A token that ended lately was good once: from then on it is as any other.
    #[test]
    fn a_token_that_was_good_is_remembered_for_an_hour_after_its_last_use() {
        let (gate, clock) = gate_and_clock();
        let flood = || while answer(&gate, "/v1/me", "ey.wrong", Err(401)) {};
        assert!(answer(&gate, "/v1/me", "ey.good", Ok(200)));
        clock.advance(GOOD_TOKEN_FOR - Duration::from_secs(1));
        flood();
        assert!(answer(&gate, "/v1/me", "ey.good", Ok(200)), "used again, it is remembered on");
        clock.advance(GOOD_TOKEN_FOR - Duration::from_secs(1));
        flood();
        assert!(answer(&gate, "/v1/me", "ey.good", Ok(200)));
        clock.advance(GOOD_TOKEN_FOR);
        flood();
        assert!(!answer(&gate, "/v1/me", "ey.good", Ok(200)));
    }

    /// What handlers refuse for another reason says nothing against the token.
    #[test]
    fn only_401_counts_against_a_token_that_was_accepted() {
        for status in [200, 400, 403, 404, 409, 422, 429, 500, 503] {
            let gate = gate();
            for _ in 0..50 {
                assert!(answer(&gate, "/v1/me", "ey.good", Ok(status)), "{status}");
            }
            assert!(answer(&gate, "/v1/me", "ey.other", Ok(status)), "{status}");
        }
    }

    /// A key that is revoked and used on counts as a wrong one, though it was accepted as a header.
    #[test]
    fn who_is_refused_with_a_token_that_was_looked_at_is_counted() {
        let gate = gate();
        let tries = (0..100).take_while(|n| answer(&gate, "/v1/me", &format!("ey.{n}"), Ok(401))).count();
        assert_eq!(tries, 5);
    }

    /// Networks are told apart as everywhere: one IPv4 address, 64 bits of IPv6.
    #[test]
    fn addresses_of_one_line_share_what_it_may() {
        let (gate, none) = (gate(), HeaderMap::new());
        let at = |text: &str| ClientAddress(text.parse().unwrap()).network();
        for last in 0..5 {
            assert!(gate.admit(at(&format!("2001:db8::{last}")), "/v1/me", &none).is_ok());
        }
        assert!(gate.admit(at("2001:db8::ffff:1"), "/v1/me", &none).is_err());
        assert!(gate.admit(at("2001:db8:0:1::1"), "/v1/me", &none).is_ok());
    }
}
