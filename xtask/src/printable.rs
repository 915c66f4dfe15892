//! Texts of a guest's as a terminal and a page can take them: control characters are spelt out, so that
//! none moves a cursor, names a window or begins a line. Whoever reads a log's texts, or writes what may
//! hold them, calls it.

use std::borrow::Cow;

/// Spells out the control characters of `text`, those that begin a line among them.
pub fn tame(text: &mut Cow<'_, str>) {
    if text.contains(char::is_control) {
        *text = spelt(text, |_| false).into();
    }
}

/// `text` with its lines and tabs, its other control characters spelt out: `\u001b`, as JSON has it too.
pub fn lines(text: &str) -> Cow<'_, str> {
    let stays = |character| matches!(character, '\n' | '\t');
    if text.contains(|character: char| character.is_control() && !stays(character)) {
        return spelt(text, stays).into();
    }
    text.into()
}

fn spelt(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut spelt = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !stays(character) {
            spelt += &format!("\\u{:04x}", u32::from(character));
        } else {
            spelt.push(character);
        }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelt_out_and_nothing_else() {
        let mut text = Cow::from("a\u{1b}]0;b\u{7}\u{9b}\n\té");
        assert_eq!(lines(&text), "a\\u001b]0;b\\u0007\\u009b\n\té");
        tame(&mut text);
        assert_eq!(text, "a\\u001b]0;b\\u0007\\u009b\\u000a\\u0009é");
        assert!(matches!(lines("é\n"), Cow::Borrowed(_)));
    }
}
