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
    json.map(|Json(json)| json).map_err(|rejection| json_problem(&rejection))
}

/// 400: no JSON; 413: too long; 415: not said to be JSON.
fn json_problem(rejection: &JsonRejection) -> Problem {
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

/// The two ids in the path and what comes after them, likewise.
pub(super) struct IdsAnd<A, B>(pub(super) A, pub(super) B, pub(super) String);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for IdsAnd<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("thing");
        let path = Path::<(String, String, String)>::from_request_parts(parts, state).await;
        let Path((first, second, rest)) = path.map_err(|_| missing())?;
        Ok(Self(first.parse().map_err(|_| missing())?, second.parse().map_err(|_| missing())?, rest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{budget, memory};
    use axum::{
        Router,
        extract::DefaultBodyLimit,
        middleware,
        response::IntoResponse,
        routing::{get, post},
    };
    use common::id::LabelId;
    use tower::ServiceExt;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default, deserialize_with = "present")]
        name: Option<Option<String>>,
    }

    #[derive(Deserialize)]
    struct Query {
        limit: Option<u16>,
    }

    fn router() -> Router {
        let bodies = budget(&crate::config::Http::default());
        Router::new()
            .route("/labels/{id}", get(|Id(id): Id<LabelId>| async move { id.to_string() }))
            .route(
                "/labels/{id}/of/{seq}",
                get(|Ids(_, seq): Ids<LabelId, u64>| async move { seq.to_string() }),
            )
            .route("/labels", get(|Params(query): Params<Query>| async move { format!("{:?}", query.limit) }))
            .route("/labels", post(|Body(sample): Body<Sample>| async move { format!("{:?}", sample.name) }))
            .layer(DefaultBodyLimit::max(64))
            .layer(middleware::from_fn_with_state(bodies, memory::lend))
    }

    async fn answer(request: Request) -> (StatusCode, String) {
        let response = router().oneshot(request).await.unwrap().into_response();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn read(path: &str) -> (StatusCode, String) {
        answer(Request::get(path).body(axum::body::Body::empty()).unwrap()).await
    }

    async fn sent(content_type: Option<&str>, body: &str) -> (StatusCode, String) {
        let mut request = Request::post("/labels");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        answer(request.body(axum::body::Body::from(body.to_owned())).unwrap()).await
    }

    #[tokio::test]
    async fn what_is_no_id_cannot_exist() {
        assert_eq!(read(&format!("/labels/{ID}")).await, (StatusCode::OK, ID.to_owned()));
        assert_eq!(read(&format!("/labels/{ID}/of/7")).await, (StatusCode::OK, "7".to_owned()));
        for path in ["/labels/nonsense", "/labels/%ff", "/labels/7/of/7"] {
            assert_eq!(read(path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(read(&format!("/labels/{ID}/of/-1")).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_query_that_does_not_fit_is_a_bad_request() {
        assert_eq!(read("/labels?limit=3").await, (StatusCode::OK, "Some(3)".to_owned()));
        assert_eq!(read("/labels").await, (StatusCode::OK, "None".to_owned()));
        for query in ["limit=-1", "limit=x", "limit=70000"] {
            assert_eq!(read(&format!("/labels?{query}")).await.0, StatusCode::BAD_REQUEST, "{query}");
        }
    }

    #[tokio::test]
    async fn a_body_is_refused_by_its_kind_of_mistake() {
        let json = Some("application/json");
        for (content_type, body, status) in [
            (json, "{", StatusCode::BAD_REQUEST),
            (json, "", StatusCode::BAD_REQUEST),
            (json, r#"{"surprise":1}"#, StatusCode::UNPROCESSABLE_ENTITY),
            (json, r#"{"name":1}"#, StatusCode::UNPROCESSABLE_ENTITY),
            (None, "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (Some("text/plain"), "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (json, &format!("{:65}", "{}"), StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let (is, text) = sent(content_type, body).await;
            assert_eq!(is, status, "{body:?}: {text}");
        }
    }

    #[tokio::test]
    async fn a_field_that_is_null_is_not_one_that_is_absent() {
        let json = Some("application/json; charset=utf-8");
        assert_eq!(sent(json, "{}").await.1, "None");
        assert_eq!(sent(json, r#"{"name":null}"#).await.1, "Some(None)");
        assert_eq!(sent(json, r#"{"name":"VIP"}"#).await.1, r#"Some(Some("VIP"))"#);
    }
}
