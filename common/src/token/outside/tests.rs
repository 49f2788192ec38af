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
    assert_ne!(outside_user("https://other.example", account, &ours.to_string()), caller.user);
    assert_ne!(outside_user("a:1", account, "b"), outside_user("a", account, "1:b"));
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
    for taken in [UserId::generate(&clock), guest, outside_user("https://other.example", account, "x")] {
        let claims = with(claims.clone(), "/sub", json!(taken));
        assert!(check(as_before.clone(), &claims, clock.utc()).is_err(), "{taken}");
    }
    assert!(check(as_before, &with(claims, "/sub", json!("auth0|4711")), clock.utc()).is_err());
}

fn one(clock: &ManualClock) -> OutsideRules {
    rules(Accounts::One(AccountId::generate(clock)))
}

#[test]
fn a_time_is_a_number_of_seconds_and_nothing_else() {
    let clock = ManualClock::default();
    let (rules, claims, now) = (one(&clock), hosted(clock.utc()), clock.utc().unix_timestamp());
    for name in ["exp", "iat", "nbf"] {
        for time in [
            json!("1"),
            Value::Null,
            json!([now]),
            json!({}),
            json!(true),
            json!(1e300),
            json!(-1e300),
            json!(i64::MAX),
        ] {
            let mut wrong = claims.clone();
            wrong[name] = time.clone();
            assert!(check(rules.clone(), &wrong, clock.utc()).is_err(), "{name}: {time}");
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
    let halves = with(claims.clone(), "/exp", json!(now as f64 + 60.5));
    let caller = check(rules.clone(), &halves, clock.utc()).unwrap();
    assert_eq!(caller.expires_at, clock.utc() + Duration::from_secs(60), "parts of a second are cut off");
    assert!(check(rules, &without(claims, "exp"), clock.utc()).is_err(), "without an end");
}

#[test]
fn a_token_is_good_for_its_longest_time_and_no_second_more() {
    let clock = ManualClock::default();
    let now = clock.utc().unix_timestamp();
    let hour = OutsideRules { lifetime_max: Duration::from_secs(3600), ..one(&clock) };
    // When it was issued; when it expires; whether it is accepted.
    for (issued, expires, accepted) in [
        (Some(0), 3600, true),
        (Some(0), 3601, false),
        (Some(60), 3660, true),
        (Some(60), 3661, false),
        (Some(61), 62, false),
        (Some(-3599), 1, true),
        (Some(-3600), 1, false),
        (Some(-10), 0, false),
        (None, 3660, true),
        (None, 3661, false),
        (None, 0, false),
    ] {
        let mut claims = with(hosted(clock.utc()), "/exp", json!(now + expires));
        match issued {
            Some(issued) => claims["iat"] = json!(now + issued),
            None => claims = without(claims, "iat"),
        }
        let told = check(hour.clone(), &claims, clock.utc());
        assert_eq!(told.is_ok(), accepted, "issued {issued:?} until {expires}: {told:?}");
        if let Ok(caller) = told {
            assert_eq!(caller.issued_at, clock.utc() + time::Duration::seconds(issued.unwrap_or(0)));
        }
    }
}

#[test]
fn a_claim_is_found_by_its_path_and_by_no_other() {
    let clock = ManualClock::default();
    let account = AccountId::generate(&clock);
    let deep = OutsideRules {
        account_claim: "a.b.c".to_owned(),
        role_claim: "a.role".to_owned(),
        ..rules(Accounts::Listed([account].into()))
    };
    let with_a = |a: Value| {
        let mut claims = hosted(clock.utc());
        claims["a"] = a;
        claims
    };
    let caller =
        check(deep.clone(), &with_a(json!({ "role": "USER", "b": { "c": account } })), clock.utc()).unwrap();
    assert_eq!((caller.account, caller.role), (account, Role::User));
    for a in [
        json!({ "b.c": account }),
        json!({ "b": [account] }),
        json!({ "b": { "c": [account] } }),
        json!({ "b": account }),
        json!({ "b": { "c": "everybody" } }),
        json!({ "b": { "c": "" } }),
        Value::Null,
    ] {
        assert!(check(deep.clone(), &with_a(a.clone()), clock.utc()).is_err(), "{a}");
    }
    // A member whose name has dots is not the path of that name.
    let mut flat = hosted(clock.utc());
    flat["a.b.c"] = json!(account);
    assert!(check(deep, &flat, clock.utc()).is_err());
}

/// "Of one account" means that what the token says of accounts is not even read.
#[test]
fn the_tokens_of_an_issuer_of_one_account_are_of_that_one_whatever_they_say() {
    let clock = ManualClock::default();
    let (mine, other) = (AccountId::generate(&clock), AccountId::generate(&clock));
    for metadata in [json!({ "account": other }), json!({ "account": "nonsense" }), json!([])] {
        let claims = with(hosted(clock.utc()), "/app_metadata", metadata);
        assert_eq!(check(rules(Accounts::One(mine)), &claims, clock.utc()).unwrap().account, mine);
    }
    let nobody = rules(Accounts::Listed(BTreeSet::new()));
    let claims = with(hosted(clock.utc()), "/app_metadata", json!({ "account": other }));
    assert!(matches!(check(nobody, &claims, clock.utc()), Err(TokenError::ForeignAccount(_))));
}

#[test]
fn an_unknown_role_is_the_one_that_was_set_and_never_more_than_the_greatest() {
    let clock = ManualClock::default();
    let roles = [Role::AgentUser, Role::User, Role::Admin];
    for (otherwise, greatest) in roles.into_iter().flat_map(|role| roles.map(|greatest| (role, greatest))) {
        let rules = OutsideRules { role: otherwise, greatest_role: greatest, ..one(&clock) };
        for claimed in [json!("ADMIN"), json!("admin"), json!(["ADMIN"]), json!(1), Value::Null] {
            let claims = with(hosted(clock.utc()), "/role", claimed.clone());
            let caller = check(rules.clone(), &claims, clock.utc()).unwrap();
            let wanted = if claimed == "ADMIN" { Role::Admin } else { otherwise };
            assert_eq!(caller.role, wanted.min(greatest), "{claimed}");
            assert_eq!(caller.permissions, caller.role.permissions());
            assert!(!caller.standing().is_elevated());
        }
    }
}

#[test]
fn a_name_is_taken_as_far_as_it_is_a_text_of_a_names_length() {
    let clock = ManualClock::default();
    for (claimed, shown) in [
        (json!("é".repeat(NAME_CHARS_MAX)), Some("é".repeat(NAME_CHARS_MAX))),
        (json!("😀".repeat(NAME_CHARS_MAX + 1)), Some("😀".repeat(NAME_CHARS_MAX))),
        (json!(7), None),
        (Value::Null, None),
    ] {
        let claims = with(hosted(clock.utc()), "/user_metadata", json!({ "name": claimed }));
        assert_eq!(check(one(&clock), &claims, clock.utc()).unwrap().name, shown);
    }
    for subject in [json!(7), json!(["a"]), Value::Null] {
        let claims = with(hosted(clock.utc()), "/sub", subject.clone());
        assert!(check(one(&clock), &claims, clock.utc()).is_err(), "{subject}");
    }
}

/// What an outside issuer signs is read by its rules alone: it has no guests, sign-ins or permissions to give.
#[test]
fn an_outside_issuer_cannot_speak_as_we_do() {
    let clock = ManualClock::default();
    let mut claims = hosted(clock.utc());
    for (name, value) in [
        ("room", json!(Uuid::nil())),
        ("rights", json!(["messages.read"])),
        ("permissions", json!(["apiKeys.manage"])),
        ("lasting", json!(["apiKeys.manage"])),
        ("sid", json!(Uuid::nil())),
        ("iat_ms", json!(0)),
    ] {
        claims[name] = value;
    }
    let caller = check(one(&clock), &claims, clock.utc()).unwrap();
    assert_eq!((caller.sign_in, caller.permissions), (None, Role::AgentUser.permissions()));
    assert_eq!((caller.lasting, caller.issued_at), (caller.permissions, clock.utc()));
    let as_ours = with(claims, "/iss", json!(crate::token::OWN_ISSUER));
    assert!(check(one(&clock), &as_ours, clock.utc()).is_err());
}

/// Were an own user's id a version that guests or users of our own have, an issuer could name one of them.
#[test]
fn an_issuers_users_are_of_a_version_that_nobody_else_has() {
    let clock = ManualClock::default();
    let account = AccountId::generate(&clock);
    for subject in ["a", "1f2e3d4c-5b6a-4798-8877-665544332211", "😀", "a:b", &"x".repeat(100_000)] {
        let user = outside_user(ISSUER, account, subject);
        assert_eq!(user.as_uuid().get_version_num(), 5, "{subject}");
        assert_eq!(user, outside_user(ISSUER, account, subject));
    }
    // Written otherwise, an id that was given out here is still that id.
    let ours = UserId::generate(&clock).to_string();
    for written in [ours.clone(), ours.to_uppercase(), format!("{{{ours}}}"), format!("urn:uuid:{ours}")] {
        assert_eq!(as_id(&written), None, "{written}");
    }
    assert_eq!(as_id(&ours.replace('-', "")), None);
}
