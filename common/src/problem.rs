//! Errors as clients of HTTP get them: problem documents (RFC 9457) with our stable codes.

use crate::error::ErrorCode;
use serde::Serialize;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// The body of an error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Problem))]
pub struct Document<'a> {
    /// Always `about:blank`: the title says what the status means, the code says the rest.
    r#type: &'static str,
    /// The HTTP status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What went wrong, for people; may change at any time.
    detail: &'a str,
    /// What went wrong, for programs; stable.
    #[cfg_attr(feature = "openapi", schema(example = "resource.notFound"))]
    code: &'a str,
    /// The member of the request's body that is at fault, as a JSON Pointer (RFC 6901); absent if none is, or
    /// more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "/name", nullable = false))]
    pointer: Option<&'a str>,
}

impl<'a> Document<'a> {
    /// The media type of problem documents.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// The document of an answer with an HTTP status, whose words are `title`.
    pub fn new(title: &'a str, status: u16, detail: &'a str, code: &'a ErrorCode) -> Self {
        Self { r#type: "about:blank", title, status, detail, code: code.as_str(), pointer: None }
    }

    /// The same document with the member of the request's body that is at fault, as a JSON Pointer.
    #[must_use]
    pub fn at(self, pointer: Option<&'a str>) -> Self {
        Self { pointer, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_a_code() {
        let document = Document::new("Not Found", 404, "There is no such room", &ErrorCode::NOT_FOUND);
        let expected = json!({
            "type": "about:blank", "title": "Not Found", "status": 404,
            "detail": "There is no such room", "code": "resource.notFound",
        });
        assert_eq!(serde_json::to_value(document).unwrap(), expected);
        let taken = Document::new("Conflict", 409, "Another room has this name", &ErrorCode::CONFLICT);
        assert_eq!(serde_json::to_value(taken.at(Some("/name"))).unwrap()["pointer"], "/name");
    }

    /// Clients of HTTP and of the socket branch on the same words; the details are text and nothing more.
    #[test]
    fn every_code_is_told_as_it_is_and_no_detail_breaks_out() {
        for code in crate::error::ErrorCode::ALL {
            let detail = "\"}{\u{1}\u{2028}<script>";
            let text = serde_json::to_string(&Document::new("Conflict", 409, detail, code)).unwrap();
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&read["code"], &read["detail"]), (&json!(code.as_str()), &json!(detail)));
            assert_eq!(read.as_object().unwrap().len(), 5);
        }
    }
}
