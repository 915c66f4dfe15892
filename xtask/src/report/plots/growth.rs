//! How costs go along a coordinate: a line for each series, both axes logarithmic; and, where there is one place
//! alone, a row for each series.

use super::canvas::{Align, Canvas, Ink, Scale, Shape};
use super::{Figure, Quantity, Width};
use crate::survey::Cell;

/// Series are told apart by ink and shape; those beyond begin again.
const LOOKS: [(Ink, Shape); 6] = [
    (Ink::SameCore, Shape::Disc),
    (Ink::CrossCore, Shape::Square),
    (Ink::Switch, Shape::Triangle),
    (Ink::Original, Shape::Ring),
    (Ink::CrossCore, Shape::Ring),
    (Ink::SameCore, Shape::Triangle),
];

/// Height of a row: of the legend, and of a series by itself.
const ROW: i32 = 22;
/// Height of the plot below its legend.
const PLOT: i32 = 220;
/// Below it: labels, and the axis' name.
const BELOW: i32 = 52;

const fn sides(width: Width) -> (i32, i32) {
    match width {
        Width::Wide => (76, 656),
        Width::Narrow => (76, 330),
    }
}

/// Draws lines along `axis`. Every cell has one coordinate, above 0.
///
/// # Errors
///
/// What plotters says.
pub(in crate::report) fn lines(
    id: &str,
    quantity: Quantity,
    axis: &str,
    series: &[(&str, Vec<&Cell>)],
) -> Result<Figure, String> {
    let cells = || series.iter().flat_map(|(_, cells)| cells);
    let (low, high, ticks) = span(cells().map(|cell| cell.one_way));
    let mut places: Vec<u64> = cells().map(|cell| cell.at[0].1).collect();
    places.sort_unstable();
    places.dedup();
    let ends = |(name, cells): &(&str, Vec<&Cell>)| {
        let told = |cell: Option<&&Cell>| {
            cell.map_or_else(String::new, |cell| {
                format!("{} at {}", quantity.text(cell.one_way), super::grouped(cell.at[0].1 as f64))
            })
        };
        format!("{name}: {}, {}", told(cells.first()), told(cells.last()))
    };
    let height = series.len() as i32 * ROW + PLOT + BELOW;
    Figure::new(
        id,
        format!("One handoff, one way, by {axis}"),
        format!("{}.", series.iter().map(ends).collect::<Vec<_>>().join("; ")),
        |_| height as u32,
        |canvas, width| {
            legend(canvas, series)?;
            let (left, right) = sides(width);
            let top = series.len() as i32 * ROW + 12;
            let bottom = top + PLOT - 12;
            let up = Scale::log(low..high, (bottom, top));
            for tick in &ticks {
                let y = up.at(*tick);
                canvas.line(&[(left, y), (right, y)], Ink::Rule, 1)?;
                canvas.text((left - 8, y), &quantity.round_text(*tick), Align::Right, Ink::Muted)?;
            }
            let (first, last) = (places[0] as f64, places[places.len() - 1] as f64);
            let across = Scale::log(first..last.max(first * 1.01), (left + 12, right - 12));
            let mut free = i32::MIN;
            for place in &places {
                let x = across.at(*place as f64);
                let text = super::grouped(*place as f64);
                let half = 4 * text.len() as i32 + 4;
                if x - half >= free {
                    canvas.text((x, bottom + 16), &text, Align::Center, Ink::Muted)?;
                    free = x + half;
                }
            }
            let name = format!("{axis}; both axes are logarithmic");
            canvas.text(((left + right) / 2, bottom + 38), &name, Align::Center, Ink::Muted)?;
            series.iter().zip(LOOKS.iter().cycle()).try_for_each(|((_, cells), (ink, shape))| {
                let at = |cell: &&Cell| (across.at(cell.at[0].1 as f64), up.at(cell.one_way));
                let line: Vec<_> = cells.iter().map(at).collect();
                canvas.line(&line, *ink, 1)?;
                line.into_iter().try_for_each(|place| canvas.point(place, *shape, *ink))
            })
        },
    )
}

