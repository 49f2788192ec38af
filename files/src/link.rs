//! Links to files: good for some minutes, for whoever has one.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{
    id::{AccountId, AttachmentId},
    secret::Secret,
};
use time::OffsetDateTime;
use uuid::Uuid;

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The file as it was uploaded.
    Whole,
    /// A picture's thumbnail.
    Thumbnail,
}

/// The file that a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whose file it is.
    pub account: AccountId,
    /// The file.
    pub file: AttachmentId,
    /// All of it, or its thumbnail.
    pub variant: Variant,
    /// From then on it leads nowhere.
    pub until: OffsetDateTime,
}

/// Makes links and knows them again.
pub struct Links {
    key: hmac::Key,
    seconds: i64,
}

/// Account, file, variant, time.
const BODY_BYTES: usize = 16 + 16 + 1 + 8;

/// HMAC-SHA256.
const TAG_BYTES: usize = 32;

impl Links {
    /// `secret` is the installation's; a key of its own is derived from it. Links are good for `seconds` at least.
    pub fn new(secret: &Secret, seconds: u64) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let key = hmac::sign(&secret, b"switchboard link to a file, version 1");
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 4).max(1);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), seconds }
    }

    /// When a link that is made now ceases to be good.
    ///
    /// The same for all that are made within one period, so that a browser which asks again finds the file among what
    /// it has kept.
    pub fn expiry(&self, now: OffsetDateTime) -> OffsetDateTime {
        let period = now.unix_timestamp().div_euclid(self.seconds);
        let end = period.saturating_add(2).saturating_mul(self.seconds);
        OffsetDateTime::from_unix_timestamp(end).unwrap_or(now)
    }

    /// The link as the last part of a path.
    pub fn write(&self, link: &Link) -> String {
        let mut bytes = Vec::with_capacity(BODY_BYTES + TAG_BYTES);
        bytes.extend_from_slice(link.account.as_uuid().as_bytes());
        bytes.extend_from_slice(link.file.as_uuid().as_bytes());
        bytes.push(match link.variant {
            Variant::Whole => 0,
            Variant::Thumbnail => 1,
        });
        bytes.extend_from_slice(&link.until.unix_timestamp().to_be_bytes());
        let tag = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        BASE64.encode(bytes)
    }

    /// The link that was written so; `None` if it was made by somebody else or is not good any more.
    pub fn read(&self, text: &str, now: OffsetDateTime) -> Option<Link> {
        let bytes = BASE64.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_BYTES)?;
        hmac::verify(&self.key, body, tag).ok()?;
        let (account, rest) = body.split_at_checked(16)?;
        let (file, rest) = rest.split_at_checked(16)?;
        let (variant, until) = rest.split_first()?;
        let until = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(until.try_into().ok()?)).ok()?;
        let variant = if *variant == 0 { Variant::Whole } else { Variant::Thumbnail };
        let (account, file) = (Uuid::from_slice(account).ok()?, Uuid::from_slice(file).ok()?);
        let (account, file) = (AccountId::from_uuid(account), AttachmentId::from_uuid(file));
        (until > now).then_some(Link { account, file, variant, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};
    use std::time::Duration;

    fn links() -> Links {
        Links::new(&Secret::new("a secret for tests that is long enough".to_owned()), 300)
    }

    fn link(clock: &ManualClock) -> Link {
        Link {
            account: AccountId::generate(clock),
            file: AttachmentId::generate(clock),
            variant: Variant::Thumbnail,
            until: links().expiry(clock.utc()),
        }
    }

    #[test]
    fn a_link_leads_to_its_file_until_its_time_is_over() {
        let (clock, links) = (ManualClock::default(), links());
        let link = link(&clock);
        let text = links.write(&link);
        assert_eq!(links.read(&text, clock.utc()), Some(link));
        let lifetime = link.until - clock.utc();
        assert!(lifetime > Duration::from_secs(300) && lifetime <= Duration::from_secs(600));
        assert_eq!(links.read(&text, link.until - Duration::from_secs(1)), Some(link));
        assert_eq!(links.read(&text, link.until), None);
    }

    #[test]
    fn a_link_that_is_made_again_soon_is_the_same() {
        let (clock, links) = (ManualClock::default(), links());
        let first = links.expiry(clock.utc());
        clock.advance((first - clock.utc() - Duration::from_secs(301)).try_into().unwrap());
        assert_eq!(links.expiry(clock.utc()), first);
        clock.advance(Duration::from_secs(2));
        assert!(links.expiry(clock.utc()) > first);
    }

    #[test]
    fn no_bit_of_a_link_can_be_changed_and_no_other_secret_makes_one() {
        let (clock, links) = (ManualClock::default(), links());
        let text = links.write(&link(&clock));
        let bytes = BASE64.decode(&text).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert_eq!(links.read(&BASE64.encode(other), clock.utc()), None, "bit {at}");
        }
        for short in ["", "AAAA", text.get(4..).unwrap()] {
            assert_eq!(links.read(short, clock.utc()), None, "{short}");
        }
        let others = Links::new(&Secret::new("another secret for tests, long enough".to_owned()), 300);
        assert_eq!(others.read(&text, clock.utc()), None);
    }
}
