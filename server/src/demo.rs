//! A demo account for a first look, and the customer that `switchboard demo` plays.

mod phone;
mod play;
mod prepare;
mod stand_in;

pub use phone::address as phone_address;
pub use play::play;
pub use prepare::{Note, prepare};

use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The data that the two halves of the demo share: written by the server, read by the
/// customer. In the data directory, readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Script {
    /// Where the server listens.
    url: String,
    /// The password of all demo users.
    password: String,
    /// Where the channel's webhooks go.
    webhook_path: String,
    /// Signs webhooks, as Meta's app secret does.
    app_secret: String,
    /// What replies must be authorised with.
    access_token: String,
    /// The business's phone number, as Meta names it.
    phone_number_id: String,
    /// Where the stand-in for Meta's Graph API listens while `switchboard demo` runs; none in a script of an
    /// earlier version, until the server's next start.
    #[serde(default)]
    phone: Option<SocketAddr>,
}

impl Script {
    /// What the server wrote down; none before its first start with a demo.
    fn read(data_dir: &Path) -> Result<Option<Self>, DemoError> {
        match fs::read(data_dir.join(SCRIPT_FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DemoError::Io(error)),
        }
    }
}

/// The script's name in the data directory.
const SCRIPT_FILE: &str = "demo.json";

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// No demo account has been prepared.
    #[error(
        "there is no demo in {}: start the server with `switchboard serve --demo` or `cargo xtask run` first",
        .0.display()
    )]
    NotPrepared(PathBuf),
    /// Another customer is at the phone.
    #[error("another customer plays with the server of {}", .0.display())]
    Playing(PathBuf),
    /// Files or terminal.
    #[error("cannot read or write")]
    Io(#[from] io::Error),
    /// The script was damaged.
    #[error("the demo's script is damaged; delete demo.json in the data directory")]
    Script(#[from] serde_json::Error),
    /// The server does not answer.
    #[error("the server does not answer")]
    Http(#[from] egress::Error),
    /// The script's address is no URL.
    #[error("the demo's script is damaged; delete demo.json in the data directory")]
    Url(#[from] url::ParseError),
    /// The server refused the customer's message.
    #[error("the server refused the message with status {0}")]
    Refused(u16),
    /// The store refused or is away.
    #[error("the demo account cannot be prepared")]
    Store(#[from] store::StoreError),
    /// The account cannot be made as it should be.
    #[error("the demo account cannot be prepared: {0}")]
    Prepare(String),
    /// The password cannot be hashed.
    #[error("the demo password cannot be hashed")]
    Password,
}
