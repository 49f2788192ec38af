//! The console's files and the client library, embedded in the binary.
//!
//! Pages are asked for anew each time and say which version of the assets they belong to; the assets of a
//! version never change, so browsers keep them. Both are compressed when the binary is built.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// One embedded file.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    /// ETags of the plain and of the compressed form. They change with the content.
    tags: [&'static str; 2],
}

include!(concat!(env!("OUT_DIR"), "/console/assets.rs"));

/// The content security policy of the console's pages: nothing from elsewhere, no inline scripts or styles.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
    img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// A year, the longest that caches are asked to believe (RFC 9111, section 5.2.2.1).
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Serves a file of the console; `None` if there is none by that name.
pub fn serve(method: &Method, uri: &Uri, request: &HeaderMap) -> Option<Response> {
    if *method != Method::GET && *method != Method::HEAD {
        return None;
    }
    let path = uri.path().trim_start_matches('/');
    let (asset, cache_control) = match path.strip_prefix("assets/") {
        Some(rest) => {
            let (version, path) = rest.split_once('/')?;
            // While instances are upgraded one after the other, a page of one may ask another for its
            // assets. Ours is most likely the same file; a cache must not keep it under that name.
            let is_ours = version == VERSION;
            (find(ASSETS, path)?, if is_ours { FOR_EVER } else { "no-store" })
        }
        None => (find(PAGES, page(path))?, "no-cache"),
    };
    Some(answer(asset, cache_control, request))
}

fn find(assets: &'static [Asset], path: &str) -> Option<&'static Asset> {
    assets.iter().find(|asset| asset.path == path)
}

fn page(path: &str) -> &str {
    match path {
        "" => "index.html",
        "join" => "join.html",
        "reference" => "reference.html",
        path => path,
    }
}

fn answer(asset: &Asset, cache_control: &'static str, request: &HeaderMap) -> Response {
    let [plain, gzip] = asset.tags;
    let is_packed = takes_gzip(request);
    let tag = if is_packed { gzip } else { plain };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cache_control),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let is_known = request.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else if is_packed {
        (headers, [(header::CONTENT_ENCODING, "gzip")], asset.gzip).into_response()
    } else {
        (headers, asset.plain).into_response()
    }
}

