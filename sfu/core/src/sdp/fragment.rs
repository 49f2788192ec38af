//! Fragments of descriptions, which say how one side is reached and nothing else (RFC 8840, section 9): what WHIP's
//! clients learn of their candidates after their offer, and what both sides say when ICE begins anew.

use super::{
    Lines, SdpError, bounds,
    description::{Attributes, Description, lines},
    parse::TOKEN_BYTES_MAX,
};

/// A client's fragment. Its candidates are not kept: clients come to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The ICE credentials that it speaks of; `None` stands for those that there are.
    pub credentials: Option<FragmentCredentials>,
}

/// A user name fragment with its password (RFC 8839, section 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentCredentials {
    /// Tells one ICE session from the next.
    pub ufrag: String,
    /// The password of its checks.
    pub pwd: String,
}

impl Fragment {
    /// Reads a fragment. Candidates that we cannot read are passed over, as RFC 9725 (section 4.3.2) asks.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        bounds::check(text)?;
        let Description { session, media } = Description::read_part(text)?;
        let parts: Vec<&Attributes<'_>> =
            [&session].into_iter().chain(media.iter().map(|media| &media.attributes)).collect();
        if parts.iter().all(|attributes| attributes.is_empty()) {
            return Err(SdpError::Missing("attributes"));
        }
        let credentials = match (one(&parts, "ice-ufrag")?, one(&parts, "ice-pwd")?) {
            (None, None) => None,
            (Some(ufrag), Some(pwd)) => Some(FragmentCredentials { ufrag, pwd }),
            (None, Some(_)) => return Err(SdpError::Missing("ice-ufrag")),
            (Some(_), None) => return Err(SdpError::Missing("ice-pwd")),
        };
        Ok(Self { credentials })
    }
}

/// The one value that an attribute has wherever it stands: bundled sections are on one transport.
fn one(parts: &[&Attributes<'_>], name: &'static str) -> Result<Option<String>, SdpError> {
    let mut values = parts.iter().flat_map(|attributes| attributes.values(name));
    let Some(value) = values.next() else { return Ok(None) };
    if value.is_empty() || value.len() > TOKEN_BYTES_MAX || values.any(|other| other != value) {
        return Err(SdpError::Unusable(name));
    }
    Ok(Some(value.to_owned()))
}

/// What an answer of ours says of how we are reached: the credentials and all candidates, in the first section that
/// it does not refuse.
pub fn of_answer(answer: &str) -> String {
    let mut fragment = Lines::default();
    let (mut sections, mut is_told) = (0_usize, true);
    for line in lines(answer) {
        if let Some(media) = line.strip_prefix("m=") {
            let is_refused = media.split_whitespace().nth(1) == Some("0");
            is_told = sections == 0 && !is_refused;
            sections = sections.saturating_add(usize::from(is_told));
        }
        let is_of_session = sections == 0 && ["a=ice-lite", "a=group:"].iter().any(|it| line.starts_with(it));
        let is_of_transport = sections > 0 && TOLD.iter().any(|it| line.starts_with(it));
        if is_told && (is_of_session || is_of_transport) {
            fragment.add(format_args!("{line}"));
        }
    }
    fragment.into_text()
}

/// How the lines begin that say how we are reached.
const TOLD: [&str; 6] = ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Result<Option<(String, String)>, SdpError> {
        let fragment = Fragment::parse(text)?;
        Ok(fragment.credentials.map(|FragmentCredentials { ufrag, pwd }| (ufrag, pwd)))
    }

    /// Both as RFC 9725 shows them in its examples: of trickle, with candidates, and of a restart.
    #[test]
    fn credentials_are_read_from_the_session_and_from_sections() {
        let known = Ok(Some(("EsAw".to_owned(), "P2uYro0UCOQ4zxjKXaWCBui1".to_owned())));
        let of_session = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";
        let section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
        let candidates = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=candidate:none\r\n\
                          a=end-of-candidates\r\n";
        assert_eq!(credentials(of_session), known);
        assert_eq!(credentials(&format!("{of_session}{section}{candidates}")), known);
        assert_eq!(credentials(&format!("{section}{of_session}{candidates}")), known);
        assert_eq!(credentials(&format!("{section}{candidates}")), Ok(None));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        assert_eq!(credentials(""), Err(SdpError::Malformed { line: 1 }));
        assert_eq!(credentials("{\"candidate\": 1}"), Err(SdpError::Malformed { line: 1 }));
        assert_eq!(credentials("m=audio"), Err(SdpError::Malformed { line: 1 }));
        assert_eq!(credentials("s=-\r\n"), Err(SdpError::Missing("attributes")));
        assert_eq!(credentials("a=ice-ufrag:EsAw"), Err(SdpError::Missing("ice-pwd")));
        assert_eq!(credentials("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1"), Err(SdpError::Missing("ice-ufrag")));
        let two = "a=ice-ufrag:a\na=ice-pwd:b\nm=audio 9 RTP/AVP 0\na=ice-ufrag:c\n";
        assert_eq!(credentials(two), Err(SdpError::Unusable("ice-ufrag")));
        let long = format!("a=ice-ufrag:{}\na=ice-pwd:b", "x".repeat(TOKEN_BYTES_MAX + 1));
        assert_eq!(credentials(&long), Err(SdpError::Unusable("ice-ufrag")));
        assert_eq!(credentials(&"a=x\n".repeat(10_000)), Err(SdpError::TooMany("attributes")));
    }

    #[test]
    fn a_fragment_says_how_we_are_reached_and_nothing_else() {
        let answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1 2\r\na=ice-lite\r\n\
                      m=text 0 RTP/AVP 9\r\na=mid:0\r\na=ice-ufrag:other\r\n\
                      m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=ice-ufrag:abc\r\n\
                      a=ice-pwd:def\r\na=fingerprint:sha-256 00\r\na=recvonly\r\n\
                      a=candidate:1 1 udp 1 192.0.2.1 7882 typ host\r\na=end-of-candidates\r\n\
                      m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=ice-ufrag:abc\r\n";
        let fragment = "a=group:BUNDLE 1 2\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n\
                        a=ice-ufrag:abc\r\na=ice-pwd:def\r\na=candidate:1 1 udp 1 192.0.2.1 7882 typ host\r\n\
                        a=end-of-candidates\r\n";
        assert_eq!(of_answer(answer), fragment);
        let read = credentials(fragment).unwrap().unwrap();
        assert_eq!(read, ("abc".to_owned(), "def".to_owned()));
    }
}
