//! The client of a request, by the headers that proxies on the way have written. Pure: text in, addresses out.
//!
//! Anybody may send these headers, so they are read from the right: each proxy
//! appends who called it, and only as long as that is a proxy of ours is what
//! stands left of it believed.

use std::net::{IpAddr, SocketAddr};

/// How many proxies in a row are believed: more are a loop, or a joke.
pub(super) const HOPS_MAX: usize = 16;

/// The client behind `remote_address`. `hops` are the entries of the header, the latest first; `None` is one that names
/// no address. What cannot be read ends the walk at the last hop that could be trusted.
pub fn client(
    remote_address: IpAddr,
    is_trusted: impl Fn(IpAddr) -> bool,
    hops: impl IntoIterator<Item = Option<IpAddr>>,
) -> IpAddr {
    let mut client = remote_address.to_canonical();
    for hop in hops.into_iter().take(HOPS_MAX) {
        if !is_trusted(client) {
            break;
        }
        match hop {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

/// The entries of `X-Forwarded-For`, the latest first. `lines` are the header's lines in the order of arrival.
pub fn x_forwarded_for<'a>(
    lines: impl DoubleEndedIterator<Item = &'a str>,
) -> impl Iterator<Item = Option<IpAddr>> {
    lines.rev().flat_map(|line| line.rsplit(',').map(|entry| address(entry.trim())))
}

/// The `for` of each element of `Forwarded` (RFC 7239, section 4), the latest first.
pub fn forwarded<'a>(
    lines: impl DoubleEndedIterator<Item = &'a str>,
) -> impl Iterator<Item = Option<IpAddr>> {
    lines.rev().flat_map(|line| {
        let mut elements = split_unquoted(line, ',');
        elements.reverse();
        elements.into_iter().map(node)
    })
}

/// The address that an element names by `for`; `None` for `unknown`, for hidden names, and for nonsense.
fn node(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split_unquoted(element, ';') {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            // Twice is malformed: whom to believe?
            if found.is_some() {
                return None;
            }
            found = Some(unquoted(value.trim())?);
        }
    }
    address(&found?)
}

/// The `proto` of the last element of a line: what the nearest proxy says.
pub fn last_proto(line: &str) -> Option<&str> {
    let element = split_unquoted(line, ',').pop()?;
    let pairs = split_unquoted(element, ';');
    let mut pairs = pairs.into_iter().filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("proto")).map(|(_, proto)| proto.trim())
}

/// An address, perhaps with a port; IPv6 may be in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Splits at `at` outside of quoted strings (RFC 9110, section 5.6.4). What is quoted to the end without a
/// closing quote stays one piece, which no rule below accepts.
fn split_unquoted(text: &str, at: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = text.split(move |character| {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        } else {
            return character == at && !quoted;
        }
        false
    });
    pieces.collect()
}

