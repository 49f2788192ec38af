//! Changes that must not overwrite each other (RFC 9110, sections 8.8.3 and 13.1.1).
//!
//! The tag is a digest of the thing as it is shown, so what looks the same is the same.

use super::problem::Problem;
use aws_lc_rs::digest;
use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::error::ErrorCode;
use serde::Serialize;
use std::convert::Infallible;
use utoipa::IntoParams;

/// The header, for the reference.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by the derive alone")]
pub(super) struct Header {
    /// The `ETag` of the thing as it was read: changed meanwhile, the request is refused with 412.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// Answers with a thing and its `ETag`.
pub(super) struct Tagged<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let headers =
                    [(header::CONTENT_TYPE, "application/json".to_owned()), (header::ETAG, tag(&body))];
                (headers, Body::from(body)).into_response()
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// 96 bits of SHA-256: nobody gains by a collision with their own things.
pub(super) fn tag(body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, body);
    format!("\"{}\"", BASE64.encode(digest.as_ref().get(..12).unwrap_or_default()))
}

/// The request's `If-Match`, if it has one.
pub(super) struct IfMatch(Option<HeaderMap>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.contains_key(header::IF_MATCH).then(|| parts.headers.clone())))
    }
}

impl IfMatch {
    /// Refuses the change unless the thing is still as the caller has seen it. Call it with the thing locked.
    pub(super) fn check<T: Serialize>(&self, current: &T) -> Result<(), Problem> {
        let Some(headers) = &self.0 else { return Ok(()) };
        // Computed from the thing and not from a version: what another transaction changed and changed back is no
        // conflict, and no table needs a column for it.
        let current = tag(&serde_json::to_vec(current).map_err(|error| Problem::internal(&error))?);
        let mut wanted = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
        let is_met =
            // A weak tag never matches, as the RFC asks of If-Match: it is compared with its `W/`.
            wanted.any(|list| list.split(',').map(str::trim).any(|tag| tag == "*" || tag == current));
        if is_met {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            ErrorCode::CHANGED_MEANWHILE,
            "it was changed meanwhile; read it again",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use serde_json::json;

    fn wants(value: &str) -> IfMatch {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        IfMatch(Some(headers))
    }

    #[test]
    fn a_change_is_let_through_only_if_the_thing_is_as_it_was_seen() {
        let thing = json!({ "name": "VIP" });
        let seen = tag(&serde_json::to_vec(&thing).unwrap());
        assert!(IfMatch(None).check(&thing).is_ok());
        for good in [seen.as_str(), "*", &format!("\"other\", {seen}")] {
            assert!(wants(good).check(&thing).is_ok(), "{good}");
        }
        for stale in ["\"other\"", "", &format!("W/{seen}")] {
            assert!(wants(stale).check(&thing).is_err(), "{stale}");
        }
        assert!(wants(&seen).check(&json!({ "name": "vip" })).is_err());
    }

    #[test]
    fn a_tag_is_quoted_and_says_nothing_of_what_is_tagged() {
        let tags: Vec<_> = [&b"{}"[..], b"{ }", b"[]", b""].map(tag).to_vec();
        for tag in &tags {
            assert!(tag.len() == 18 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
            assert!(HeaderValue::from_str(tag).is_ok());
        }
        assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[tokio::test]
    async fn the_tag_of_an_answer_is_the_one_that_lets_a_change_through() {
        let thing = json!({ "name": "VIP", "color": "#112233" });
        let answer = Tagged(thing.clone()).into_response();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
        let sent = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(answer.into_body(), 1024).await.unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), thing);
        assert!(wants(&sent).check(&thing).is_ok());
    }

    /// The lines of a header are one list (RFC 9110, section 5.3).
    #[test]
    fn one_of_several_tags_is_enough_on_whichever_line_it_stands() {
        let thing = json!({ "name": "VIP" });
        let seen = tag(&serde_json::to_vec(&thing).unwrap());
        let with = |lines: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_MATCH, HeaderValue::from_bytes(line).unwrap());
            }
            IfMatch(Some(headers)).check(&thing)
        };
        assert!(with(&[b"\"a\"", seen.as_bytes()]).is_ok());
        assert!(with(&[b"\"a\" ,\"b\"", format!("\"c\",{seen} , \"d\"").as_bytes()]).is_ok());
        assert!(with(&[b"\xff", seen.as_bytes()]).is_ok(), "what is no text is no tag");
        let bare = seen.trim_matches('"');
        for stale in [&b"\xff"[..], b",", b"\"*\"", bare.as_bytes(), b"\"a\", \"b\""] {
            let refused = with(&[stale]).unwrap_err().into_response();
            assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED, "{stale:?}");
        }
    }
}
