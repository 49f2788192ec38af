//! What is limited, so that the documentation's table can be held to the code.

/// One limit. Every crate lists its own beside the constants and settings that hold them, and never
/// writes a number twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What is counted, and per what: "requests a second, per connection".
    pub what: &'static str,
    /// How much unless set otherwise, with its unit, as the code has it.
    pub default: String,
    /// The setting that changes it, as `section.name`; `None` if it is fixed.
    pub setting: Option<&'static str>,
    /// What becomes of what passes it: a status, a close code, an error code, silence.
    pub answer: &'static str,
}

/// A row of the table: what is limited, by how much, by which setting, and what becomes of what passes it.
pub const fn limit(
    what: &'static str,
    default: String,
    setting: Option<&'static str>,
    answer: &'static str,
) -> Limit {
    Limit { what, default, setting, answer }
}
