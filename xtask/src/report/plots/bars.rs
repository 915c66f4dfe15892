//! Bars on one logarithmic axis, in groups: from what a thing builds on to what it costs, or from the least of a kind
//! to the most.

use super::canvas::wide;
use super::canvas::{Align, Canvas, Ink, Scale};
use super::peers::{ABOVE, BELOW, TITLE, label};
use super::{Figure, Quantity, Width};

/// Bars of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// From the top down.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// Where it begins and ends; both above 0.
    pub ends: [f64; 2],
    /// What is written beside it.
    pub text: String,
    /// Its colour.
    pub ink: Ink,
}

/// A bar as wide at the least.
const LEAST: i32 = 3;
/// Half a bar's height.
const HALF: i32 = 6;
/// Where the text behind a bar ends at the latest.
const TEXT_ENDS: i32 = 672;
/// From a bar to the text beside it.
const GAP: i32 = 8;

/// Where the bars are, from left to right, and how high each row is.
#[derive(Clone, Copy)]
struct Place {
    left: i32,
    right: i32,
    row: i32,
    /// From a row's top to its label, and to its bar.
    label: i32,
    bar: i32,
    /// The same to the text; `None` where that is beside the bar.
    text: Option<(i32, Align)>,
}

/// On a phone's page the text has a line of its own where `groups` have one that does not fit beside its label.
fn place(width: Width, groups: &[Group]) -> Place {
    let (left, right) = (8, 340);
    let fits = |bar: &Bar| wide(&bar.label) + GAP + wide(&bar.text) <= right - left;
    match width {
        Width::Wide => Place { left: 224, right: 560, row: 22, label: 11, bar: 11, text: None },
        Width::Narrow if groups.iter().flat_map(|group| &group.bars).all(fits) => {
            Place { left, right, row: 38, label: 10, bar: 27, text: Some((10, Align::Right)) }
        }
        Width::Narrow => Place { left, right, row: 54, label: 10, bar: 43, text: Some((26, Align::Left)) },
    }
}

/// Draws `groups` from the top down.
///
/// # Errors
///
/// There is nothing that a logarithm has a place for, or what plotters says.
pub fn figure(id: &str, title: &str, quantity: Quantity, groups: &[Group]) -> Result<Figure, String> {
    let ends = groups.iter().flat_map(|group| &group.bars).flat_map(|bar| bar.ends);
    let (least, most) = ends.fold((f64::MAX, 0f64), |(least, most), end| (least.min(end), most.max(end)));
    if least <= 0.0 || most < least {
        return Err("there is no cost above 0".into());
    }
    let first = least.log10().floor() as i32;
    let decades = (first, (most.log10().ceil() as i32).max(first + 1));
    let described: Vec<String> = groups.iter().map(describe).collect();
    let rows: i32 = groups.iter().map(|group| group.bars.len() as i32).sum();
    Figure::new(
        id,
        format!("{title}, on a logarithmic axis"),
        format!("From the top: {}.", described.join("; ")),
        |width| (ABOVE + groups.len() as i32 * TITLE + rows * place(width, groups).row + BELOW) as u32,
        |canvas, width| paint(canvas, width, quantity, groups, decades),
    )
}

/// A group in words.
fn describe(group: &Group) -> String {
    let bars: Vec<_> = group.bars.iter().map(|bar| format!("{} {}", bar.label, bar.text)).collect();
    format!("{}: {}", group.title, bars.join(", "))
}

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    quantity: Quantity,
    groups: &[Group],
    (first, last): (i32, i32),
) -> Result<(), String> {
    let Place { left, right, row, label: to_label, bar: to_bar, text } = place(width, groups);
    let scale = Scale::log(10f64.powi(first)..10f64.powi(last), (left, right));
    let mut top = ABOVE;
    for group in groups {
        let title_at = if width == Width::Wide { 0 } else { left };
        canvas.text((title_at, top + 21), &group.title, Align::Left, Ink::Muted)?;
        top += TITLE;
        for (bar, top) in group.bars.iter().zip((top..).step_by(row as usize)) {
            // Not through the labels, which stand above the bars of a phone's page.
            let from = if width == Width::Wide { top } else { top + to_bar - 10 };
            for exponent in first..=last {
                let x = scale.at(10f64.powi(exponent));
                canvas.line(&[(x, from), (x, top + row)], Ink::Rule, 1)?;
            }
            let (align, x) = match width {
                Width::Wide => (Align::Right, left - 14),
                Width::Narrow => (Align::Left, left),
            };
            canvas.text((x, top + to_label), &bar.label, align, Ink::Text)?;
            let text_at = text.map(|(to_text, align)| {
                ((if align == Align::Right { right } else { left }, top + to_text), align)
            });
            paint_bar(canvas, &scale, top + to_bar, left, bar, text_at)?;
        }
        top += group.bars.len() as i32 * row;
    }
    for y in [12, top + 12] {
        label(canvas, quantity, (left, right), width, &scale, (first, last), y)?;
    }
    canvas.text(((left + right) / 2, top + 32), quantity.axis(), Align::Center, Ink::Muted)
}