fn legend(canvas: &mut Canvas<'_>, series: &[(&str, Vec<&Cell>)]) -> Result<(), String> {
    let mut y = 12;
    series.iter().zip(LOOKS.iter().cycle()).try_for_each(|((name, _), (ink, shape))| {
        canvas.point((16, y), *shape, *ink)?;
        canvas.text((30, y), name, Align::Left, Ink::Text)?;
        y += ROW;
        Ok(())
    })
}

/// Draws a row for each cell, with the span of its runs.
///
/// # Errors
///
/// What plotters says.
pub(in crate::report) fn rows(id: &str, quantity: Quantity, cells: &[&Cell]) -> Result<Figure, String> {
    let (low, high, ticks) = span(cells.iter().flat_map(|cell| [cell.least, cell.most]));
    let told = |cell: &&Cell| format!("{}: {}", cell.series, quantity.text(cell.one_way));
    let bottom = cells.len() as i32 * 2 * ROW + 8;
    Figure::new(
        id,
        format!("One handoff, one way, {}", crate::survey::waiting::place_text(cells[0])),
        format!("{}.", cells.iter().map(told).collect::<Vec<_>>().join("; ")),
        |_| (bottom + BELOW) as u32,
        |canvas, width| {
            let (_, right) = sides(width);
            let left = 16;
            let across = Scale::log(low..high, (left, right));
            let mut free = i32::MIN;
            for tick in &ticks {
                let (x, text) = (across.at(*tick), quantity.round_text(*tick));
                canvas.line(&[(x, 0), (x, bottom)], Ink::Rule, 1)?;
                let half = 4 * text.chars().count() as i32 + 2;
                if x - half >= free && x + half <= width.units() as i32 {
                    canvas.text((x.max(half), bottom + 16), &text, Align::Center, Ink::Muted)?;
                    free = x.max(half) + half;
                }
            }
            let middle = (left + right) / 2;
            canvas.text((middle, bottom + 38), quantity.axis(), Align::Center, Ink::Muted)?;
            for (cell, index) in cells.iter().zip(0..) {
                let (ink, shape) = LOOKS[index % LOOKS.len()];
                let y = index as i32 * 2 * ROW + 12;
                let label = format!("{} {}", cell.series, quantity.text(cell.one_way));
                canvas.text((left, y), &label, Align::Left, Ink::Text)?;
                let span = [cell.least, cell.most].map(|value| (across.at(value), y + 18));
                canvas.line(&span, ink, 2)?;
                canvas.point((across.at(cell.one_way), y + 18), shape, ink)?;
            }
            Ok(())
        },
    )
}

/// Round numbers around `values`, and all of them in between.
fn span(values: impl Iterator<Item = f64>) -> (f64, f64, Vec<f64>) {
    let (least, most) = values
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value.max(1e-3)), most.max(value)));
    let steps = (-3..=15).flat_map(|exponent| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(exponent)));
    let steps: Vec<f64> = steps.collect();
    let below = steps.iter().rposition(|step| *step <= least).unwrap_or(0);
    let above = steps.iter().position(|step| *step >= most).unwrap_or(steps.len() - 1).max(below + 1);
    let above = above.min(steps.len() - 1);
    (steps[below], steps[above], steps[below..=above].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_at_round_numbers_around_all_values() {
        let near = |values: &[f64]| {
            let (low, high, ticks) = span(values.iter().copied());
            (format!("{low:.0} {high:.0}"), ticks.len())
        };
        assert_eq!(near(&[50.09, 50.5]), ("50 100".into(), 2));
        assert_eq!(near(&[3.0, 420.0]), ("2 500".into(), 8));
        assert_eq!(near(&[5.0]), ("5 10".into(), 2));
    }
}
