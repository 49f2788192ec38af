//! Whom our own tokens let in, and what no token can be made to say.

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    permission::Permission,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::slice::from_ref;

fn own(secret: &[u8]) -> Issuer {
    Issuer {
        name: OWN_ISSUER.to_owned(),
        audience: None,
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(secret),
        outside: None,
    }
}

fn caller(token: &str, issuers: &[Issuer], now: OffsetDateTime) -> Result<Caller, TokenError> {
    match verify(token, issuers, now)? {
        Bearer::Caller(caller) => Ok(caller),
        Bearer::Guest(_) => Err(TokenError::Invalid(None)),
    }
}

fn signed(secret: &[u8], clock: &ManualClock) -> (String, AccountId, UserId) {
    let (account, user) = (AccountId::generate(clock), UserId::generate(clock));
    let key = EncodingKey::from_secret(secret);
    let sign_in = SignInId::generate(clock);
    let subject = Subject { account, user, role: Role::User, permissions: None, elevated: None, sign_in };
    let token = sign(&key, &subject, clock.utc()).unwrap();
    (token, account, user)
}

#[test]
fn our_own_token_names_its_caller_until_it_expires() {
    let clock = ManualClock::default();
    let (token, account, user) = signed(b"k", &clock);
    let caller = caller(&token, &[own(b"k")], clock.utc()).unwrap();
    assert_eq!((caller.account, caller.user, caller.role), (account, user, Role::User));
    assert_eq!(caller.issued_at, clock.utc());
    clock.advance(ACCESS_TOKEN_TIME);
    assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Expired)));
}

#[test]
fn what_is_allowed_for_a_while_ends_with_the_token() {
    let clock = ManualClock::default();
    let until = clock.utc() + Duration::from_secs(60);
    let subject = Subject {
        account: AccountId::generate(&clock),
        user: UserId::generate(&clock),
        role: Role::AgentUser,
        permissions: None,
        elevated: Some((Permissions::ALL, until)),
        sign_in: SignInId::generate(&clock),
    };
    let token = sign(&EncodingKey::from_secret(b"k"), &subject, clock.utc()).unwrap();
    let caller = caller(&token, &[own(b"k")], clock.utc()).unwrap();
    assert_eq!((caller.permissions, caller.lasting), (Permissions::ALL, Role::AgentUser.permissions()));
    assert!(caller.expires_at <= until);
}

#[test]
fn a_join_token_names_a_guest_and_never_a_caller() {
    let clock = ManualClock::default();
    let whole = clock.utc().replace_nanosecond(0).unwrap();
    let guest = Guest {
        account: AccountId::generate(&clock),
        id: GuestId::of_digest([7; 16]),
        name: "Grace".to_owned(),
        room: RoomId::generate(&clock),
        rights: [Right::ReadMessages].into(),
        issued_at: whole,
        expires_at: whole + Duration::from_secs(60),
    };
    let token = sign_join(&EncodingKey::from_secret(b"k"), &guest).unwrap();
    assert_eq!(verify(&token, &[own(b"k")], clock.utc()).unwrap(), Bearer::Guest(guest));
    clock.advance(Duration::from_secs(61));
    assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Expired)));
}

#[test]
fn a_token_signed_with_another_key_is_refused() {
    let clock = ManualClock::default();
    let (token, ..) = signed(b"other", &clock);
    assert!(matches!(verify(&token, &[own(b"k")], clock.utc()), Err(TokenError::Invalid(_))));
}

#[test]
fn an_administrator_outranks_an_agent() {
    assert!(Role::Admin > Role::User && Role::User > Role::AgentUser);
    assert_eq!(Role::parse("AGENT_USER"), Some(Role::AgentUser));
}

/// The claims of an access token as this version signs them.
fn access_claims(now: OffsetDateTime) -> Value {
    let clock = ManualClock::default();
    json!({
        "iss": OWN_ISSUER, "sub": UserId::generate(&clock), "account": AccountId::generate(&clock), "role": "USER",
        "sid": SignInId::generate(&clock), "iat": now.unix_timestamp(), "iat_ms": now.unix_timestamp() * 1000 + 7,
        "exp": now.unix_timestamp() + 900,
    })
}

