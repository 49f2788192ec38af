//! The reference: an OpenAPI document made from the routes themselves, and the AsyncAPI document of `/v1/ws`.

mod examples;
mod names;

use super::{etag, routes::TOKEN};
use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::{io::Write as _, sync::LazyLock};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Ref,
    RefOr, ResponseBuilder, ServerBuilder,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The path of the OpenAPI document.
pub(super) const OPENAPI_PATH: &str = "/v1/openapi.json";

/// The path of the AsyncAPI document.
pub(super) const ASYNCAPI_PATH: &str = "/v1/asyncapi.json";

/// The AsyncAPI document of `/v1/ws`, as `cargo xtask generate` makes it from the types of the protocol.
pub const ASYNCAPI: &str = include_str!("../../../docs/asyncapi.json");

/// The content type of files.
const BYTES: &str = "application/octet-stream";

/// The document without any operation.
pub(super) fn blank() -> OpenApi {
    let license =
        LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).identifier(Some(env!("CARGO_PKG_LICENSE")));
    let about = "Errors are problem documents (RFC 9457) with a stable `code`. The roles of an operation's security \
        requirement are the permissions that it needs; of several requirements one is enough.";
    let info = InfoBuilder::new()
        .title("Switchboard")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license.build()))
        .description(Some(about));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "One of three, all sent as `Authorization: Bearer …`: an access token from `signIn`, good for 15 minutes and \
         renewed with `refreshTokens`; a token of an outside issuer that the installation trusts; or an API key \
         (`sbk_…`), for programs.",
    ));
    OpenApiBuilder::new()
        .info(info.build())
        // Relative to where the document was loaded from: every installation describes itself.
        .servers(Some([ServerBuilder::new().url("/").description(Some("This installation")).build()]))
        .components(Some(
            ComponentsBuilder::new().security_scheme(TOKEN, SecurityScheme::Http(bearer.build())).build(),
        ))
        .build()
}

/// The OpenAPI document of the REST layer.
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let (_, mut document) = super::parts();
        finish(&mut document);
        let mut document = serde_json::to_value(document).unwrap_or_default();
        examples::add(&mut document);
        document
    });
    &DOCUMENT
}

/// Gives operations what they share: names by one rule, and what any error looks like.
fn finish(document: &mut OpenApi) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let any_error = ResponseBuilder::new()
        .description("Any other error: a problem document with its stable `code`")
        .content("application/problem+json", problem)
        .build();
    for (path, operation) in document.paths.paths.iter_mut().flat_map(operations) {
        let handler = operation.operation_id.take().unwrap_or_default();
        operation.operation_id = Some(names::operation_id(&handler, path));
        let responses = &mut operation.responses.responses;
        responses.insert("default".to_owned(), RefOr::T(any_error.clone()));
        // Bytes have no schema (OpenAPI 3.1, section 4.8.14.1).
        for response in responses.values_mut() {
            if let RefOr::T(response) = response
                && let Some(RefOr::T(bytes)) = response.content.get_mut(BYTES)
            {
                bytes.schema = None;
            }
        }
        // Documents of errors have a content type of their own.
        for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
            if let RefOr::T(response) = response
                && let Some(content) = response.content.swap_remove("application/json")
            {
                response.content.insert("application/problem+json".to_owned(), content);
            }
        }
    }
}

fn operations<'a>(
    (path, item): (&'a String, &'a mut PathItem),
) -> impl Iterator<Item = (&'a str, &'a mut Operation)> {
    let PathItem { get, put, post, delete, patch, options, .. } = item;
    let all = [get, put, post, delete, patch, options];
    all.into_iter().filter_map(move |operation| Some((path.as_str(), operation.as_mut()?)))
}

/// A document as it goes over the wire.
struct Served {
    json: Encoded,
    gzip: Encoded,
}

struct Encoded {
    body: Bytes,
    etag: String,
}

impl From<Vec<u8>> for Encoded {
    fn from(body: Vec<u8>) -> Self {
        Self { etag: etag::tag(&body), body: body.into() }
    }
}

