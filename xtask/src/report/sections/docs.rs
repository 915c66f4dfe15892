//! Sections of the documentation as HTML: the words have one home, and a page shows them as they stand there.

use pulldown_cmark::{Event, Parser, Tag, TagEnd, html};

/// The section of `markdown` below the heading `name`, up to the next heading, without it. Links are text: a page
/// stands alone.
pub(crate) fn section(markdown: &str, name: &str) -> String {
    let mut events = Parser::new(markdown).peekable();
    let mut inside = false;
    let mut wanted = Vec::new();
    while let Some(event) = events.next() {
        match &event {
            Event::Start(Tag::Heading { .. }) => {
                inside = matches!(events.peek(), Some(Event::Text(text)) if **text == *name);
                while !matches!(events.next(), Some(Event::End(TagEnd::Heading(_))) | None) {}
            }
            Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => {}
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
    fn section_ends_at_the_next_heading_and_has_no_links() {
        let text = "# A\n\na\n\n## B\n\nb [c](d.md)\n\n### E\n\ne\n";
        assert_eq!(section(text, "A"), "<p>a</p>\n");
        assert_eq!(section(text, "B"), "<p>b c</p>\n");
        assert_eq!(section(text, "F"), "");
    }
}
