//! What comes back, of which nobody reads more than they asked for.

use crate::error::Error;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use reqwest::{Response, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;

/// An answer whose body has not been read.
#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    pub(crate) const fn new(response: Response) -> Self {
        Self(response)
    }

    /// The HTTP status; redirects are not followed.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The length of its body in bytes, if it says so.
    pub fn length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// Its body, of at most `max` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], having read no more than that; otherwise if the connection breaks.
    pub async fn bytes(self, max: u64) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        let mut pieces = Box::pin(self.stream(max));
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece?);
        }
        Ok(body.freeze())
    }

    /// Its body of at most `max` bytes, as JSON.
    ///
    /// # Errors
    /// Like [`Self::bytes`]; [`Error::Malformed`].
    pub async fn json<T: DeserializeOwned>(self, max: u64) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.bytes(max).await?)?)
    }

    /// Its body as it comes, until it is longer than `max` bytes: then it ends with an error.
    pub fn stream(self, max: u64) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        let says_too_much = self.length().is_some_and(|length| length > max);
        let mut left = if says_too_much { None } else { Some(max) };
        let pieces = self.0.bytes_stream().map(move |piece| {
            let piece = piece?;
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            left = left.and_then(|left| left.checked_sub(length));
            if left.is_some() { Ok(piece) } else { Err(Error::TooLarge(max)) }
        });
        // What comes after an error is not read.
        pieces.scan(false, |is_over, piece| {
            let item = (!*is_over).then_some(piece);
            *is_over |= item.as_ref().is_some_and(Result::is_err);
            std::future::ready(item)
        })
    }
}
