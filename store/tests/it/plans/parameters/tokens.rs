//! SQL as words and signs, as much as telling parameters needs.

/// The words, names, parameters, numbers, literals and operators of a statement, without its casts and with what only
/// says that a parameter may be absent taken out.
pub(super) struct Tokens {
    pub(super) list: Vec<String>,
    /// Parameters in `($n IS NULL OR …)`.
    pub(super) optional: Vec<usize>,
    /// Parameters in `coalesce($n, …)` and `CASE WHEN $n IS NULL THEN … ELSE $n END`.
    pub(super) places: Vec<usize>,
}

const OPERATORS: &str = "<>=@|-#?!";

/// The number of a parameter.
pub(super) fn parameter(token: &str) -> Option<usize> {
    token.strip_prefix('$')?.parse().ok()
}

fn split(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let mut token = String::from(first);
        let mut take = |while_it_is: &dyn Fn(char) -> bool| {
            while let Some(next) = rest.next_if(|next| while_it_is(*next)) {
                token.push(next);
            }
        };
        match first {
            '\'' | '"' => {
                take(&|next| next != first);
                rest.next();
                token.push(first);
            }
            '$' => take(&|next| next.is_ascii_digit()),
            ':' => take(&|next| next == ':'),
            _ if first.is_alphanumeric() || first == '_' => {
                take(&|next| next.is_alphanumeric() || next == '_' || next == '.')
            }
            _ if OPERATORS.contains(first) => take(&|next| OPERATORS.contains(next)),
            _ => {}
        }
        if !token.trim().is_empty() {
            tokens.push(token);
        }
    }
    tokens
}

/// The tokens of a statement.
pub(super) fn tokens(text: &str) -> Tokens {
    let mut list = split(text);
    while let Some(at) = list.iter().position(|token| token == "::") {
        let end = if list.get(at + 2).is_some_and(|token| token == "[") { at + 4 } else { at + 2 };
        list.drain(at..end);
    }
    let (mut optional, mut places) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < list.len() {
        let is = |offset: usize, word: &str| list.get(at + offset).is_some_and(|token| token == word);
        let number = |offset: usize| list.get(at + offset).and_then(|token| parameter(token));
        if let (Some(number), true) = (number(0), is(1, "IS") && is(2, "NULL") && is(3, "OR")) {
            optional.push(number);
            list.drain(at..at + 4);
        } else if let (Some(number), true) = (number(2), is(0, "coalesce") && is(1, "(") && is(3, ",")) {
            places.push(number);
            list.splice(at..at + 6, [format!("${number}")]);
        } else if let (Some(number), true) =
            (number(2), is(0, "CASE") && is(1, "WHEN") && is(3, "IS") && is(7, "ELSE"))
        {
            places.push(number);
            list.splice(at..at + 10, [format!("${number}")]);
        } else {
            at += 1;
        }
    }
    Tokens { list, optional, places }
}
