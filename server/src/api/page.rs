//! Lists in pages: a cursor says where the next one begins.

use super::problem::Problem;
use axum::http::StatusCode;
use common::{
    error::ErrorCode,
    page::{decode, encode},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has unless asked otherwise.
const LIMIT_DEFAULT: u16 = 50;

/// The most items a page has.
const LIMIT_MAX: u16 = 100;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Where the page begins: `next` of the page before. Absent: the first page.
    cursor: Option<String>,
    /// How many items, 1 to 100; 50 if absent. More are not given, whatever is asked.
    limit: Option<u16>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// At most `limit` of them.
    pub(super) items: Vec<T>,
    /// The `cursor` of the next page; null if this is the last.
    pub(super) next: Option<String>,
}

impl PageParams {
    /// How many items the page has at most.
    pub(super) fn limit(&self) -> u16 {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }

    /// Reads the cursor's text with `parse`; `None` for the first page.
    pub(super) fn cursor<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        match decode(cursor).and_then(|text| parse(&text)) {
            Some(position) => Ok(Some(position)),
            None => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::INVALID_BODY,
                "the cursor is none of ours",
            )),
        }
    }

    /// The page of `rows`, which were asked for with one more than the limit, so as to see whether
    /// another page follows. `position` names where that would begin: after the given row.
    pub(super) fn page<T>(&self, mut rows: Vec<T>, position: impl FnOnce(&T) -> String) -> Page<T> {
        let limit = usize::from(self.limit());
        // One row more than is shown: a count would read all of them, and a full page without it could be the last,
        // whose `next` would lead to an empty one.
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| encode(&position(last)));
        Page { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_journey_and_a_forged_one_is_refused() {
        let params = PageParams { cursor: Some(encode("17")), limit: None };
        assert_eq!(params.cursor(|text| text.parse::<u32>().ok()).unwrap(), Some(17));
        for forged in ["17", "!", ""] {
            let params = PageParams { cursor: Some(forged.to_owned()), limit: None };
            assert!(params.cursor(|text| text.parse::<u32>().ok()).is_err(), "{forged}");
        }
    }

    #[test]
    fn only_a_page_that_another_follows_has_a_cursor() {
        let params = PageParams { cursor: None, limit: Some(2) };
        let page = params.page(vec![1, 2, 3], ToString::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(encode("2"))));
        let page = params.page(vec![1, 2], ToString::to_string);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
    }

    #[test]
    fn no_more_than_a_hundred_items_are_given() {
        let limit = |limit| PageParams { cursor: None, limit }.limit();
        assert_eq!([limit(None), limit(Some(0)), limit(Some(100)), limit(Some(60_000))], [50, 1, 100, 100]);
    }

    /// Walks through all pages as a client does, while `between` changes what there is.
    fn walk(limit: u16, mut rows: Vec<u32>, between: impl Fn(&mut Vec<u32>)) -> Vec<u32> {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let params = PageParams { cursor, limit: Some(limit) };
            let after = params.cursor(|text| text.parse::<u32>().ok()).unwrap();
            let asked: Vec<_> = rows
                .iter()
                .copied()
                .filter(|row| after.is_none_or(|after| *row > after))
                .take(usize::from(params.limit()) + 1)
                .collect();
            let page = params.page(asked, ToString::to_string);
            assert!(page.items.len() <= usize::from(limit));
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return seen;
            }
            between(&mut rows);
        }
    }

    #[test]
    fn all_pages_together_have_every_row_once_however_long_they_are() {
        for count in [0, 1, 2, 3, 4, 5, 99, 100, 101] {
            let rows: Vec<u32> = (0..count).collect();
            for limit in [1, 2, 3, 99, 100] {
                assert_eq!(walk(limit, rows.clone(), |_| ()), rows, "{count} by {limit}");
            }
        }
    }

    #[test]
    fn a_row_that_goes_between_two_pages_takes_none_of_the_others_along() {
        // The last of each page is deleted after it was shown: the place stays.
        let seen = walk(2, (0..10).collect(), |rows| {
            if rows.len() > 3 {
                rows.remove(1);
            }
        });
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
}
