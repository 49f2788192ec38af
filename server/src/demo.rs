//! A demo account for a first look, and the customer that `switchboard demo` plays.

mod play;
mod prepare;
mod stand_in;

pub use play::play;
pub use prepare::{Note, prepare};

use serde::{Deserialize, Serialize};
use std::io;
use url::Url;

/// Where the stand-in for Meta's Graph API listens while `switchboard demo` runs.
const STAND_IN_ADDRESS: &str = "127.0.0.1:7884";

/// The base URL to which a demo server sends replies.
///
/// # Errors
/// Never in practice: the address is a constant.
pub fn stand_in_url() -> Result<Url, url::ParseError> {
    format!("http://{STAND_IN_ADDRESS}").parse()
}

/// What the two halves of the demo share: written by the server, read by the
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
}

/// The script's name in the data directory.
const SCRIPT_FILE: &str = "demo.json";

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// No demo account has been prepared.
    #[error("no demo is running: start the server with `cargo xtask run` first")]
    NotPrepared,
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
    /// The database.
    #[error("the demo account cannot be prepared")]
    Store(#[from] store::StoreError),
    /// The account cannot be made as it should be.
    #[error("the demo account cannot be prepared: {0}")]
    Prepare(String),
    /// The password cannot be hashed.
    #[error("the demo password cannot be hashed")]
    Password,
}
