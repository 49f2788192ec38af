//! Headers of every answer that tell browsers what not to do with it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// How long browsers remember that this host is reached by TLS alone: a year, as preloading lists ask for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Set where the answer does not say otherwise itself.
const ALWAYS: [(HeaderName, HeaderValue); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Answers are data: should one be taken for a page, that page may nothing. The console's pages say more.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // What calls need, for the console's own pages; nothing else that asks people for permission.
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
             fullscreen=(self), autoplay=(self), screen-wake-lock=(self), \
             geolocation=(), payment=(), usb=(), serial=(), hid=(), bluetooth=(), midi=(), \
             accelerometer=(), gyroscope=(), magnetometer=(), browsing-topics=()",
        ),
    ),
];

/// Adds what `headers` lack. `is_api` answers are about people and stay in no cache; `is_strict`: this host is reached by TLS alone.
pub(super) fn complete(headers: &mut HeaderMap, is_api: bool, is_strict: bool) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if is_strict {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}
