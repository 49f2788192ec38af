//! The one table of all operations, for every test that goes over all of them.
//!
//! It is read from the reference, so a new operation is tried on the day it appears. Bodies are the reference's
//! examples; only where an example cannot do, [`body`] says another.

use crate::{
    harness::{Answer, PASSWORD, Server, Tenant},
    things::Things,
};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use switchboard::api;

/// An operation as the reference describes it.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// Its path with names in braces.
    pub(crate) template: String,
    /// Whether it is for anybody, without a token.
    pub(crate) is_open: bool,
    /// The permissions that it needs: people the first, programs the last.
    pub(crate) permissions: Vec<String>,
    /// The names of its parameters beside those in the path.
    pub(crate) parameters: Vec<String>,
    /// The content type and the example of its body.
    pub(crate) body: Option<(String, Value)>,
}

impl Operation {
    pub(crate) fn names_something(&self) -> bool {
        self.template.contains('{')
    }

    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|name| name == parameter)
    }

    /// As lists of operations have it: `POST /v1/labels`.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// A request that does an operation on what an account has.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Call {
    pub(crate) fn key(&self) -> String {
        self.operation.key()
    }

    /// The request that it is, as who has the token.
    pub(crate) fn request(&self, token: &str) -> Request<Body> {
        let mut request = Request::builder().method(self.operation.method.clone()).uri(&self.path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let Some((content_type, _)) = &self.operation.body else {
            return request.body(Body::empty()).unwrap();
        };
        let body = self.body.as_ref().unwrap();
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        request.header(header::CONTENT_TYPE, content_type).body(Body::from(body)).unwrap()
    }

    pub(crate) async fn send(&self, server: &Server, token: &str) -> Answer {
        server.send(self.request(token)).await
    }
}

/// What nobody has any of in tests without sockets: no device is in a room or in its call, no file came with the message.
pub(crate) const NOTHING: [&str; 3] =
    ["disconnectFromRoom", "getConversationMessageAttachment", "getStatistics"];

/// Where clients are that have no WebSocket.
pub(crate) const EVENTS: &str = "/v1/events";

/// Where encoders publish (RFC 9725), and players play.
const OVER_HTTP: [&str; 2] = ["/v1/rooms/{id}/whip", "/v1/rooms/{id}/whep"];

/// All operations of the REST layer, in an order in which one after the other works: nothing is deleted before it is used.
pub(crate) fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (template, item) in api::openapi()["paths"].as_object().unwrap() {
        // The hub's, of connections and not of callers: [`events`](crate::events) goes over them. What encoders ask, of
        // sessions that only a media node knows, is tried with encoders.
        if template.starts_with(EVENTS) || OVER_HTTP.iter().any(|path| template.starts_with(path)) {
            continue;
        }
        for (method, described) in item.as_object().unwrap() {
            all.push(operation(template, method, described));
        }
    }
    all.sort_by_key(|operation| {
        let depth = operation.template.split('/').count();
        match operation.id.as_str() {
            "endElevation" | "revokeRoomJoinLink" | "undoContactMerge" => (1, 0),
            "mergeContacts" | "closeRoom" => (2, 0),
            "reopenRoom" => (3, 0),
            // It ends all other sign-ins.
            "changePassword" => (5, 0),
            // Parts before wholes.
            _ if operation.method == Method::DELETE => (4, usize::MAX - depth),
            _ => (0, 0),
        }
    });
    all
}

fn operation(template: &str, method: &str, described: &Value) -> Operation {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let security = described["security"].as_array().unwrap();
    let roles = security.iter().flat_map(|requirement| requirement["token"].as_array().unwrap());
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let body = described["requestBody"]["content"].as_object().map(|content| {
        let (content_type, body) = content.iter().next_back().unwrap();
        (content_type.clone(), body["example"].clone())
    });
    Operation {
        id: text(&described["operationId"]),
        method: method.to_uppercase().parse().unwrap(),
        template: template.to_owned(),
        is_open: security.is_empty(),
        permissions: roles.map(text).collect(),
        parameters: parameters.filter(|it| it["in"] != "path").map(|it| text(&it["name"])).collect(),
        body,
    }
}

/// How to do every operation on what `tenant` has.
pub(crate) fn calls(tenant: &Tenant, things: &Things) -> Vec<Call> {
    let call = |operation: Operation| {
        let mut path = match operation.id.as_str() {
            // One that something has come by stays.
            "deleteChannel" => format!("/v1/channels/{}", things.unused_channel),
            _ => things.path(&operation.template),
        };
        if operation.id == "removeContactIdentity" {
            path += &format!("?channelId={}&scheme=phone&value=15550123", tenant.channel);
        }
        if operation.takes("fileName") {
            path += "?fileName=notes.txt";
        }
        if operation.takes("q") {
            // What both of the tests' accounts have.
            path += if operation.id == "searchContacts" { "?q=grace" } else { "?q=hello" };
        }
        let body = operation.body.as_ref().map(|(_, example)| body(&operation.id, example, tenant, things));
        Call { operation, path, body }
    };
    operations().into_iter().map(call).collect()
}

/// A good body. Names are others than those of the examples, of which [`Things`] are made.
fn body(id: &str, example: &Value, tenant: &Tenant, things: &Things) -> Value {
    match id {
        "addContactIdentity" => {
            json!({ "channelId": tenant.channel, "scheme": "phone", "value": "15550123" })
        }
        "changePassword" => json!({ "current": PASSWORD, "new": "another good battery staple" }),
        "createApiKey" | "createRole" => json!({ "name": "fresh", "permissions": [] }),
        "createConversation" => {
            json!({ "channelId": tenant.channel, "contactId": things.id("/v1/contacts/{id}") })
        }
        "createElevation" => json!({ "role": "ADMIN", "reason": "a try", "minutes": 5 }),
        "createWebhook" => json!({ "kind": "standard", "url": "https://hooks.example/x" }),
        "mergeContacts" => json!({ "loserId": things.unmerged }),
        "readJoinLink" => json!({ "token": things.join_link }),
        "redeemJoinLink" => json!({ "token": things.join_link, "name": "Grace" }),
        "setTeamMembers" => json!({ "userIds": [tenant.user] }),
        "updateAccount" => json!({ "settings": { "retentionDays": 1 } }),
        "updateConversation" => json!({ "status": "resolved", "read": true }),
        "updateWebhook" => json!({ "events": ["messageCreated"] }),
        _ => fresh(example),
    }
}

/// The same with other names.
fn fresh(example: &Value) -> Value {
    let mut body = example.clone();
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if let ("name" | "shortcode" | "phoneNumberId" | "email", Some(text)) =
            (name.as_str(), value.as_str())
        {
            *value = json!(format!("fresh-{text}"));
        }
    }
    body
}
