//! Names of operations, for generated clients.
//!
//! One rule: an operation is called as its handler. A handler that is called by a verb alone takes its object from
//! the path: `end` of `/v1/users/{id}/sign-ins/{signIn}` is `endUserSignIn`.

/// The name in lowerCamelCase of the operation that `handler` is at `path`.
pub(super) fn operation_id(handler: &str, path: &str) -> String {
    let mut name = camel_case(handler, false);
    if !handler.contains('_') {
        for noun in nouns(handler, path) {
            name.push_str(&camel_case(&noun, true));
        }
    }
    name
}

/// The words of the path, in the singular but for the last one of a list.
fn nouns(verb: &str, path: &str) -> Vec<String> {
    let words = path.split('/').skip(2).filter(|word| !word.starts_with('{') && *word != verb);
    let mut words: Vec<_> = words.map(str::to_owned).collect();
    let many = usize::from(verb == "list");
    let singular = words.len().saturating_sub(many);
    for word in words.iter_mut().take(singular) {
        if let Some(stem) = word.strip_suffix("ies") {
            *word = format!("{stem}y");
        } else if let Some(stem) = word.strip_suffix('s') {
            *word = stem.to_owned();
        }
    }
    words
}

fn camel_case(words: &str, from_the_first: bool) -> String {
    let mut name = String::new();
    for word in words.split(['-', '_']) {
        let mut letters = word.chars();
        let first = letters.next();
        if from_the_first || !name.is_empty() {
            name.extend(first.map(|letter| letter.to_ascii_uppercase()));
        } else {
            name.extend(first);
        }
        name.push_str(letters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_takes_its_object_from_the_path() {
        for (handler, path, name) in [
            ("list", "/v1/canned-responses", "listCannedResponses"),
            ("get", "/v1/labels/{id}", "getLabel"),
            ("get", "/v1/account", "getAccount"),
            ("list", "/v1/users/{id}/sign-ins", "listUserSignIns"),
            ("end", "/v1/users/{id}/sign-ins/{signIn}", "endUserSignIn"),
            ("remove", "/v1/contacts/{id}/identities", "removeContactIdentity"),
            ("close", "/v1/rooms/{id}/close", "closeRoom"),
            ("replay", "/v1/webhooks/{id}/deliveries/{seq}/replay", "replayWebhookDelivery"),
        ] {
            assert_eq!(operation_id(handler, path), name);
        }
    }

    #[test]
    fn a_handler_with_an_object_of_its_own_keeps_it() {
        assert_eq!(operation_id("sign_in", "/v1/auth/sign-in"), "signIn");
        assert_eq!(operation_id("change_password", "/v1/me/password"), "changePassword");
    }
}
