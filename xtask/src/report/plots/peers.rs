//! What a handoff costs here and elsewhere, on one logarithmic axis: a group for each kind, ours first in it, and
//! through the group a line where ours stands.

use super::canvas::{Align, Canvas, Ink, Scale, Shape};
use super::{Figure, Quantity, Width};

/// Rows of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub title: String,
    /// Ours first, where there is one.
    pub rows: Vec<Row>,
}

/// One thing and its cost, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// Its figure.
    pub value: f64,
    /// Where it may lie; `None` where that is not known.
    pub interval: Option<(f64, f64)>,
    /// How it stands to ours.
    pub mark: Mark,
}

/// How a row stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is the row that others are held against.
    Base,
    /// It is ours too.
    Ours,
    /// It is no handoff, and none is cheaper.
    Floor,
    /// It is another's, and a difference is shown.
    Different,
    /// It is another's, and none is shown, or it was held against nothing.
    Undecided,
}

impl Mark {
    const fn look(self) -> (Ink, Shape) {
        match self {
            Self::Base | Self::Ours => (Ink::SameCore, Shape::Square),
            Self::Floor => (Ink::Original, Shape::Triangle),
            Self::Different => (Ink::CrossCore, Shape::Disc),
            Self::Undecided => (Ink::CrossCore, Shape::Ring),
        }
    }
}

impl Row {
    fn ends(&self) -> (f64, f64) {
        let (low, high) = self.interval.unwrap_or((self.value, self.value));
        (low.min(self.value), high.max(self.value))
    }
}

/// Above and below the groups: the labels of the axis.
pub(super) const ABOVE: i32 = 24;
pub(super) const BELOW: i32 = 46;
/// A group's title.
pub(super) const TITLE: i32 = 36;
/// Width of the figure beside a point.
const FIGURE: i32 = 70;

/// Where the rows are, from left to right, and how high each is.
struct Place {
    left: i32,
    right: i32,
    row: i32,
    /// From a row's top to its label, and to its point.
    label: i32,
    point: i32,
}

const fn place(width: Width) -> Place {
    match width {
        Width::Wide => Place { left: 304, right: 668, row: 24, label: 12, point: 12 },
        Width::Narrow => Place { left: 8, right: 340, row: 40, label: 10, point: 28 },
    }
}

/// Draws `groups` from the top down.
///
/// # Errors
///
/// There is nothing that a logarithm has a place for, or what plotters says.
pub fn figure(id: &str, groups: &[Group]) -> Result<Figure, String> {
    let ends = groups.iter().flat_map(|group| &group.rows).map(Row::ends);
    let (least, most) =
        ends.fold((f64::MAX, 0f64), |(least, most), (low, high)| (least.min(low), most.max(high)));
    if least <= 0.0 || most < least {
        return Err("there is no cost above 0".into());
    }
    let first = least.log10().floor() as i32;
    let decades = (first, (most.log10().ceil() as i32).max(first + 1));
    let described: Vec<String> = groups.iter().map(describe).collect();
    let rows: i32 = groups.iter().map(|group| group.rows.len() as i32).sum();
    Figure::new(
        id,
        "One switch, one way, on a logarithmic axis".into(),
        format!("From the top: {}.", described.join("; ")),
        |width| (ABOVE + groups.len() as i32 * TITLE + rows * place(width).row + BELOW) as u32,
        |canvas, width| paint(canvas, width, groups, decades),
    )
}