/// A token as it is, a quoted string without its quotes and escapes.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => out.push(characters.next()?),
            _ => out.push(character),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_ours(address: IpAddr) -> bool {
        address.is_loopback() || address.to_string().starts_with("10.")
    }

    fn by_list(remote_address: &str, lines: &[&str]) -> String {
        client(ip(remote_address), is_ours, x_forwarded_for(lines.iter().copied())).to_string()
    }

    fn by_forwarded(remote_address: &str, lines: &[&str]) -> String {
        client(ip(remote_address), is_ours, forwarded(lines.iter().copied())).to_string()
    }

    #[test]
    fn a_stranger_is_believed_nothing() {
        assert_eq!(by_list("192.0.2.1", &["203.0.113.5"]), "192.0.2.1");
        assert_eq!(by_forwarded("192.0.2.1", &["for=203.0.113.5"]), "192.0.2.1");
    }

    #[test]
    fn our_proxies_are_skipped_from_the_right_and_what_the_client_made_up_is_not_reached() {
        assert_eq!(by_list("10.0.0.1", &["6.6.6.6, 203.0.113.5, 10.0.0.2"]), "203.0.113.5");
        assert_eq!(by_list("10.0.0.1", &["6.6.6.6", "203.0.113.5", "10.0.0.2"]), "203.0.113.5");
        assert_eq!(by_list("10.0.0.1", &["203.0.113.5:4711"]), "203.0.113.5");
        assert_eq!(by_list("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(by_list("::ffff:10.0.0.1", &["::ffff:203.0.113.5"]), "203.0.113.5");
        let made_up = r#"for=6.6.6.6, for=203.0.113.5;proto=https;by=10.0.0.2"#;
        assert_eq!(by_forwarded("10.0.0.1", &[made_up]), "203.0.113.5");
        assert_eq!(by_forwarded("10.0.0.1", &[r#"For="[2001:db8::1]:80""#]), "2001:db8::1");
        assert_eq!(by_forwarded("10.0.0.1", &[r#"for="203.0.113.5:80" ; proto=http"#]), "203.0.113.5");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_last_hop_that_can_be_trusted() {
        assert_eq!(by_list("10.0.0.1", &[]), "10.0.0.1");
        for bad in ["", "203.0.113.5, nonsense", "203.0.113.5,", "203.0.113.5 10.0.0.2"] {
            assert_eq!(by_list("10.0.0.1", &[bad]), "10.0.0.1", "{bad}");
        }
        assert_eq!(by_list("10.0.0.1", &["203.0.113.5, nonsense, 10.0.0.9"]), "10.0.0.9");
        for bad in [
            "for=unknown",
            "for=_hidden",
            "for=\"_x\"",
            "proto=https",
            "203.0.113.5",
            "for=203.0.113.5;for=203.0.113.6",
            "for=\"203.0.113.5",
            // An open quote of the client's swallows what our proxy appended: nobody is believed.
            "for=\"6.6.6.6, for=203.0.113.5",
            "for=\"203.0.113.5\"x",
        ] {
            assert_eq!(by_forwarded("10.0.0.1", &[bad]), "10.0.0.1", "{bad}");
        }
    }

    #[test]
    fn an_endless_row_of_proxies_is_not_walked() {
        let row = vec!["10.0.0.7"; 1000].join(", ");
        assert_eq!(by_list("10.0.0.1", &[&row]), "10.0.0.7");
        let far = format!("203.0.113.5, {row}");
        assert_eq!(by_list("10.0.0.1", &[&far]), "10.0.0.7");
    }

    #[test]
    fn sixteen_proxies_in_a_row_are_believed_and_no_more() {
        let behind = |hops: usize| {
            let row: Vec<_> = (0..hops).map(|_| "10.0.0.7").collect();
            by_list(
                "10.0.0.1",
                &[&["203.0.113.5"].iter().chain(&row).copied().collect::<Vec<_>>().join(", ")],
            )
        };
        assert_eq!(behind(HOPS_MAX - 1), "203.0.113.5");
        assert_eq!(behind(HOPS_MAX), "10.0.0.7");
    }

    /// What the client wrote stands left of what our proxy appended: nothing in it changes who they are.
    #[test]
    fn nothing_that_a_client_writes_before_our_proxies_word_changes_who_they_are() {
        for lie in [
            "10.0.0.9",
            "127.0.0.1",
            "6.6.6.6, 10.0.0.9",
            ",,,",
            "\"",
            "for=10.0.0.9",
            "unknown",
            "::1",
            "\u{e4}",
            "10.0.0.9\t",
        ] {
            assert_eq!(by_list("10.0.0.1", &[&format!("{lie}, 203.0.113.5")]), "203.0.113.5", "{lie}");
            assert_eq!(by_list("10.0.0.1", &[lie, "203.0.113.5"]), "203.0.113.5", "{lie}");
            assert_eq!(by_forwarded("10.0.0.1", &[lie, "for=203.0.113.5"]), "203.0.113.5", "{lie}");
        }
    }

    #[test]
    fn every_form_of_an_address_is_read_and_a_word_beside_it_is_not() {
        for (text, is) in [
            ("203.0.113.5", Some("203.0.113.5")),
            ("203.0.113.5:65535", Some("203.0.113.5")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("203.0.113.5:65536", None),
            ("203.0.113.5:", None),
            ("203.0.113.256", None),
            ("[2001:db8::1", None),
            ("2001:db8::1]", None),
            ("fe80::1%eth0", None),
            ("client.example", None),
            ("0xcb.0.113.5", None),
            ("", None),
        ] {
            assert_eq!(address(text).map(|it| it.to_string()).as_deref(), is, "{text}");
        }
    }

    #[test]
    fn quotes_and_escapes_are_taken_off_as_rfc_9110_has_them() {
        for (text, is) in [
            ("a", Some("a")),
            ("\"a\"", Some("a")),
            (r#""a\"b""#, Some("a\"b")),
            (r#""a\\""#, Some("a\\")),
            ("\"\"", Some("")),
            ("\"", None),
            ("a\"", None),
            ("\"a\"b\"", None),
            (r#""a\""#, None),
        ] {
            assert_eq!(unquoted(text).as_deref(), is, "{text}");
        }
        assert_eq!(split_unquoted(r#"a;"b;c";d"#, ';'), ["a", r#""b;c""#, "d"]);
        assert_eq!(split_unquoted(r#""a\";b";c"#, ';'), [r#""a\";b""#, "c"]);
        assert_eq!(split_unquoted("\"a;b", ';'), ["\"a;b"]);
    }
}
