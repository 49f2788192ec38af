//! Bodies, paths and queries of requests; what does not fit becomes a problem document.

use super::problem::Problem;
use axum::{
    Json,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{StatusCode, request::Parts},
};
use common::error::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// A JSON body; one that is JSON but does not fit is refused with 422.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(json) = Json::<Box<RawValue>>::from_request(request, state)
            .await
            .map_err(|rejection| refuse(&rejection))?;
        // From here on it is JSON, so whatever is wrong is what it says.
        serde_json::from_str(json.get()).map(Self).map_err(|error| Problem::invalid(error.to_string()))
    }
}

/// 400: no JSON; 413: too long; 415: not said to be JSON.
fn refuse(rejection: &JsonRejection) -> Problem {
    let status = rejection.status();
    let code =
        if status == StatusCode::PAYLOAD_TOO_LARGE { ErrorCode::TOO_LARGE } else { ErrorCode::INVALID_BODY };
    Problem::new(status, code, rejection.body_text())
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
pub(super) struct Peer(pub(super) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())))
    }
}
