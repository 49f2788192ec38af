//! A WHIP client (RFC 9725) on webrtc-rs: no socket, just HTTP.

use crate::{
    PATIENCE,
    native::{Camera, Kind, Publishing},
    rest::client,
};
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The type of offers and answers.
pub const SDP: &str = "application/sdp";

/// The type of what is said later.
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// A client with its token.
pub struct Whip {
    token: String,
    /// The path of its session, and who it is in the room.
    pub session: String,
    /// The tag of its ICE session.
    pub etag: String,
    /// Its own user name fragment.
    pub ufrag: String,
    publishing: Publishing,
}

/// What an answer says: its status, headers and body.
pub struct Said {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Said {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.text().await.expect("a whole body") }
    }

    /// A header, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The stable code of a problem document.
    pub fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request with these headers and this body.
pub async fn say(method: Method, url: &str, token: &str, headers: &[(&str, &str)], body: &str) -> Said {
    let mut request = client().request(method, url).timeout(PATIENCE).body(body.to_owned());
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Said::of(request.send().await.expect("the server answers")).await
}

/// An offer that the server takes, of a transport that nobody will connect.
pub async fn offer(kinds: &[Kind]) -> String {
    Publishing::offer(kinds, &mpsc::channel(1).0, Vec::new()).await.1
}

/// Begins a session as soon as a media server can be had, trying again when it is told to.
pub async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T, Said>) -> T {
    let tries = async {
        loop {
            match attempt().await {
                Ok(begun) => return begun,
                Err(said) => {
                    assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE, "{}", said.body);
                    // Nobody is told when the lease of a media server ends: this is what encoders and players do.
                    let seconds = said.header("retry-after").parse().expect("how long to wait");
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, tries).await.expect("another media server takes it")
}

impl Whip {
    /// Publishes sound, pictures or both into a room, and waits until the transport is connected.
    pub async fn publish(base: &str, token: &str, room: &str, kinds: &[Kind]) -> Self {
        let published = Self::try_publish(base, token, room, kinds).await;
        published.unwrap_or_else(|said| panic!("{} {}", said.status, said.body))
    }

    /// Publishes as soon as a media server can be had, trying again when it is told to.
    pub async fn publish_patiently(base: &str, token: &str, room: &str, kinds: &[Kind]) -> Self {
        patiently(async || Self::try_publish(base, token, room, kinds).await).await
    }

    async fn try_publish(base: &str, token: &str, room: &str, kinds: &[Kind]) -> Result<Self, Said> {
        let (mut publishing, offer) = Publishing::offer(kinds, &mpsc::channel(1).0, Vec::new()).await;
        let url = format!("{base}/v1/rooms/{room}/whip");
        let said = say(Method::POST, &url, token, &[("content-type", SDP)], &offer).await;
        if said.status != StatusCode::CREATED {
            return Err(said);
        }
        assert_eq!(said.header("content-type"), SDP);
        publishing.connect(&said.body).await;
        let ufrag = offer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        Ok(Self {
            token: token.to_owned(),
            session: said.header("location").to_owned(),
            etag: said.header("etag").to_owned(),
            ufrag: ufrag.expect("credentials").to_owned(),
            publishing,
        })
    }

    /// Who it is in the room's media session.
    pub fn id(&self) -> Uuid {
        self.session.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id")
    }

    /// What sends its track of a kind.
    pub fn camera(&self, kind: Kind) -> Camera {
        self.publishing.cameras(kind, self.id()).into_iter().next().expect("this kind is published")
    }

    /// Says something of its candidates, at an instance of the test's choice.
    pub async fn patch(&self, base: &str, if_match: Option<&str>, fragment: &str) -> Said {
        let mut headers = vec![("content-type", FRAGMENT)];
        headers.extend(if_match.map(|tag| ("if-match", tag)));
        say(Method::PATCH, &self.url(base), &self.token, &headers, fragment).await
    }

    /// Ends its session.
    pub async fn end(&self, base: &str) -> StatusCode {
        say(Method::DELETE, &self.url(base), &self.token, &[], "").await.status
    }

    /// Its session at an instance.
    pub fn url(&self, base: &str) -> String {
        format!("{base}{}", self.session)
    }
}
