//! What a client posts: frames in their order, and a number by which a batch that comes twice is carried out once.

use crate::{accept::place, hub::Hub};
use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{StatusCode, header},
};
use common::error::ErrorCode;
use ingress::Problem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest body, in bytes: two of the longest frames, and what is around them.
pub(crate) const BODY_BYTES_MAX: usize = 260 * 1024;

/// The most frames of a batch.
pub(crate) const FRAMES_MAX: usize = 256;

/// What was posted.
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) frames: Vec<String>,
}

/// What a client says at once.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EventsBatch))]
pub(super) struct Body<'a> {
    /// Counts batches, from 1 on.
    number: u64,
    /// Messages of the protocol: requests, each an object with `jsonrpc`, `method` and `params`.
    #[serde(borrow)]
    #[cfg_attr(feature = "openapi", schema(
        value_type = Vec<Object>, min_items = 1, max_items = 256,
        example = json!([{ "jsonrpc": "2.0", "id": 1, "method": "presence.set", "params": { "status": "away" } }]),
    ))]
    frames: Vec<&'a RawValue>,
}

/// Reads a body, with memory that was set aside for it.
pub(super) async fn read(hub: &Hub, request: Request) -> Result<Batch, Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut reserved = hub.0.posts_in.open(Some(place::network(&request)), None);
    if !reserved.grow_to(announced.unwrap_or(BODY_BYTES_MAX)) {
        return Err(Problem::unavailable("too much is being posted at the moment"));
    }
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|error| {
        let is_long =
            std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("length limit"));
        if is_long { too_large() } else { malformed("the body has broken off") }
    })?;
    parse(&body)
}

fn parse(body: &Bytes) -> Result<Batch, Problem> {
    let Body { number, frames } = serde_json::from_slice(body)
        .map_err(|_| malformed("the body is no JSON with `number` and `frames`, which are objects"))?;
    if frames.is_empty() || frames.len() > FRAMES_MAX {
        let detail = format!("a batch has one frame at least and {FRAMES_MAX} at most");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::TOO_MANY, detail));
    }
    Ok(Batch { number, frames: frames.into_iter().map(|frame| frame.get().to_owned()).collect() })
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, ErrorCode::INVALID_BODY, detail)
}

fn too_large() -> Problem {
    let detail = format!("a body has at most {BODY_BYTES_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_its_frames_as_they_were_written() {
        let body = r#"{"number":3,"frames":[{"id":1, "x":"\u00e9"},7,"text"],"more":1}"#;
        let Ok(batch) = parse(&Bytes::from(body)) else { panic!("it is a batch") };
        assert_eq!(batch.number, 3);
        assert_eq!(batch.frames, [r#"{"id":1, "x":"\u00e9"}"#, "7", r#""text""#]);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let deep = format!(r#"{{"number":1,"frames":[{}]}}"#, "[".repeat(100_000));
        let many = format!(r#"{{"number":1,"frames":[{}0]}}"#, "0,".repeat(FRAMES_MAX));
        for body in
            ["", "[]", "{}", r#"{"number":-1,"frames":[1]}"#, r#"{"number":1,"frames":[]}"#, &deep, &many]
        {
            assert!(parse(&Bytes::from(body.to_owned())).is_err(), "{}", body.len());
        }
    }
}
