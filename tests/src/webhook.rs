//! What Meta would send: WhatsApp webhooks with a correct signature.

use aws_lc_rs::hmac;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The secrets of a connected WhatsApp channel, as its owner knows them.
#[derive(Clone)]
pub struct Meta {
    /// Where the webhooks go.
    pub path: String,
    /// Signs them.
    pub app_secret: String,
    /// The business's number, as Meta names it.
    pub phone_number_id: String,
    /// What replies must be authorised with.
    pub access_token: String,
}

impl Meta {
    /// The body of a webhook with these messages.
    pub fn messages(&self, messages: &[(&str, &str)]) -> Value {
        let messages: Vec<Value> = messages
            .iter()
            .map(|(id, text)| {
                json!({ "from": "15550100", "id": id, "timestamp": "1795000000", "type": "text", "text": { "body": text } })
            })
            .collect();
        self.envelope(json!({
            "contacts": [{ "profile": { "name": "Grace Hopper" }, "wa_id": "15550100" }],
            "messages": messages,
        }))
    }

    /// The body of a webhook with one message of another kind than text.
    pub fn message(&self, id: &str, kind: &str, content: Value) -> Value {
        let mut body = self.messages(&[(id, "")]);
        let message = &mut body["entry"][0]["changes"][0]["value"]["messages"][0];
        *message =
            json!({ "from": "15550100", "id": id, "timestamp": "1795000000", "type": kind, kind: content });
        body
    }

    /// The body of a webhook with one status.
    pub fn status(&self, id: &str, status: &str) -> Value {
        self.envelope(json!({
            "statuses": [{ "id": id, "status": status, "timestamp": "1795000001", "recipient_id": "15550100" }],
        }))
    }

    /// The same, with what the reply's sender had Meta say in every status.
    pub fn status_with(&self, id: &str, status: &str, callback_data: &str) -> Value {
        let mut body = self.status(id, status);
        body["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"] =
            json!(callback_data);
        body
    }

    fn envelope(&self, mut value: Value) -> Value {
        value["messaging_product"] = json!("whatsapp");
        value["metadata"] =
            json!({ "display_phone_number": "15550199", "phone_number_id": self.phone_number_id });
        json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "100", "changes": [{ "field": "messages", "value": value }] }],
        })
    }

    /// Posts `body` to the instance at `base`, signed.
    pub async fn post(&self, base: &str, body: &Value) -> StatusCode {
        let body = body.to_string();
        let signature = self.signature(body.as_bytes());
        self.post_raw(base, body, &signature).await
    }

    /// Posts `body` with whatever signature.
    pub async fn post_raw(&self, base: &str, body: String, signature: &str) -> StatusCode {
        crate::rest::client()
            .post(format!("{base}{}", self.path))
            .header("content-type", "application/json")
            .header("x-hub-signature-256", signature)
            .body(body)
            .send()
            .await
            .expect("the server answers")
            .status()
    }

    /// `X-Hub-Signature-256` of these bytes.
    pub fn signature(&self, body: &[u8]) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.app_secret.as_bytes()), body);
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    }
}
