//! Limits, described so that the documentation's table can be compared with the code.

use std::time::Duration;

/// One limit. Every crate lists its own beside the constants and settings that hold them, and never
/// writes a number twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The thing that is counted, and its scope: "requests a second, per connection".
    pub what: &'static str,
    /// How much unless set otherwise, with its unit, as the code has it.
    pub default: String,
    /// The setting that changes it, as `section.name`; `None` if it is fixed.
    pub setting: Option<&'static str>,
    /// The reaction to more than the limit: a status, a close code, an error code, silence.
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

/// A time as the table has it: whole seconds, or milliseconds.
pub fn time(time: Duration) -> String {
    if time.subsec_nanos() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// A size as the table has it: in the largest unit that it is a whole number of.
pub fn bytes(bytes: impl TryInto<u64>) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    match bytes.try_into().unwrap_or(u64::MAX) {
        0 => "0".to_owned(),
        bytes if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        bytes if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_without_loss_in_the_larger_unit() {
        assert_eq!(time(Duration::from_secs(90)), "90 s");
        assert_eq!(time(Duration::from_millis(1500)), "1500 ms");
        assert_eq!(time(Duration::ZERO), "0 s");
    }

    #[test]
    fn a_size_is_written_in_the_largest_unit_that_divides_it() {
        let written = [0_u64, 1000, 1024, 1536 * 1024, 64 << 20].map(bytes);
        assert_eq!(written, ["0", "1000 bytes", "1 KiB", "1536 KiB", "64 MiB"]);
        assert_eq!(bytes(1025_usize), "1025 bytes");
    }

    /// What is written can be read back: a table that rounds would name a limit that nobody has.
    #[test]
    fn nothing_is_lost_of_a_size_or_of_a_time_in_milliseconds() {
        for power in 0..64 {
            for size in [1_u64 << power, (1 << power) - 1, (1_u64 << power).saturating_add(1)] {
                let written = bytes(size);
                let (number, unit) = written.split_once(' ').unwrap_or((&written, "bytes"));
                let factor = match unit {
                    "MiB" => 1 << 20,
                    "KiB" => 1 << 10,
                    "bytes" => 1,
                    other => panic!("{other}"),
                };
                assert_eq!(number.parse::<u64>().unwrap() * factor, size, "{written}");
            }
        }
        for millis in [0, 1, 999, 1000, 1001, 86_400_000] {
            let written = time(Duration::from_millis(millis));
            let (number, unit) = written.split_once(' ').unwrap();
            let factor = if unit == "s" { 1000 } else { 1 };
            assert_eq!(number.parse::<u64>().unwrap() * factor, millis, "{written}");
        }
    }

    #[test]
    fn a_row_has_its_words_where_the_table_looks_for_them() {
        let row = limit("frames", bytes(1024_u32), Some("hub.frames"), "close 1009");
        assert_eq!((row.what, row.default.as_str()), ("frames", "1 KiB"));
        assert_eq!((row.setting, row.answer), (Some("hub.frames"), "close 1009"));
    }
}
