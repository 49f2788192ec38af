//! Which changes of a table's rows a follower is told, and as what.

use common::protocol::feed::Operation;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Values that a row must have, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(BTreeMap<String, Value>);

impl Filter {
    /// Rows that have these values.
    pub fn new(members: Map<String, Value>) -> Self {
        Self(members.into_iter().collect())
    }

    /// The filter as part of a name: equal filters have equal names.
    pub fn name(&self) -> String {
        let members: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        members.join("&")
    }

    /// What a change is to somebody who sees only rows that fit; `None` if nothing.
    ///
    /// `before` has, of an update, what was different; of a deletion, what is still known.
    pub fn judge(
        &self,
        operation: Operation,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Option<Operation> {
        let is_in = self.fits(|name| after.get(name));
        match operation {
            Operation::Insert => is_in.then_some(Operation::Insert),
            Operation::Update => {
                match (self.fits(|name| before.get(name).or_else(|| after.get(name))), is_in) {
                    (true, true) => Some(Operation::Update),
                    (true, false) => Some(Operation::Delete),
                    (false, true) => Some(Operation::Insert),
                    (false, false) => None,
                }
            }
            Operation::Delete => {
                // What is not known any more may have fitted.
                let contradicts = |(name, value)| before.get(name).is_some_and(|was| was != value);
                (!self.0.iter().any(contradicts)).then_some(Operation::Delete)
            }
        }
    }

    fn fits<'a>(&self, member: impl Fn(&str) -> Option<&'a Value>) -> bool {
        self.0.iter().all(|(name, value)| member(name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value} has no members") };
        members
    }

    fn judge(operation: Operation, before: Value, after: Value) -> Option<Operation> {
        let filter = Filter::new(members(json!({ "assigneeId": "ada", "status": "open" })));
        filter.judge(operation, &members(before), &members(after))
    }

    #[test]
    fn a_row_comes_goes_and_changes_as_seen_through_the_filter() {
        use Operation as O;
        let mine = json!({ "id": 1, "assigneeId": "ada", "status": "open" });
        let theirs = json!({ "id": 1, "assigneeId": "ben", "status": "open" });
        assert_eq!(judge(O::Insert, json!({}), mine.clone()), Some(O::Insert));
        assert_eq!(judge(O::Insert, json!({}), theirs.clone()), None);
        assert_eq!(judge(O::Update, json!({ "id": 2 }), mine.clone()), Some(O::Update));
        assert_eq!(judge(O::Update, json!({ "assigneeId": "ben" }), mine.clone()), Some(O::Insert));
        assert_eq!(judge(O::Update, json!({ "assigneeId": "ada" }), theirs.clone()), Some(O::Delete));
        assert_eq!(judge(O::Update, json!({ "id": 2 }), theirs), None);
        assert_eq!(
            judge(O::Update, json!({ "assigneeId": null, "status": "pending" }), mine),
            Some(O::Insert)
        );
    }

    #[test]
    fn a_deletion_is_told_unless_it_is_known_to_be_of_another_row() {
        use Operation as O;
        assert_eq!(judge(O::Delete, json!({ "assigneeId": "ada" }), json!({})), Some(O::Delete));
        assert_eq!(judge(O::Delete, json!({}), json!({})), Some(O::Delete));
        assert_eq!(judge(O::Delete, json!({ "assigneeId": "ben" }), json!({})), None);
    }

    #[test]
    fn equal_filters_have_equal_names() {
        let one = Filter::new(members(json!({ "b": 1, "a": "x" })));
        let same = Filter::new(members(json!({ "a": "x", "b": 1 })));
        assert_eq!(one.name(), same.name());
        assert_eq!(one.name(), "a=\"x\"&b=1");
    }
}
