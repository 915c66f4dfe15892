//! Bars on one logarithmic axis, in groups: from what a thing builds on to what it costs, or from the least of a kind
//! to the most.

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
/// Width of the text beside a bar.
const TEXT: i32 = 128;

/// Where the bars are, from left to right, how high each row is, and from its top to its label and to its bar.
const fn place(width: Width) -> (i32, i32, i32, i32, i32) {
    match width {
        Width::Wide => (224, 668, 22, 11, 11),
        Width::Narrow => (8, 340, 38, 10, 27),
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
        |width| (ABOVE + groups.len() as i32 * TITLE + rows * place(width).2 + BELOW) as u32,
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
    let (left, right, row, to_label, to_bar) = place(width);
    let scale = Scale::log(10f64.powi(first)..10f64.powi(last), (left, right));
    let mut top = ABOVE;
    for group in groups {
        let title_at = if width == Width::Wide { 0 } else { left };
        canvas.text((title_at, top + 21), &group.title, Align::Left, Ink::Muted)?;
        top += TITLE;
        for (bar, top) in group.bars.iter().zip((top..).step_by(row as usize)) {
            // Not through the labels, which stand above the bars of a phone's page.
            let from = if width == Width::Wide { top } else { top + 17 };
            for exponent in first..=last {
                let x = scale.at(10f64.powi(exponent));
                canvas.line(&[(x, from), (x, top + row)], Ink::Rule, 1)?;
            }
            let (align, x) = match width {
                Width::Wide => (Align::Right, left - 14),
                Width::Narrow => (Align::Left, left),
            };
            canvas.text((x, top + to_label), &bar.label, align, Ink::Text)?;
            let text_at = match width {
                Width::Wide => None,
                // Beside the label: there is no room for both on a phone's line.
                Width::Narrow => Some((right, top + to_label)),
            };
            paint_bar(canvas, &scale, top + to_bar, (left, right), bar, text_at)?;
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
    (left, right): (i32, i32),
    bar: &Bar,
    text_at: Option<(i32, i32)>,
) -> Result<(), String> {
    let [one, other] = bar.ends.map(|end| scale.at(end));
    let (begin, end) = (one.min(other), one.max(other).max(one.min(other) + LEAST));
    canvas.bar((begin, y - HALF), (end, y + HALF), bar.ink)?;
    if let Some(place) = text_at {
        return canvas.text(place, &bar.text, Align::Right, Ink::Text);
    }
    let (to_the_right, to_the_left) = (right - end >= TEXT, begin - left >= TEXT);
    match (to_the_right, to_the_left) {
        (true, _) => canvas.text((end + 8, y), &bar.text, Align::Left, Ink::Text),
        (false, true) => canvas.text((begin - 8, y), &bar.text, Align::Right, Ink::Text),
        // A bar as long as that has room within.
        (false, false) => canvas.text((end - 8, y), &bar.text, Align::Right, Ink::Paper),
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
}
