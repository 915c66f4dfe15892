//! A table before it has a form, and the forms: for a terminal, for a document.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// A table before it has a form. The first column is text, the others are figures but for the last ones,
/// where it says so.
pub struct Sheet {
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many cells each.
    pub rows: Vec<Vec<String>>,
    /// How many of the last columns are words.
    pub words: usize,
}

impl Sheet {
    pub(crate) fn text(&self) -> String {
        let rule = LineStyle::none().fill('─').junction('─');
        let table = self.table(TableStyle::new().header_separator(rule)).to_string();
        table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn markdown(&self) -> String {
        self.table(ASCII_MARKDOWN).to_string()
    }

    fn table(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.header).add_rows(&self.rows);
        let figures = self.header.len() - 1 - self.words;
        for column in table.column_iter_mut().skip(1).take(figures) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
