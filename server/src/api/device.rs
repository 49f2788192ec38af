//! Browsers in which somebody has signed in before, known by a cookie.
//!
//! The cookie signs nobody in. It says that its user's password was once typed
//! here, so that strangers' wrong guesses do not count against this browser
//! (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). It is bound
//! to the user, not to the e-mail address: the address may be known in another
//! account too, whose user it says nothing about. And it is bound to the password
//! that was typed: another one makes every browser a stranger, a thief's too.

use super::{App, problem::Problem};
use crate::http::IsSecure;
use aws_lc_rs::{digest, hmac, rand};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use common::{id::UserId, secret::Secret};
use std::{convert::Infallible, fmt::Write as _, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// How the cookie's name begins; the rest tells users of one browser apart.
const NAME: &str = "switchboard_device_";

/// How long a browser is known after its last sign-in.
///
/// Longer spares people who come back after a long leave; shorter forgets lent machines sooner.
const KNOWN_FOR: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// How many of a browser's cookies are looked at: people who share one.
const COOKIES_MAX: usize = 8;

/// The cookie goes to these paths alone.
const PATH: &str = "/v1/auth";

/// A browser as one user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownDevice {
    /// The user whose password was typed there.
    pub(super) user: UserId,
    /// Tells it apart from other browsers of the same user.
    pub(super) nonce: [u8; 16],
    /// Which password it was.
    pub(super) epoch: [u8; 16],
}

/// Makes cookies and knows them again.
pub(super) struct Devices(hmac::Key);

impl Devices {
    /// `secret` is the installation's; a key of its own is derived from it.
    pub(super) fn new(secret: &Secret) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let key = hmac::sign(&secret, b"switchboard known device, version 2");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// Tells the passwords of a user apart.
    fn epoch(&self, user: UserId, password_hash: &Secret) -> [u8; 16] {
        let text = format!("epoch.{}.{}", user.as_uuid().simple(), password_hash.expose());
        let (mut epoch, tag) = ([0; 16], hmac::sign(&self.0, text.as_bytes()));
        epoch.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        epoch
    }

    /// Whether one of a browser's cookies is of this user, and of the password that they have now.
    pub(super) fn knows(&self, devices: &[KnownDevice], user: UserId, password_hash: &Secret) -> bool {
        let mut theirs = devices.iter().filter(|device| device.user == user).peekable();
        theirs.peek().is_some() && {
            let epoch = self.epoch(user, password_hash);
            theirs.any(|device| device.epoch == epoch)
        }
    }

    /// A cookie for the browser in which `user` has just signed in.
    fn cookie(
        &self,
        user: UserId,
        password_hash: &Secret,
        is_secure: bool,
        now: OffsetDateTime,
    ) -> Result<HeaderValue, Problem> {
        let mut nonce = [0; 16];
        rand::fill(&mut nonce).map_err(|error| Problem::internal(&error))?;
        let until = (now + KNOWN_FOR).unix_timestamp();
        let epoch = BASE64.encode(self.epoch(user, password_hash));
        let body = format!("{}.{until}.{}.{epoch}", user.as_uuid().simple(), BASE64.encode(nonce));
        let signature = BASE64.encode(hmac::sign(&self.0, body.as_bytes()));
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie = format!(
            "{}={body}.{signature}; Path={PATH}; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            cookie_name(user),
            KNOWN_FOR.as_secs()
        );
        HeaderValue::try_from(cookie).map_err(|error| Problem::internal(&error))
    }

    /// The devices that the request's browser is known as.
    fn known(&self, headers: &HeaderMap, now: OffsetDateTime) -> Vec<KnownDevice> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let ours = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(NAME)?.split_once('='));
        ours.take(COOKIES_MAX).filter_map(|(_, value)| self.read(value, now)).collect()
    }

    fn read(&self, value: &str, now: OffsetDateTime) -> Option<KnownDevice> {
        let (body, signature) = value.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        hmac::verify(&self.0, body.as_bytes(), &signature).ok()?;
        let mut parts = body.split('.');
        let user = UserId::from_uuid(Uuid::try_parse(parts.next()?).ok()?);
        let until: i64 = parts.next()?.parse().ok()?;
        let nonce = BASE64.decode(parts.next()?).ok()?.try_into().ok()?;
        let epoch = BASE64.decode(parts.next()?).ok()?.try_into().ok()?;
        (until > now.unix_timestamp()).then_some(KnownDevice { user, nonce, epoch })
    }
}

