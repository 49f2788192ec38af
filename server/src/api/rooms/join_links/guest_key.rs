//! Keys by which somebody who came by a join link is the same guest again: after their page was loaded anew, and when
//! their join token is about to expire.
//!
//! A key is signed and not stored: guests are in no table. It is bound to its link, so it opens no other room.

use super::super::super::problem::Problem;
use aws_lc_rs::{
    digest::{Context, SHA256},
    hmac, rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{
    id::{AccountId, JoinLinkId},
    identity::GuestId,
    secret::Secret,
};
use time::OffsetDateTime;

/// Makes keys and knows them again.
pub(in super::super::super) struct GuestKeys(hmac::Key);

/// A guest as their key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// What their id is made of.
    seed: [u8; 16],
    /// When they first came by the link, to the second.
    pub(super) came_at: OffsetDateTime,
}

impl Known {
    /// Somebody who comes for the first time.
    pub(super) fn new(now: OffsetDateTime) -> Result<Self, Problem> {
        let mut seed = [0; 16];
        rand::fill(&mut seed).map_err(|error| Problem::internal(&error))?;
        Ok(Self { seed, came_at: now.replace_nanosecond(0).unwrap_or(now) })
    }

    /// Their id in the account. None that a back end has named is the same: identities are text, and this is not.
    pub(super) fn id(&self, account: AccountId, link: JoinLinkId) -> GuestId {
        let mut context = Context::new(&SHA256);
        for part in [account.as_uuid().as_bytes().as_slice(), &[0xff], link.as_uuid().as_bytes(), &self.seed]
        {
            context.update(part);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, digest)| *byte = *digest);
        GuestId::of_digest(bytes)
    }
}

impl GuestKeys {
    /// `secret` is the installation's; a key of its own is derived from it.
    pub(in super::super::super) fn new(secret: &Secret) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let key = hmac::sign(&secret, b"switchboard guest of a join link, version 1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The key of a guest who came by this link.
    pub(super) fn write(&self, link: JoinLinkId, guest: &Known) -> String {
        let body = format!("{}.{}", BASE64.encode(guest.seed), guest.came_at.unix_timestamp());
        let signature = BASE64.encode(hmac::sign(&self.0, signed(link, &body).as_bytes()));
        format!("{body}.{signature}")
    }

    /// The guest whose key of this link it is.
    pub(super) fn read(&self, link: JoinLinkId, key: &Secret) -> Option<Known> {
        let (body, signature) = key.expose().rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        hmac::verify(&self.0, signed(link, body).as_bytes(), &signature).ok()?;
        let (seed, came_at) = body.split_once('.')?;
        let came_at = OffsetDateTime::from_unix_timestamp(came_at.parse().ok()?).ok()?;
        Some(Known { seed: BASE64.decode(seed).ok()?.try_into().ok()?, came_at })
    }
}

fn signed(link: JoinLinkId, body: &str) -> String {
    format!("{}.{body}", link.as_uuid().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock as _, ManualClock};

    fn keys(secret: &str) -> GuestKeys {
        GuestKeys::new(&Secret::new(secret.to_owned()))
    }

    #[test]
    fn a_key_is_good_for_its_link_and_its_installation_alone() {
        let clock = ManualClock::default();
        let (link, other) = (JoinLinkId::generate(&clock), JoinLinkId::generate(&clock));
        let guest = Known::new(clock.utc()).unwrap();
        let key = Secret::new(keys("a").write(link, &guest));
        assert_eq!(keys("a").read(link, &key), Some(guest));
        assert_eq!(keys("a").read(other, &key), None);
        assert_eq!(keys("b").read(link, &key), None);
        let text = key.expose();
        let forged = [String::new(), ".".to_owned(), "..".to_owned(), format!("A{text}"), format!("{text}A")];
        for forged in forged.into_iter().chain([text.replacen('.', ".1", 1), text.replacen('.', "", 1)]) {
            assert_eq!(keys("a").read(link, &Secret::new(forged.clone())), None, "{forged}");
        }
    }

    #[test]
    fn guests_of_one_link_are_others_and_one_of_them_is_the_same_again() {
        let clock = ManualClock::default();
        let (account, link) = (AccountId::generate(&clock), JoinLinkId::generate(&clock));
        let [first, second] = [Known::new(clock.utc()).unwrap(), Known::new(clock.utc()).unwrap()];
        assert_eq!(first.id(account, link), first.id(account, link));
        assert_ne!(first.id(account, link), second.id(account, link));
        assert_ne!(first.id(account, link), first.id(account, JoinLinkId::generate(&clock)));
        assert_ne!(first.id(account, link), first.id(AccountId::generate(&clock), link));
    }
}
