//! Pages of other origins that may import the client library and read the API (Fetch Standard, section 3.3).
//!
//! Nothing of it goes by cookies: a page has the token that it sends, or it is nobody.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// Where there is something for other origins: the API, and the client library under its lasting and its versioned names.
const PATHS: [&str; 3] = ["/v1/", "/client/", "/assets/"];

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What the API reads of a request beside what every page may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id",
);

/// What the API says in headers beside what every page may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("date, etag, link, location, retry-after, x-request-id");

/// For so many seconds a browser need not ask again. Longer saves requests; shorter lets a changed setting count sooner.
const PREFLIGHT_S: HeaderValue = HeaderValue::from_static("600");

/// An origin (RFC 6454, section 6.2) whose pages may read answers, or `*` for every one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllowedOrigin(HeaderValue);

/// It is not an origin as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an origin is `*` or like https://shop.example: a scheme, a host and perhaps a port, without a path")]
pub struct NoOrigin;

impl TryFrom<String> for AllowedOrigin {
    type Error = NoOrigin;

    fn try_from(text: String) -> Result<Self, NoOrigin> {
        // Browsers compare and send exactly this form.
        let is_origin = Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
        });
        // A host may have a star by the URL Standard; whoever writes one means all that end so, which is not offered.
        let is_one = is_origin && !text.contains('*');
        if text != "*" && !is_one {
            return Err(NoOrigin);
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| NoOrigin)
    }
}

impl From<AllowedOrigin> for String {
    fn from(origin: AllowedOrigin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Which origins may read answers.
#[derive(Debug, Default)]
pub(super) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(super) fn new(origins: &[AllowedOrigin]) -> Self {
        Self { origins: origins.iter().map(|origin| origin.0.clone()).collect() }
    }

    fn is_for_all(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    /// What `access-control-allow-origin` is for a page of `origin` at `path`, if it may read the answer.
    fn allowed(&self, path: &str, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let origin = origin.filter(|_| PATHS.iter().any(|public| path.starts_with(public)))?;
        if self.is_for_all() {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.contains(origin).then(|| origin.clone())
    }

    /// Answers a browser that asks whether a page may make a request. Whoever may not is answered as ever.
    pub(super) fn preflight(&self, path: &str, method: &Method, request: &HeaderMap) -> Option<Response> {
        let is_preflight =
            method == Method::OPTIONS && request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        self.allowed(path, request.get(header::ORIGIN))?;
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S),
        ];
        Some((StatusCode::NO_CONTENT, headers).into_response())
    }

    /// Tells the browser of a page of `origin` that it may read the answer, if it may.
    pub(super) fn complete(&self, path: &str, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_empty() || !PATHS.iter().any(|public| path.starts_with(public)) {
            return;
        }
        if !self.is_for_all() {
            // A cache must not give one origin's answer to another.
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(allowed) = self.allowed(path, origin) {
            let said: [(HeaderName, HeaderValue); 2] = [
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed),
                (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
            ];
            headers.extend(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: HeaderValue = HeaderValue::from_static("https://shop.example");
    const OTHER: HeaderValue = HeaderValue::from_static("https://other.example");

    fn cors(origins: &[&str]) -> Cors {
        let origins: Vec<_> =
            origins.iter().map(|&origin| AllowedOrigin::try_from(origin.to_owned()).unwrap()).collect();
        Cors::new(&origins)
    }

    fn completed(cors: &Cors, path: &str, origin: Option<&HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        cors.complete(path, origin, &mut headers);
        headers
    }

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        let is_taken = |text: &str| AllowedOrigin::try_from(text.to_owned()).is_ok();
        for origin in ["https://shop.example", "http://localhost:3000", "http://[::1]:8080", "*"] {
            assert!(is_taken(origin), "{origin}");
        }
        for no_origin in [
            "",
            "shop.example",
            "https://shop.example/",
            "https://shop.example/page",
            "https://shop.example:443",
            "https://Shop.example",
            "ftp://shop.example",
            "https://*.shop.example",
            "null",
        ] {
            assert!(!is_taken(no_origin), "{no_origin}");
        }
    }

    #[test]
    fn only_origins_that_are_named_may_read_and_caches_keep_them_apart() {
        let cors = cors(&["https://shop.example"]);
        for path in ["/v1/rooms", "/client/index.js", "/assets/1/client/src/index.js"] {
            let shop = completed(&cors, path, Some(&SHOP));
            assert_eq!(shop[header::ACCESS_CONTROL_ALLOW_ORIGIN], SHOP, "{path}");
            assert_eq!(shop[header::VARY], "origin");
            for nobody in [Some(&OTHER), None] {
                let headers = completed(&cors, path, nobody);
                assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{path}");
                assert_eq!(headers[header::VARY], "origin", "{path}");
            }
        }
        assert!(completed(&cors, "/", Some(&SHOP)).is_empty(), "the console is for itself");
    }

    #[test]
    fn without_the_setting_nothing_is_said_and_with_a_star_the_same_to_all() {
        assert!(completed(&Cors::default(), "/v1/rooms", Some(&SHOP)).is_empty());
        let all = completed(&cors(&["*"]), "/v1/rooms", Some(&OTHER));
        assert_eq!(all[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!all.contains_key(header::VARY));
    }

    #[test]
    fn a_preflight_is_answered_for_those_who_may_and_for_nobody_else() {
        let cors = cors(&["https://shop.example"]);
        let ask = |origin: &HeaderValue, method: &Method| {
            let headers = [
                (header::ORIGIN, origin.clone()),
                (header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST")),
            ];
            cors.preflight("/v1/rooms", method, &headers.into_iter().collect())
        };
        let answer = ask(&SHOP, &Method::OPTIONS).expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert!(
            answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS]
                .to_str()
                .unwrap()
                .contains("authorization")
        );
        assert!(ask(&OTHER, &Method::OPTIONS).is_none());
        assert!(ask(&SHOP, &Method::POST).is_none());
        assert!(cors.preflight("/v1/rooms", &Method::OPTIONS, &HeaderMap::new()).is_none());
    }
}
