//! Rows of the feed in the shape of REST: what `sql/feed_rows.sql` gives, read into the type that is served.

use crate::{
    audit::AuditEntry, calls::Call, canned_responses::CannedResponse, channels::Channel, contacts::Contact,
    labels::Label, messages, rooms::Room, teams::Team, users, webhooks::Webhook,
};
use common::protocol::{
    feed::Table,
    inbox::{Conversation, Message, Note},
};
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

/// Work that is done with a table's type.
trait Work {
    type Output;
    fn with<T: DeserializeOwned + Serialize>(self) -> Self::Output;
}

/// The one place that says which type a table's rows have.
fn of_type<W: Work>(table: Table, work: W) -> W::Output {
    match table {
        Table::AuditEntries => work.with::<AuditEntry>(),
        Table::Calls => work.with::<Call>(),
        Table::CannedResponses => work.with::<CannedResponse>(),
        Table::Channels => work.with::<Channel>(),
        Table::Contacts => work.with::<Contact>(),
        Table::Conversations => work.with::<Conversation>(),
        Table::Labels => work.with::<Label>(),
        Table::Messages => work.with::<Message>(),
        Table::Notes => work.with::<Note>(),
        Table::Rooms => work.with::<Room>(),
        Table::Teams => work.with::<Team>(),
        Table::Users => work.with::<users::User>(),
        Table::Webhooks => work.with::<Webhook>(),
    }
}

/// The members that a table's rows have.
pub fn members(table: Table) -> &'static [&'static str] {
    struct Members;
    impl Work for Members {
        type Output = &'static [&'static str];
        fn with<T: DeserializeOwned + Serialize>(self) -> Self::Output {
            let mut fields: &[&str] = &[];
            // It gives no value, so this fails; by then the type has said what it would read.
            let _no_value = T::deserialize(Fields(&mut fields));
            fields
        }
    }
    of_type(table, Members)
}

/// Asks a struct for the names of its fields.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only its fields were asked for"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A row as it is served; `None` if it is none of its type.
pub(super) fn served(table: Table, mut row: Map<String, Value>) -> Option<Map<String, Value>> {
    struct Serve(Value);
    impl Work for Serve {
        type Output = Option<Value>;
        fn with<T: DeserializeOwned + Serialize>(self) -> Self::Output {
            serde_json::to_value(serde_json::from_value::<T>(self.0).ok()?).ok()
        }
    }
    // What no query can know of a row by itself.
    if table == Table::Messages {
        messages::complete(&mut row)?;
    } else if table == Table::Users {
        users::complete(&mut row)?;
    }
    match of_type(table, Serve(Value::Object(row)))? {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// The members that an update made different, and the row as it is served.
///
/// `before` has the columns that have changed. Members that are made of several, as a user's permissions are of
/// their role, are told from the whole row before and after.
pub(super) fn difference(
    table: Table,
    before: Map<String, Value>,
    after: Map<String, Value>,
) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let named: Vec<String> = before.keys().cloned().collect();
    let mut whole = after.clone();
    whole.extend(before);
    let (was, is) = (served(table, whole)?, served(table, after)?);
    let mut different = Map::new();
    for (name, value) in was {
        if named.contains(&name) || is.get(&name) != Some(&value) {
            different.insert(name, value);
        }
    }
    Some((different, is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_tables_members_are_those_of_its_type() {
        assert_eq!(members(Table::Labels), ["id", "name", "color"]);
        assert!(members(Table::Rooms).contains(&"private"));
        assert!(Table::ALL.iter().all(|table| members(*table).contains(&"id")));
    }

    #[test]
    fn another_role_is_other_permissions_too() {
        let id = uuid::Uuid::nil();
        let user = object(json!({
            "id": id, "accountId": id, "name": "Ada", "email": null, "role": "ADMIN", "roleId": null,
            "permissions": null, "deactivatedAt": null,
        }));
        let (before, after) =
            difference(Table::Users, object(json!({ "role": "AGENT_USER" })), user).unwrap();
        let changed: BTreeSet<&str> = before.keys().map(String::as_str).collect();
        assert_eq!(changed, BTreeSet::from(["permissions", "role"]));
        assert!(
            after["permissions"].as_array().unwrap().len() > before["permissions"].as_array().unwrap().len()
        );
    }

    #[test]
    fn times_are_spelt_as_rest_spells_them_and_what_is_unreadable_is_no_row() {
        let mut room = object(json!({
            "id": uuid::Uuid::nil(), "name": "r", "private": false, "direct": false, "lastSeq": 0,
            "closedAt": "2026-11-21T10:00:00.12+00:00",
        }));
        assert_eq!(served(Table::Rooms, room.clone()).unwrap()["closedAt"], "2026-11-21T10:00:00.12Z");
        room.remove("name");
        assert_eq!(served(Table::Rooms, room), None);
    }
}
