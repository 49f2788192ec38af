//! The opening handshake (RFC 6455, section 4.2), server's side.

use super::refused::Refused;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::error::ErrorCode;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The bytes behind a client's key (RFC 6455, section 4.1, number 7).
const KEY_BYTES: usize = 16;

/// The value that accepts the client's key.
///
/// # Errors
/// What to answer to whom is no WebSocket client, or one of another version.
pub(super) fn read(request: &Request) -> Result<HeaderValue, Refused> {
    let refuse = |status, detail| Err(Refused::new(status, ErrorCode::INVALID_REQUEST, detail));
    if request.method() != Method::GET {
        let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::METHOD_NOT_ALLOWED);
        return Err(Refused::new(status, code, "a WebSocket is opened with GET"));
    }
    let headers = request.headers();
    if !names(headers, &header::CONNECTION, "upgrade") || !names(headers, &header::UPGRADE, "websocket") {
        return refuse(StatusCode::BAD_REQUEST, "this is for WebSockets: ask for an upgrade");
    }
    if !names(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
        return refuse(StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is spoken here");
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return refuse(StatusCode::BAD_REQUEST, "there must be one Sec-WebSocket-Key");
    };
    if STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES)
        && let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
    {
        return Ok(accept);
    }
    refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64")
}

/// Whether one of a header's comma-separated values is `wanted`, in whatever case.
fn names(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
}

/// `101 Switching Protocols`.
pub(super) fn answer(accept: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut HeaderMap)) -> Result<HeaderValue, StatusCode> {
        let mut request = Request::new(Body::empty());
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        change(headers);
        read(&request).map_err(|refused| refused.status)
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn a_handshake_is_answered_as_the_rfc_says() {
        assert_eq!(request(|_| ()).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        let key = |key: &'static str| {
            request(move |headers| {
                headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static(key));
            })
        };
        for bad in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ==x", "AAAA", "%%%%"] {
            assert_eq!(key(bad), Err(StatusCode::BAD_REQUEST), "{bad:?}");
        }
        let without = |name| request(move |headers| drop(headers.remove(name)));
        assert_eq!(without(header::SEC_WEBSOCKET_KEY), Err(StatusCode::BAD_REQUEST));
        assert_eq!(without(header::UPGRADE), Err(StatusCode::BAD_REQUEST));
        assert_eq!(without(header::CONNECTION), Err(StatusCode::BAD_REQUEST));
        assert_eq!(without(header::SEC_WEBSOCKET_VERSION), Err(StatusCode::UPGRADE_REQUIRED));
        let two = request(|headers| {
            headers.append(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        });
        assert_eq!(two, Err(StatusCode::BAD_REQUEST));
    }
}