/// The claims of a join token.
fn join_claims(now: OffsetDateTime) -> Value {
    let clock = ManualClock::default();
    json!({
        "iss": OWN_ISSUER, "sub": UserId::generate(&clock), "account": AccountId::generate(&clock), "name": "Grace",
        "room": RoomId::generate(&clock), "rights": ["messages.read", "media.send"],
        "iat": now.unix_timestamp(), "iat_ms": now.unix_timestamp() * 1000, "exp": now.unix_timestamp() + 900,
    })
}

fn token_of(algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(b"k")).unwrap()
}

fn read(claims: &Value, now: OffsetDateTime) -> Result<Bearer, TokenError> {
    verify(&token_of(Algorithm::HS256, claims), &[own(b"k")], now)
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// A signature by our key over what is no token of ours lets nobody in.
#[test]
fn every_claim_is_required_and_must_be_what_it_says() {
    let now = ManualClock::default().utc();
    let optional = ["iat_ms", "permissions", "lasting"];
    for (claims, wrong) in [(access_claims(now), json!({})), (join_claims(now), json!({ "a": 1 }))] {
        assert!(read(&claims, now).is_ok(), "{claims}");
        let names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
        for name in names {
            let refused = read(&with(&claims, &name, wrong.clone()), now);
            assert!(matches!(refused, Err(TokenError::Invalid(_))), "{name}: {refused:?}");
            let mut without = claims.clone();
            without.as_object_mut().unwrap().remove(&name);
            let is_guest = claims.get("room").is_some();
            let may_lack = optional.contains(&&*name) && !is_guest;
            assert_eq!(read(&without, now).is_ok(), may_lack, "{name} of {claims}");
        }
    }
}

#[test]
fn a_token_is_good_up_to_the_second_in_which_it_expires() {
    let clock = ManualClock::default();
    for claims in [access_claims(clock.utc()), join_claims(clock.utc())] {
        let expires_at = clock.utc() + Duration::from_secs(900);
        assert_eq!(read(&claims, clock.utc()).unwrap().expires_at(), expires_at);
        assert!(read(&claims, expires_at - Duration::from_nanos(1)).is_ok());
        for later in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(1 << 30)] {
            assert!(matches!(read(&claims, expires_at + later), Err(TokenError::Expired)), "{later:?}");
        }
    }
}

