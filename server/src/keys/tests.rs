//! Sets of keys from an issuer on loopback.

use super::*;
use axum::{Router, http, routing::get};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::net::TcpListener;

/// RFC 7517, appendix A.1: a key for ES256 and one for RSA; RFC 8037, appendix A.2: one for `EdDSA`.
fn elliptic(id: &str) -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": id,
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

fn rsa(id: &str) -> Value {
    json!({
        "kty": "RSA", "kid": id, "e": "AQAB",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
              jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
              s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-\
              G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    })
}

fn edwards(id: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

fn with(mut key: Value, name: &str, value: &str) -> Value {
    key[name] = json!(value);
    key
}

/// What an issuer serves at `/keys`.
type Served = Arc<Mutex<(http::StatusCode, String)>>;

/// An issuer on loopback.
struct Provider {
    served: Served,
    url: String,
    shutdown: Shutdown,
}

impl Provider {
    async fn start(keys: &[Value]) -> Self {
        let served: Served = Arc::new(Mutex::new((http::StatusCode::OK, set(keys))));
        let serving = Arc::clone(&served);
        let router =
            Router::new().route("/keys", get(move || async move { serving.lock().unwrap().clone() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let shutdown = Shutdown::default();
        shutdown.tasks.spawn(async move { axum::serve(listener, router).await });
        Self { served, url, shutdown }
    }

    fn serves(&self, status: http::StatusCode, body: String) {
        *self.served.lock().unwrap() = (status, body);
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Settings with one issuer of fetched keys, and one that has a secret.
fn auth(url: &str) -> Auth {
    let text = format!(
        "[[issuers]]\nname = \"https://fetched.example\"\naudience = \"here\"\nany_account = true\njwks_url = \"{url}\"\n\
         [[issuers]]\nname = \"https://shared.example\"\naudience = \"here\"\nany_account = true\n\
         hs256_secret = \"a secret for tests, long enough to sign with\"\n"
    );
    toml::from_str(&text).unwrap()
}

fn guard() -> Guard {
    Guard::new(egress::Config::default())
}

fn own_secret() -> Secret {
    Secret::new("another secret for tests, also long enough".to_owned())
}

/// The keeper of the fetched issuer's keys, and where it keeps them beside another issuer's.
fn keeper(url: &str) -> (Keeper, watch::Receiver<Arc<[Issuer]>>) {
    let auth = auth(url);
    let url: url::Url = url.parse().unwrap();
    let other = with_key(&auth.issuers[1], None, Algorithm::HS256, DecodingKey::from_secret(b"x"));
    let (sender, receiver) = watch::channel(Arc::from([other]));
    let keeper = Keeper {
        client: HttpClient::new(&guard(), Terms::within(FETCH_TIMEOUT).trusting(&url)).unwrap(),
        issuer: with_key(&auth.issuers[0], None, Algorithm::HS256, DecodingKey::from_secret(&[])),
        keys: Arc::new(sender),
        url,
    };
    (keeper, receiver)
}

/// The key ids of the fetched issuer, with their algorithms.
fn fetched(issuers: &[Issuer]) -> Vec<(String, Algorithm)> {
    let theirs = issuers.iter().filter(|issuer| issuer.name == "https://fetched.example");
    theirs.map(|issuer| (issuer.key_id.clone().unwrap_or_default(), issuer.algorithm)).collect()
}

fn is_there(issuers: &[Issuer], name: &str) -> bool {
    issuers.iter().any(|issuer| issuer.name == name)
}

/// A token names its algorithm itself; what it is verified by is the key's, or else the usual one of its type.
#[tokio::test]
async fn a_key_is_good_for_the_algorithm_that_it_names_or_its_types_usual_one() {
    let (keeper, _) = keeper("http://127.0.0.1:9/keys");
    let algorithm = |key: Value| {
        let key: Jwk = serde_json::from_value(key).unwrap();
        keeper.usable(&key).map(|issuer| issuer.algorithm)
    };
    assert_eq!(algorithm(elliptic("1")), Some(Algorithm::ES256));
    assert_eq!(algorithm(rsa("1")), Some(Algorithm::RS256));
    assert_eq!(algorithm(edwards("1")), Some(Algorithm::EdDSA));
    for (named, is) in [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)]
    {
        assert_eq!(algorithm(with(rsa("1"), "alg", named)), Some(is), "{named}");
    }
    for encrypts in ["RSA-OAEP", "RSA1_5"] {
        assert_eq!(algorithm(with(rsa("1"), "alg", encrypts)), None, "{encrypts} verifies nothing");
    }
}

/// Everybody can read a set of keys: were a symmetric one in it good, everybody could make tokens.
#[tokio::test]
async fn a_symmetric_key_in_a_public_set_is_never_good() {
    let (keeper, receiver) = keeper("http://127.0.0.1:9/keys");
    let octets = json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0", "alg": "HS256" });
    let renamed = with(octets.clone(), "alg", "RS256");
    let set: JwkSet = serde_json::from_str(&set(&[octets, renamed, elliptic("good")])).unwrap();
    keeper.replace(&set);
    assert_eq!(fetched(&receiver.borrow()), [("good".to_owned(), Algorithm::ES256)]);
}

#[tokio::test]
async fn a_fetched_key_has_the_bounds_of_its_issuer() {
    let (keeper, _) = keeper("http://127.0.0.1:9/keys");
    let key: Jwk = serde_json::from_value(elliptic("1")).unwrap();
    let issuer = keeper.usable(&key).unwrap();
    assert_eq!((issuer.audience.as_deref(), issuer.key_id.as_deref()), (Some("here"), Some("1")));
    let rules = issuer.outside.unwrap();
    assert_eq!(rules.greatest_role, common::token::Role::AgentUser);
}

#[tokio::test]
async fn keys_that_an_issuer_no_longer_serves_are_good_no_more_and_other_issuers_stay() {
    let provider = Provider::start(&[elliptic("old"), rsa("kept")]).await;
    let (keeper, receiver) = keeper(&provider.url);
    keeper.replace(&keeper.fetch().await.unwrap());
    assert_eq!(
        fetched(&receiver.borrow()),
        [("old".to_owned(), Algorithm::ES256), ("kept".to_owned(), Algorithm::RS256)]
    );
    provider.serves(http::StatusCode::OK, set(&[rsa("kept"), edwards("new")]));
    keeper.replace(&keeper.fetch().await.unwrap());
    assert_eq!(
        fetched(&receiver.borrow()),
        [("kept".to_owned(), Algorithm::RS256), ("new".to_owned(), Algorithm::EdDSA)]
    );
    assert!(is_there(&receiver.borrow(), "https://shared.example"));
    provider.shutdown.token.cancel();
}

/// What is no set of keys is an error, after which those that are known stay as they are.
#[tokio::test]
async fn an_answer_that_is_no_set_of_keys_changes_nothing() {
    let provider = Provider::start(&[elliptic("known")]).await;
    let (keeper, receiver) = keeper(&provider.url);
    keeper.replace(&keeper.fetch().await.unwrap());
    let good = set(&[rsa("other")]);
    let padded =
        format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(usize::try_from(JWKS_BYTES_MAX).unwrap()));
    for (status, body, why) in [
        (http::StatusCode::SERVICE_UNAVAILABLE, good.clone(), "it is down"),
        (http::StatusCode::NOT_FOUND, good.clone(), "it has moved"),
        (http::StatusCode::FOUND, good.clone(), "it sends elsewhere"),
        (http::StatusCode::NO_CONTENT, String::new(), "nothing is said"),
        (http::StatusCode::OK, "<html>".to_owned(), "a page"),
        (http::StatusCode::OK, "[]".to_owned(), "another shape"),
        (http::StatusCode::OK, good.replace("}]}", ""), "cut off"),
        (http::StatusCode::OK, padded, "too long"),
    ] {
        provider.serves(status, body);
        assert!(keeper.fetch().await.is_err(), "{why}");
    }
    assert_eq!(fetched(&receiver.borrow()), [("known".to_owned(), Algorithm::ES256)]);
    provider.serves(http::StatusCode::OK, good);
    assert!(keeper.fetch().await.is_ok(), "it is heard again once it answers");
}

#[tokio::test]
async fn an_issuer_that_is_away_keeps_nobody_else_out_and_its_keys_come_when_they_can() {
    let provider = Provider::start(&[edwards("1")]).await;
    let shutdown = Shutdown::default();
    let mut keys = watch_issuers(&auth(&provider.url), &own_secret(), &guard(), &shutdown).unwrap();
    {
        let at_once = keys.borrow_and_update();
        assert!(is_there(&at_once, OWN_ISSUER) && is_there(&at_once, "https://shared.example"));
    }
    while fetched(&keys.borrow_and_update()).is_empty() {
        tokio::time::timeout(Duration::from_secs(20), keys.changed()).await.unwrap().unwrap();
    }
    assert_eq!(fetched(&keys.borrow()), [("1".to_owned(), Algorithm::EdDSA)]);
    assert_eq!(keys.borrow().len(), 3);

    // Nothing listens there.
    let away = watch_issuers(&auth("http://127.0.0.1:9/keys"), &own_secret(), &guard(), &shutdown).unwrap();
    assert!(is_there(&away.borrow(), OWN_ISSUER) && is_there(&away.borrow(), "https://shared.example"));
    assert_eq!(fetched(&away.borrow()), []);
    shutdown.token.cancel();
    shutdown.tasks.close();
    tokio::time::timeout(Duration::from_secs(20), shutdown.tasks.wait()).await.unwrap();
}
