//! What counts as one emoji.

/// Lets the one before it be shown as a picture, or as a character of text.
const VARIATIONS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];

/// Joins two into one picture.
const JOINER: char = '\u{200d}';

/// Draws a key around the one before it.
const KEYCAP: char = '\u{20e3}';

/// Whether this is a single emoji, as a sequence of Unicode Technical Standard 51 forms one: a picture with its
/// variation, skin tone or tags, several of them joined, a flag, or a key.
///
/// Which pictures there are changes every year. This goes by the blocks that have or may get some, so it takes some
/// symbols that are not shown as pictures, and no letters.
pub fn is_emoji(text: &str) -> bool {
    let mut signs = text.chars().peekable();
    loop {
        let Some(first) = signs.next() else { return false };
        if is_flag_letter(first) {
            if !signs.next().is_some_and(is_flag_letter) {
                return false;
            }
        } else if first.is_ascii_digit() || matches!(first, '#' | '*') {
            signs.next_if(|sign| VARIATIONS.contains(sign));
            if signs.next() != Some(KEYCAP) {
                return false;
            }
        } else if is_picture(first) {
            while signs.next_if(|sign| is_modifier(*sign)).is_some() {}
        } else {
            return false;
        }
        match signs.next() {
            None => return true,
            Some(JOINER) => {}
            Some(_) => return false,
        }
    }
}

const fn is_flag_letter(sign: char) -> bool {
    matches!(sign, '\u{1f1e6}'..='\u{1f1ff}')
}

const fn is_modifier(sign: char) -> bool {
    matches!(sign, '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

const fn is_picture(sign: char) -> bool {
    matches!(
        sign,
        '©' | '®'
            | '\u{203c}'
            | '\u{2049}'
            | '\u{2122}'
            | '\u{2139}'
            | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{23ff}'
            | '\u{24c2}'
            | '\u{25a0}'..='\u{27bf}'
            | '\u{2934}'..='\u{2935}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f000}'..='\u{1f1e5}'
            | '\u{1f200}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::room::EMOJI_BYTES_MAX;

    #[test]
    fn one_emoji_is_one_however_many_characters_it_has() {
        for emoji in ["👍", "❤️", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "3️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "✅", "👩🏽‍❤️‍💋‍👨🏿"]
        {
            assert!(is_emoji(emoji), "{emoji}");
            assert!(emoji.len() <= EMOJI_BYTES_MAX, "{emoji}: {}", emoji.len());
        }
    }

    #[test]
    fn letters_digits_two_emojis_and_pieces_are_none() {
        for text in [
            "",
            "a",
            "3",
            "👍👍",
            "👍 ",
            "ü",
            "🇩",
            "\u{200d}👍",
            "👍\u{200d}",
            "\u{fe0f}",
            "👍x",
            "\u{1}",
            "<b>",
        ] {
            assert!(!is_emoji(text), "{text:?}");
        }
    }
}
