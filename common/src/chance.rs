//! Chance, where it spreads what would otherwise happen at once. Nothing secret is made of it.

/// A number from 0 to 1 that nobody can foresee, for waits: pure functions take it as a parameter.
#[expect(clippy::disallowed_methods, reason = "this is where the world's chance comes in")]
pub fn fraction() -> f64 {
    rand::random()
}