impl From<Vec<u8>> for Served {
    fn from(json: Vec<u8>) -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        // Into memory, where nothing fails.
        let gzip = gzip.write_all(&json).and_then(|()| gzip.finish()).unwrap_or_default();
        Self { json: json.into(), gzip: gzip.into() }
    }
}

/// Serves the OpenAPI document.
pub(super) async fn serve_openapi(request: HeaderMap) -> Response {
    static SERVED: LazyLock<Served> = LazyLock::new(|| openapi().to_string().into_bytes().into());
    serve(&SERVED, &request)
}

/// Serves the AsyncAPI document.
pub(super) async fn serve_asyncapi(request: HeaderMap) -> Response {
    static SERVED: LazyLock<Served> = LazyLock::new(|| ASYNCAPI.as_bytes().to_vec().into());
    serve(&SERVED, &request)
}

/// Serves a document: compressed to whoever takes that, and not at all to whoever has it.
fn serve(served: &Served, request: &HeaderMap) -> Response {
    let has = |name, what: &str| {
        let values = request.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|list| list.split(',')).any(|value| value.trim() == what)
    };
    let (encoded, encoding) = if accepts_gzip(request) {
        (&served.gzip, Some([(header::CONTENT_ENCODING, "gzip")]))
    } else {
        (&served.json, None)
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::ETAG, encoded.etag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
    ];
    if has(header::IF_NONE_MATCH, &encoded.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, encoding, encoded.body.clone()).into_response()
}

/// Whether the client names gzip, and not to refuse it (RFC 9110, section 12.5.3).
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn every_operation_is_described_and_names_its_answers() {
        let json = openapi();
        let mut names = std::collections::BTreeSet::new();
        let tags: Vec<_> = json["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        for (path, operations) in json["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(tags.contains(&&operation["tags"][0]), "{method} {path} has a tag that says nothing");
                assert!(operation["security"].is_array(), "{method} {path} does not say who may call it");
                assert!(
                    names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                    "{method} {path}"
                );
                assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
                let bodies =
                    operation["responses"].as_object().unwrap().values().chain(operation.get("requestBody"));
                for (kind, body) in bodies.filter_map(|body| body["content"].as_object()).flatten() {
                    let any_error = operation["responses"]["default"]["content"].get(kind) == Some(body);
                    let shown = body.get("example").is_some() || any_error || kind == BYTES;
                    assert!(shown, "{method} {path} shows no example of {kind}: {body}");
                }
            }
        }
        assert!(json["components"]["schemas"]["Conversation"]["properties"]["lastMessageAt"].is_object());
    }

    /// Two types of one name would silently become one in the document.
    #[test]
    fn no_two_resources_call_different_things_by_one_name() {
        let mut all = std::collections::BTreeMap::new();
        for document in super::super::resources().into_iter().map(|routes| routes.split().1) {
            for (name, schema) in document.components.unwrap().schemas {
                let schema = serde_json::to_value(schema).unwrap();
                assert_eq!(all.entry(name.clone()).or_insert_with(|| schema.clone()), &schema, "{name}");
            }
        }
    }

    #[test]
    fn the_document_says_where_it_holds_and_what_a_token_is() {
        let json = openapi();
        assert_eq!(json["servers"][0]["url"], "/");
        assert_eq!(json["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(json["components"]["securitySchemes"]["token"]["scheme"], "bearer");
        let security = |path: &str, method: &str| &json["paths"][path][method]["security"];
        assert_eq!(security("/v1/labels", "post"), &serde_json::json!([{ "token": ["labels.manage"] }]));
        assert_eq!(security("/v1/me", "get"), &serde_json::json!([{ "token": [] }]));
        assert_eq!(security("/v1/auth/sign-in", "post"), &serde_json::json!([]));
    }

    #[test]
    fn only_who_takes_gzip_gets_it() {
        let accepts = |value: &'static str| {
            accepts_gzip(&[(header::ACCEPT_ENCODING, HeaderValue::from_static(value))].into_iter().collect())
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("deflate,gzip ; q=1"));
        assert!(!accepts("") && !accepts("br") && !accepts("gzip;q=0") && !accepts("xgzip"));
    }
}
