//! The words that the page uses. The glossary of the documentation is the source: it is rendered,
//! not copied.

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

const GLOSSARY: &str = include_str!("../../../../kernel/docs/glossary.md");

/// Words of one subject.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) words: Vec<Word>,
}

/// A word, and others that are explained with it.
pub(crate) struct Word {
    /// As HTML.
    pub(crate) word: String,
    /// As HTML.
    pub(crate) meaning: String,
    /// The words alone, in small letters.
    names: Vec<String>,
}

/// The words of the glossary that stand in `page`, an HTML text.
pub(crate) fn used_in(page: &str) -> Vec<Topic> {
    let text = visible(page).to_lowercase();
    let is_end = |character: char| !character.is_alphanumeric() && character != '_';
    let used: HashSet<&str> = text.split(is_end).collect();
    let is_used = |name: &String| match name.contains(is_end) {
        // Words like `wake-up IPI` are looked for as they are.
        true => text.contains(&**name),
        false => used.contains(&**name),
    };
    let topics = topics().into_iter().map(|topic| {
        let words = topic.words.into_iter().filter(|word| word.names.iter().any(is_used));
        Topic { words: words.collect(), ..topic }
    });
    topics.filter(|topic| !topic.words.is_empty()).collect()
}

/// What people read of a page: no tags, nothing of the style sheet or the data.
fn visible(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let hidden = ["style", "script"].into_iter().find(|name| tag.starts_with(name));
        let end = hidden.map_or_else(|| ">".to_owned(), |name| format!("</{name}>"));
        rest = tag.split_once(&*end).map_or("", |(_, behind)| behind);
    }
    text + rest
}

/// The whole glossary.
fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    let mut row: Vec<Vec<Event<'_>>> = Vec::new();
    let mut heading = None;
    for event in Parser::new_ext(GLOSSARY, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let name = heading.take().unwrap_or_default();
                topics.push(Topic { name, words: Vec::new() });
            }
            Event::Text(text) if heading.is_some() => {
                heading.get_or_insert_default().push_str(&text);
            }
            Event::Start(Tag::TableRow) => row.clear(),
            Event::Start(Tag::TableCell) => row.push(Vec::new()),
            Event::End(TagEnd::TableRow) => {
                if let (Some(topic), [word, meaning]) = (topics.last_mut(), row.as_slice()) {
                    topic.words.push(Word::new(word, meaning));
                }
            }
            Event::End(TagEnd::TableCell) => {}
            event => row.last_mut().into_iter().for_each(|cell| cell.push(event.clone())),
        }
    }
    topics
}

impl Word {
    fn new(word: &[Event<'_>], meaning: &[Event<'_>]) -> Self {
        let rendered = |events: &[Event<'_>]| {
            let mut text = String::new();
            html::push_html(&mut text, events.iter().cloned());
            text
        };
        let plain = word.iter().filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(&**text),
            _ => None,
        });
        let plain = plain.collect::<String>().to_lowercase();
        let names = plain.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Self { word: rendered(word), meaning: rendered(meaning), names: names.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(page: &str) -> Vec<String> {
        used_in(page).into_iter().flat_map(|topic| topic.words).map(|word| word.word).collect()
    }

    #[test]
    fn words_are_those_that_people_read() {
        let page =
            "<style>.madt{}</style><p class=\"inbox\">An IPI, and raw figures</p><script>parker</script>";
        assert_eq!(words(page), ["IPI", "raw, overhead, net"]);
    }

    #[test]
    fn every_row_of_the_glossary_is_a_word() {
        let rows = GLOSSARY.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| word"));
        let all: usize = topics().iter().map(|topic| topic.words.len()).sum();
        assert_eq!(all, rows.count());
    }
}
