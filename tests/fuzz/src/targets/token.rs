//! Tokens: any text, and any claims under a good signature.

use common::token::{Accounts, Bearer, Issuer, OWN_ISSUER, OutsideRules, Role, verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};
use time::OffsetDateTime;

/// Nobody else knows it, so no bytes are a token by luck.
const SECRET: &[u8] = b"a secret that is only in this file, and long enough";

/// How long an outside issuer's tokens may live.
const LIFETIME_MAX: Duration = Duration::from_secs(3600);

/// When it is, in Unix seconds.
const NOW: i64 = 1_700_000_000;

const ID: &str = "018f0000-0000-7000-8000-000000000001";

fn issuers() -> [Issuer; 2] {
    let issuer = |name: &str, outside: Option<OutsideRules>| Issuer {
        name: name.to_owned(),
        audience: outside.is_some().then(|| "authenticated".to_owned()),
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(SECRET),
        outside,
    };
    let rules = OutsideRules {
        accounts: Accounts::Any,
        account_claim: "app.account".to_owned(),
        role_claim: "role".to_owned(),
        role: Role::AgentUser,
        greatest_role: Role::User,
        name_claim: "name".to_owned(),
        lifetime_max: LIFETIME_MAX,
        subjects_are_ids: false,
    };
    [issuer(OWN_ISSUER, None), issuer("https://outside.example", Some(rules))]
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).expect("a time")
}

/// No text that we have not signed lets anybody in.
pub(super) fn any(bytes: &[u8]) {
    // What differs from the seeds is not signed.
    static SIGNED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds);
    if SIGNED.iter().any(|seed| seed == bytes) {
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert!(verify(text, &issuers(), now()).is_err(), "nobody signed {text}");
}

/// Tokens that would let somebody in.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    claims_seeds()
        .iter()
        .map(|claims| signed(&serde_json::from_slice(claims).expect("a seed is JSON")))
        .collect()
}

/// In the order of their names, which does not depend on how serde_json is built.
fn signed(claims: &BTreeMap<String, Value>) -> Vec<u8> {
    let header = Header::new(Algorithm::HS256);
    encode(&header, claims, &EncodingKey::from_secret(SECRET)).expect("claims can be signed").into_bytes()
}

/// Reads claims as if a known issuer had signed them.
pub(super) fn claims(bytes: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<BTreeMap<String, Value>>(bytes) else { return };
    let token = String::from_utf8(signed(&claims)).expect("a token is text");
    let Ok(bearer) = verify(&token, &issuers(), now()) else { return };
    assert!(bearer.expires_at() > now(), "an expired token lets nobody in");
    let issuer = claims["iss"].as_str().expect("an issuer was named");
    match bearer {
        Bearer::Guest(guest) => {
            assert_eq!(issuer, OWN_ISSUER, "only we make join tokens");
            assert!(guest.expires_at >= guest.issued_at);
        }
        Bearer::Caller(caller) => {
            assert_eq!(caller.sign_in.is_some(), issuer == OWN_ISSUER, "only our own tokens name a sign-in");
            if issuer != OWN_ISSUER {
                assert!(caller.role <= Role::User, "an outside issuer gives no more than it may");
                assert!(caller.role.permissions().includes(caller.permissions), "and what that role has");
                assert_eq!(caller.user.as_uuid().get_version_num(), 5, "its users are its own");
                assert!(
                    caller.expires_at <= now() + LIFETIME_MAX + Duration::from_secs(300),
                    "and for a while"
                );
            }
        }
    }
}

/// The claims of an access token, a join token and an outside issuer's.
pub(super) fn claims_seeds() -> Vec<Vec<u8>> {
    let (issued, expires) = (NOW - 60, NOW + 600);
    let claims = [
        json!({ "iss": OWN_ISSUER, "sub": ID, "account": ID, "role": "ADMIN", "sid": ID, "iat": issued, "exp": expires }),
        json!({ "iss": OWN_ISSUER, "sub": ID, "account": ID, "name": "Grace", "room": ID, "rights": ["messages.read"],
            "iat": issued, "iat_ms": issued * 1000, "exp": expires }),
        json!({ "iss": "https://outside.example", "sub": ID, "aud": "authenticated", "app": { "account": ID },
            "role": "authenticated", "name": "Ben", "iat": issued, "nbf": issued, "exp": expires }),
    ];
    claims.map(|claims| claims.to_string().into_bytes()).into()
}
