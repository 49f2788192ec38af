//! The reference: an OpenAPI document made from the handlers themselves.

mod examples;

use super::{
    account, api_keys, audit, auth, calls, canned_responses, channels, contacts, conversations, elevations,
    ice_servers, imports, invitations, labels, messages, notes, roles, rooms, search, sign_ins, teams, users,
    webhooks,
};
use axum::Json;
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, PathItem, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Switchboard", description = "Errors are problem documents (RFC 9457) with a stable `code`."),
    paths(
        auth::sign_in, auth::refresh, auth::sign_out,
        users::me, users::change_password, users::list, users::find, users::create, users::update,
        sign_ins::list_own, sign_ins::end_own, sign_ins::list, sign_ins::end_of,
        account::find, account::update,
        invitations::list, invitations::create, invitations::accept, invitations::revoke,
        roles::list, roles::find, roles::create, roles::update, roles::delete,
        api_keys::list, api_keys::find, api_keys::create, api_keys::revoke,
        audit::list,
        elevations::list, elevations::create, elevations::decide, elevations::end,
        imports::list, imports::find, imports::create, imports::rows,
        rooms::list, rooms::find, rooms::create, rooms::update, rooms::delete, rooms::close, rooms::reopen,
        rooms::messages, rooms::speak::say, rooms::speak::tell, rooms::guests::create,
        rooms::members::list, rooms::members::add, rooms::members::remove,
        rooms::members::connections, rooms::members::disconnect, users::disconnect,
        calls::list, calls::find,
        teams::list, teams::find, teams::create, teams::update, teams::delete, teams::members, teams::set_members,
        labels::list, labels::find, labels::create, labels::update, labels::delete,
        canned_responses::list, canned_responses::find, canned_responses::create, canned_responses::update,
        canned_responses::delete,
        contacts::list, contacts::find, contacts::create, contacts::update, contacts::export, contacts::erase, contacts::add_identity,
        contacts::remove_identity, contacts::merges, contacts::merge, contacts::unmerge,
        search::contacts, search::conversations, search::messages,
        notes::list, notes::create, notes::update, notes::delete,
        conversations::list, conversations::create, conversations::find, conversations::update,
        messages::list, messages::reply,
        channels::list, channels::find, channels::create, channels::update, channels::delete,
        webhooks::list, webhooks::find, webhooks::create, webhooks::update, webhooks::delete, webhooks::deliveries,
        webhooks::replay,
        ice_servers::list,
    ),
    security(("token" = [])),
)]
struct Reference;

/// What all operations share: how to authenticate, and what an error looks like.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "An access token from signing in, an outside issuer's token, or an API key (`sbk_…`).",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let any_error = ResponseBuilder::new()
            .description("Any other error: a problem document with its stable `code`")
            .content("application/problem+json", problem)
            .build();
        for (path, method, operation) in document.paths.paths.iter_mut().flat_map(operations) {
            operation.operation_id = Some(name(path, method));
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
}

/// The content type of files.
const BYTES: &str = "application/octet-stream";

fn operations<'a>(
    (path, item): (&'a String, &'a mut PathItem),
) -> impl Iterator<Item = (&'a str, &'static str, &'a mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(move |(method, operation)| Some((path.as_str(), method, operation.as_mut()?)))
}

/// An operation's unique name for generated clients: `getUsersByIdSessions`.
fn name(path: &str, method: &str) -> String {
    let mut name = method.to_owned();
    for word in path.split(['/', '-']).skip(2) {
        let (by, word) = match word.strip_prefix('{') {
            Some(parameter) => ("By", parameter.trim_end_matches('}')),
            None => ("", word),
        };
        let mut letters = word.chars();
        name.push_str(by);
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters.map(|letter| if letter == '.' { '_' } else { letter }));
    }
    name
}

/// What handlers here say of themselves, and what other roles serve under the same rules.
fn reference() -> utoipa::openapi::OpenApi {
    let mut document = Reference::openapi();
    document.merge(inbox::openapi());
    Shared.modify(&mut document);
    document
}

/// The OpenAPI document of the REST layer.
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let mut document = serde_json::to_value(reference()).unwrap_or_default();
        examples::add(&mut document);
        document
    });
    &DOCUMENT
}

/// Serves the document.
pub(super) async fn serve() -> Json<&'static Value> {
    Json(openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A route that was added without its reference would show here as a missing path.
    #[test]
    fn every_operation_is_described_and_names_its_answers() {
        let json = openapi();
        assert_eq!(json["paths"].as_object().unwrap().len(), 69);
        let mut names = std::collections::BTreeSet::new();
        for (path, operations) in json["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
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
}
