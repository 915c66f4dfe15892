//! What the original experiment measured, computed from its own table. The section on costs sets it, and what the
//! original [guessed](crate::guesses), beside what is measured here.

use std::sync::LazyLock;

use switchlab_records::Mode;

use crate::analysis::measurements::Measurements;

/// What the original measured of one of its modes: one switch, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Original {
    /// What switched.
    pub(crate) name: &'static str,
    /// The mode that it stands beside.
    pub(crate) beside: Mode,
    /// The mean of its runs.
    pub(crate) average_ns: f64,
    /// The least and the most of them.
    pub(crate) span_ns: (f64, f64),
}

/// Its table of runs: the time of each, which `analyse` takes too.
const TABLE: &str = include_str!("../../examples/original.csv");

/// Switches in each of its runs: 1,000,000 exchanges.
const SWITCHES: f64 = 2_000_000.0;

/// Column of the table, what switched in it, and what it stands beside.
const COLUMNS: [(&str, &str, Mode); 2] = [
    ("single", "goroutines, one thread", Mode::SameCore),
    // It was not pinned, so it stands beside what is not.
    ("multi", "goroutines, 12 threads", Mode::Free),
];

/// What it measured.
pub(crate) static MEASURED: LazyLock<Vec<Original>> = LazyLock::new(|| of_table(TABLE).unwrap_or_default());

/// # Errors
///
/// What `table` lacks; the one that is built in lacks nothing, which a test holds.
fn of_table(table: &str) -> Result<Vec<Original>, String> {
    let measurements = Measurements::read(table.as_bytes(), &[]).map_err(|error| error.to_string())?;
    let original = |(column, name, beside): (&str, &'static str, Mode)| {
        let found = measurements.columns.iter().find(|one| one.name == column);
        let runs = &found.ok_or_else(|| format!("no column `{column}`, for {name}"))?.values;
        let switch = |run_ns: f64| run_ns / SWITCHES;
        let ends = runs.iter().fold((f64::MAX, 0.0), |(least, most), run| (run.min(least), run.max(most)));
        Ok(Original {
            name,
            beside,
            average_ns: switch(runs.iter().sum::<f64>() / runs.len() as f64),
            span_ns: (switch(ends.0), switch(ends.1)),
        })
    };
    COLUMNS.into_iter().map(original).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals_figures_are_those_of_its_table() {
        let table = of_table(TABLE).unwrap();
        let told: Vec<_> = table.iter().map(|one| (one.beside, one.average_ns, one.span_ns)).collect();
        let near = |value: f64, printed: f64| (printed..printed + 1.0).contains(&value);
        // As the original printed them, cut to whole nanoseconds.
        let printed = [(Mode::SameCore, 295.0, (277.0, 319.0)), (Mode::Free, 328.0, (294.0, 448.0))];
        for ((mode, average, (least, most)), (of, printed_average, span)) in told.into_iter().zip(printed) {
            assert_eq!(mode, of);
            assert!(near(average, printed_average), "{average}");
            assert!(near(least, span.0) && near(most, span.1), "{least} to {most}");
        }
        assert_eq!((MEASURED.len(), &*MEASURED), (2, &table));
    }

    #[test]
    fn table_without_a_column_is_named() {
        let why = of_table("run,single (ms),other (ms)\n1,2.0,3.0\n").unwrap_err();
        assert_eq!(why, "no column `multi`, for goroutines, 12 threads");
        assert!(of_table("").unwrap_err().contains("it is empty"));
    }

    #[test]
    fn figures_follow_the_table() {
        let table = of_table("run,single (ms),multi (ms)\n1,200,400\n2,400,800\n").unwrap();
        assert_eq!((table[0].average_ns, table[0].span_ns), (150.0, (100.0, 200.0)));
        assert_eq!((table[1].average_ns, table[1].span_ns), (300.0, (200.0, 400.0)));
    }
}
