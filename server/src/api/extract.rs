//! Bodies, paths and queries of requests; what does not fit becomes a problem document.

use super::{memory, problem::Problem};
use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
};
use common::{address::ClientAddress, error::ErrorCode};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{convert::Infallible, net::IpAddr, str::FromStr};

/// A JSON body; one that is JSON but does not fit is refused with 422.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = raw(request, state).await?;
        // From here on it is JSON, so whatever is wrong is what it says.
        serde_json::from_str(json.get()).map(Self).map_err(|error| Problem::invalid(error.to_string()))
    }
}

/// The body as it is, if it is JSON.
pub(super) async fn raw<S: Send + Sync>(request: Request, state: &S) -> Result<Box<RawValue>, Problem> {
    let (parts, bytes) = memory::read(request).await?;
    let request = Request::from_parts(parts, bytes.into());
    let json = Json::<Box<RawValue>>::from_request(request, state).await;
    json.map(|Json(json)| json).map_err(|rejection| refuse(&rejection))
}

/// 400: no JSON; 413: too long; 415: not said to be JSON.
fn refuse(rejection: &JsonRejection) -> Problem {
    let status = rejection.status();
    let code =
        if status == StatusCode::PAYLOAD_TOO_LARGE { ErrorCode::TOO_LARGE } else { ErrorCode::INVALID_BODY };
    Problem::new(status, code, rejection.body_text())
}

/// Tells a field that is null from one that is absent.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The id in the path. One that is none cannot exist: not found.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("thing");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}

/// The two ids in the path, likewise.
pub(super) struct Ids<A, B>(pub(super) A, pub(super) B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("thing");
        let Path((first, second)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        Ok(Self(first.parse().map_err(|_| missing())?, second.parse().map_err(|_| missing())?))
    }
}

/// The parameters of the query.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, rejection.body_text()))
            }
        }
    }
}

/// The address that the request came from; unknown behind listeners that do not tell.
pub(super) struct RemoteAddress(pub(super) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for RemoteAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address)))
    }
}

/// What the client calls itself.
pub(super) struct UserAgent(pub(super) Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for UserAgent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(header::USER_AGENT).cloned()))
    }
}
