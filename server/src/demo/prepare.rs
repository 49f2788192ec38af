//! A demo account: three people, a room and a WhatsApp number that `switchboard demo` writes to.

use super::{DemoError, SCRIPT_FILE, Script};
use crate::{
    api::password,
    embedded::{random_base64, write_private},
    roles::Parts,
};
use common::{id::AccountId, protocol::inbox::ChannelKind, secret::Secret, token::Role};
use std::{fmt, net::SocketAddr, path::Path};
use store::{TenantTx, accounts, channels, channels::NewChannel, rooms, users, users::NewUser};

/// The demo's people. The first one is the administrator.
const PEOPLE: [(&str, &str, Role); 3] = [
    ("Ada", "ada@demo.example", Role::Admin),
    ("Ben", "ben@demo.example", Role::User),
    ("Cleo", "cleo@demo.example", Role::AgentUser),
];

/// What the person at the terminal needs to know.
#[derive(Debug)]
pub struct Note {
    /// Where to open it in a browser.
    pub url: String,
    /// What to type in another terminal to play a customer.
    pub customer: String,
    /// The password of all demo users.
    pub password: String,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, first, _), (_, second, _), (_, third, _)] = PEOPLE;
        writeln!(out, "  Open      {}", self.url)?;
        writeln!(out, "  Sign in   {first}   (others: {second}, {third})")?;
        writeln!(out, "  Password  {}", self.password)?;
        writeln!(out, "\n  Then, in another terminal, a customer who writes by WhatsApp:")?;
        writeln!(out, "  {}\n\n  Ctrl-C stops everything; the data stays.", self.customer)
    }
}

/// Makes the demo account at the first start, and writes down where this server listens and where it sends
/// replies to. Returns the password of its users.
///
/// # Errors
/// [`DemoError`].
pub async fn prepare(
    parts: &Parts,
    data_dir: &Path,
    server: SocketAddr,
    phone: SocketAddr,
) -> Result<String, DemoError> {
    let url = format!("http://{server}");
    let script = match Script::read(data_dir)? {
        Some(script) => Script { url, ..script },
        None => create(parts, url).await?,
    };
    let script = Script { phone: Some(phone), ..script };
    write_private(&data_dir.join(SCRIPT_FILE), &serde_json::to_vec(&script)?)?;
    Ok(script.password)
}

async fn create(parts: &Parts, url: String) -> Result<Script, DemoError> {
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
    Ok(Script { url, password, webhook_path, app_secret, access_token, phone_number_id, phone: None })
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
