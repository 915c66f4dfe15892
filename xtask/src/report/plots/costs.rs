//! What each thing costs, on one logarithmic axis: measured here as points with the span of their
//! runs, the original's averages as rings, its guesses as bars.

use super::canvas::{Align, Canvas, Ink, Scale, Shape};
use super::{Figure, Quantity, Width};

/// One thing and its cost.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// What it costs.
    pub cost: Cost,
}

/// What is known of a cost. All in the quantity of the plot.
#[derive(Clone, Debug)]
pub enum Cost {
    /// Measured: the figure, and the least and the most of its runs.
    Measured {
        /// Of this mode.
        mode: switchlab_records::Mode,
        /// Its figure.
        value: f64,
        /// The least and the most of its repetitions.
        span: (f64, f64),
        /// What those are called.
        repetition: &'static str,
    },
    /// Measured by the original, in Go.
    Original {
        /// Its average.
        value: f64,
        /// The runs' least and most.
        span: (f64, f64),
    },
    /// Guessed by the original, and not measured yet.
    Guess {
        /// From, to.
        range: (f64, f64),
    },
}

impl Cost {
    fn ends(&self) -> (f64, f64) {
        match *self {
            Self::Measured { span, value, .. } | Self::Original { span, value } => {
                (span.0.min(value), span.1.max(value))
            }
            Self::Guess { range } => range,
        }
    }
}

/// Draws `rows` from the top down.
///
/// # Errors
///
/// There is nothing that a logarithm has a place for, or what plotters says.
pub fn figure(id: &str, quantity: Quantity, rows: &[Row]) -> Result<Figure, String> {
    let ends = rows.iter().map(|row| row.cost.ends());
    let (least, most) =
        ends.fold((f64::MAX, 0f64), |(least, most), (low, high)| (least.min(low), most.max(high)));
    if least <= 0.0 || most < least {
        return Err("there is no cost above 0".into());
    }
    let decades =
        (least.log10().floor() as i32, (most.log10().ceil() as i32).max(least.log10().floor() as i32 + 1));
    let described: Vec<String> = rows.iter().map(|row| describe(quantity, row)).collect();
    Figure::new(
        id,
        "What each handoff costs, on a logarithmic axis".into(),
        format!("From the top: {}.", described.join("; ")),
        |width| 46 + rows.len() as u32 * row_height(width),
        |canvas, width| paint(canvas, width, quantity, rows, decades),
    )
}

/// A row in words.
fn describe(quantity: Quantity, row: &Row) -> String {
    let text = |value| quantity.text(value);
    match row.cost {
        Cost::Measured { value, span: (low, high), repetition, .. } => {
            let span = format!("{repetition}s {} to {}", text(low), text(high));
            format!("{}, measured: {} ({span})", row.label, text(value))
        }
        Cost::Original { value, span: (low, high) } => {
            format!(
                "{}, measured by the original: {} (runs {} to {})",
                row.label,
                text(value),
                text(low),
                text(high)
            )
        }
        Cost::Guess { range: (low, high) } => {
            let [low, high] = [low, high].map(|end| quantity.round_text(end));
            format!("{}: {low} to {high}, not measured yet", row.label)
        }
    }
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
    rows: &[Row],
    (first, last): (i32, i32),
) -> Result<(), String> {
    let (left, right) = match width {
        Width::Wide => (216, 668),
        Width::Narrow => (8, 340),
    };
    let height = row_height(width) as i32;
    let bottom = rows.len() as i32 * height + 4;
    let scale = Scale::log(10f64.powi(first)..10f64.powi(last), (left, right));
    let each = match width {
        Width::Wide => 1,
        Width::Narrow => (last - first + 3) / 4,
    };
    for exponent in first..=last {
        let x = scale.at(10f64.powi(exponent));
        match width {
            Width::Wide => canvas.line(&[(x, 0), (x, bottom)], Ink::Rule, 1)?,
            // Not through the labels, which stand above the bars.
            Width::Narrow => (0..rows.len() as i32).try_for_each(|row| {
                canvas.line(&[(x, row * height + 19), (x, row * height + 38)], Ink::Rule, 1)
            })?,
        }
        if (exponent - first) % each == 0 {
            let align = match exponent {
                _ if exponent == last => Align::Right,
                _ if exponent == first && width == Width::Narrow => Align::Left,
                _ => Align::Center,
            };
            let x = if exponent == last { right + 10 } else { x };
            canvas.text((x, bottom + 11), &quantity.decade(exponent), align, Ink::Muted)?;
        }
    }
    canvas.text(((left + right) / 2, bottom + 30), quantity.axis(), Align::Center, Ink::Muted)?;
    for (row, top) in rows.iter().zip((0..).step_by(height as usize)) {
        let middle = match width {
            Width::Wide => {
                canvas.text((left - 14, top + height / 2), &row.label, Align::Right, Ink::Text)?;
                top + height / 2
            }
            Width::Narrow => {
                canvas.text((left, top + 10), &row.label, Align::Left, Ink::Text)?;
                top + 28
            }
        };
        paint_cost(canvas, &scale, middle, right, quantity, &row.cost)?;
    }
    Ok(())
}

fn paint_cost(
    canvas: &mut Canvas<'_>,
    scale: &Scale,
    y: i32,
    right: i32,
    quantity: Quantity,
    cost: &Cost,
) -> Result<(), String> {
    let (value, (low, high), ink, shape) = match *cost {
        Cost::Guess { range: (low, high) } => {
            let (from, to) = (scale.at(low), scale.at(high));
            canvas.bar((from, y - 6), (to, y + 6), Ink::Guess)?;
            let text = format!("{} to {}", quantity.round_text(low), quantity.round_text(high));
            // Beside the bar, where there is room.
            return if right - to > 130 {
                canvas.text((to + 8, y), &text, Align::Left, Ink::Muted)
            } else {
                canvas.text((from - 8, y), &text, Align::Right, Ink::Muted)
            };
        }
        Cost::Measured { mode, value, span, .. } => (value, span, super::ink(mode), super::shape(mode)),
        Cost::Original { value, span } => (value, span, Ink::Original, Shape::Ring),
    };
    let (from, to) = (scale.at(low), scale.at(high));
    if to > from {
        canvas.line(&[(from, y), (to, y)], ink, 2)?;
        for x in [from, to] {
            canvas.line(&[(x, y - 4), (x, y + 4)], ink, 2)?;
        }
    }
    let x = scale.at(value);
    canvas.point((x, y), shape, ink)?;
    let text = quantity.text(value);
    match right - to.max(x) {
        0..70 => canvas.text((from.min(x) - 12, y), &text, Align::Right, Ink::Text),
        _ => canvas.text((to.max(x) + 12, y), &text, Align::Left, Ink::Text),
    }
}
