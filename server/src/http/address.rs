//! The client's address of a request, as trusted proxies report it.

use super::{cidr::Cidr, forwarded};
use axum::http::{HeaderMap, HeaderName, header};
use common::address::ClientAddress;
use serde::{Deserialize, Serialize};
use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};
use tracing::warn;

/// Which header the trusted proxies write. The other one is the client's own and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies whose word on clients' addresses is taken.
#[derive(Debug, Default)]
pub(super) struct Trust {
    proxies: Vec<Cidr>,
    header: ProxyHeader,
    has_warned: AtomicBool,
}

/// The origin of a connection; the listener puts it into each of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    /// The other end, or whom the PROXY protocol names.
    pub(super) remote_address: IpAddr,
    /// Whether the connection is for probes alone.
    pub(super) is_reserved: bool,
}

/// The origin of a request, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) client: ClientAddress,
    /// Whether a trusted proxy has passed it on.
    pub(super) is_proxied: bool,
    /// Whether that proxy says that the client used TLS.
    pub(super) is_secure: bool,
}

impl Trust {
    pub(super) const fn new(proxies: Vec<Cidr>, header: ProxyHeader) -> Self {
        Self { proxies, header, has_warned: AtomicBool::new(false) }
    }

    pub(super) fn includes(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// The origin of a request with these headers that `remote_address` has sent.
    pub(super) fn origin(&self, remote_address: IpAddr, headers: &HeaderMap) -> Origin {
        if !self.includes(remote_address) {
            self.warn_once(headers);
            let client = ClientAddress(remote_address.to_canonical());
            return Origin { client, is_proxied: false, is_secure: false };
        }
        let is_ours = |address| self.includes(address);
        let (client, proto) = match self.header {
            ProxyHeader::XForwardedFor => (
                forwarded::client(
                    remote_address,
                    is_ours,
                    forwarded::x_forwarded_for(lines(headers, &X_FORWARDED_FOR)),
                ),
                lines(headers, &X_FORWARDED_PROTO).next_back(),
            ),
            ProxyHeader::Forwarded => (
                forwarded::client(
                    remote_address,
                    is_ours,
                    forwarded::forwarded(lines(headers, &header::FORWARDED)),
                ),
                lines(headers, &header::FORWARDED).next_back().and_then(forwarded::last_proto),
            ),
        };
        // The last entry is the nearest proxy's own; those before it are what the client may have sent.
        let is_secure = proto.is_some_and(|proto| {
            proto.rsplit(',').next().is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
        });
        Origin { client: ClientAddress(client), is_proxied: true, is_secure }
    }

    /// A proxy that is not named makes everybody behind it one client: limits meet them together.
    fn warn_once(&self, headers: &HeaderMap) {
        if headers.contains_key(X_FORWARDED_FOR) && !self.has_warned.swap(true, Ordering::Relaxed) {
            warn!(
                "A request carries X-Forwarded-For, but who sent it is no trusted proxy. If it is yours, name it in http.trusted_proxies: until then all of its clients count as one"
            );
        }
    }
}

/// The lines of a header that are text, in the order of arrival. Others count as empty: they name nobody.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(header: ProxyHeader, remote_address: &str, headers: &[(&'static str, &'static str)]) -> Origin {
        let trust = Trust::new(vec!["10.0.0.0/8".parse().unwrap()], header);
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        trust.origin(remote_address.parse().unwrap(), &headers)
    }

    fn is(client: &str, is_proxied: bool, is_secure: bool) -> Origin {
        Origin { client: ClientAddress(client.parse().unwrap()), is_proxied, is_secure }
    }

    /// A proxy that appends to one header passes the other on as the client made it up.
    #[test]
    fn only_the_header_that_the_proxies_write_is_read() {
        let both = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=203.0.113.6;proto=https")];
        assert_eq!(origin(ProxyHeader::XForwardedFor, "10.0.0.1", &both), is("203.0.113.5", true, false));
        assert_eq!(origin(ProxyHeader::Forwarded, "10.0.0.1", &both), is("203.0.113.6", true, true));
        assert_eq!(origin(ProxyHeader::XForwardedFor, "192.0.2.1", &both), is("192.0.2.1", false, false));
    }

    #[test]
    fn the_nearest_proxy_says_whether_there_was_tls() {
        let by = |proto| {
            let headers = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", proto)];
            origin(ProxyHeader::XForwardedFor, "10.0.0.1", &headers).is_secure
        };
        assert!(by("https") && by("http, HTTPS"));
        assert!(!by("http") && !by("https, http") && !by(""));
        let stranger = [("x-forwarded-proto", "https")];
        assert!(!origin(ProxyHeader::XForwardedFor, "192.0.2.1", &stranger).is_secure);
    }

    /// Whatever a stranger writes, they are who their connection says.
    #[test]
    fn who_is_no_trusted_proxy_is_the_client_whatever_they_write() {
        for lie in ["203.0.113.5", "10.0.0.1", "10.0.0.1, 10.0.0.2", "", "garbage"] {
            let headers =
                [("x-forwarded-for", lie), ("forwarded", "for=203.0.113.6"), ("x-forwarded-proto", "https")];
            for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
                assert_eq!(origin(header, "11.0.0.1", &headers), is("11.0.0.1", false, false), "{lie}");
            }
        }
        assert_eq!(
            origin(ProxyHeader::XForwardedFor, "::ffff:192.0.2.1", &[]),
            is("192.0.2.1", false, false)
        );
        // A proxy in IPv6 clothes is that proxy.
        let headers = [("x-forwarded-for", "203.0.113.5")];
        assert_eq!(
            origin(ProxyHeader::XForwardedFor, "::ffff:10.0.0.1", &headers),
            is("203.0.113.5", true, false)
        );
    }

    #[test]
    fn a_line_that_is_no_text_names_nobody_and_stops_there() {
        let trust = Trust::new(vec!["10.0.0.0/8".parse().unwrap()], ProxyHeader::XForwardedFor);
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, "203.0.113.5".parse().unwrap());
        headers.append(X_FORWARDED_FOR, axum::http::HeaderValue::from_bytes(b"\xff").unwrap());
        let proxy = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(trust.origin(proxy, &headers).client, ClientAddress(proxy), "not what stands before it");
        headers.append(X_FORWARDED_FOR, "198.51.100.1".parse().unwrap());
        assert_eq!(trust.origin(proxy, &headers).client, ClientAddress([198, 51, 100, 1].into()));
    }

    /// The client's own word on TLS stands before the proxy's.
    #[test]
    fn of_several_words_on_tls_the_last_counts() {
        for (lines, is_secure) in [
            (&["https", "http"][..], false),
            (&["http", "https"], true),
            (&["https", "http, https"], true),
            (&["https, http"], false),
            (&["https,"], false),
            (&["httpss"], false),
        ] {
            let mut headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            headers.push(("x-forwarded-for", "203.0.113.5"));
            let trust = Trust::new(vec!["10.0.0.0/8".parse().unwrap()], ProxyHeader::XForwardedFor);
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, value.parse().unwrap());
            }
            assert_eq!(trust.origin(IpAddr::from([10, 0, 0, 1]), &map).is_secure, is_secure, "{lines:?}");
        }
        for (line, is_secure) in [
            ("for=203.0.113.5;proto=https", true),
            ("for=203.0.113.5;PROTO=HTTPS", true),
            ("for=6.6.6.6;proto=https, for=203.0.113.5;proto=http", false),
            ("for=6.6.6.6;proto=https, for=203.0.113.5", false),
            ("for=\"x;proto=https\"", false),
        ] {
            let headers = [("forwarded", line)];
            assert_eq!(origin(ProxyHeader::Forwarded, "10.0.0.1", &headers).is_secure, is_secure, "{line}");
        }
    }
}
