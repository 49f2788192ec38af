//! Answers that carry a list are paged by bytes: no history, roster or backlog is too long to be sent.

use serde::Serialize;
use std::io;

/// The longest frame that carries a list, in bytes.
///
/// Longer saves round trips; shorter lets what is urgent through between two pages of a slow line, and is
/// less to hold for who reads slowly. Far less than may wait for a socket.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// What the items of one page may have together: the rest of the frame is for the envelope, names and numbers.
pub const PAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 16 * 1024;

/// Items that go into one frame, in their order.
#[derive(Debug)]
pub struct Page<T> {
    items: Vec<T>,
    items_max: usize,
    left: usize,
}

impl<T: Serialize> Page<T> {
    /// An empty page for so many items, of so many bytes of JSON together.
    pub const fn new(items_max: usize, bytes_max: usize) -> Self {
        Self { items: Vec::new(), items_max, left: bytes_max }
    }

    /// Adds an item. The first one always fits: whoever asks for the next page must get further, and what
    /// can be an item is bounded where it is made.
    ///
    /// # Errors
    /// Gives it back if the page is full; every later one must then wait for the next page too.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        // With the comma before it.
        let length = encoded_len(&item) + 1;
        let is_full = length > self.left || self.items.len() >= self.items_max;
        if is_full && !self.items.is_empty() {
            self.left = 0;
            return Err(item);
        }
        self.left = self.left.saturating_sub(length);
        self.items.push(item);
        Ok(())
    }

    /// The items, without how long they are together.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// The first items, as many as fit, and whether there are more.
pub fn first<T: Serialize>(
    items: impl IntoIterator<Item = T>,
    items_max: usize,
    bytes_max: usize,
) -> (Vec<T>, bool) {
    let mut page = Page::new(items_max, bytes_max);
    let more = items.into_iter().any(|item| page.push(item).is_err());
    (page.items, more)
}

/// The last items, as many as fit, in their order, and whether there are more before them.
pub fn last<T: Serialize>(items: Vec<T>, items_max: usize, bytes_max: usize) -> (Vec<T>, bool) {
    let (mut items, more) = first(items.into_iter().rev(), items_max, bytes_max);
    items.reverse();
    (items, more)
}

/// How many bytes of JSON something is.
pub fn encoded_len<T: Serialize>(value: &T) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Our own types serialise without fail; what ever does not is sent as an error, which is short.
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_fits_and_says_if_there_is_more() {
        let items = ["a", "bb", "ccc"];
        assert_eq!(first(items, 3, 4 + 5 + 6), (vec!["a", "bb", "ccc"], false));
        assert_eq!(first(items, 3, 4 + 5 + 5), (vec!["a", "bb"], true));
        assert_eq!(first(items, 2, 100), (vec!["a", "bb"], true));
        assert_eq!(last(items.to_vec(), 3, 6 + 5 + 3), (vec!["bb", "ccc"], true));
        assert_eq!(first([""; 0], 0, 0), (vec![], false));
    }

    #[test]
    fn one_item_always_fits_and_nothing_overtakes_what_did_not() {
        assert_eq!(first(["far too long", "x"], 2, 4), (vec!["far too long"], true));
        let mut page = Page::new(9, 10);
        assert_eq!(
            (page.push("aa"), page.push("too long"), page.push("b")),
            (Ok(()), Err("too long"), Err("b"))
        );
    }

    #[test]
    fn an_item_is_as_long_as_its_json() {
        let item = serde_json::json!({ "text": "\u{1}ü\"", "n": [1, null, 2.5] });
        assert_eq!(encoded_len(&item), item.to_string().len());
    }
}
