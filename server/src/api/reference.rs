//! The reference: an OpenAPI document made from the handlers themselves.

use super::{
    account, api_keys, audit, auth, canned_responses, channels, contacts, conversations, ice_servers, labels,
    messages, notes, roles, rooms, search, sessions, teams, users, webhooks,
};
use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Switchboard", description = "Errors are problem documents (RFC 9457) with a stable `code`."),
    paths(
        auth::sign_in, auth::refresh, auth::sign_out,
        users::me, users::change_password, users::list, users::find, users::create, users::update,
        sessions::list_own, sessions::end_own, sessions::list, sessions::end_of,
        account::find, account::update,
        roles::list, roles::find, roles::create, roles::update, roles::delete,
        api_keys::list, api_keys::find, api_keys::create, api_keys::revoke,
        audit::list,
        rooms::list, rooms::create, rooms::messages,
        teams::list, teams::find, teams::create, teams::update, teams::delete, teams::members, teams::set_members,
        labels::list, labels::find, labels::create, labels::update, labels::delete,
        canned_responses::list, canned_responses::find, canned_responses::create, canned_responses::update,
        canned_responses::delete,
        contacts::list, contacts::find, contacts::create, contacts::update, contacts::add_identity,
        contacts::remove_identity, contacts::merges, contacts::merge, contacts::unmerge,
        search::contacts, search::messages,
        notes::list, notes::create, notes::update, notes::delete,
        conversations::list, conversations::create, conversations::find, conversations::update,
        messages::list, messages::reply,
        channels::list, channels::create,
        webhooks::list, webhooks::create,
        ice_servers::list,
    ),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Reference;

/// The one way to authenticate.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The OpenAPI document of the REST layer.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Reference::openapi()
}

/// Serves the document.
pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A route that was added without its reference would show here as a missing path.
    #[test]
    fn every_operation_is_described_and_names_its_answers() {
        let document = openapi();
        assert_eq!(document.paths.paths.len(), 41);
        let json = serde_json::to_value(&document).unwrap();
        for (path, operations) in json["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
            }
        }
        assert!(json["components"]["schemas"]["Conversation"]["properties"]["lastMessageAt"].is_object());
    }
}
