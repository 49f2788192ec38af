//! Versions and what is said about them, as Cargo and RustSec write it.

use std::cmp::Ordering;

/// A version (Semantic Versioning 2.0.0), without what is built into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    /// How many of the three were written; the others are zero.
    written: usize,
    /// What stands behind a hyphen; empty for a release.
    pre: String,
}

impl Version {
    /// `1.2.3-rc.1`, `1.2`, `1`; `None` if it is none of these.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().split('+').next()?;
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        let mut version = Self { numbers: [0; 3], written: 0, pre: pre.to_owned() };
        for number in numbers.split('.') {
            *version.numbers.get_mut(version.written)? = number.parse().ok()?;
            version.written += 1;
        }
        Some(version)
    }

    /// The first version that differs at place `at` and is not a fix of this one.
    fn next_at(&self, at: usize) -> Self {
        let mut numbers = [0; 3];
        for (place, (to, from)) in numbers.iter_mut().zip(self.numbers).enumerate() {
            *to = match place.cmp(&at) {
                Ordering::Less => from,
                Ordering::Equal => from + 1,
                Ordering::Greater => 0,
            };
        }
        // Its own pre-releases are behind it, too.
        Self { numbers, written: 3, pre: "0".to_owned() }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.as_str(), other.pre.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => identifiers(a).cmp(identifiers(b)),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers come before words.
fn identifiers(pre: &str) -> impl Iterator<Item = (bool, u64, &str)> {
    pre.split('.').map(|part| match part.parse() {
        Ok(number) => (false, number, ""),
        Err(_) => (true, 0, part),
    })
}

/// Whether `version` is what `requirement` asks for: `>= 1.2, < 2`, `^0.3.1`, `~1.2`, `= 1.0.0`.
///
/// `None` if the requirement cannot be read.
pub(super) fn meets(version: &Version, requirement: &str) -> Option<bool> {
    let mut meets = true;
    for part in requirement.split(',').map(str::trim) {
        let at = part.find(|letter: char| letter.is_ascii_digit() || letter == '*')?;
        let (sign, bound) = part.split_at_checked(at)?;
        if bound == "*" {
            continue;
        }
        let bound = Version::parse(bound)?;
        meets &= match sign.trim() {
            ">=" => *version >= bound,
            ">" => *version > bound,
            "<=" => *version <= bound,
            "<" => *version < bound,
            "=" if bound.written == 3 => *version == bound,
            "=" => *version >= bound && *version < bound.next_at(bound.written - 1),
            "~" => *version >= bound && *version < bound.next_at(bound.written.min(2) - 1),
            "" | "^" => {
                let first = bound.numbers.iter().position(|number| *number != 0);
                *version >= bound && *version < bound.next_at(first.unwrap_or(bound.written - 1))
            }
            _ => return None,
        };
    }
    Some(meets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_mean_what_cargo_means_by_them() {
        for (requirement, good, bad) in [
            (">= 1.2.3", "1.2.3", "1.2.2"),
            (">= 1.2.3", "2.0.0", "1.2.3-rc.1"),
            ("> 1", "1.0.1", "1.0.0"),
            ("< 0.3", "0.2.9", "0.3.0"),
            ("<= 1.4.0", "1.4.0", "1.4.1"),
            (">= 1.0, < 1.5", "1.4.9", "1.5.0"),
            ("^1.2", "1.9.0", "2.0.0"),
            ("^1.2", "1.2.0", "2.0.0-alpha"),
            ("^0.3.1", "0.3.9", "0.4.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("1.2.3", "1.3.0", "1.2.2"),
            ("~1.2", "1.2.9", "1.3.0"),
            ("~1", "1.9.9", "2.0.0"),
            ("=1.0.0", "1.0.0", "1.0.1"),
            ("= 1.0", "1.0.7", "1.1.0"),
            (">= 1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-rc.1"),
        ] {
            let meets = |text| meets(&Version::parse(text).unwrap(), requirement);
            assert_eq!((meets(good), meets(bad)), (Some(true), Some(false)), "{requirement}: {good}, {bad}");
        }
        assert_eq!(meets(&Version::parse("1.0.0").unwrap(), "soon"), None);
        assert_eq!(meets(&Version::parse("1.0.0").unwrap(), "~~ 1"), None);
    }
}
