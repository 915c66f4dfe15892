//! From one mode's cost to another's, step by step: each bar begins where the one above it ended.

use switchlab_records::Mode;

use super::canvas::{Align, Canvas, Ink, Scale};
use super::{Figure, Quantity, Width};

/// What one step adds.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The step.
    pub name: &'static str,
    /// What it takes in the second mode, less what it takes in the first.
    pub difference: f64,
}

/// Draws the way between two modes, each with what one exchange takes in it.
///
/// # Errors
///
/// What plotters says.
pub fn figure(id: &str, quantity: Quantity, ends: [(Mode, f64); 2], bars: &[Bar]) -> Result<Figure, String> {
    // A step that takes the same in both is no step of the way; the table has it.
    let bars: Vec<&Bar> = bars.iter().filter(|bar| bar.difference != 0.0).collect();
    let described: Vec<String> =
        bars.iter().map(|bar| format!("{} {}", bar.name, signed(quantity, bar.difference))).collect();
    let [(first, from), (second, to)] = ends.map(|(mode, whole)| (mode.name(), quantity.text(whole)));
    let unit = if quantity == Quantity::Instructions { " instructions" } else { "" };
    Figure::new(
        id,
        format!("One exchange: from {first} to {second}, step by step"),
        format!(
            "{first} takes {from}{unit}, {second} {to}. The difference, by steps: {}.",
            described.join("; ")
        ),
        |width| (bars.len() as u32 + 2) * row_height(width) + 26,
        |canvas, width| paint(canvas, width, quantity, ends, &bars),
    )
}

fn signed(quantity: Quantity, value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", quantity.text(value.abs()))
}

const fn row_height(width: Width) -> u32 {
    match width {
        Width::Wide => 26,
        Width::Narrow => 40,
    }
}

/// A row: its name, from where to where, and what is written behind it.
struct Row {
    name: &'static str,
    from: f64,
    to: f64,
    ink: Ink,
    text: String,
}

fn rows(quantity: Quantity, [first, last]: [(Mode, f64); 2], bars: &[&Bar]) -> Vec<Row> {
    let whole = |(mode, value): (Mode, f64)| Row {
        name: mode.name(),
        from: 0.0,
        to: value,
        ink: super::ink(mode),
        text: quantity.text(value),
    };
    let mut at = first.1;
    let steps = bars.iter().map(|bar| {
        let from = at;
        at += bar.difference;
        let text = signed(quantity, bar.difference);
        Row { name: bar.name, from, to: at, ink: Ink::Original, text }
    });
    let steps: Vec<_> = steps.collect();
    [whole(first)].into_iter().chain(steps).chain([whole(last)]).collect()
}

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    quantity: Quantity,
    ends: [(Mode, f64); 2],
    bars: &[&Bar],
) -> Result<(), String> {
    let (left, right) = match width {
        Width::Wide => (170, 600),
        Width::Narrow => (8, 270),
    };
    let height = row_height(width) as i32;
    let rows = rows(quantity, ends, bars);
    let places = rows.iter().flat_map(|row| [row.from, row.to]);
    let (least, most) = places.fold((0f64, 0f64), |(least, most), end| (least.min(end), most.max(end)));
    let scale = Scale::linear(least..most.max(least + 1.0), (left, right));
    let bottom = rows.len() as i32 * height;
    if width == Width::Wide {
        canvas.line(&[(scale.at(0.0), 0), (scale.at(0.0), bottom)], Ink::Muted, 1)?;
    }
    let axis = match quantity {
        Quantity::Time => "time of one exchange, from 0",
        Quantity::Instructions => "instructions of one exchange, from 0",
    };
    canvas.text((left, bottom + 14), axis, Align::Left, Ink::Muted)?;
    for (row, top) in rows.iter().zip((0..).step_by(height as usize)) {
        let middle = match width {
            Width::Wide => {
                canvas.text((left - 14, top + height / 2), row.name, Align::Right, Ink::Text)?;
                top + height / 2
            }
            Width::Narrow => {
                canvas.text((left, top + 10), row.name, Align::Left, Ink::Text)?;
                top + 28
            }
        };
        let (begin, end) = (scale.at(row.from.min(row.to)), scale.at(row.from.max(row.to)));
        canvas.bar((begin, middle - 7), (end, middle + 7), row.ink)?;
        canvas.text((end.max(begin + 1) + 8, middle), &row.text, Align::Left, Ink::Text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bar_begins_where_the_one_above_it_ends() {
        let bars = [Bar { name: "switch", difference: -9.0 }, Bar { name: "halt", difference: 30.0 }];
        let bars: Vec<_> = bars.iter().collect();
        let ends = [(Mode::SameCore, 62.0), (Mode::CrossCore, 83.0)];
        let rows = rows(Quantity::Instructions, ends, &bars);
        let places: Vec<_> = rows.iter().map(|row| (row.from, row.to)).collect();
        assert_eq!(places, [(0.0, 62.0), (62.0, 53.0), (53.0, 83.0), (0.0, 83.0)]);
        assert_eq!(rows[1].text, "−9");
    }
}
