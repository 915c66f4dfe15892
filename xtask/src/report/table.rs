//! Tables of HTML. A cell that is a time gets a thin space before its unit.

use askama::Template;

use crate::table::Sheet;

/// A table: each row begins with its name.
#[derive(Clone, Debug, Template)]
#[template(path = "table.html")]
pub(super) struct Table {
    caption: String,
    /// For the style sheet; empty for most.
    class: &'static str,
    header: Vec<Cell>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    cells: Vec<Cell>,
    is_summary: bool,
}

#[derive(Clone, Debug)]
struct Cell {
    text: String,
    align: &'static str,
}

const NUMBER: &str = "number";
const TEXT: &str = "text";

impl Table {
    /// A table of text.
    pub(super) fn of_text(caption: &str, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        let sheet = Sheet { header: header.iter().map(|&name| name.into()).collect(), rows, words: 0 };
        Self::new(caption.into(), &sheet, |_, _| TEXT)
    }

    /// The same table as the terminal shows; columns of words may break, and where there are several they have more room.
    pub(super) fn of_sheet(caption: String, sheet: &Sheet) -> Self {
        let columns = sheet.header.len();
        let words: Vec<usize> = (columns - sheet.words..columns).collect();
        let table = Self::of_many(caption, sheet, &words);
        if words.len() > 1 { table } else { Self { class: "", ..table } }
    }

    /// The same table as the terminal shows, of many columns, of which those of words may break.
    pub(super) fn of_many(caption: String, sheet: &Sheet, words: &[usize]) -> Self {
        let align = |column, _| if words.contains(&column) { TEXT } else { NUMBER };
        Self { class: "many", ..Self::new(caption, sheet, align) }
    }

    /// Marks the last row as what sums the others up.
    pub(super) fn with_summary(mut self) -> Self {
        if let Some(row) = self.rows.last_mut() {
            row.is_summary = true;
        }
        self
    }

    fn new(caption: String, sheet: &Sheet, align: impl Fn(usize, usize) -> &'static str) -> Self {
        let columns = sheet.header.len();
        let cell =
            |(column, text): (usize, &String)| Cell { text: spaced(text), align: align(column, columns) };
        let header = sheet.header.iter().enumerate().map(|(column, text)| Cell {
            text: text.clone(),
            align: if column == 0 { TEXT } else { align(column, columns) },
        });
        let rows = sheet.rows.iter().filter_map(|row| {
            let name = row.first()?.clone();
            Some(Row { name, cells: row.iter().enumerate().skip(1).map(cell).collect(), is_summary: false })
        });
        Self { caption, class: "", header: header.collect(), rows: rows.collect() }
    }
}

/// `151ns` as `151 ns`, with a thin space that does not break; all else as it is.
pub(super) fn spaced(text: &str) -> String {
    let word = |whole: &str| {
        let word = whole.trim_end_matches([',', ';', ')', '.']);
        let behind = &whole[word.len()..];
        for unit in ["ns", "µs", "ms", "s"] {
            if let Some(number) = word.strip_suffix(unit)
                && number.ends_with(|last: char| last.is_ascii_digit())
                && number.chars().all(|each| each.is_ascii_digit() || "+-±.,".contains(each))
            {
                return format!("{number}\u{202f}{unit}{behind}");
            }
        }
        whole.to_owned()
    };
    // A number and its percent sign stay together too.
    text.split(' ').map(word).collect::<Vec<_>>().join(" ").replace(" %", "\u{202f}%")
}

/// A sentence as HTML: escaped, spaced, and what stands between backticks as code.
pub(super) fn prose(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => spaced(part),
        _ => format!("<code>{part}</code>"),
    };
    escaped.split('`').enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_thin_space_and_nothing_else_has() {
        let cases = [
            ("151ns", "151\u{202f}ns"),
            ("-2.00ns (below resolution)", "-2.00\u{202f}ns (below resolution)"),
            ("1.26µs", "1.26\u{202f}µs"),
            ("Same-Core (24.28x faster)", "Same-Core (24.28x faster)"),
            ("10.00ns, 3s.", "10.00\u{202f}ns, 3\u{202f}s."),
            ("+30.43ns", "+30.43\u{202f}ns"),
            ("±1.70µs", "±1.70\u{202f}µs"),
            ("95 % interval", "95\u{202f}% interval"),
            ("runs", "runs"),
            ("skipped: one CPU", "skipped: one CPU"),
        ];
        for (text, expected) in cases {
            assert_eq!(spaced(text), expected);
        }
    }

    #[test]
    fn prose_is_escaped_and_its_code_is_code() {
        assert_eq!(prose("by `run --boots`, <3ns & more"), "by <code>run --boots</code>, &lt;3ns &amp; more");
        assert_eq!(prose("`a<b>`"), "<code>a&lt;b&gt;</code>");
        assert_eq!(prose("in 3ms"), "in 3\u{202f}ms");
    }
}
