//! A stand-in for the part of Meta's Graph API that replies go to, as strict as the real one.

use super::Script;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// A reply as it would reach the customer's phone.
#[derive(Debug)]
pub(super) struct Reply {
    /// The id the channel gave it.
    pub(super) id: String,
    /// What it says.
    pub(super) text: String,
}

#[derive(Clone)]
struct Phone {
    script: Script,
    replies: mpsc::Sender<Reply>,
}

/// `POST /{version}/{phone number id}/messages`, and nothing else.
pub(super) fn router(script: Script, replies: mpsc::Sender<Reply>) -> Router {
    Router::new().route("/{version}/{phone}/messages", post(message)).with_state(Phone { script, replies })
}

async fn message(
    State(phone): State<Phone>,
    Path((_version, number)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let authorised = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == format!("Bearer {}", phone.script.access_token).as_bytes());
    if !authorised {
        return graph_error(StatusCode::UNAUTHORIZED, 190, "Invalid OAuth access token");
    }
    if number != phone.script.phone_number_id {
        return graph_error(
            StatusCode::BAD_REQUEST,
            33,
            "Unsupported post request: the object does not exist",
        );
    }
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str);
    let (Some("whatsapp"), Some("text"), Some(to), Some(said)) =
        (text("/messaging_product"), text("/type"), text("/to"), text("/text/body"))
    else {
        return graph_error(StatusCode::BAD_REQUEST, 100, "Invalid parameter");
    };
    let id = format!("wamid.{}", uuid::Uuid::new_v4().simple());
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": to, "wa_id": to }],
        "messages": [{ "id": id }],
    });
    if phone.replies.send(Reply { id, text: said.to_owned() }).await.is_err() {
        return graph_error(StatusCode::INTERNAL_SERVER_ERROR, 131_000, "Something went wrong");
    }
    (StatusCode::OK, Json(answer))
}

fn graph_error(status: StatusCode, code: u32, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": { "message": message, "type": "OAuthException", "code": code } })))
}
