//! What outside issuers may say, and what nobody believes them.

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    token::{Bearer, Issuer, verify},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde_json::json;

const ISSUER: &str = "https://project.example/auth/v1";
const KEY: &[u8] = b"theirs";

fn rules(accounts: Accounts) -> OutsideRules {
    OutsideRules {
        accounts,
        account_claim: "app_metadata.account".to_owned(),
        role_claim: "role".to_owned(),
        role: Role::AgentUser,
        greatest_role: Role::User,
        name_claim: "user_metadata.name".to_owned(),
        lifetime_max: OUTSIDE_LIFETIME,
        subjects_are_ids: false,
    }
}

fn check(rules: OutsideRules, claims: &Value, now: OffsetDateTime) -> Result<Caller, TokenError> {
    let issuer = Issuer {
        name: ISSUER.to_owned(),
        audience: Some("authenticated".to_owned()),
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(KEY),
        outside: Some(rules),
    };
    let token = encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(KEY)).unwrap();
    match verify(&token, &[issuer], now)? {
        Bearer::Caller(caller) => Ok(caller),
        Bearer::Guest(_) => panic!("outside issuers have no guests"),
    }
}

/// As a hosted service signs it: an hour, its own audience and role, no account, ids of its own.
fn hosted(now: OffsetDateTime) -> Value {
    let now = now.unix_timestamp();
    json!({
        "aal": "aal1", "amr": [{ "method": "password", "timestamp": now }],
        "app_metadata": { "provider": "email", "providers": ["email"] },
        "aud": "authenticated", "email": "ada@example.com", "exp": now + 3600, "iat": now, "is_anonymous": false,
        "iss": ISSUER, "phone": "", "role": "authenticated", "session_id": "b4c4b6f2-6c7e-4b0e-8d30-7f1f8a6d7d11",
        "sub": "1f2e3d4c-5b6a-4798-8877-665544332211", "user_metadata": { "name": "Ada" },
    })
}

