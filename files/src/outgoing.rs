//! The object storage's requests, sent by the one HTTP client.

use async_trait::async_trait;
use egress::{Error, HttpClient};
use futures_util::TryStreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use object_store::{
    ClientOptions,
    client::{
        HttpClient as ObjectClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use url::Url;

/// The longest answer: parts of files as they are read. Longer than any file is.
const ANSWER_BYTES_MAX: u64 = u64::MAX;

/// Sends what it is given on the terms of the one client.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing(pub(crate) HttpClient);

impl HttpConnector for Outgoing {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<ObjectClient> {
        Ok(ObjectClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Outgoing {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url: Url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|error: url::ParseError| HttpError::new(HttpErrorKind::Unknown, error))?;
        // Part by part: no more than one of some MiB is in memory.
        let body = body.collect().await?.to_bytes();
        let request = self.0.exchange(parts.method, url, parts.headers, body);
        let answer = request.send().await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let pieces = answer.stream(ANSWER_BYTES_MAX).map_ok(Frame::data).map_err(failed);
        let mut response = HttpResponse::new(HttpResponseBody::new(StreamBody::new(pieces)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// What was certainly not carried out is tried again whatever it was.
fn failed(error: Error) -> HttpError {
    let kind = if error.is_unsent() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
    HttpError::new(kind, error)
}
