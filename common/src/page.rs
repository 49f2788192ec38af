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

/// The text that [`encode`] was given; `None` if `cursor` is not one of ours.
pub fn decode(cursor: &str) -> Option<String> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return None;
    }
    String::from_utf8(BASE64.decode(cursor).ok()?).ok()
}

/// A position in a list that is sorted by a time, and by id where times are equal: `nanoseconds/id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed<T> {
    /// When the last item of the page before happened.
    pub at: OffsetDateTime,
    /// Which of those of the same moment it is.
    pub id: T,
}

/// A position in a list that is sorted by a name, and by id where names are equal: `id/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<N, T> {
    /// The last name of the page before, as the list sorts it.
    pub name: N,
    /// Which of those of the same name it is.
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

    #[test]
    fn a_cursor_has_only_signs_that_a_url_takes_as_they_are() {
        for position in ["", "7/a b", "0/\u{1F600}\u{ff}\u{0}", &"ÿ?>".repeat(100)] {
            let cursor = encode(position);
            assert!(
                cursor.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"-_".contains(&sign)),
                "{cursor}"
            );
            assert_eq!(decode(&cursor).as_deref(), Some(position));
        }
    }

    /// One position has one cursor: clients may compare cursors as texts.
    #[test]
    fn no_other_text_than_the_cursor_is_read_as_its_position() {
        for position in ["7/a", "7/ab", "7/abc"] {
            let cursor = encode(position);
            let last = cursor.len() - 1;
            for place in 0..=last {
                for sign in "ABab01-_".chars() {
                    let mut forged = cursor.clone();
                    forged.replace_range(place..=place, &sign.to_string());
                    assert_eq!(decode(&forged).as_deref() == Some(position), forged == cursor, "{forged}");
                }
            }
            for forged in [
                format!("{cursor}="),
                format!("{cursor}=="),
                format!(" {cursor}"),
                format!("{cursor}\n"),
                format!("{cursor}A"),
                format!("{cursor}%3D"),
                cursor.replace(|sign: char| sign.is_alphanumeric(), "+"),
            ] {
                assert_ne!(decode(&forged).as_deref(), Some(position), "{forged}");
            }
        }
        // What is not UTF-8 and what is not ASCII.
        assert_eq!(decode(&BASE64.encode([0xff, 0xfe])), None);
        assert_eq!(decode("ä"), None);
    }

    #[test]
    fn a_cursor_is_read_up_to_its_longest_and_not_beyond() {
        // Four signs for three bytes.
        let longest = "x".repeat(CURSOR_BYTES_MAX / 4 * 3);
        assert_eq!(encode(&longest).len(), CURSOR_BYTES_MAX);
        assert_eq!(decode(&encode(&longest)), Some(longest.clone()));
        assert_eq!(decode(&encode(&format!("{longest}x"))), None);
        // The longest of ours: a name of as many characters as a name has, of four bytes each.
        let name = "\u{1F600}".repeat(crate::text::NAME_CHARS_MAX);
        let ours = Named { name, id: uuid::Uuid::max() };
        assert_eq!(decode(&encode(&ours.to_string())).unwrap().parse(), Ok(ours));
    }

    #[test]
    fn positions_in_time_are_exact_to_the_nanosecond_and_within_the_calendar() {
        for nanos in [-1, 0, 1, 999_999_999, 1_767_225_600_123_456_789] {
            let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
            let position = Timed { at, id: 7_u32 };
            assert_eq!(position.to_string(), format!("{nanos}/7"));
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for at in [time::PrimitiveDateTime::MIN, time::PrimitiveDateTime::MAX]
            .map(time::PrimitiveDateTime::assume_utc)
        {
            let position = Timed { at, id: 7_u32 };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for forged in [
            format!("{}/1", i128::MAX),
            format!("{}/1", i128::MIN),
            "1.5/1".to_owned(),
            " 1/1".to_owned(),
            "1/1/1".to_owned(),
            "0x1/1".to_owned(),
            "1/-1".to_owned(),
        ] {
            assert_eq!(forged.parse::<Timed<u32>>(), Err(NotAPosition), "{forged}");
        }
    }

    /// A cursor of a list by time, handed to a list by name or with ids of another kind, begins nowhere.
    #[test]
    fn a_cursor_of_another_list_is_none_of_this_one() {
        let id = uuid::Uuid::max();
        let timed = Timed { at: OffsetDateTime::UNIX_EPOCH, id }.to_string();
        assert_eq!(timed.parse::<Named<String, uuid::Uuid>>(), Err(NotAPosition));
        assert_eq!(timed.parse::<Timed<u32>>(), Err(NotAPosition));
        let named = Named { name: "7".to_owned(), id }.to_string();
        assert_eq!(named.parse::<Timed<uuid::Uuid>>(), Err(NotAPosition));
        assert_eq!("no-id".parse::<Named<String, uuid::Uuid>>(), Err(NotAPosition));
        let empty = Named { name: String::new(), id };
        assert_eq!(empty.to_string().parse(), Ok(empty), "a name may be empty");
    }
}