/// A group in words.
fn describe(group: &Group) -> String {
    let row = |row: &Row| {
        let text = |value| Quantity::Time.text(value);
        let interval = row.interval.map_or_else(String::new, |(low, high)| {
            format!(" (95\u{202f}% interval {} to {})", text(low), text(high))
        });
        format!("{} {}{interval}", row.label, text(row.value))
    };
    format!("{}: {}", group.title, group.rows.iter().map(row).collect::<Vec<_>>().join(", "))
}

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    groups: &[Group],
    (first, last): (i32, i32),
) -> Result<(), String> {
    let at = place(width);
    let scale = Scale::log(10f64.powi(first)..10f64.powi(last), (at.left, at.right));
    let mut top = ABOVE;
    for group in groups {
        canvas.text(
            (if width == Width::Wide { 0 } else { at.left }, top + 21),
            &group.title,
            Align::Left,
            Ink::Muted,
        )?;
        top += TITLE;
        let end = top + group.rows.len() as i32 * at.row;
        let decades = (first..=last).map(|exponent| (scale.at(10f64.powi(exponent)), Ink::Rule));
        let ours = group.rows.iter().find(|row| row.mark == Mark::Base);
        for (x, ink) in decades.chain(ours.map(|row| (scale.at(row.value), Ink::SameCore))) {
            match width {
                Width::Wide => canvas.line(&[(x, top), (x, end)], ink, 1)?,
                // Not through the labels, which stand above the points.
                Width::Narrow => (top..end)
                    .step_by(at.row as usize)
                    .try_for_each(|top| canvas.line(&[(x, top + 19), (x, top + 38)], ink, 1))?,
            }
        }
        for (row, top) in group.rows.iter().zip((top..).step_by(at.row as usize)) {
            match width {
                Width::Wide => {
                    canvas.text((at.left - 14, top + at.label), &row.label, Align::Right, Ink::Text)?;
                }
                Width::Narrow => {
                    canvas.text((at.left, top + at.label), &row.label, Align::Left, Ink::Text)?;
                }
            }
            paint_row(canvas, &scale, top + at.point, at.right, row)?;
        }
        top = end;
    }
    for y in [12, top + 12] {
        label(canvas, Quantity::Time, (at.left, at.right), width, &scale, (first, last), y)?;
    }
    let middle = (at.left + at.right) / 2;
    canvas.text((middle, top + 32), Quantity::Time.axis(), Align::Center, Ink::Muted)
}

/// The labels of the powers of ten, from left to right.
pub(super) fn label(
    canvas: &mut Canvas<'_>,
    quantity: Quantity,
    (left, right): (i32, i32),
    width: Width,
    scale: &Scale,
    (first, last): (i32, i32),
    y: i32,
) -> Result<(), String> {
    let each = match width {
        Width::Wide => (last - first + 7) / 8,
        Width::Narrow => (last - first + 3) / 4,
    };
    for exponent in (first..=last).step_by(each.max(1) as usize) {
        let (x, align) = match exponent {
            _ if exponent == last => (right + 10, Align::Right),
            _ if exponent == first && width == Width::Narrow => (left, Align::Left),
            _ => (scale.at(10f64.powi(exponent)), Align::Center),
        };
        canvas.text((x, y), &quantity.decade(exponent), align, Ink::Muted)?;
    }
    Ok(())
}

fn paint_row(canvas: &mut Canvas<'_>, scale: &Scale, y: i32, right: i32, row: &Row) -> Result<(), String> {
    let (low, high) = row.ends();
    let (from, to) = (scale.at(low), scale.at(high));
    let (ink, shape) = row.mark.look();
    if to > from {
        canvas.line(&[(from, y), (to, y)], ink, 2)?;
        for x in [from, to] {
            canvas.line(&[(x, y - 4), (x, y + 4)], ink, 2)?;
        }
    }
    let x = scale.at(row.value);
    canvas.point((x, y), shape, ink)?;
    let text = Quantity::Time.text(row.value);
    if right - to.max(x) < FIGURE {
        canvas.text((from.min(x) - 12, y), &text, Align::Right, Ink::Text)
    } else {
        canvas.text((to.max(x) + 12, y), &text, Align::Left, Ink::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, value: f64, mark: Mark) -> Row {
        Row { label: label.into(), value, interval: Some((value * 0.9, value * 1.1)), mark }
    }

    #[test]
    fn group_is_told_with_its_intervals_and_what_has_no_place_is_refused() {
        let rows = vec![row("ours", 2.0, Mark::Base), row("theirs", 300.0, Mark::Different)];
        let group = Group { title: "bare".into(), rows };
        let figure = figure("a", std::slice::from_ref(&group)).unwrap();
        let told = figure.description.replace('\u{202f}', " ");
        assert!(
            told.contains("bare: ours 2.00 ns (95 % interval 1.80 ns to 2.20 ns), theirs 300 ns"),
            "{told}"
        );
        let none = Group { title: "bare".into(), rows: vec![row("ours", 0.0, Mark::Base)] };
        assert!(super::figure("a", &[none]).is_err());
        assert!(super::figure("a", &[]).is_err());
    }
}
