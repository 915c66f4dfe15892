//! The runs of a report as a table that `analyse` takes: a row for each run or boot that counts, a
//! column for each mode.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use switchlab_records::Mode;

use super::embed::{embedded, is_report};
use super::model;
use super::plots::Quantity;
use crate::verdict::Standing;

/// What a file begins with that may be a report.
pub const BEGINNING: &[u8] = b"<!doctype html>";

/// The table of the only run of a report, as CSV.
///
/// # Errors
///
/// It is no report, carries several runs, or its run has no result, or none that counts in two modes.
pub fn csv(html: &str) -> Result<String, String> {
    if !is_report(html) {
        return Err("an HTML page that is no report; a CSV file or a report is expected".into());
    }
    let embedded = embedded(html).map_err(|error| format!("{error:#}"))?;
    let runs = model::runs(&embedded);
    if runs.is_empty() {
        return Err(
            "a report of a benchmark alone, which has no runs: its page and its bench.json have the verdicts"
                .into(),
        );
    }
    let [run] = runs.as_slice() else {
        let names: Vec<_> = runs.iter().map(|run| &*run.name).collect();
        return Err(format!(
            "a report of {} runs ({}); a report of one is expected, or `compare` for two",
            runs.len(),
            names.join(", ")
        ));
    };
    let measured = run.measured.as_ref().map_err(|none| format!("no result: {}", none.outcome))?;
    let unit = match measured.quantity() {
        Quantity::Time => "ns",
        Quantity::Instructions => "instructions",
    };
    let modes: Vec<_> = Mode::ALL
        .into_iter()
        .map(|mode| (mode, run.repetitions(mode)))
        .filter(|(_, all)| !all.is_empty())
        .collect();
    let mut rows: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for one in modes.iter().flat_map(|(_, all)| all).filter(|one| one.standing == Standing::Counts) {
        rows.entry(one.number).or_default().push(one.switch);
    }
    // A run of which a mode is void is no pair.
    rows.retain(|_, values| values.len() == modes.len());
    let mut text = measured.repetition().replace("boot", "run");
    for (mode, _) in &modes {
        let _ = write!(text, ",{} ({unit})", mode.name());
    }
    text.push('\n');
    for (number, values) in rows {
        let values: Vec<_> = values.iter().map(f64::to_string).collect();
        let _ = writeln!(text, "{number},{}", values.join(","));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::{EmbeddedRun, embed, testing};

    fn page(runs: &[EmbeddedRun]) -> String {
        embed::element(runs).unwrap()
    }

    #[test]
    fn rows_are_the_runs_that_count() {
        let log = golden::ended(golden::classic(12, 3, 1_000));
        let run = testing::run(&log, Some(&testing::manifest_with_voids(&[2])));
        assert_eq!(
            csv(&page(&[run])).unwrap(),
            "run,same-core (ns),cross-core (ns),switch (ns),free (ns)\n1,101,3995,15,200\n3,103,3985,15,200\n"
        );
    }

    #[test]
    fn what_has_no_table_is_named() {
        let log = golden::ended(golden::classic(12, 3, 1_000));
        let run = || testing::run(&log, None);
        let cut = testing::run(&golden::log(&golden::classic(12, 3, 1_000)), None);
        let cases = [
            ("<!doctype html><p>".to_owned(), "no report"),
            (page(&[run(), run()]), "a report of 2 runs (a, a (2))"),
            (page(&[cut]), "no result: the log is not valid"),
        ];
        for (html, named) in cases {
            let why = csv(&html).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }
}