#[test]
fn times_that_no_calendar_has_are_refused_and_not_computed_with() {
    let now = ManualClock::default().utc();
    for claims in [access_claims(now), join_claims(now)] {
        for (name, time) in [
            ("exp", json!(i64::MAX)),
            ("exp", json!(i64::MIN)),
            ("exp", json!(u64::MAX)),
            ("exp", json!(1e300)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("iat_ms", json!(i64::MAX)),
            ("iat_ms", json!(i64::MIN)),
        ] {
            assert!(read(&with(&claims, name, time.clone()), now).is_err(), "{name}: {time}");
        }
    }
    // Whole seconds of an earlier version, so many that as milliseconds there would be no number for them.
    let mut early = with(&access_claims(now), "iat", json!(i64::MAX));
    early.as_object_mut().unwrap().remove("iat_ms");
    assert!(matches!(read(&early, now), Err(TokenError::Invalid(None))));
}

#[test]
fn a_token_of_an_earlier_version_says_whole_seconds_and_the_roles_permissions() {
    let now = ManualClock::default().utc();
    let mut claims = access_claims(now);
    let told = |claims: &Value| caller(&token_of(Algorithm::HS256, claims), &[own(b"k")], now).unwrap();
    assert_eq!(told(&claims).issued_at, now + Duration::from_millis(7));
    claims.as_object_mut().unwrap().remove("iat_ms");
    let caller = told(&claims);
    assert_eq!(caller.issued_at, now);
    assert_eq!((caller.permissions, caller.lasting), (Role::User.permissions(), Role::User.permissions()));
    assert_eq!(
        told(&with(&claims, "fromLater", json!({ "a": [1] }))),
        caller,
        "and what comes later is ignored"
    );
}

/// Leaving out a name that is not known would be harmless here, and harmful where a list takes something away.
#[test]
fn permissions_that_are_unknown_make_a_token_invalid() {
    let now = ManualClock::default().utc();
    for name in ["permissions", "lasting"] {
        let known = with(&access_claims(now), name, json!(["rooms.read"]));
        assert!(read(&known, now).is_ok(), "{name}");
        for list in [json!(["rooms.read", "rooms.explode"]), json!("rooms.read"), json!([1])] {
            assert!(read(&with(&known, name, list.clone()), now).is_err(), "{name}: {list}");
        }
    }
    for rights in [json!(["messages.read", "rooms.read"]), json!(["ReadMessages"]), json!({})] {
        assert!(read(&with(&join_claims(now), "rights", rights.clone()), now).is_err(), "{rights}");
    }
    for role in ["admin", "Admin", "OWNER", ""] {
        assert!(read(&with(&access_claims(now), "role", json!(role)), now).is_err(), "{role:?}");
    }
}

/// A back end that mints join tokens cannot make an access token of one by what it may write into it.
#[test]
fn what_names_a_room_is_a_guests_whatever_else_it_claims() {
    let now = ManualClock::default().utc();
    let mut both = access_claims(now);
    for (name, value) in join_claims(now).as_object().unwrap() {
        both[name] = value.clone();
    }
    assert!(matches!(read(&both, now), Ok(Bearer::Guest(_))));
    let null = with(&access_claims(now), "room", Value::Null);
    assert!(
        matches!(read(&null, now), Err(TokenError::Invalid(_))),
        "nor is it a caller's with a room of null"
    );
    let twice = with(&join_claims(now), "rights", json!(["media.send", "media.send"]));
    let Bearer::Guest(guest) = read(&twice, now).unwrap() else { panic!("a guest") };
    assert_eq!(guest.rights, [Right::SendMedia].into());
    let Bearer::Guest(silent) = read(&with(&twice, "rights", json!([])), now).unwrap() else {
        panic!("a guest")
    };
    assert!(silent.rights.is_empty(), "who has no right is let in, and only there");
}

#[test]
fn no_part_of_a_token_can_be_changed_cut_or_replaced() {
    let now = ManualClock::default().utc();
    let token = token_of(Algorithm::HS256, &access_claims(now));
    let issuers = [own(b"k")];
    assert!(verify(&token, &issuers, now).is_ok());
    let bytes = token.as_bytes();
    for place in 0..bytes.len() {
        let mut forged = bytes.to_vec();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let admitted = verify(&forged, &issuers, now);
        assert!(admitted.is_err(), "changed at {place}: {forged}");
        assert!(verify(token.get(..place).unwrap(), &issuers, now).is_err(), "cut at {place}");
    }
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let other = token_of(Algorithm::HS256, &with(&access_claims(now), "role", json!("ADMIN")));
    let others_claims = other.split('.').nth(1).unwrap();
    for forged in [
        format!("{header}.{others_claims}.{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}.{signature}"),
        format!(" {token}"),
        format!("{token}="),
        format!("Bearer {token}"),
        String::new(),
        "..".to_owned(),
        "\u{1F600}".repeat(5000),
    ] {
        assert!(verify(&forged, &issuers, now).is_err(), "{forged}");
    }
}

#[test]
fn only_the_algorithm_that_goes_with_the_key_is_accepted() {
    let now = ManualClock::default().utc();
    let claims = access_claims(now);
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        assert!(verify(&token_of(algorithm, &claims), &[own(b"k")], now).is_err(), "{algorithm:?}");
        let theirs = Issuer { algorithm, ..own(b"k") };
        assert!(verify(&token_of(algorithm, &claims), &[own(b"k"), theirs], now).is_ok(), "{algorithm:?}");
    }
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    for algorithm in ["none", "None", "NONE", "nOnE", "HS256 ", "hs256", "", "EdDSA", "RS256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm, "typ": "JWT" }).to_string());
        for signature in ["", "AA", token_of(Algorithm::HS256, &claims).rsplit('.').next().unwrap()] {
            let token = format!("{header}.{payload}.{signature}");
            assert!(verify(&token, &[own(b"k")], now).is_err(), "{algorithm:?} {signature:?}");
        }
    }
}

