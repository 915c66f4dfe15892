//! The runs in the order in which they were measured, a panel for each mode: how far each run is
//! from the mode's median. One scale for all panels.

use switchlab_records::Mode;

use super::canvas::{Align, Canvas, Ink, Scale, Shape};
use super::{Figure, Quantity, Width};
use crate::report::model::Repetition;
use crate::verdict::Standing;

/// One mode's repetitions: runs, or boots.
pub struct Panel {
    /// Which.
    pub mode: Mode,
    /// The median that the others are held against.
    pub median: f64,
    /// Its repetitions, in order.
    pub points: Vec<Repetition>,
}

/// Draws the panels below each other.
///
/// # Errors
///
/// What plotters says.
pub(in crate::report) fn figure(
    id: &str,
    quantity: Quantity,
    repetition: &str,
    panels: &[Panel],
) -> Result<Figure, String> {
    let apart =
        |panel: &Panel| panel.points.iter().map(|point| percent(point, panel).abs()).fold(0.0, f64::max);
    let most = panels.iter().map(apart).fold(0.0, f64::max);
    let reach = round_up(most);
    let described: Vec<String> = panels
        .iter()
        .map(|panel| {
            let voids = panel.points.iter().filter(|point| point.standing == Standing::Void).count();
            let voids = if voids == 0 { String::new() } else { format!(", {voids} of them void") };
            format!(
                "{}: {} {repetition}s{voids}, median {}, the furthest {:.1} % from it",
                panel.mode.name(),
                panel.points.len(),
                quantity.text(panel.median),
                apart(panel),
            )
        })
        .collect();
    Figure::new(
        id,
        format!("The {repetition}s in their order: how far one switch is from its mode's median"),
        format!("{}.", described.join("; ")),
        |_| panels.len() as u32 * PANEL + 28,
        |canvas, width| {
            panels.iter().zip((0..).step_by(PANEL as usize)).try_for_each(|(panel, top)| {
                paint(canvas, width, quantity, panel, (top, reach, last(panels)))
            })?;
            let (left, right) = sides(width);
            let runs = last(panels);
            let scale = across(runs, (left, right));
            let each = runs.div_ceil(10).max(1);
            let bottom = panels.len() as i32 * PANEL as i32;
            for run in (1..=runs).step_by(each as usize) {
                canvas.text(
                    (scale.at(f64::from(run)), bottom),
                    &run.to_string(),
                    Align::Center,
                    Ink::Muted,
                )?;
            }
            canvas.text(((left + right) / 2, bottom + 18), repetition, Align::Center, Ink::Muted)
        },
    )
}

/// The highest number of a repetition.
fn last(panels: &[Panel]) -> u32 {
    panels.iter().flat_map(|panel| &panel.points).map(|point| point.number).max().unwrap_or(1)
}

/// Height of a panel.
const PANEL: u32 = 112;

/// From a void point to the word at it.
const VOID_APART: i32 = 14;

const fn sides(width: Width) -> (i32, i32) {
    match width {
        Width::Wide => (76, 670),
        Width::Narrow => (60, 334),
    }
}

fn across(runs: u32, pixels: (i32, i32)) -> Scale {
    Scale::linear(0.5..f64::from(runs) + 0.5, pixels)
}

fn percent(point: &Repetition, panel: &Panel) -> f64 {
    (point.switch / panel.median - 1.0) * 100.0
}

/// The next of 1, 2, 5, 10, 20, 50 and so on.
fn round_up(value: f64) -> f64 {
    let steps = (0..).flat_map(|exponent| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(exponent)));
    steps.take(60).find(|step| *step >= value).unwrap_or(value)
}

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    quantity: Quantity,
    panel: &Panel,
    (top, reach, runs): (i32, f64, u32),
) -> Result<(), String> {
    let (left, right) = sides(width);
    let up = Scale::linear(-reach..reach, (top + 92, top + 28));
    let scale = across(runs, (left, right));
    let heading = format!("{}, median {}", panel.mode.name(), quantity.text(panel.median));
    canvas.text((left, top + 10), &heading, Align::Left, Ink::Text)?;
    for value in [-reach, 0.0, reach] {
        let y = up.at(value);
        canvas.line(&[(left, y), (right, y)], if value == 0.0 { Ink::Muted } else { Ink::Rule }, 1)?;
        let text = match value {
            0.0 => "median".into(),
            _ => format!("{}{reach}\u{202f}%", if value < 0.0 { "−" } else { "+" }),
        };
        canvas.text((left - 8, y), &text, Align::Right, Ink::Muted)?;
    }
    let places = panel
        .points
        .iter()
        .map(|point| ((scale.at(f64::from(point.number)), up.at(percent(point, panel))), point.standing));
    let places: Vec<_> = places.collect();
    let ink = super::ink(panel.mode);
    let line: Vec<_> = places.iter().map(|(place, _)| *place).collect();
    canvas.line(&line, ink, 1)?;
    for (place, standing) in places {
        match standing {
            Standing::Counts => canvas.point(place, super::shape(panel.mode), ink)?,
            Standing::Void => {
                canvas.point(place, Shape::Ring, ink)?;
                // Towards the median, and not on it: the lines would strike it through.
                let beside = if place.1 < up.at(0.0) { VOID_APART } else { -VOID_APART };
                canvas.text((place.0, place.1 + beside), "void", Align::Center, Ink::Text)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_a_round_number() {
        for (value, round) in [(0.0, 1.0), (1.0, 1.0), (1.1, 2.0), (4.2, 5.0), (33.0, 50.0), (180.0, 200.0)] {
            assert_eq!(round_up(value), round, "{value}");
        }
    }
}
