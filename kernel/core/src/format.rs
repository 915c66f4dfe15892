//! How times, ratios and large numbers are written in a table: the same in the kernel's report
//! and in xtask's. Each type takes a width and an alignment: `{:>12}`.

use core::fmt::{self, Write};

/// A time in nanoseconds, in the largest unit of which there is one: `319ns`, `5.38µs`,
/// `639.96ms`, `1.23s`. Two decimals, to the nearest; none for nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanoseconds(pub u64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 2] = [(1_000, "µs"), (1_000_000, "ms")];
        if self.0 < 1_000 {
            return padded(f, format_args!("{}ns", self.0));
        }
        // By the rounded value: 999.996 µs is 1.00ms, not 1000.00µs.
        let hundredths = |unit: u64| self.0.saturating_add(unit / 200) / (unit / 100);
        let fitting = UNITS
            .into_iter()
            .map(|(unit, name)| (hundredths(unit), name))
            .find(|(value, _)| *value < 100_000);
        let (value, name) = fitting.unwrap_or_else(|| (hundredths(1_000_000_000), "s"));
        padded(f, format_args!("{}{name}", Hundredths(value)))
    }
}

/// A number in hundredths: 140 is `1.40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hundredths(pub u64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(f, format_args!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

/// A number in tenths: 99 is `9.9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenths(pub u64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(f, format_args!("{}.{}", self.0 / 10, self.0 % 10))
    }
}

/// A number with its thousands apart: `1,000,000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::default();
        let mut unit = 1_000_000_000_000_000_000;
        while unit > 1 && self.0 < unit {
            unit /= 1_000;
        }
        write!(text, "{}", self.0 / unit)?;
        while unit > 1 {
            unit /= 1_000;
            write!(text, ",{:03}", self.0 / unit % 1_000)?;
        }
        f.pad(text.as_str())
    }
}

/// Writes with the formatter's width and alignment. The types have their own number of decimals:
/// a precision would cut the text off.
fn padded(f: &mut fmt::Formatter<'_>, arguments: fmt::Arguments<'_>) -> fmt::Result {
    let mut text = Text::default();
    text.write_fmt(arguments)?;
    f.pad(text.as_str())
}

/// A few characters without a heap: 26 are the longest, of [`Grouped`].
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    length: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        // Only whole strings are ever added.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, added: &str) -> fmt::Result {
        let end = self.length + added.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(added.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn times_are_written_as_the_original_wrote_them() {
        let cases = [
            (0, "0ns"),
            (319, "319ns"),
            (999, "999ns"),
            (1_000, "1.00µs"),
            (5_380, "5.38µs"),
            (639_960_000, "639.96ms"),
            (896_700_000, "896.70ms"),
            (1_230_000_000, "1.23s"),
            (83_400_000_000, "83.40s"),
            (u64::MAX, "18446744073.70s"),
        ];
        for (ns, text) in cases {
            assert_eq!(Nanoseconds(ns).to_string(), text);
        }
    }

    #[test]
    fn rounding_carries_into_the_next_unit() {
        let cases = [
            (5_384, "5.38µs"),
            (5_385, "5.39µs"),
            (999_994, "999.99µs"),
            (999_995, "1.00ms"),
            (999_994_999, "999.99ms"),
            (999_995_000, "1.00s"),
        ];
        for (ns, text) in cases {
            assert_eq!(Nanoseconds(ns).to_string(), text, "{ns}");
        }
    }

    #[test]
    fn width_and_alignment_are_kept() {
        assert_eq!(format!("[{:>10}]", Nanoseconds(5_380)), "[    5.38µs]");
        assert_eq!(format!("[{:<8}]", Hundredths(140)), "[1.40    ]");
        assert_eq!(format!("[{:>6}]", Tenths(99)), "[   9.9]");
        assert_eq!(format!("[{:^11}]", Grouped(1_000_000)), "[ 1,000,000 ]");
    }

    #[test]
    fn ratios_and_percents_keep_their_zeros() {
        assert_eq!(Hundredths(107).to_string(), "1.07");
        assert_eq!(Hundredths(5).to_string(), "0.05");
        assert_eq!(Tenths(100).to_string(), "10.0");
        assert_eq!(Hundredths(u64::MAX).to_string(), "184467440737095516.15");
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_034, "12,034"),
            (1_000_000, "1,000,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (number, text) in cases {
            assert_eq!(Grouped(number).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn times_have_at_most_three_digits_before_the_point_below_seconds(ns: u64) {
            let text = Nanoseconds(ns).to_string();
            if let Some(number) = text.strip_suffix("ms").or(text.strip_suffix("µs")) {
                prop_assert!(number.split_once('.').unwrap().0.len() <= 3, "{}", text);
            }
        }

        #[test]
        fn grouped_digits_are_the_numbers(number: u64) {
            prop_assert_eq!(Grouped(number).to_string().replace(',', ""), number.to_string());
        }
    }
}
