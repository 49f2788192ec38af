//! Cursors: where the next page of a list begins, in a form that clients hand back untouched.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use std::{fmt, str::FromStr};
use time::OffsetDateTime;

/// The longest cursor that is read, in bytes: the longest of ours carries a name of 200 characters.
const CURSOR_BYTES_MAX: usize = 2048;

/// A cursor that clients cannot mistake for something to take apart.
pub fn encode(position: &str) -> String {
    BASE64.encode(position)
}

/// What [`encode`] was given; `None` if `cursor` is none of ours.
pub fn decode(cursor: &str) -> Option<String> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return None;
    }
    String::from_utf8(BASE64.decode(cursor).ok()?).ok()
}

/// A position in a list that is sorted by a time, and by id where times are equal: `nanoseconds/id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed<T> {
    /// The time.
    pub at: OffsetDateTime,
    /// The id.
    pub id: T,
}

/// A position in a list that is sorted by a name, and by id where names are equal: `id/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<N, T> {
    /// The name.
    pub name: N,
    /// The id.
    pub id: T,
}

/// A position's text is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in a list")]
pub struct NotAPosition;

impl<T: fmt::Display> fmt::Display for Timed<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.at.unix_timestamp_nanos(), self.id)
    }
}

impl<T: FromStr> FromStr for Timed<T> {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (nanos, id) = text.split_once('/').ok_or(NotAPosition)?;
        let nanos = nanos.parse().map_err(|_| NotAPosition)?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| NotAPosition)?;
        Ok(Self { at, id: id.parse().map_err(|_| NotAPosition)? })
    }
}

impl<N: fmt::Display, T: fmt::Display> fmt::Display for Named<N, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.id, self.name)
    }
}

impl<T: FromStr> FromStr for Named<String, T> {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (id, name) = text.split_once('/').ok_or(NotAPosition)?;
        Ok(Self { name: name.to_owned(), id: id.parse().map_err(|_| NotAPosition)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_journey_whatever_is_in_the_name() {
        let timed = Timed { at: OffsetDateTime::UNIX_EPOCH, id: 7_u32 };
        assert_eq!(decode(&encode(&timed.to_string())).unwrap().parse(), Ok(timed));
        let named = Named { name: "a/b \u{1F600}".to_owned(), id: 7_u32 };
        assert_eq!(decode(&encode(&named.to_string())).unwrap().parse(), Ok(named));
    }

    #[test]
    fn what_is_none_of_ours_is_refused() {
        for forged in ["!", "17=", "_w", &"A".repeat(CURSOR_BYTES_MAX + 4)] {
            assert_eq!(decode(forged), None, "{forged}");
        }
        for text in ["", "/", "1", "1/", "x/1", "99999999999999999999999999999/1", "1/x"] {
            assert_eq!(text.parse::<Timed<u32>>(), Err(NotAPosition), "{text}");
        }
    }
}
