//! The protocol as data, for those who describe it: documents, schemas, types of other languages.

use super::Needs;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The schema of an object on the wire.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its name among the schemas.
    pub name: String,
    /// Its schema, and those of everything in it, by name.
    pub schemas: Vec<(String, Value)>,
}

impl Shape {
    /// The shape of a type.
    pub fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        let schemas = schemas.into_iter().map(|(name, schema)| (name, json!(schema)));
        Self { name, schemas: schemas.collect() }
    }
}

/// A method that clients may call.
#[derive(Debug, Clone)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it does, as its doc comment says: a line each, with the space before it.
    pub doc: &'static str,
    /// What the caller must be allowed.
    pub needs: Needs,
    /// What it takes.
    pub params: Shape,
    /// What it answers.
    pub result: Shape,
    /// Reads a result and writes it as the server would, so that an example can be shown to be one.
    pub write_result: fn(&Value) -> serde_json::Result<String>,
}

/// An event that the server pushes.
#[derive(Debug, Clone)]
pub struct EventKind {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it says, as its doc comment has it: a line each, with the space before it.
    pub doc: &'static str,
    /// What it carries.
    pub params: Shape,
}

/// `value` as the server would write it, read as a `T`.
///
/// # Errors
/// If it is no `T`.
pub fn written<T: Serialize + DeserializeOwned>(value: &Value) -> serde_json::Result<String> {
    serde_json::to_string(&T::deserialize(value)?)
}
