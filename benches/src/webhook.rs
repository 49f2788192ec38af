//! Signed WhatsApp webhooks at a steady rate.

use crate::{
    percentiles::Latencies,
    server::{Server, text},
    stamp::{age, nanoseconds},
};
use aws_lc_rs::hmac;
use common::protocol::{
    Event,
    inbox::{InboxEvent, Subscribe},
};
use serde_json::json;
use signalling_client::Client;
use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write},
    path::Path,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, timeout},
};

const APP_SECRET: &str = "bench-app-secret";
const NUMBER: &str = "100000000000001";

/// Budgets of the design, in milliseconds at the 95th percentile.
const TO_200_MS: f64 = 10.0;
const TO_SOCKET_MS: f64 = 50.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Webhooks a second, one message each
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Customers that the account has before
    #[arg(long, default_value_t = 0)]
    contacts: u32,
    /// Webhooks that wait before: how fast they are caught up with is measured first
    #[arg(long, default_value_t = 0)]
    waiting: u32,
}

#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
pub(crate) async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let server = Server::start(binary).await?;
    let channel = json!({
        "kind": "whatsapp", "name": "Bench", "phoneNumberId": NUMBER,
        "accessToken": "token", "appSecret": APP_SECRET, "verifyToken": "verify",
    });
    let channel = server.post("/v1/channels", channel).await?;
    let url = format!("{}{}", server.base, text(&channel, "/webhookPath")?);
    let mut agent = server.socket().await?;
    agent.request(&Subscribe { after: None }).await?;
    if options.contacts > 0 {
        server.sql(&contacts(options.contacts))?;
    }
    if options.waiting > 0 {
        catch_up(&server, &mut agent, options.waiting).await?;
    }
    let total = options.rate * options.seconds;
    let mut posts = JoinSet::new();
    let started = Instant::now();
    let mut beat = interval(Duration::from_secs(1) / options.rate.max(1));
    let mut seen = Latencies::default();
    let mut sent = 0;
    while seen.count() < usize::try_from(total)? {
        tokio::select! {
            _ = beat.tick(), if sent < total => {
                posts.spawn(post(server.client().clone(), url.clone(), sent));
                sent += 1;
            }
            event = timeout(Duration::from_secs(30), agent.event()) => match event {
                Ok(event) => {
                    let age = created(event?).and_then(|text| age(&text));
                    age.into_iter().for_each(|age| seen.note(age));
                }
                Err(_) => break,
            },
        }
    }
    let took = started.elapsed();
    let mut acknowledged = Latencies::default();
    while let Some(outcome) = posts.join_next().await {
        acknowledged.note(outcome??);
    }
    let mut out = io::stdout();
    writeln!(
        out,
        "{} webhooks/s for {} s: {} of {total} seen after {:.1} s",
        options.rate,
        options.seconds,
        seen.count(),
        took.as_secs_f64()
    )?;
    writeln!(out, "to 200           {acknowledged} (budget p95 {TO_200_MS} ms)")?;
    writeln!(out, "to agent's socket {seen} (budget p95 {TO_SOCKET_MS} ms)")?;
    Ok(())
}

/// SQL for so many customers of the channel.
fn contacts(count: u32) -> String {
    format!(
        "WITH known AS (
             INSERT INTO contacts (account_id, id, name, created_at)
             SELECT account_id, gen_random_uuid(), 'Customer ' || n, now() FROM channels, generate_series(1, {count}) n
             RETURNING account_id, id
         )
         INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
         SELECT known.account_id, channels.id, 'phone', '4900' || row_number() OVER (), known.id FROM known, channels"
    )
}

/// Puts webhooks into the queue, all at once, and waits until an agent has seen what they say.
#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
async fn catch_up(server: &Server, agent: &mut Client, count: u32) -> Result<(), Box<dyn Error>> {
    let body = webhook("' || 15550000000 + n % 1000 || '", "wamid.waiting.' || n || '", "waiting");
    server.sql(&format!(
        "INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at)
         SELECT account_id, gen_random_uuid(), id, convert_to('{body}', 'UTF8'), sha256(n::text::bytea), now(), now()
         FROM channels, generate_series(1, {count}) n"
    ))?;
    let (started, mut seen) = (Instant::now(), 0);
    while seen < count {
        let event = timeout(Duration::from_secs(60), agent.event()).await??;
        seen += u32::from(created(event).is_some());
    }
    let took = started.elapsed().as_secs_f64();
    let rate = f64::from(count) / took;
    writeln!(io::stdout(), "{count} webhooks that waited are seen after {took:.1} s: {rate:.0} a second")?;
    Ok(())
}

/// What a new message says, if an event is of one.
fn created(event: Event) -> Option<String> {
    let Event::InboxEvent(event) = event else { return None };
    let InboxEvent::MessageCreated { message, .. } = event.event else { return None };
    message.text
}

/// A webhook with one message.
fn webhook(customer: &str, id: &str, text: &str) -> String {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550199", "phone_number_id": NUMBER },
            "contacts": [{ "profile": { "name": customer }, "wa_id": customer }],
            "messages": [{
                "from": customer, "id": id, "timestamp": "1795000000", "type": "text", "text": { "body": text },
            }],
        } }] }],
    })
    .to_string()
}

/// Posts one webhook from a customer of its own; how long the 200 took.
#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
async fn post(client: reqwest::Client, url: String, n: u32) -> Result<Duration, reqwest::Error> {
    let customer = format!("1555{:07}", n % 1000);
    let body = webhook(&customer, &format!("wamid.{n}"), &format!("{} webhook", nanoseconds()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes()), body.as_bytes());
    let signature = tag.as_ref().iter().fold("sha256=".to_owned(), |mut text, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    });
    let started = Instant::now();
    let request =
        client.post(url).header("content-type", "application/json").header("x-hub-signature-256", signature);
    request.body(body).send().await?.error_for_status()?;
    Ok(started.elapsed())
}
