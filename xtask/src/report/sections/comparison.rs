//! Two runs held against each other, as `compare` does it.

use crate::compare::{self, Compared};
use crate::report::table::{Table, prose};

/// A comparison.
pub(crate) struct Comparison {
    pub(crate) title: String,
    pub(crate) tables: Vec<Table>,
    /// Label and text.
    pub(crate) findings: Vec<(&'static str, String)>,
}

impl Comparison {
    pub(crate) fn new(compared: &Compared) -> Self {
        let (a, b) = (&compared.a.name, &compared.b.name);
        let caption = format!("A is {a}, B is {b}");
        Self {
            title: format!("{b} against {a}"),
            tables: compare::sheets(compared)
                .iter()
                .map(|sheet| Table::of_sheet(format!("{caption}: {}", sheet.header[0].to_lowercase()), sheet))
                .collect(),
            findings: compare::findings(compared)
                .into_iter()
                .map(|(label, text)| (label, prose(&text)))
                .collect(),
        }
    }
}