fn paint_bar(
    canvas: &mut Canvas<'_>,
    scale: &Scale,
    y: i32,
    left: i32,
    bar: &Bar,
    text_at: Option<((i32, i32), Align)>,
) -> Result<(), String> {
    let [one, other] = bar.ends.map(|end| scale.at(end));
    let (begin, end) = (one.min(other), one.max(other).max(one.min(other) + LEAST));
    canvas.bar((begin, y - HALF), (end, y + HALF), bar.ink)?;
    if let Some((place, align)) = text_at {
        return canvas.text(place, &bar.text, align, Ink::Text);
    }
    let (x, align, ink) = text_at_bar((begin, end), (left, TEXT_ENDS), &bar.text);
    canvas.text((x, y), &bar.text, align, ink)
}

/// Where the text of a bar has room: behind it, before it, or within it; where nowhere, on its larger side.
fn text_at_bar((begin, end): (i32, i32), (left, right): (i32, i32), text: &str) -> (i32, Align, Ink) {
    let wide = GAP + wide(text);
    let (behind, before) = (right - end, begin - left);
    if behind >= wide {
        (end + GAP, Align::Left, Ink::Text)
    } else if before < wide && end - begin >= wide + GAP {
        (end - GAP, Align::Right, Ink::Paper)
    } else if before >= behind {
        (begin - GAP, Align::Right, Ink::Text)
    } else {
        (end + GAP, Align::Left, Ink::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_is_told_bar_by_bar_and_what_has_no_place_is_refused() {
        let bar = |ends| Bar { label: "thread".into(), ends, text: "+1 µs".into(), ink: Ink::SameCore };
        let group = |ends| Group { title: "one CPU".into(), bars: vec![bar(ends)] };
        let drawn = figure("a", "Levels", Quantity::Time, &[group([40.0, 1_040.0])]).unwrap();
        assert!(drawn.description.contains("one CPU: thread +1 µs"), "{}", drawn.description);
        assert!(figure("a", "Levels", Quantity::Time, &[group([0.0, 1.0])]).is_err());
        assert!(figure("a", "Levels", Quantity::Time, &[]).is_err());
    }

    #[test]
    fn long_text_has_a_line_of_its_own_on_a_phones_page() {
        let group = |label: &str, text: &str| {
            let bar = Bar { label: label.into(), ends: [1.0, 2.0], text: text.into(), ink: Ink::SameCore };
            [Group { title: "on one CPU".into(), bars: vec![bar] }]
        };
        let short = place(Width::Narrow, &group("task", "+41.42 ns over fiber"));
        assert_eq!(short.text, Some((short.label, Align::Right)));
        let long =
            place(Width::Narrow, &group("container-filter-arguments", "−4.00 µs over container-filter"));
        let (text, _) = long.text.unwrap();
        assert!(long.label + 16 <= text && text + 16 <= long.bar && long.bar + HALF < long.row);
    }

    #[test]
    fn text_of_a_bar_does_not_stick_out() {
        let sides = (224, TEXT_ENDS);
        let text = "−4.00 µs over container-filter";
        for (bar, align, ink) in [
            ((300, 400), Align::Left, Ink::Text),
            // A shorter one would have room behind it.
            ((510, 520), Align::Right, Ink::Text),
            ((230, 660), Align::Right, Ink::Paper),
        ] {
            let (x, at, of) = text_at_bar(bar, sides, text);
            assert_eq!((at, of), (align, ink), "{bar:?}");
            let wide = wide(text);
            let (from, to) = if at == Align::Left { (x, x + wide) } else { (x - wide, x) };
            assert!(sides.0 <= from && to <= sides.1, "{bar:?}: {from} to {to}");
        }
    }
}
