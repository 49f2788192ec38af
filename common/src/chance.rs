//! Chance, where it spreads what would otherwise happen at once. Nothing secret is made of it.

/// A number from 0 to 1 that nobody can foresee, for waits: pure functions take it as a parameter.
#[expect(clippy::disallowed_methods, reason = "this is where the world's chance comes in")]
pub fn fraction() -> f64 {
    rand::random()
}

/// A number that nobody else draws, for names of things that are to be told apart and are no secret.
#[expect(clippy::disallowed_methods, reason = "this is where the world's chance comes in")]
pub fn number() -> u64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes by chance for the wrong reason once in 2¹⁰⁰ runs.
    #[test]
    fn fractions_are_from_0_to_1_and_on_both_sides_of_the_middle() {
        let drawn: Vec<_> = std::iter::repeat_with(fraction).take(200).collect();
        assert!(drawn.iter().all(|one| (0.0..=1.0).contains(one)), "{drawn:?}");
        assert!(drawn.iter().any(|one| *one < 0.5) && drawn.iter().any(|one| *one > 0.5), "{drawn:?}");
    }
}
