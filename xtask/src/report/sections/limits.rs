//! What the numbers are not. The page on measurement is the source: its section is rendered, not
//! copied.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd, html};

const MEASUREMENT: &str = include_str!("../../../../kernel/docs/measurement.md");
const HEADING: &str = "What the numbers are, and what they are not";

/// The section as HTML, without its heading.
pub(crate) fn limits() -> String {
    let mut events = Parser::new(MEASUREMENT).peekable();
    let mut inside = false;
    let mut wanted = Vec::new();
    while let Some(event) = events.next() {
        match &event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                inside = matches!(events.peek(), Some(Event::Text(text)) if **text == *HEADING);
                while !matches!(events.next(), Some(Event::End(TagEnd::Heading(_))) | None) {}
            }
            _ if inside => wanted.push(event),
            _ => {}
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, wanted.into_iter());
    text
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
