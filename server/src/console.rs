//! The console's files, embedded in the binary.

use axum::{
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// One embedded file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    /// Changes with the content, so that browsers need not load what they have.
    etag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

/// What the console's pages may load: nothing from elsewhere, no inline scripts or styles.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
    img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Serves a file of the console; `None` if there is none by that name.
pub fn serve(method: &Method, uri: &Uri, request: &HeaderMap) -> Option<Response> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        "reference" => "reference.html",
        path => path,
    };
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::ETAG, asset.etag),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let known =
        request.get(header::IF_NONE_MATCH).is_some_and(|etag| etag.as_bytes() == asset.etag.as_bytes());
    Some(if known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, asset.body).into_response()
    })
}
