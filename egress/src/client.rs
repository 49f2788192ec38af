//! The one HTTP client.

use crate::{
    answer::Answer,
    error::{Error, Refusal},
    guard::Guard,
    names::{inherited, on_behalf_of},
};
use bytes::Bytes;
use common::id::AccountId;
use reqwest::{
    Method,
    dns::{Addrs, Name, Resolve, Resolving},
    header::HeaderMap,
    redirect::Policy,
};
use serde::Serialize;
use std::{net::SocketAddr, time::Duration};
use url::{Origin, Url};

/// How many header fields an answer may have; together they may have about 400 KiB, hyper's limit.
pub(crate) const HEADERS_MAX: usize = 100;

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIME: Duration = Duration::from_secs(10);

/// On what terms a client talks.
#[derive(Debug, Clone)]
pub struct Terms {
    silence: Duration,
    whole: Option<Duration>,
    trusted: Vec<Origin>,
    https_only: bool,
}

impl Terms {
    /// An exchange, from the name's lookup to the last byte, takes no longer than `whole`.
    pub const fn within(whole: Duration) -> Self {
        Self { silence: whole, whole: Some(whole), trusted: Vec::new(), https_only: false }
    }

    /// An exchange may take as long as it needs, if the other side is never silent for longer than
    /// `silence`. For files.
    pub const fn never_silent_for(silence: Duration) -> Self {
        Self { silence, whole: None, trusted: Vec::new(), https_only: false }
    }

    /// What has the scheme, host and port of `base` is the operator's own word and not judged.
    ///
    /// Never for a URL that a tenant or somebody outside chose.
    #[must_use]
    pub fn trusting(mut self, base: &Url) -> Self {
        self.trusted.push(base.origin());
        self
    }

    /// What is judged must be `https`, whatever the operator's setting: a secret goes along.
    #[must_use]
    pub const fn https_only(mut self) -> Self {
        self.https_only = true;
        self
    }
}

/// Sends HTTP requests to where the guard lets it. Cheap to clone.
///
/// Follows no redirect, asks no proxy, keeps no cookies, decompresses nothing.
#[derive(Debug, Clone)]
pub struct HttpClient {
    guard: Guard,
    terms: Terms,
    /// To tenants' addresses.
    guarded: reqwest::Client,
    /// To ports on which this process listens somewhere.
    at_own_ports: reqwest::Client,
    /// To the operator's.
    trusted: reqwest::Client,
}

impl HttpClient {
    /// A client on these terms.
    ///
    /// # Errors
    /// If the machine's root certificates cannot be read.
    pub fn new(guard: &Guard, terms: Terms) -> Result<Self, Error> {
        let judged = |at_own_port| Judged { guard: guard.clone(), at_own_port };
        Ok(Self {
            guard: guard.clone(),
            guarded: build(&terms, Some(judged(false)))?,
            at_own_ports: build(&terms, Some(judged(true)))?,
            trusted: build(&terms, None)?,
            terms,
        })
    }

    /// A GET request, to be sent.
    pub fn get(&self, url: Url) -> Request {
        self.request(Method::GET, url)
    }

    /// A POST request, to be sent.
    pub fn post(&self, url: Url) -> Request {
        self.request(Method::POST, url)
    }

    /// A request that a library has put together, to be sent as it is.
    pub fn exchange(&self, method: Method, url: Url, headers: HeaderMap, body: Bytes) -> Request {
        let request = self.request(method, url);
        Request(request.0.map(|builder| builder.headers(headers).body(body)))
    }

    fn request(&self, method: Method, url: Url) -> Request {
        Request(self.client_for(&url).map(|client| client.request(method, url)))
    }

    /// Judges the URL and picks the client whose resolver judges the rest.
    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, Refusal> {
        if self.terms.trusted.contains(&url.origin()) {
            return Ok(&self.trusted);
        }
        if self.terms.https_only && url.scheme() != "https" {
            return Err(Refusal::Insecure);
        }
        // A literal address never gets to a resolver: it is judged here or nowhere.
        self.guard.check(url)?;
        let is_own_port = url.port_or_known_default().is_none_or(|port| self.guard.is_own_port(port));
        Ok(if is_own_port { &self.at_own_ports } else { &self.guarded })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one HTTP client")]
fn build(terms: &Terms, judged: Option<Judged>) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIME.min(terms.silence))
        .read_timeout(terms.silence)
        .redirect(Policy::none())
        .no_proxy()
        .http1_max_headers(HEADERS_MAX);
    if let Some(whole) = terms.whole {
        builder = builder.timeout(whole);
    }
    if let Some(judged) = judged {
        builder = builder.dns_resolver(judged);
    }
    Ok(builder.build()?)
}

/// A request that has not been sent.
#[derive(Debug)]
#[must_use = "it does nothing until it is sent"]
pub struct Request(Result<reqwest::RequestBuilder, Refusal>);

impl Request {
    /// With a header field.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.map(|builder| builder.header(name, value)))
    }

    /// With a bearer token (RFC 6750).
    pub fn bearer(self, token: &str) -> Self {
        Self(self.0.map(|builder| builder.bearer_auth(token)))
    }

    /// With a body.
    pub fn body(self, body: String) -> Self {
        Self(self.0.map(|builder| builder.body(body)))
    }

    /// With a body that is no text.
    pub fn bytes(self, body: Vec<u8>) -> Self {
        Self(self.0.map(|builder| builder.body(body)))
    }

    /// With a body of JSON.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        Self(self.0.map(|builder| builder.json(body)))
    }

    /// [`Self::send`]s it on behalf of an account: the look-up of its host is one of the account's.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send_for(self, account: AccountId) -> Result<Answer, Error> {
        on_behalf_of(account, self.send()).await
    }

    /// Sends it and waits for status and header fields.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send(self) -> Result<Answer, Error> {
        Ok(Answer::new(self.0?.send().await?))
    }
}

/// A [`Guard`] where reqwest asks for addresses.
struct Judged {
    guard: Guard,
    /// Whether the connection will be to a port on which this process listens somewhere: reqwest does
    /// not say which port it asks for.
    at_own_port: bool,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, at_own_port) = (self.guard.clone(), self.at_own_port);
        Box::pin(inherited(async move {
            let addresses = guard.resolve(name.as_str(), at_own_port).await?;
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        }))
    }
}
