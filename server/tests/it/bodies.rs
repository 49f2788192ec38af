//! Requests that are not what they should be: always a problem document, never a 500.

use crate::{
    harness::Server,
    operations::{Call, calls, operations},
};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};

#[tokio::test]
async fn every_body_that_does_not_fit_is_refused_by_its_kind_of_mistake() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let is_json =
        |call: &Call| call.operation.body.as_ref().is_some_and(|(kind, _)| kind == "application/json");
    for call in calls(&a, &things).into_iter().filter(is_json) {
        let (method, path) = (&call.operation.method, &call.path);
        let good = call.body.as_ref().unwrap();
        let request = |content_type: Option<&str>, body: String| {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header(header::AUTHORIZATION, format!("Bearer {}", a.token));
            if let Some(content_type) = content_type {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            server.send(request.body(Body::from(body)).unwrap())
        };
        let json = Some("application/json");
        let mut unknown = good.clone();
        unknown["surprise"] = json!(1);
        let wrong_types: Value =
            good.as_object().unwrap().keys().map(|key| (key.clone(), json!([1]))).collect();
        for (content_type, body, status, code) in [
            (json, "{".to_owned(), StatusCode::BAD_REQUEST, "request.invalid"),
            (json, String::new(), StatusCode::BAD_REQUEST, "request.invalid"),
            (json, "[]".to_owned(), StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            (json, unknown.to_string(), StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            (json, wrong_types.to_string(), StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            (None, good.to_string(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.invalid"),
            (Some("text/plain"), good.to_string(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.invalid"),
            (json, format!("\"{}\"", "x".repeat(600_000)), StatusCode::PAYLOAD_TOO_LARGE, "limit.size"),
        ] {
            let answer = request(content_type, body.clone()).await;
            let what = format!("{method} {path} with {}", body.chars().take(80).collect::<String>());
            assert_eq!((answer.status, answer.code()), (status, code), "{what}: {}", answer.body);
        }
        let fits = request(json, good.to_string()).await.status;
        // An administrator has nothing to ask for, and who signs in with an example is nobody.
        let id = call.operation.id.as_str();
        let is_another_matter = call.operation.is_open || ["changePassword", "createElevation"].contains(&id);
        assert!(fits.is_success() || is_another_matter, "{method} {path}: {fits}");
    }
}

#[tokio::test]
async fn every_endpoint_but_signing_in_and_reading_by_link_needs_a_token() {
    let server = Server::start().await;
    for operation in operations().into_iter().filter(|operation| !operation.is_open) {
        let path = operation.template.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057");
        let method = &operation.method;
        let answer = server.call(method.clone(), &path, "", None).await;
        let outcome = (answer.status, answer.code());
        assert_eq!(outcome, (StatusCode::UNAUTHORIZED, "auth.required"), "{method} {path}");
        let answer = server.call(method.clone(), &path, "x.y.z", None).await;
        assert_eq!(answer.code(), "auth.invalidToken", "{method} {path}");
    }
    let open: Vec<_> = operations().into_iter().filter(|operation| operation.is_open).collect();
    let is_open = |template: &str| template.starts_with("/v1/auth/") || template == "/v1/files/{link}";
    assert!(open.iter().all(|operation| is_open(&operation.template)));
}

#[tokio::test]
async fn paths_queries_and_methods_that_do_not_fit_are_refused_in_kind() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for (method, path, status, code) in [
        (Method::DELETE, "/v1/rooms", StatusCode::METHOD_NOT_ALLOWED, "request.methodNotAllowed"),
        (Method::GET, "/v1/auth/sign-in", StatusCode::METHOD_NOT_ALLOWED, "request.methodNotAllowed"),
        (Method::GET, "/v1/conversations/nonsense", StatusCode::NOT_FOUND, "resource.notFound"),
        (Method::GET, "/v1/conversations/%00", StatusCode::NOT_FOUND, "resource.notFound"),
        (Method::GET, "/v1/rooms/%ff/messages", StatusCode::NOT_FOUND, "resource.notFound"),
        (Method::GET, "/v1/rooms?cursor=nonsense", StatusCode::BAD_REQUEST, "request.invalid"),
        (Method::GET, "/v1/rooms?limit=-1", StatusCode::BAD_REQUEST, "request.invalid"),
        (Method::GET, "/v1/conversations?status=lost", StatusCode::BAD_REQUEST, "request.invalid"),
        (Method::GET, "/v1/conversations?cursor=AAAA", StatusCode::BAD_REQUEST, "request.invalid"),
    ] {
        let answer = server.call(method.clone(), path, &a.token, None).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}: {}", answer.body);
    }
    let far = format!("/v1/rooms/{}/messages?before=18446744073709551615", a.room);
    assert_eq!(server.get(&far, &a.token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_and_not_to_be_a_bug() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    server.db.store.close().await;
    let answer = server.get("/v1/rooms", &a.token).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}
