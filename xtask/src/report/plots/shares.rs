//! What things are made of: a bar for each, all of one length, cut into its parts.

use super::canvas::{Align, Canvas, Ink, wide};
use super::peers::TITLE;
use super::{Figure, Width};

/// A kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What the legend calls it.
    pub name: &'static str,
    /// Its colour.
    pub ink: Ink,
}

/// Bars of one sort.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// From the top down.
    pub rows: Vec<Row>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is of.
    pub label: String,
    /// What is written beside it.
    pub text: String,
    /// What is written below it; empty where nothing is.
    pub note: String,
    /// From the left: the kind, how much of it there is, and how it is told.
    pub parts: Vec<(Kind, f64, String)>,
}

impl Row {
    fn whole(&self) -> f64 {
        self.parts.iter().map(|(_, part, _)| part).sum()
    }

    /// The lines of what is written below it.
    fn notes(&self, width: Width) -> Vec<String> {
        let (left, ..) = place(width);
        let mut lines: Vec<String> = Vec::new();
        for word in self.note.split_whitespace() {
            match lines.last_mut() {
                Some(line) if wide(&format!("{line} {word}")) <= width.units() as i32 - left => {
                    *line += &format!(" {word}");
                }
                _ => lines.push(word.into()),
            }
        }
        lines
    }

    /// How high it is.
    fn height(&self, width: Width) -> i32 {
        let (_, _, height, _) = place(width);
        height + self.notes(width).len() as i32 * NOTE
    }
}

/// Height of a line of the legend.
const LINE: i32 = 20;
/// Height of a line below a bar.
const NOTE: i32 = 16;
/// Half a bar's height.
const HALF: i32 = 6;

/// Where the bars are, from left to right, how high each row is, and from its top to its label, its text and its bar.
const fn place(width: Width) -> (i32, i32, i32, [i32; 3]) {
    match width {
        Width::Wide => (194, 460, 22, [11, 11, 11]),
        Width::Narrow => (8, 344, 56, [10, 26, 43]),
    }
}

/// Draws `groups` from the top down, below a legend of `kinds`.
///
/// # Errors
///
/// There is no bar, or what plotters says.
pub fn figure(id: &str, title: &str, kinds: &[Kind], groups: &[Group]) -> Result<Figure, String> {
    if groups.iter().all(|group| group.rows.is_empty()) {
        return Err("there is nothing that has parts".into());
    }
    if groups.iter().flat_map(|group| &group.rows).any(|row| row.whole() <= 0.0) {
        return Err("there is a cost that is not above 0".into());
    }
    let described: Vec<String> = groups.iter().map(describe).collect();
    Figure::new(
        id,
        title.into(),
        format!("From the top: {}.", described.join("; ")),
        |width| {
            let rows: i32 = groups.iter().flat_map(|group| &group.rows).map(|row| row.height(width)).sum();
            (legend(kinds, width).1 + groups.len() as i32 * TITLE + rows + 8) as u32
        },
        |canvas, width| paint(canvas, width, kinds, groups),
    )
}

/// A group in words.
fn describe(group: &Group) -> String {
    let row = |row: &Row| {
        let parts: Vec<_> = row.parts.iter().map(|(_, _, told)| told.as_str()).collect();
        let note = if row.note.is_empty() { String::new() } else { format!(", {}", row.note) };
        format!("{} {}{note} ({})", row.label, row.text, parts.join(", "))
    };
    format!("{}: {}", group.title, group.rows.iter().map(row).collect::<Vec<_>>().join(", "))
}

/// Where each entry of the legend is, and where they end.
fn legend(kinds: &[Kind], width: Width) -> (Vec<(i32, i32)>, i32) {
    let (mut x, mut y) = (8, LINE / 2);
    let places = kinds.iter().map(|kind| {
        let end = x + 18 + wide(kind.name);
        if x > 8 && end > width.units() as i32 {
            (x, y) = (8, y + LINE);
        }
        let place = (x, y);
        x += 18 + wide(kind.name) + 14;
        place
    });
    let places: Vec<_> = places.collect();
    (places, y + LINE / 2)
}

