//! Files by strangers, as they are answered: to a browser they are nothing but what they are said to be, and nothing
//! in them runs.

use axum::http::{HeaderMap, HeaderValue, header};

/// What a browser may show by itself: nothing in it can run.
const SHOWN: [&str; 11] = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
    "audio/wav",
    "audio/flac",
    "video/mp4",
    "video/webm",
];

/// The headers of a file of this media type. What a browser would not only show is downloaded, whatever it is.
pub fn file_headers(mime_type: &str, file_name: Option<&str>) -> HeaderMap {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let shown = SHOWN.iter().find(|kind| **kind == essence);
    let how = if shown.is_some() { "inline" } else { "attachment" };
    let name = file_name.unwrap_or("file");
    // RFC 8187: everything but letters and digits is escaped.
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let name: String = name.bytes().map(escape).collect();
    let mut headers = HeaderMap::new();
    let kind = shown.map_or("application/octet-stream", |kind| *kind);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("{how}; filename*=UTF-8''{name}")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_is_downloaded_and_no_name_can_write_a_header() {
        let page = file_headers("text/html", Some("x\"; \r\nSet-Cookie: a.html"));
        assert_eq!(page[header::CONTENT_TYPE], "application/octet-stream");
        let how = page[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(how, "attachment; filename*=UTF-8''x%22%3B%20%0D%0ASet-Cookie%3A%20a.html");
        let photo = file_headers("image/jpeg", Some("Rechnung März.jpg"));
        assert_eq!(photo[header::CONTENT_TYPE], "image/jpeg");
        assert_eq!(photo[header::CONTENT_DISPOSITION], "inline; filename*=UTF-8''Rechnung%20M%C3%A4rz.jpg");
        assert_eq!(file_headers("audio/ogg; codecs=opus", None)[header::CONTENT_TYPE], "audio/ogg");
        for hidden in ["image/svg+xml", "application/pdf", "text/plain", "IMAGE/PNG"] {
            assert_eq!(
                file_headers(hidden, None)[header::CONTENT_TYPE],
                "application/octet-stream",
                "{hidden}"
            );
        }
    }
}
