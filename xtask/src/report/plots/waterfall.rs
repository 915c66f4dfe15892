//! From one mode's cost to another's, step by step: each bar begins where the one above it ended.

use switchlab_records::Mode;

use super::canvas::{Align, Canvas, Ink, Scale};
use super::{Figure, Quantity, Width};

/// One step of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is.
    pub name: String,
    /// Its cost in the first mode and in the second.
    pub costs: [f64; 2],
}

impl Step {
    /// What it adds.
    pub fn difference(&self) -> f64 {
        self.costs[1] - self.costs[0]
    }
}

/// Draws the way from the sum of the first costs to that of the second.
///
/// # Errors
///
/// What plotters says.
pub fn figure(id: &str, quantity: Quantity, modes: [Mode; 2], steps: &[Step]) -> Result<Figure, String> {
    let [from, to] = [0, 1].map(|mode| steps.iter().map(|step| step.costs[mode]).sum::<f64>());
    let described: Vec<String> =
        steps.iter().map(|step| format!("{} {}", step.name, signed(quantity, step.difference()))).collect();
    let [first, second] = modes.map(Mode::name);
    Figure::new(
        id,
        format!("From {first} to {second}, step by step"),
        format!(
            "{first} takes {}, {second} {}. The difference, by steps: {}.",
            quantity.text(from),
            quantity.text(to),
            described.join("; ")
        ),
        |width| (steps.len() as u32 + 2) * row_height(width) + 26,
        |canvas, width| paint(canvas, width, quantity, modes, steps, [from, to]),
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

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    quantity: Quantity,
    modes: [Mode; 2],
    steps: &[Step],
    [from, to]: [f64; 2],
) -> Result<(), String> {
    let (left, right) = match width {
        Width::Wide => (216, 600),
        Width::Narrow => (8, 280),
    };
    let height = row_height(width) as i32;
    let mut rows = vec![(modes[0].name().to_owned(), 0.0, from, super::ink(modes[0]), quantity.text(from))];
    let mut at = from;
    for step in steps {
        let next = at + step.difference();
        rows.push((step.name.clone(), at, next, Ink::Original, signed(quantity, step.difference())));
        at = next;
    }
    rows.push((modes[1].name().to_owned(), 0.0, to, super::ink(modes[1]), quantity.text(to)));
    let ends = rows.iter().flat_map(|row| [row.1, row.2]);
    let (least, most) = ends.fold((0f64, 0f64), |(least, most), end| (least.min(end), most.max(end)));
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
    for ((name, begin, end, ink, text), top) in rows.into_iter().zip((0..).step_by(height as usize)) {
        let middle = match width {
            Width::Wide => {
                canvas.text((left - 14, top + height / 2), &name, Align::Right, Ink::Text)?;
                top + height / 2
            }
            Width::Narrow => {
                canvas.text((left, top + 10), &name, Align::Left, Ink::Text)?;
                top + 28
            }
        };
        let (begin, end) = (scale.at(begin.min(end)), scale.at(begin.max(end)));
        canvas.bar((begin, middle - 7), (end, middle + 7), ink)?;
        canvas.text((end + 8, middle), &text, Align::Left, Ink::Text)?;
    }
    Ok(())
}
