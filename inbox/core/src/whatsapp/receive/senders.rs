//! Who the senders of a batch are: what the channel knows of each, found without looking through all.

use super::lenient::{elements, members, raw_text};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Whom the channel knows a sender as.
pub(super) struct Contact {
    pub(super) user_id: Option<String>,
    pub(super) name: Option<String>,
}

/// The contacts that a change names.
pub(super) struct Senders {
    contacts: Vec<Contact>,
    /// By phone number and by user id, the first of those that share one.
    by_phone: BTreeMap<String, usize>,
    by_user_id: BTreeMap<String, usize>,
}

impl Senders {
    /// Reads a list of contacts, if it is one; what is none of them costs no other.
    pub(super) fn read(list: Option<&&RawValue>) -> Self {
        let mut senders =
            Self { contacts: Vec::new(), by_phone: BTreeMap::new(), by_user_id: BTreeMap::new() };
        for contact in list.and_then(|list| elements(list.get())).unwrap_or_default() {
            let Some(contact) = members(contact.get()) else { continue };
            let number = senders.contacts.len();
            if let Some(phone) = raw_text(contact.get("wa_id")) {
                senders.by_phone.entry(phone).or_insert(number);
            }
            let user_id = raw_text(contact.get("user_id"));
            if let Some(user_id) = user_id.clone() {
                senders.by_user_id.entry(user_id).or_insert(number);
            }
            let profile = contact.get("profile").and_then(|profile| members(profile.get()));
            let name = profile.and_then(|profile| raw_text(profile.get("name")));
            senders.contacts.push(Contact { user_id, name });
        }
        senders
    }

    /// The first contact with this number or this user id.
    pub(super) fn find(&self, phone: Option<&str>, user_id: Option<&str>) -> Option<&Contact> {
        let by_phone = phone.and_then(|phone| self.by_phone.get(phone));
        let by_user_id = user_id.and_then(|user_id| self.by_user_id.get(user_id));
        self.contacts.get(*by_phone.into_iter().chain(by_user_id).min()?)
    }
}
