//! What WHIP's requests bring and accept: descriptions, in types of their own.

use super::super::{memory, problem::Problem};
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use common::{error::ErrorCode, subject::whip::IfMatch};

/// Reads a body of this type.
///
/// # Errors
/// 415 for another type; 413 if it is too long; 400 if it is no text.
pub(super) async fn read(request: Request, media_type: &'static str) -> Result<String, Problem> {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(media_type)) {
        let detail = format!("the body has to be {media_type}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::INVALID_BODY, detail));
    }
    let (_, bytes) = memory::read(request).await?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, "the body is no text"))
}

/// Refuses who accepts no answer of this type (RFC 9110, section 12.5.1). Who says nothing accepts all.
///
/// # Errors
/// 406.
pub(super) fn accepts(headers: &HeaderMap, media_type: &'static str) -> Result<(), Problem> {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .peekable();
    let kind = media_type.split('/').next().unwrap_or_default();
    let covers = |range: &str| {
        let essence = essence(range);
        essence == "*/*"
            || essence.eq_ignore_ascii_case(media_type)
            || essence.strip_suffix("/*").is_some_and(|wide| wide.eq_ignore_ascii_case(kind))
    };
    if ranges.peek().is_none() || ranges.any(covers) {
        return Ok(());
    }
    let detail = format!("the answer is {media_type}");
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::NOT_ACCEPTABLE, detail))
}

/// A media type without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Which ICE session a PATCH is about. There are clients that put the star in quotes, as RFC 9725 does in its example.
///
/// # Errors
/// 428 if it does not say.
pub(super) fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let values = headers.get_all(header::IF_MATCH);
    if values.iter().next().is_none() {
        let detail = "If-Match has to name the ICE session by its ETag, or * for whichever there is";
        let status = StatusCode::PRECONDITION_REQUIRED;
        return Err(Problem::new(status, ErrorCode::PRECONDITION_REQUIRED, detail));
    }
    let listed = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let mut tags = Vec::new();
    for entry in listed.map(str::trim) {
        // A weak one never matches: it keeps its `W/`.
        let tag = entry.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(entry);
        if tag == "*" {
            return Ok(IfMatch::Any);
        }
        tags.push(tag.to_owned());
    }
    Ok(IfMatch::Tags(tags))
}

/// A tag as `ETag` has it: strong, for an ICE session is the same or another.
pub(super) fn etag(tag: &str) -> String {
    format!("\"{tag}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn who_accepts_no_description_is_told() {
        let accepted =
            |values: &[&'static str]| accepts(&with(header::ACCEPT, values), "application/sdp").is_ok();
        for values in
            [&[][..], &["*/*"], &["text/html, application/*;q=0.1"], &["text/html", "Application/SDP"]]
        {
            assert!(accepted(values), "{values:?}");
        }
        for values in [&["text/html"][..], &["application/json, text/*"], &[""]] {
            assert!(!accepted(values), "{values:?}");
        }
    }

    #[test]
    fn an_ice_session_is_named_by_its_tag_or_by_a_star_in_quotes_or_without() {
        let named = |values: &[&'static str]| if_match(&with(header::IF_MATCH, values)).ok();
        let tags = |all: &[&str]| Some(IfMatch::Tags(all.iter().map(|&tag| tag.to_owned()).collect()));
        assert_eq!(named(&[]), None);
        assert_eq!(named(&["*"]), Some(IfMatch::Any));
        assert_eq!(named(&["\"*\""]), Some(IfMatch::Any));
        assert_eq!(named(&["\"ice-1\""]), tags(&["ice-1"]));
        assert_eq!(named(&["\"a\", \"b\"", "\"c\""]), tags(&["a", "b", "c"]));
        assert_eq!(named(&["W/\"ice-1\""]), tags(&["W/\"ice-1\""]), "which no session has");
        assert_eq!(named(&[""]), tags(&[""]));
    }
}
