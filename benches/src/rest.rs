//! The REST layer with much in the store: lists, reads, searches and writes at a steady rate.

use crate::{percentiles::Latencies, server::Server};
use common::{
    clock::{Clock, SystemClock},
    id::{AccountId, SignInId, UserId},
    token::{Role, Subject, sign},
};
use jsonwebtoken::EncodingKey;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
    path::Path,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use uuid::Uuid;

/// Budget of the design at the 95th percentile.
const BUDGET_MS: f64 = 20.0;

/// Conversations of each account, and messages of each conversation.
const CONVERSATIONS: u32 = 50;
const MESSAGES: u32 = 20;

/// Accounts that the load comes from: more than the caches of one.
const ACTIVE: u32 = 100;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Accounts; each has 50 conversations of 20 messages
    #[arg(long, default_value_t = 1000)]
    accounts: u32,
    /// Requests a second
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
}

/// An account's id, the same as [`fill`] writes.
fn account(n: u32) -> AccountId {
    AccountId::from_uuid(id(1, n, 0))
}

/// A conversation's id, likewise.
fn conversation(account: u32, n: u32) -> Uuid {
    id(2, account, n)
}

/// Ordered like ids that were made one after the other.
fn id(kind: u128, account: u32, n: u32) -> Uuid {
    Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 | kind << 48 | u128::from(account) << 24 | u128::from(n),
    )
}

/// SQL for the same: `kind` and expressions for the account's and the thing's number.
fn id_sql(kind: u8, account: &str, n: &str) -> String {
    format!(
        "('01900000-0000-7000-80' || lpad(to_hex({kind}), 2, '0') || '-' || lpad(to_hex(({account})::bigint * 16777216 + {n}), 12, '0'))::uuid"
    )
}

/// Fills the store: quickly, by the database itself.
fn fill(server: &Server, accounts: u32) -> Result<(), Box<dyn Error>> {
    let (a, c) = (id_sql(1, "a", "0"), id_sql(2, "a", "c"));
    let (user, contact, channel) = (id_sql(3, "a", "0"), id_sql(4, "a", "c"), id_sql(5, "a", "0"));
    let words =
        "(ARRAY['order','refund','parcel','invoice','hello','thanks','where','when','broken','size'])";
    let of_accounts = format!("generate_series(1, {accounts}) a");
    let of_conversations = format!("{of_accounts}, generate_series(1, {CONVERSATIONS}) c");
    server.sql(&format!(
        "INSERT INTO accounts (id, name, created_at) SELECT {a}, 'Account ' || a, now() FROM {of_accounts};
         INSERT INTO inbox_sequences (account_id) SELECT {a} FROM {of_accounts};
         INSERT INTO users (account_id, id, name, role, created_at) SELECT {a}, {user}, 'Agent', 'ADMIN', now() FROM {of_accounts};
         INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at) SELECT {a}, {user}, {user}, now(), now() FROM {of_accounts};
         INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
             SELECT {a}, {channel}, 'whatsapp', 'Support', 'n' || a, '', '', '', now() FROM {of_accounts};
         INSERT INTO contacts (account_id, id, name, email, created_at)
             SELECT {a}, {contact}, {words}[1 + c % 10] || ' Customer ' || c, 'c' || c || '@example.com', now() FROM {of_conversations};
         INSERT INTO conversations (account_id, id, channel_id, contact_id, status, preview, last_message_at, last_seq, created_at)
             SELECT {a}, {c}, {channel}, {contact}, CASE WHEN c % 3 = 0 THEN 'resolved' ELSE 'open' END, 'hello',
                    now() - c * interval '1 minute', {MESSAGES}, now() FROM {of_conversations};
         INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, status, created_at)
             SELECT {a}, gen_random_uuid(), {c}, m, {channel}, CASE WHEN m % 2 = 0 THEN 'inbound' ELSE 'outbound' END, 'text',
                    {words}[1 + (a + c + m) % 10] || ' ' || {words}[1 + (a * c + m) % 10] || ' number ' || (a * 7919 + c * 31 + m) % 9973,
                    'delivered', now() FROM {of_conversations}, generate_series(1, {MESSAGES}) m;"
    ))?;
    // On its own: it cannot be part of a transaction.
    server.sql("VACUUM ANALYZE")
}

/// One request of the mix, by its turn.
fn request(turn: u32) -> (&'static str, Method, String, Option<Value>) {
    let account = 1 + turn % ACTIVE;
    let conversation = conversation(account, 1 + turn / ACTIVE % CONVERSATIONS);
    match turn % 20 {
        0..=7 => ("list", Method::GET, "/v1/conversations?status=open&limit=25".to_owned(), None),
        8..=14 => ("read", Method::GET, format!("/v1/conversations/{conversation}/messages?limit=25"), None),
        15 | 16 => {
            ("search", Method::GET, format!("/v1/search/messages?q=number%20{}&limit=25", turn % 9973), None)
        }
        _ => {
            let note = json!({ "text": format!("note {turn}") });
            ("create", Method::POST, format!("/v1/conversations/{conversation}/notes"), Some(note))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a load tool measures the world's time")]
pub(crate) async fn run(binary: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let server = Server::start(binary).await?;
    let started = Instant::now();
    fill(&server, options.accounts.max(ACTIVE))?;
    let messages = options.accounts.max(ACTIVE) * CONVERSATIONS * MESSAGES;
    writeln!(
        out,
        "{messages} messages in {} accounts, filled in {:.0} s",
        options.accounts.max(ACTIVE),
        started.elapsed().as_secs_f64()
    )?;
    let key = EncodingKey::from_secret(Server::AUTH_SECRET.as_bytes());
    let token = |n| {
        let user = UserId::from_uuid(id(3, n, 0));
        // Each has one sign-in, of the same id.
        let sign_in = SignInId::from_uuid(user.as_uuid());
        let subject = Subject {
            account: account(n),
            user,
            role: Role::Admin,
            permissions: None,
            elevated: None,
            sign_in,
        };
        sign(&key, &subject, SystemClock.utc())
    };
    let tokens = (1..=ACTIVE).map(token).collect::<Result<Vec<String>, _>>()?;
    let mut requests = JoinSet::new();
    let mut beat = interval(Duration::from_secs(1) / options.rate.max(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for turn in 0..options.rate * options.seconds {
        beat.tick().await;
        let (kind, method, path, body) = request(turn);
        let token = tokens.get(usize::try_from(turn % ACTIVE)?).ok_or("no token")?;
        let mut request =
            server.client().request(method, format!("{}{path}", server.base)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        requests.spawn(async move {
            let started = Instant::now();
            let answer = request.send().await?.error_for_status()?;
            answer.bytes().await?;
            Ok::<_, reqwest::Error>((kind, started.elapsed()))
        });
    }
    let mut latencies: BTreeMap<&str, Latencies> = BTreeMap::new();
    while let Some(outcome) = requests.join_next().await {
        let (kind, took) = outcome??;
        latencies.entry(kind).or_default().note(took);
        latencies.entry("all").or_default().note(took);
    }
    writeln!(out, "{} requests/s for {} s (budget p95 {BUDGET_MS} ms)", options.rate, options.seconds)?;
    for (kind, latencies) in &latencies {
        writeln!(out, "{kind:>6}: {:>6} × {latencies}", latencies.count())?;
    }
    Ok(())
}
