//! A bucket that is as strict as S3: every request must be signed (AWS Signature Version 4), body included.

use aws_lc_rs::{digest, hmac};
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const KEY_ID: &str = "AKIATEST";
pub(crate) const KEY: &str = "a secret access key of nobody";
pub(crate) const REGION: &str = "eu-central-1";

/// What is in it, and what was asked of it.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Bytes>,
    parts: BTreeMap<String, BTreeMap<u32, Bytes>>,
    /// What was wrong with requests.
    pub(crate) complaints: Vec<String>,
    /// Answers 503 so many times.
    pub(crate) busy: usize,
}

pub(crate) type Shared = Arc<Mutex<Bucket>>;

/// Serves a bucket.
pub(crate) async fn serve() -> (Url, Shared) {
    let bucket = Shared::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&bucket));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, bucket)
}

async fn answer(State(bucket): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut bucket = bucket.lock().unwrap();
    if let Err(why) = check(&parts.method, &parts.uri, &parts.headers, &body) {
        bucket.complaints.push(format!("{} {}: {why}", parts.method, parts.uri));
        return StatusCode::FORBIDDEN.into_response();
    }
    if bucket.busy > 0 {
        bucket.busy -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let key = parts.uri.path().trim_start_matches('/').to_owned();
    let query = query(&parts.uri);
    carry_out(&mut bucket, &parts.method, &key, &query, &parts.headers, body)
}

fn query(uri: &Uri) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn carry_out(
    bucket: &mut Bucket,
    method: &Method,
    key: &str,
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let tagged = |tag: &str| [(header::ETAG, format!("\"{tag}\""))].into_response();
    let upload = query.get("uploadId");
    match (method.as_str(), upload) {
        ("POST", None) if query.contains_key("uploads") => {
            let id = format!("upload-{}", bucket.parts.len());
            bucket.parts.insert(id.clone(), BTreeMap::new());
            format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            )
            .into_response()
        }
        ("PUT", Some(id)) => {
            bucket.parts.get_mut(id).unwrap().insert(query["partNumber"].parse().unwrap(), body);
            tagged(&query["partNumber"])
        }
        ("POST", Some(id)) => {
            let whole: Vec<u8> = bucket.parts.remove(id).unwrap().into_values().flatten().collect();
            bucket.objects.insert(key.to_owned(), whole.into());
            "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>"
                .into_response()
        }
        ("DELETE", Some(id)) => {
            bucket.parts.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT", None) => {
            bucket.objects.insert(key.to_owned(), body);
            tagged("one")
        }
        ("DELETE", None) => {
            bucket.objects.remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        ("GET", None) => match bucket.objects.get(key) {
            Some(object) => read(object, headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn read(object: &Bytes, headers: &HeaderMap) -> Response {
    let about = [
        (header::ETAG, "\"one\"".to_owned()),
        (header::LAST_MODIFIED, "Sat, 21 Nov 2026 10:00:00 GMT".to_owned()),
    ];
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().trim_start_matches("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return (about, object.clone()).into_response();
    };
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let last = last.min(object.len() - 1);
    let range = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", object.len()))];
    (StatusCode::PARTIAL_CONTENT, about, range, object.slice(first..=last)).into_response()
}

/// AWS, "Signature Version 4": the canonical request is made anew, and signed.
fn check(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(format!("no {name}"));
    let sha256 = text("x-amz-content-sha256")?;
    if sha256 != hex(digest::digest(&digest::SHA256, body).as_ref()) {
        return Err("the body is not what was signed".to_owned());
    }
    let (algorithm, fields) = text("authorization")?.split_once(' ').ok_or("no fields")?;
    let fields: BTreeMap<_, _> = fields.split(", ").filter_map(|field| field.split_once('=')).collect();
    let (date, signed) = (text("x-amz-date")?, fields["SignedHeaders"]);
    let scope = format!("{}/{REGION}/s3/aws4_request", &date[..8]);
    if algorithm != "AWS4-HMAC-SHA256" || fields["Credential"] != format!("{KEY_ID}/{scope}") {
        return Err(format!("signed by {algorithm} for {}", fields["Credential"]));
    }
    for needed in ["host", "x-amz-content-sha256", "x-amz-date"] {
        if !signed.split(';').any(|name| name == needed) {
            return Err(format!("{needed} is not signed"));
        }
    }
    let mut canonical = format!("{method}\n{}\n", uri.path());
    let mut pairs: Vec<_> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    let _never_fails = writeln!(canonical, "{}", pairs.join("&"));
    for name in signed.split(';') {
        let _never_fails = writeln!(canonical, "{name}:{}", text(name)?.trim());
    }
    let _never_fails = write!(canonical, "\n{signed}\n{sha256}");
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let mut key = format!("AWS4{KEY}").into_bytes();
    for step in scope.split('/') {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), step.as_bytes()).as_ref().to_vec();
    }
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), to_sign.as_bytes());
    if hex(signature.as_ref()) == fields["Signature"] {
        Ok(())
    } else {
        Err("the signature is wrong".to_owned())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}
