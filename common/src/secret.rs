//! A value that cannot be printed: no `Debug` of its content, no `Display`, no `Serialize`.

use serde::{Deserialize, Deserializer};
use std::fmt;
use zeroize::Zeroize;

/// A password, key or token. Wiped from memory when dropped.
///
/// It can be read from configuration or a request but never written out:
/// `Debug` shows that it is there and nothing of it.
#[derive(Clone)]
pub struct Secret<T: Zeroize = String>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value out of sight.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one call that needs it. Never log what this returns.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `candidate` is this secret, in time that depends only on the lengths.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_ref(), candidate).is_ok()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(..)");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("hunter2".to_owned());
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b"hunter3"));
        assert!(!secret.matches(b"hunter"));
    }

    #[derive(Debug, Deserialize)]
    struct Settings {
        password: Secret,
        key: Option<Secret<Vec<u8>>>,
    }

    #[test]
    fn what_holds_a_secret_prints_nothing_of_it_either() {
        let settings: Settings = serde_json::from_str(r#"{"password":"hunter2","key":[49,50,51]}"#).unwrap();
        for printed in [
            format!("{settings:?}"),
            format!("{settings:#?}"),
            format!("{:?}", (&settings.password, &settings.key)),
        ] {
            assert!(printed.contains("Secret(..)"), "{printed}");
            assert!(!printed.contains("hunter") && !printed.contains("49"), "{printed}");
        }
        assert_eq!(
            (settings.password.expose().as_str(), settings.key.unwrap().expose().as_slice()),
            ("hunter2", &b"123"[..])
        );
    }

    /// Does not compile once a secret can be written out: then there are two ways to be `Silent`.
    #[test]
    fn a_secret_has_no_way_to_be_written() {
        trait Silent<Way> {
            fn is_silent(&self) -> bool {
                true
            }
        }
        struct ByDisplay;
        struct BySerialize;
        impl<T> Silent<()> for T {}
        impl<T: fmt::Display> Silent<ByDisplay> for T {}
        impl<T: serde::Serialize> Silent<BySerialize> for T {}
        assert!(Secret::new(String::new()).is_silent());
    }

    #[test]
    fn equal_lengths_and_equal_beginnings_are_not_enough_to_match() {
        let secret = Secret::new(vec![0_u8, 1, 0xff, 0]);
        assert!(secret.matches(&[0, 1, 0xff, 0]));
        for other in [&[][..], &[0], &[0, 1, 0xff], &[0, 1, 0xff, 0, 0], &[1, 1, 0xff, 0], &[0, 1, 0xff, 1]] {
            assert!(!secret.matches(other), "{other:?}");
        }
        assert!(!Secret::new(String::new()).matches(b"x") && !Secret::new("x".to_owned()).matches(b""));
    }

    #[test]
    fn a_secret_is_wiped_when_it_is_dropped_and_its_copy_when_that_is() {
        use std::sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        };
        #[derive(Clone)]
        struct Counted(Arc<AtomicU32>);
        impl Zeroize for Counted {
            fn zeroize(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let wiped = Arc::new(AtomicU32::new(0));
        let secret = Secret::new(Counted(wiped.clone()));
        let copy = secret.clone();
        drop(secret);
        assert_eq!(wiped.load(Ordering::Relaxed), 1);
        drop(copy);
        assert_eq!(wiped.load(Ordering::Relaxed), 2);
    }
}