fn paint(canvas: &mut Canvas<'_>, width: Width, kinds: &[Kind], groups: &[Group]) -> Result<(), String> {
    let (left, right, height, [to_label, to_text, to_bar]) = place(width);
    let (places, mut top) = legend(kinds, width);
    for (kind, (x, y)) in kinds.iter().zip(places) {
        canvas.bar((x, y - HALF), (x + 2 * HALF, y + HALF), kind.ink)?;
        canvas.text((x + 18, y), kind.name, Align::Left, Ink::Text)?;
    }
    for group in groups {
        let title_at = if width == Width::Wide { 0 } else { left };
        canvas.text((title_at, top + 21), &group.title, Align::Left, Ink::Muted)?;
        top += TITLE;
        for row in &group.rows {
            let (label_at, text_at) = match width {
                Width::Wide => ((left - 14, Align::Right), right + 8),
                Width::Narrow => ((left, Align::Left), left),
            };
            canvas.text((label_at.0, top + to_label), &row.label, label_at.1, Ink::Text)?;
            canvas.text((text_at, top + to_text), &row.text, Align::Left, Ink::Text)?;
            let whole = row.whole();
            let mut so_far = 0.0;
            let at = |value: f64| left + (f64::from(right - left) * value / whole).round() as i32;
            for (kind, part, _) in &row.parts {
                let (from, to) = (at(so_far), at(so_far + part));
                so_far += part;
                // What is less than a point wide is in the words.
                if to > from {
                    canvas.bar((from, top + to_bar - HALF), (to, top + to_bar + HALF), kind.ink)?;
                }
            }
            for (line, below) in row.notes(width).iter().zip((height + NOTE / 2 - 2..).step_by(NOTE as usize))
            {
                canvas.text((left, top + below), line, Align::Left, Ink::Muted)?;
            }
            top += row.height(width);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELOW: Kind = Kind { name: "the level below", ink: Ink::Guess };
    const REST: Kind = Kind { name: "the rest of the step", ink: Ink::SameCore };

    #[test]
    fn bar_is_as_long_as_another_and_cut_where_its_parts_meet() {
        let row = |of: f64| Row {
            label: "thread".into(),
            text: "+3 over task".into(),
            note: String::new(),
            parts: vec![(BELOW, of, "task 1".into()), (REST, 3.0 * of, "rest 3".into())],
        };
        let group = Group { title: "on one CPU".into(), rows: vec![row(1.0), row(1e6)] };
        let drawn = figure("a", "Parts", &[BELOW, REST], &[group]).unwrap();
        assert!(drawn.description.contains("thread +3 over task (task 1, rest 3)"), "{}", drawn.description);
        let shapes = &drawn.pictures[0].shapes;
        let widths: Vec<&str> = shapes.lines().filter(|line| line.starts_with("<rect")).collect();
        // Two of the legend, and of each bar a quarter and the rest.
        assert_eq!(widths.len(), 2 + 2 * 2, "{shapes}");
        let (left, right, ..) = place(Width::Wide);
        let quarter = left + (right - left + 2) / 4;
        for bar in [&widths[2], &widths[4]] {
            assert!(bar.contains(&format!("x=\"{left}\"")), "{bar}");
        }
        for bar in [&widths[3], &widths[5]] {
            assert!(bar.contains(&format!("x=\"{quarter}\"")), "{bar}");
        }
    }

    #[test]
    fn note_has_lines_of_its_own_and_does_not_stick_out() {
        let note = "system-call and cr3-load and xsave-pair alone take 12.34 µs, 1.23 µs more than the step";
        let row = |note: &str| Row {
            label: "thread".into(),
            text: "+3 over task".into(),
            note: note.into(),
            parts: vec![(BELOW, 1.0, "task 1".into())],
        };
        for width in [Width::Wide, Width::Narrow] {
            let noted = row(note);
            let lines = noted.notes(width);
            assert_eq!(lines.join(" "), note);
            assert_eq!(noted.height(width), row("").height(width) + lines.len() as i32 * NOTE);
            let room = width.units() as i32 - place(width).0;
            assert!(lines.iter().all(|line| wide(line) <= room), "{width:?}: {lines:?}");
        }
        let group = Group { title: "on one CPU".into(), rows: vec![row(note)] };
        let drawn = figure("a", "Parts", &[BELOW], &[group]).unwrap();
        assert!(drawn.description.contains(&format!("thread +3 over task, {note} (task 1)")));
        assert!(drawn.pictures[0].shapes.contains("alone take"), "it is written");
    }

    #[test]
    fn legend_goes_on_below_where_a_page_is_narrow() {
        let kinds = [BELOW, REST, BELOW, REST];
        for (width, lines) in [(Width::Wide, 1), (Width::Narrow, 2)] {
            let (places, end) = legend(&kinds, width);
            assert_eq!(end, lines * LINE, "{width:?}");
            for (kind, (x, _)) in kinds.iter().zip(places) {
                let end = x + 18 + wide(kind.name);
                assert!(end <= width.units() as i32, "{width:?} {x}");
            }
        }
    }

    #[test]
    fn nothing_with_parts_is_refused() {
        assert!(figure("a", "Parts", &[BELOW], &[]).is_err());
        let (label, text, note) = ("a".into(), String::new(), String::new());
        let row = Row { label, text, note, parts: vec![(BELOW, 0.0, String::new())] };
        let group = Group { title: "b".into(), rows: vec![row] };
        assert!(figure("a", "Parts", &[BELOW], &[group]).is_err());
    }
}