#[test]
fn a_key_signs_for_its_own_issuer_and_under_its_own_id_only() {
    let now = ManualClock::default().utc();
    let claims = access_claims(now);
    for issuer in [json!("other"), json!("Switchboard"), json!(""), json!(7), json!(["other"]), Value::Null] {
        assert!(read(&with(&claims, "iss", issuer.clone()), now).is_err(), "{issuer}");
    }
    let named = |name: Option<&str>| {
        let header = Header { kid: name.map(str::to_owned), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &EncodingKey::from_secret(b"k")).unwrap()
    };
    let first = Issuer { key_id: Some("1".to_owned()), ..own(b"k") };
    assert!(verify(&named(Some("1")), from_ref(&first), now).is_ok());
    assert!(verify(&named(Some("2")), from_ref(&first), now).is_err());
    assert!(verify(&named(None), from_ref(&first), now).is_err());
    assert!(verify(&named(Some("2")), &[own(b"k")], now).is_ok(), "who has one key needs no name for it");
    // Keys of several issuers, the right one last: the others' refusals are not the answer.
    let second = Issuer { key_id: Some("2".to_owned()), ..own(b"rotated") };
    let elsewhere = Issuer { name: "elsewhere".to_owned(), ..own(b"other") };
    assert!(verify(&named(Some("1")), &[elsewhere, second, first], now).is_ok());
    assert!(matches!(verify(&named(None), &[], now), Err(TokenError::Invalid(None))));
}

#[test]
fn a_subject_is_signed_as_it_is_and_for_no_longer_than_what_it_may() {
    let clock = ManualClock::default();
    clock.advance(Duration::from_micros(1_234_567));
    let now = clock.utc();
    let plain = Subject {
        account: AccountId::generate(&clock),
        user: UserId::generate(&clock),
        role: Role::AgentUser,
        permissions: None,
        elevated: None,
        sign_in: SignInId::generate(&clock),
    };
    let few = Permissions::of(&[Permission::RoomsRead]);
    let more = Permissions::of(&[Permission::ApiKeysManage]);
    let soon = now + Duration::from_secs(60);
    let agent = Role::AgentUser.permissions();
    for (permissions, elevated, may, lasting, expires_at) in [
        (None, None, agent, agent, now + ACCESS_TOKEN_TIME),
        (Some(few), None, few, few, now + ACCESS_TOKEN_TIME),
        (
            Some(Permissions::default()),
            None,
            Permissions::default(),
            Permissions::default(),
            now + ACCESS_TOKEN_TIME,
        ),
        (None, Some((more, soon)), agent.or(more), agent, soon),
        (Some(few), Some((more, soon)), few.or(more), few, soon),
        // One that lasts longer than a token does not lengthen the token.
        (Some(few), Some((more, now + 2 * ACCESS_TOKEN_TIME)), few.or(more), few, now + ACCESS_TOKEN_TIME),
    ] {
        let subject = Subject { permissions, elevated, ..plain };
        assert_eq!(subject.expires_at(now), expires_at);
        let token = sign(&EncodingKey::from_secret(b"k"), &subject, now).unwrap();
        let caller = caller(&token, &[own(b"k")], now).unwrap();
        assert_eq!((caller.permissions, caller.lasting), (may, lasting));
        assert_eq!(caller.standing().is_elevated(), elevated.is_some());
        assert_eq!(caller.expires_at, expires_at.replace_nanosecond(0).unwrap(), "cut to whole seconds");
        assert_eq!(caller.issued_at, now.replace_microsecond(234_000).unwrap(), "to the millisecond");
        assert_eq!((caller.sign_in, caller.name), (Some(plain.sign_in), None));
    }
    // What has ended before it was signed is good for nothing.
    let over = Subject { elevated: Some((more, now)), ..plain };
    let token = sign(&EncodingKey::from_secret(b"k"), &over, now).unwrap();
    assert!(matches!(verify(&token, &[own(b"k")], now), Err(TokenError::Expired)));
}

/// An elevation to what one has anyway is none: its end takes nothing.
#[test]
fn who_is_elevated_has_more_than_what_lasts() {
    let clock = ManualClock::default();
    let token = signed(b"k", &clock).0;
    let standing = caller(&token, &[own(b"k")], clock.utc()).unwrap().standing();
    let few = Permissions::of(&[Permission::RoomsRead]);
    assert!(!standing.is_elevated());
    assert!(!Standing { permissions: few, ..standing }.is_elevated());
    assert!(Standing { lasting: few, ..standing }.is_elevated());
    assert!(Standing { permissions: Permissions::ALL, ..standing }.is_elevated());
}

#[test]
fn why_a_token_is_refused_stays_in_the_logs() {
    let account = AccountId::generate(&ManualClock::default());
    for error in [
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::LivesTooLong { max: ACCESS_TOKEN_TIME },
        TokenError::ForeignAccount(account),
        TokenError::Invalid(None),
    ] {
        assert_eq!(error.code(), ErrorCode::INVALID_TOKEN, "{error}");
    }
}