fn cookie_name(user: UserId) -> String {
    let digest = digest::digest(&digest::SHA256, user.as_uuid().as_bytes());
    digest.as_ref().iter().take(4).fold(NAME.to_owned(), |mut name, byte| {
        let _never_fails = write!(name, "{byte:02x}");
        name
    })
}

/// The browser that a request comes from.
pub(super) struct Browser {
    /// As whose it is known.
    pub(super) devices: Vec<KnownDevice>,
    is_secure: bool,
}

impl Browser {
    /// What makes it known as `user`'s.
    pub(super) fn remember(
        &self,
        app: &App,
        user: UserId,
        password_hash: &Secret,
    ) -> Result<[(header::HeaderName, HeaderValue); 1], Problem> {
        let cookie = app.devices.cookie(user, password_hash, self.is_secure, app.clock.utc())?;
        Ok([(header::SET_COOKIE, cookie)])
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            devices: app.devices.known(&parts.headers, app.clock.utc()),
            is_secure: parts.extensions.get::<IsSecure>().is_some_and(|IsSecure(is_secure)| *is_secure),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn devices(secret: &str) -> Devices {
        Devices::new(&Secret::new(secret.to_owned()))
    }

    fn sent(cookies: &[&str]) -> HeaderMap {
        let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
        let line = format!("theme=dark; {}", pairs.join("; "));
        [(header::COOKIE, HeaderValue::try_from(line).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_browser_is_known_as_its_users_until_the_cookie_is_too_old() {
        let (devices, clock) = (devices("a secret"), ManualClock::default());
        let (ada, ben) = (UserId::generate(&clock), UserId::generate(&clock));
        let password = Secret::new("a hash".to_owned());
        let cookie =
            |user| devices.cookie(user, &password, true, clock.utc()).unwrap().to_str().unwrap().to_owned();
        let (first, second) = (cookie(ada), cookie(ben));
        assert!(first.ends_with("; Path=/v1/auth; Max-Age=15552000; HttpOnly; SameSite=Strict; Secure"));
        let known = devices.known(&sent(&[&first, &second]), clock.utc());
        assert_eq!(known.iter().map(|device| device.user).collect::<Vec<_>>(), [ada, ben]);
        assert_ne!(known[0].nonce, known[1].nonce);
        assert!(devices.knows(&known, ada, &password) && devices.knows(&known, ben, &password));
        let changed = Secret::new("another hash".to_owned());
        assert!(!devices.knows(&known, ada, &changed), "with another password it is unknown");
        assert!(!devices.knows(&known[1..], ada, &password), "nobody else's");
        clock.advance(KNOWN_FOR);
        assert_eq!(devices.known(&sent(&[&first]), clock.utc()), []);
    }

    #[test]
    fn nobody_can_make_a_cookie_or_change_one() {
        let (devices, clock) = (devices("a secret"), ManualClock::default());
        let (ada, ben) = (UserId::generate(&clock), UserId::generate(&clock));
        let theirs = super::Devices::new(&Secret::new("another secret".to_owned()));
        let password = Secret::new("a hash".to_owned());
        let forged = theirs.cookie(ada, &password, false, clock.utc()).unwrap();
        let mine = devices.cookie(ben, &password, false, clock.utc()).unwrap();
        let mine = mine.to_str().unwrap();
        let changed = mine.replace(&ben.as_uuid().simple().to_string(), &ada.as_uuid().simple().to_string());
        for bad in
            [forged.to_str().unwrap(), &changed, "switchboard_device_00=", "switchboard_device_00=a.b.c.d"]
        {
            assert_eq!(devices.known(&sent(&[bad]), clock.utc()), [], "{bad}");
        }
        assert_eq!(devices.known(&sent(&[mine]), clock.utc()).len(), 1);
    }
}