/// Whether the client names gzip among what it can read, and not with a weight of 0 (RFC 9110, section 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let named =
        request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| HeaderValue::to_str(value).ok());
    named.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused =
            weight.trim().strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let request =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        serve(&Method::GET, &path.parse().unwrap(), &request).unwrap()
    }

    #[test]
    fn an_asset_of_this_version_is_kept_for_ever_and_one_of_another_is_not_kept() {
        let of = |version| format!("/assets/{version}/js/main.js");
        assert_eq!(get(&of(VERSION), &[]).headers()[header::CACHE_CONTROL], FOR_EVER);
        assert_eq!(get(&of("another"), &[]).headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(get("/", &[]).headers()[header::CACHE_CONTROL], "no-cache");
    }

    /// A page that named a file which is not embedded would show nothing at all.
    #[test]
    fn everything_that_a_page_names_is_there() {
        let mut named = 0;
        for page in PAGES {
            let text = str::from_utf8(page.plain).unwrap();
            for path in text.split('"').filter(|value| value.starts_with("assets/")) {
                get(&format!("/{path}"), &[]);
                named += 1;
            }
            assert!(
                !text.contains("=\"js/") && !text.contains("=\"css/"),
                "{} names an asset without a version",
                page.path
            );
        }
        assert!(named > 40, "only {named} assets are named");
    }

    /// Whoever opens the console reads one language.
    #[test]
    fn catalogues_are_served_and_named_by_no_page() {
        for language in ["ar", "de", "es", "ru"] {
            let catalogue = format!("js/words/{language}.js");
            assert!(find(ASSETS, &catalogue).is_some(), "{catalogue}");
            for page in PAGES {
                assert!(!str::from_utf8(page.plain).unwrap().contains(&catalogue), "{} names it", page.path);
            }
        }
    }

    /// Whoever imports it asks each time which version that is, and keeps the rest.
    #[test]
    fn the_client_library_has_a_lasting_name_that_leads_to_its_version() {
        let library = find(PAGES, "client/index.js").unwrap();
        let text = str::from_utf8(library.plain).unwrap();
        let path = text.split('\'').nth(1).unwrap().strip_prefix("../").unwrap();
        assert_eq!(path, format!("assets/{VERSION}/client/src/index.js"));
        assert_eq!(get(&format!("/{path}"), &[]).headers()[header::CACHE_CONTROL], FOR_EVER);
        let first = get("/client/index.js", &[]);
        assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    }

    #[test]
    fn of_a_module_its_comments_are_left_out_and_every_line_keeps_its_number() {
        let served = |path| str::from_utf8(find(ASSETS, path).unwrap().plain).unwrap();
        for (path, written) in [
            ("client/src/line.js", include_str!("../../web/client/src/line.js")),
            ("js/dom.js", include_str!("../../web/js/dom.js")),
        ] {
            let mut kept = 0;
            for (line, before) in served(path).lines().zip(written.lines()) {
                assert!(line == before || line.is_empty(), "{path}: {line:?} was {before:?}");
                assert!(!line.trim_start().starts_with("//") && !line.trim_start().starts_with("/** @param"));
                kept += usize::from(!line.is_empty());
            }
            assert_eq!(served(path).lines().count(), written.lines().count());
            assert!(kept * 2 > written.lines().count(), "{path} is more than comments");
        }
    }

    #[test]
    fn the_console_is_compressed_for_those_who_can_read_it() {
        let encoding = |accepted| {
            let answer = get("/", &[(header::ACCEPT_ENCODING, accepted)]);
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
            answer.headers().get(header::CONTENT_ENCODING).map(|it| it.to_str().unwrap().to_owned())
        };
        assert_eq!(encoding("br, gzip;q=0.8").as_deref(), Some("gzip"));
        assert_eq!(encoding("gzip;q=0, identity"), None);
        assert_eq!(encoding("br"), None);
    }

    #[test]
    fn a_page_that_the_browser_has_is_not_sent_again_and_its_other_form_is() {
        let gzip = (header::ACCEPT_ENCODING, "gzip");
        let [plain, packed] = PAGES[0].tags;
        let again = |known| get("/", &[gzip.clone(), (header::IF_NONE_MATCH, known)]).status();
        assert_eq!(PAGES[0].path, "index.html");
        assert_eq!(again(packed), StatusCode::NOT_MODIFIED);
        assert_eq!(again(plain), StatusCode::OK);
    }

    fn found(method: &Method, path: &str) -> bool {
        serve(method, &path.parse().unwrap(), &HeaderMap::new()).is_some()
    }

    #[test]
    fn only_what_is_embedded_is_there_whatever_the_path_says() {
        for path in ["/", "/index.html", "/join", "/reference", "/reference.html", "/client/index.js"] {
            assert!(found(&Method::GET, path) && found(&Method::HEAD, path), "{path}");
            assert!(!found(&Method::POST, path) && !found(&Method::OPTIONS, path), "{path}");
        }
        let asset = format!("/assets/{VERSION}/js/main.js");
        assert!(found(&Method::GET, &asset) && found(&Method::GET, &format!("{asset}?x=1")));
        for nothing in [
            "/js/main.js",
            "/assets/js/main.js",
            "/assets/main.js",
            &format!("/assets/{VERSION}"),
            &format!("/assets/{VERSION}/"),
            &format!("/assets/{VERSION}/js"),
            &format!("/assets/{VERSION}/index.html"),
            &format!("/assets/{VERSION}/js/../js/main.js"),
            &format!("/assets/{VERSION}/js%2Fmain.js"),
            "/../Cargo.toml",
            "/assets/../../etc/passwd",
            "/assets/x/..%2f..%2fetc%2fpasswd",
            "/%2e%2e/Cargo.toml",
            "/INDEX.HTML",
        ] {
            assert!(!found(&Method::GET, nothing), "{nothing}");
        }
    }

    /// A browser that keeps two forms of one file apart by nothing would show bytes of gzip as text.
    #[test]
    fn the_two_forms_of_every_file_have_tags_of_their_own_and_one_content() {
        use std::io::Read as _;
        let mut tags = std::collections::BTreeSet::new();
        for asset in PAGES.iter().chain(ASSETS) {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut unpacked).unwrap();
            assert!(unpacked == asset.plain, "{} is another file when packed", asset.path);
            for tag in asset.tags {
                assert!(
                    tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10,
                    "{}: {tag}",
                    asset.path
                );
                tags.insert(tag);
            }
            assert!(!asset.content_type.is_empty() && !asset.plain.is_empty(), "{}", asset.path);
        }
        assert!(tags.len() > PAGES.len() + ASSETS.len(), "packed and plain have the same tags");
    }

    #[test]
    fn an_asset_that_the_browser_has_is_not_sent_and_keeps_its_headers() {
        let path = format!("/assets/{VERSION}/js/main.js");
        let first = get(&path, &[]);
        let tag: &'static str = first.headers()[header::ETAG].to_str().unwrap().to_owned().leak();
        let again = get(&path, &[(header::IF_NONE_MATCH, tag)]);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
            assert_eq!(again.headers()[&name], first.headers()[&name], "{name}: RFC 9110, section 15.4.5");
        }
        assert_eq!(get(&path, &[(header::IF_NONE_MATCH, "\"another\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn every_way_to_name_gzip_is_understood() {
        let takes = |accepted: &[&'static str]| {
            let lines = accepted.iter().map(|line| (header::ACCEPT_ENCODING, HeaderValue::from_static(line)));
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value);
            }
            takes_gzip(&headers)
        };
        for yes in [
            &["gzip"][..],
            &["GZIP"],
            &["deflate,gzip"],
            &["gzip ; q=0.001"],
            &["br", "gzip"],
            &["gzip;q=1.000"],
        ] {
            assert!(takes(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &[""],
            &["br"],
            &["xgzip"],
            &["gzipped"],
            &["gzip;q=0"],
            &["gzip; q=0.000"],
            &["identity;q=1, gzip;q=0.0"],
        ] {
            assert!(!takes(no), "{no:?}");
        }
    }

    #[test]
    fn no_page_may_be_framed_or_load_from_elsewhere() {
        for page in ["/", "/join", "/reference"] {
            let headers = get(page, &[]).headers().clone();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
