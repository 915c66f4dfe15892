//! What the numbers are not. The page on measurement is the source: its section is rendered, not
//! copied.

use super::docs;

const MEASUREMENT: &str = include_str!("../../../../kernel/docs/measurement.md");
const HEADING: &str = "What the numbers are, and what they are not";

/// The section as HTML, without its heading.
pub(crate) fn limits() -> String {
    docs::section(MEASUREMENT, HEADING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_page_on_measurement() {
        let html = limits();
        assert!(html.trim_start().starts_with("<ul>") && html.trim_end().ends_with("</ul>"), "{html}");
        assert!(html.contains("closed-loop") && !html.contains("<h2>"), "{html}");
    }
}
