//! A demo account: three people, a room and a WhatsApp number that `switchboard demo` writes to.

use super::{DemoError, SCRIPT_FILE, Script};
use crate::{
    api::password,
    embedded::{random_base64, write_private},
    roles::Parts,
};
use common::{id::AccountId, protocol::inbox::ChannelKind, secret::Secret, token::Role};
use std::{fmt, path::Path};
use store::{TenantTx, accounts, channels, channels::NewChannel, rooms, users, users::NewUser};

/// The demo's people. The first one is the administrator.
const PEOPLE: [(&str, &str, Role); 3] = [
    ("Ada", "ada@demo.example", Role::Admin),
    ("Ben", "ben@demo.example", Role::User),
    ("Cleo", "cleo@demo.example", Role::AgentUser),
];

/// What the person at the terminal needs to know.
#[derive(Debug)]
pub struct Note(Script);

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, first, _), (_, second, _), (_, third, _)] = PEOPLE;
        writeln!(out, "  Open      {}", self.0.url)?;
        writeln!(out, "  Sign in   {first}   (others: {second}, {third})")?;
        writeln!(out, "  Password  {}", self.0.password)?;
        writeln!(out, "\n  Then, in another terminal, a customer who writes by WhatsApp:")?;
        writeln!(out, "  cargo xtask demo\n\n  Ctrl-C stops everything; the data stays.")
    }
}

/// Makes the demo account at the first start, and notes where this server listens.
///
/// # Errors
/// [`DemoError`].
pub async fn prepare(parts: &Parts, data_dir: &Path, url: &str) -> Result<Note, DemoError> {
    let path = data_dir.join(SCRIPT_FILE);
    let script = if path.exists() {
        let mut script: Script = serde_json::from_slice(&std::fs::read(&path)?)?;
        url.clone_into(&mut script.url);
        script
    } else {
        create(parts, url).await?
    };
    write_private(&path, &serde_json::to_vec(&script)?)?;
    Ok(Note(script))
}

async fn create(parts: &Parts, url: &str) -> Result<Script, DemoError> {
    let clock = &*parts.clock;
    let password: String = random_base64()?.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let hash = password::hash(&Secret::new(password.clone())).map_err(|_| DemoError::Password)?;
    let secrets = [random_base64()?, random_base64()?, random_base64()?];
    let account = AccountId::generate(clock);
    let mut tx = parts.store.tenant(account).await?;
    accounts::create(&mut tx, "Demo", clock).await?;
    for (name, email, role) in PEOPLE {
        let user = NewUser { email, name, role, password_hash: &hash };
        users::create(&mut tx, &user, clock).await.map_err(|error| DemoError::Prepare(error.to_string()))?;
    }
    rooms::create(&mut tx, "Lobby", false, clock).await?;
    let phone_number_id = "100000000000001";
    let webhook_path = connect(&mut tx, phone_number_id, &secrets, parts).await?;
    tx.commit().await?;
    let [access_token, app_secret, _] = secrets;
    let phone_number_id = phone_number_id.to_owned();
    Ok(Script { url: url.to_owned(), password, webhook_path, app_secret, access_token, phone_number_id })
}

async fn connect(
    tx: &mut TenantTx,
    number: &str,
    [access_token, app_secret, verify_token]: &[String; 3],
    parts: &Parts,
) -> Result<String, DemoError> {
    let secret = |text: &String| Secret::new(text.clone());
    let new = NewChannel {
        kind: ChannelKind::Whatsapp,
        name: "WhatsApp demo",
        external_id: number,
        access_token: &secret(access_token),
        app_secret: &secret(app_secret),
        verify_token: &secret(verify_token),
    };
    let channel = channels::create(tx, &new, &*parts.clock).await;
    let channel = channel.map_err(|error| DemoError::Prepare(error.to_string()))?;
    Ok(format!("/v1/webhooks/whatsapp/{}", channel.id))
}
