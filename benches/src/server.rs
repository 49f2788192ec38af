//! The real binary, embedded, on a directory of its own; and how to talk to it.

use local_services::{
    postgres::{Postgres, PostgresOptions},
    scratch::Scratch,
};
use serde_json::{Value, json};
use signalling_client::Client;
use std::{
    error::Error,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The administrator of the measured installation.
const EMAIL: &str = "bench@example.test";
const PASSWORD: &str = "correct horse battery staple";

/// A running server and a signed-in administrator. Ended and deleted when dropped.
pub(crate) struct Server {
    binary: PathBuf,
    child: Child,
    dir: Scratch,
    pub(crate) base: String,
    pub(crate) token: String,
    client: reqwest::Client,
}

impl Server {
    /// What it signs access tokens with.
    pub(crate) const AUTH_SECRET: &str = "a secret for load tools that is long enough";

    pub(crate) async fn start(binary: &Path) -> Result<Self, Box<dyn Error>> {
        let dir = Scratch::new()?;
        let made = command(binary, dir.path(), "127.0.0.1:0")
            .args(["create-account", "bench", EMAIL, "--password", PASSWORD])
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        let (child, base) = serve(binary, dir.path(), "127.0.0.1:0")?;
        #[expect(
            clippy::disallowed_methods,
            reason = "load tools play the outside, which egress does not let in"
        )]
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build()?;
        let mut server = Self { binary: binary.to_owned(), child, dir, base, token: String::new(), client };
        let signed_in =
            server.post("/v1/auth/sign-in", json!({ "email": EMAIL, "password": PASSWORD })).await?;
        text(&signed_in, "/accessToken")?.clone_into(&mut server.token);
        Ok(server)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<(), Box<dyn Error>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) -> Result<(), Box<dyn Error>> {
        (self.child, self.base) = serve(&self.binary, self.dir.path(), &self.address())?;
        Ok(())
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        self.base.trim_start_matches("http://").to_owned()
    }

    /// Runs SQL in its database, past Row-Level Security.
    pub(crate) fn sql(&self, sql: &str) -> Result<(), Box<dyn Error>> {
        // Adopts the one that the server runs.
        let postgres = Postgres::start(&PostgresOptions::durable(self.dir.join("postgres")))?;
        Ok(postgres.execute("switchboard", sql)?)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Box<dyn Error>> {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(&body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// An authenticated connection.
    pub(crate) async fn socket(&self) -> Result<Client, Box<dyn Error>> {
        let mut client = Client::connect(self.address()).await?;
        client.open(&self.token).await?;
        Ok(client)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Postgres ends with its parent.
        let _dead_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The binary with settings for load from one place.
fn command(binary: &Path, dir: &Path, listen: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .env("SWITCHBOARD_DATABASE__DATA_DIR", dir)
        .env("SWITCHBOARD_HTTP__LISTEN", listen)
        .env("SWITCHBOARD_SFU__LISTEN", "127.0.0.1:0")
        .env("SWITCHBOARD_SFU__PARTICIPANTS_PER_USER_MAX", "1000")
        .env("SWITCHBOARD_LOG__FILTER", "warn")
        .env("SWITCHBOARD_AUTH__SECRET", Server::AUTH_SECRET)
        // All of the load comes from one address.
        .env("SWITCHBOARD_HTTP__CONNECTIONS_PER_NETWORK_MAX", "60000")
        .env("SWITCHBOARD_HTTP__ANONYMOUS_PER_SECOND", "100000")
        .env("SWITCHBOARD_HTTP__ANONYMOUS_BURST", "100000");
    for (limit, value) in [
        ("CONNECTIONS_PER_USER_MAX", "50000"),
        ("CONNECTIONS_PER_NETWORK_MAX", "50000"),
        ("CONNECTIONS_PER_ACCOUNT_MAX", "50000"),
        ("ROOMS_PER_ACCOUNT_MAX", "50000"),
        ("UNAUTHENTICATED_MAX", "50000"),
        ("UNAUTHENTICATED_PER_NETWORK_MAX", "50000"),
        ("REQUESTS_PER_SECOND", "1000000000"),
        ("REQUESTS_BURST", "1000000000"),
        ("BYTES_PER_SECOND", "1000000000"),
        ("BYTES_BURST", "1000000000"),
        ("USER_FACTOR", "1"),
        ("ACCOUNT_FACTOR", "1"),
    ] {
        command.env(format!("SWITCHBOARD_SIGNALLING__{limit}"), value);
    }
    command.stdin(Stdio::null());
    command
}

/// Starts it and waits until it is ready.
fn serve(binary: &Path, dir: &Path, listen: &str) -> Result<(Child, String), Box<dyn Error>> {
    let mut child = command(binary, dir, listen).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let base = lines
        .find_map(|line| line.ok()?.split_once(" s: ").map(|(_, url)| url.to_owned()))
        .ok_or("the server did not become ready")?;
    Ok((child, base))
}

/// The text at this place.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Box<dyn Error>> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer} in {value}").into())
}