fn with(mut claims: Value, path: &str, value: Value) -> Value {
    *claims.pointer_mut(path).unwrap() = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

#[test]
fn a_hosted_services_token_is_accepted_as_it_is() {
    let clock = ManualClock::default();
    let account = AccountId::generate(&clock);
    let caller = check(rules(Accounts::One(account)), &hosted(clock.utc()), clock.utc()).unwrap();
    assert_eq!((caller.account, caller.role, caller.sign_in), (account, Role::AgentUser, None));
    assert_eq!(caller.name.as_deref(), Some("Ada"));
    assert_eq!(caller.expires_at, clock.utc() + OUTSIDE_LIFETIME);
    let again = check(rules(Accounts::One(account)), &hosted(clock.utc()), clock.utc()).unwrap();
    assert_eq!(again.user, caller.user, "the same subject is the same user");
}

/// The library lets a token without an audience pass where one is asked for, unless told otherwise.
#[test]
fn a_token_for_another_audience_or_for_none_is_refused() {
    let clock = ManualClock::default();
    let rules = rules(Accounts::One(AccountId::generate(&clock)));
    let claims = hosted(clock.utc());
    for claims in [without(claims.clone(), "aud"), with(claims.clone(), "/aud", json!("other"))] {
        assert!(check(rules.clone(), &claims, clock.utc()).is_err(), "{claims}");
    }
    let several = with(claims, "/aud", json!(["other", "authenticated"]));
    assert!(check(rules, &several, clock.utc()).is_ok());
}

#[test]
fn an_account_that_was_not_listed_is_refused() {
    let clock = ManualClock::default();
    let (listed, other) = (AccountId::generate(&clock), AccountId::generate(&clock));
    let of = |account: AccountId| with(hosted(clock.utc()), "/app_metadata", json!({ "account": account }));
    let rules = rules(Accounts::Listed([listed].into()));
    assert_eq!(check(rules.clone(), &of(listed), clock.utc()).unwrap().account, listed);
    let refused = check(rules.clone(), &of(other), clock.utc());
    assert!(matches!(refused, Err(TokenError::ForeignAccount(account)) if account == other));
    assert!(check(rules.clone(), &hosted(clock.utc()), clock.utc()).is_err(), "it names none");
    let any = OutsideRules { accounts: Accounts::Any, ..rules };
    assert_eq!(check(any, &of(other), clock.utc()).unwrap().account, other);
}

#[test]
fn no_token_has_a_greater_role_than_its_issuer_may_give() {
    let clock = ManualClock::default();
    let rules = rules(Accounts::One(AccountId::generate(&clock)));
    for (claimed, has) in [("ADMIN", Role::User), ("USER", Role::User), ("AGENT_USER", Role::AgentUser)] {
        let claims = with(hosted(clock.utc()), "/role", json!(claimed));
        let caller = check(rules.clone(), &claims, clock.utc()).unwrap();
        assert_eq!((caller.role, caller.permissions), (has, has.permissions()), "{claimed}");
    }
}

#[test]
fn a_token_that_lives_too_long_or_is_not_valid_yet_is_refused() {
    let clock = ManualClock::default();
    let rules = rules(Accounts::One(AccountId::generate(&clock)));
    let (claims, now) = (hosted(clock.utc()), clock.utc().unix_timestamp());
    let ten_years = with(claims.clone(), "/exp", json!(now + 10 * 365 * 24 * 3600));
    for claims in [
        with(claims.clone(), "/exp", json!(now + 3601)),
        ten_years.clone(),
        without(ten_years, "iat"),
        // Issued long ago, for so long that it is good just now.
        with(claims.clone(), "/iat", json!(now - 3600)),
    ] {
        let refused = check(rules.clone(), &claims, clock.utc());
        assert!(matches!(refused, Err(TokenError::LivesTooLong { .. })), "{claims}: {refused:?}");
    }
    let mut early = claims.clone();
    early["nbf"] = json!(now + 61);
    for claims in
        [early.clone(), with(with(claims.clone(), "/iat", json!(now + 61)), "/exp", json!(now + 3600))]
    {
        assert!(
            matches!(check(rules.clone(), &claims, clock.utc()), Err(TokenError::NotYetValid)),
            "{claims}"
        );
    }
    early["nbf"] = json!(now + 59);
    assert!(check(rules.clone(), &early, clock.utc()).is_ok(), "clocks are a little apart");
    early["nbf"] = json!("tomorrow");
    assert!(check(rules.clone(), &early, clock.utc()).is_err());
    assert!(check(rules, &without(claims, "iat"), clock.utc()).is_ok(), "not every issuer says when");
}

#[test]
fn a_subject_that_is_somebodys_id_is_not_that_person() {
    let clock = ManualClock::default();
    let (account, ours) = (AccountId::generate(&clock), UserId::generate(&clock));
    let claims = with(hosted(clock.utc()), "/sub", json!(ours));
    let mine = rules(Accounts::One(account));
    let caller = check(mine.clone(), &claims, clock.utc()).unwrap();
    assert_ne!(caller.user, ours);
    // Nor is it the same person in another account, or of another issuer.
    let elsewhere = check(rules(Accounts::One(AccountId::generate(&clock))), &claims, clock.utc()).unwrap();
    assert_ne!(elsewhere.user, caller.user);
    assert_ne!(own_user("https://other.example", account, &ours.to_string()), caller.user);
    assert_ne!(own_user("a:1", account, "b"), own_user("a", account, "1:b"));
    // What is no id of ours either is a subject like any other.
    let named = with(claims.clone(), "/sub", json!("auth0|4711"));
    assert!(check(mine.clone(), &named, clock.utc()).is_ok());
    assert!(check(mine, &with(claims, "/sub", json!("")), clock.utc()).is_err());
}

#[test]
fn subjects_that_are_ids_are_nobodys_who_was_given_one_here() {
    let clock = ManualClock::default();
    let account = AccountId::generate(&clock);
    let as_before = OutsideRules { subjects_are_ids: true, ..rules(Accounts::One(account)) };
    let claims = hosted(clock.utc());
    let caller = check(as_before.clone(), &claims, clock.utc()).unwrap();
    assert_eq!(json!(caller.user), claims["sub"]);
    let guest = UserId::from_uuid(uuid::Builder::from_custom_bytes([7; 16]).into_uuid());
    for taken in [UserId::generate(&clock), guest, own_user("https://other.example", account, "x")] {
        let claims = with(claims.clone(), "/sub", json!(taken));
        assert!(check(as_before.clone(), &claims, clock.utc()).is_err(), "{taken}");
    }
    assert!(check(as_before, &with(claims, "/sub", json!("auth0|4711")), clock.utc()).is_err());
}
