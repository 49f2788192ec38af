//! Files that customers sent, fetched from the channel's provider when somebody wants to see them.
//!
//! Source: Meta, WhatsApp Cloud API, "Media": a file's id is exchanged for an address that is good for
//! five minutes, and both take the channel's access token. Meta keeps what customers send for 7 days.

use crate::config::Graph;
use bytes::Bytes;
use common::protocol::inbox::ChannelKind;
use egress::{Answer, Guard, HttpClient, StatusCode, Terms};
use futures_util::Stream;
use serde::Deserialize;
use std::time::Duration;
use store::messages::RemoteFile;
use url::Url;

/// How long the provider may say nothing.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(20);

/// The largest file: the largest that WhatsApp takes, a document of 100 MB.
pub(crate) const BYTES_MAX: u64 = 100 * 1024 * 1024;

/// The longest answer about where a file is, in bytes.
const ADDRESS_BYTES_MAX: u64 = 64 * 1024;

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The provider has it no longer.
    #[error("the channel's provider does not keep the file any more")]
    Gone,
    /// The provider does not give it to this channel.
    #[error("the channel's provider does not give the file: it answered {0}")]
    Refused(StatusCode),
    /// The provider has no time for it.
    #[error("the channel's provider cannot be reached: it answered {0}")]
    Busy(StatusCode),
    /// It is larger than the provider itself allows.
    #[error("the file is too large")]
    TooLarge,
    /// The provider cannot be reached, or says what cannot be understood.
    #[error("the channel's provider cannot be reached")]
    Away(#[from] egress::Error),
}

/// Fetches files. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    client: HttpClient,
    base: Url,
    version: String,
}

/// A file as it comes in.
pub(crate) struct File {
    /// Its length in bytes, if it is known.
    pub(crate) length: Option<u64>,
    answer: Answer,
}

#[derive(Deserialize)]
struct Address {
    url: Url,
}

impl Files {
    /// Fetches from the API that is configured, and from wherever that says a file is: there `guard`
    /// judges, and the access token goes along encrypted or not at all.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub(crate) fn new(config: &Graph, guard: &Guard) -> Result<Self, egress::Error> {
        let terms = Terms::never_silent_for(SILENCE_MAX).trusting(&config.base_url).https_only();
        let client = HttpClient::new(guard, terms)?;
        Ok(Self { client, base: config.base_url.clone(), version: config.version.clone() })
    }

    /// Begins to fetch a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub(crate) async fn open(&self, file: &RemoteFile) -> Result<File, FileError> {
        match file.kind {
            ChannelKind::Whatsapp => self.open_at_graph(file).await,
        }
    }

    async fn open_at_graph(&self, file: &RemoteFile) -> Result<File, FileError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([self.version.as_str(), &file.external_id]);
        }
        url.query_pairs_mut().append_pair("phone_number_id", &file.channel_external_id);
        let address: Address = self.get(url, file).await?.json(ADDRESS_BYTES_MAX).await?;
        let answer = self.get(address.url, file).await?;
        let length = answer.length();
        if length.is_some_and(|length| length > BYTES_MAX) {
            return Err(FileError::TooLarge);
        }
        Ok(File { length, answer })
    }

    async fn get(&self, url: Url, file: &RemoteFile) -> Result<Answer, FileError> {
        let answer = self.client.get(url).bearer(file.access_token.expose()).send().await?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            // Graph answers 400 to the id of a file that it has deleted, its store of files 404 to the address.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE => Err(FileError::Gone),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(FileError::Busy(status))
            }
            status => Err(FileError::Refused(status)),
        }
    }
}

impl File {
    /// Its bytes, as they come; an error in the middle if they are more than any file has.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, egress::Error>> + Send + 'static {
        self.answer.stream(BYTES_MAX)
    }
}
