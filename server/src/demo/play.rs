//! The customer at the terminal: writes by webhook, sees replies, ticks them off.

use super::{
    DemoError, Script, phone,
    stand_in::{self, Reply},
};
use aws_lc_rs::hmac;
use common::clock::{Clock, SystemClock};
use egress::{Guard, HttpClient, Terms};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    net::TcpListener,
    sync::mpsc,
};

/// The customer's number: one of those that are set aside for fiction.
const CUSTOMER: &str = "15550100";

/// The customer's name, as WhatsApp would tell it.
const NAME: &str = "Grace Hopper";

/// How long the server may take to answer a webhook.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends `first`, then whatever is typed, and shows replies until the terminal closes or Ctrl-C.
///
/// # Errors
/// [`DemoError`]; most likely that no server is running with a demo.
pub async fn play(data_dir: &Path, first: &str) -> Result<(), DemoError> {
    let not_prepared = || DemoError::NotPrepared(data_dir.to_owned());
    let script = Script::read(data_dir)?.ok_or_else(not_prepared)?;
    let address = script.phone.ok_or_else(not_prepared)?;
    let _alone = phone::pick_up(data_dir)?.ok_or_else(|| DemoError::Playing(data_dir.to_owned()))?;
    let (sender, mut replies) = mpsc::channel(16);
    let phone = TcpListener::bind(address).await?;
    // Our own server, most likely on loopback.
    let terms = Terms::within(WEBHOOK_TIMEOUT).trusting(&script.url.parse()?);
    let customer = Customer {
        client: HttpClient::new(&Guard::new(egress::Config::default()), terms)?,
        clock: SystemClock,
        script: script.clone(),
    };
    let serve = async { axum::serve(phone, stand_in::router(script, sender)).await };
    let chat = async {
        customer.say(first).await?;
        print_line("Answer in the console's inbox; type here to write more. Ctrl-C ends.")?;
        let mut lines = BufReader::new(stdin()).lines();
        let mut typing = true;
        loop {
            tokio::select! {
                line = lines.next_line(), if typing => match line? {
                    Some(line) if !line.trim().is_empty() => customer.say(line.trim()).await?,
                    Some(_) => {}
                    None => typing = false,
                },
                Some(reply) = replies.recv() => customer.read(&reply).await?,
            }
        }
    };
    tokio::select! {
        served = serve => Ok(served?),
        chatted = chat => chatted,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

struct Customer {
    client: HttpClient,
    clock: SystemClock,
    script: Script,
}

impl Customer {
    async fn say(&self, text: &str) -> Result<(), DemoError> {
        let id = format!("wamid.{}", uuid::Uuid::new_v4().simple());
        self.post(json!({
            "contacts": [{ "profile": { "name": NAME }, "wa_id": CUSTOMER }],
            "messages": [{ "from": CUSTOMER, "id": id, "timestamp": self.now(), "type": "text", "text": { "body": text } }],
        }))
        .await?;
        print_line(&format!("{NAME}: {text}"))
    }

    /// Shows a reply and reports it delivered and read, as a phone would.
    async fn read(&self, reply: &Reply) -> Result<(), DemoError> {
        print_line(&format!("Agent: {}", reply.text))?;
        for status in ["sent", "delivered", "read"] {
            self.post(json!({
                "statuses": [{ "id": reply.id, "status": status, "timestamp": self.now(), "recipient_id": CUSTOMER }],
            }))
            .await?;
        }
        print_line("       ✓✓ read")
    }

    async fn post(&self, mut value: Value) -> Result<(), DemoError> {
        if let Some(value) = value.as_object_mut() {
            value.insert("messaging_product".to_owned(), json!("whatsapp"));
            value.insert(
                "metadata".to_owned(),
                json!({ "display_phone_number": "15550199", "phone_number_id": self.script.phone_number_id }),
            );
        }
        let body = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "demo", "changes": [{ "field": "messages", "value": value }] }],
        })
        .to_string();
        let answer = self
            .client
            .post(format!("{}{}", self.script.url, self.script.webhook_path).parse()?)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", &signature(&self.script.app_secret, body.as_bytes()))
            .body(body)
            .send()
            .await?;
        if answer.status().is_success() { Ok(()) } else { Err(DemoError::Refused(answer.status().as_u16())) }
    }

    fn now(&self) -> String {
        self.clock.utc().unix_timestamp().to_string()
    }
}

/// `X-Hub-Signature-256` as Meta computes it: HMAC-SHA256 of the raw body under the app secret.
fn signature(app_secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, app_secret.as_bytes()), body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _never = write!(text, "{byte:02x}");
        text
    })
}

fn print_line(line: &str) -> Result<(), DemoError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
