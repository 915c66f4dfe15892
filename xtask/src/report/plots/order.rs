//! The runs in the order in which they were measured, a panel for each mode: how far each run is
//! from the mode's mean. One scale for all panels.

use switchlab_records::Mode;

use super::canvas::{Align, Canvas, Ink, Mark, Scale};
use super::{Figure, Quantity, Width};

/// One mode's runs.
pub struct Panel {
    /// Which.
    pub mode: Mode,
    /// The mean that the others are held against.
    pub mean: f64,
    /// Its runs, in order.
    pub points: Vec<Point>,
}

/// One run of a mode.
pub struct Point {
    /// One switch.
    pub value: f64,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Counts,
    /// It was disturbed, and is void.
    Void,
}

/// Draws the panels below each other.
///
/// # Errors
///
/// What plotters says.
pub fn figure(id: &str, quantity: Quantity, panels: &[Panel]) -> Result<Figure, String> {
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
                "{}: {} runs{voids}, mean {}, the furthest {:.1} % from it",
                panel.mode.name(),
                panel.points.len(),
                quantity.text(panel.mean),
                apart(panel),
            )
        })
        .collect();
    Figure::new(
        id,
        "The runs in their order: how far one switch is from its mode's mean".into(),
        format!("{}.", described.join("; ")),
        |_| panels.len() as u32 * PANEL + 28,
        |canvas, width| {
            panels
                .iter()
                .zip((0..).step_by(PANEL as usize))
                .try_for_each(|(panel, top)| paint(canvas, width, quantity, panel, top, reach))?;
            let (left, right) = sides(width);
            let runs = panels.iter().map(|panel| panel.points.len()).max().unwrap_or_default();
            let scale = across(runs, (left, right));
            let each = runs.div_ceil(10).max(1);
            let bottom = panels.len() as i32 * PANEL as i32;
            for run in (1..=runs).step_by(each) {
                canvas.text((scale.at(run as f64), bottom), &run.to_string(), Align::Center, Ink::Muted)?;
            }
            canvas.text(((left + right) / 2, bottom + 18), "run", Align::Center, Ink::Muted)
        },
    )
}

/// Height of a panel.
const PANEL: u32 = 112;

const fn sides(width: Width) -> (i32, i32) {
    match width {
        Width::Wide => (76, 670),
        Width::Narrow => (60, 334),
    }
}

fn across(runs: usize, pixels: (i32, i32)) -> Scale {
    Scale::linear(0.5..runs as f64 + 0.5, pixels)
}

fn percent(point: &Point, panel: &Panel) -> f64 {
    (point.value / panel.mean - 1.0) * 100.0
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
    top: i32,
    reach: f64,
) -> Result<(), String> {
    let (left, right) = sides(width);
    let up = Scale::linear(-reach..reach, (top + 92, top + 28));
    let scale = across(panel.points.len(), (left, right));
    let heading = format!("{}, mean {}", panel.mode.name(), quantity.text(panel.mean));
    canvas.text((left, top + 10), &heading, Align::Left, Ink::Text)?;
    for value in [-reach, 0.0, reach] {
        let y = up.at(value);
        canvas.line(&[(left, y), (right, y)], if value == 0.0 { Ink::Muted } else { Ink::Rule }, 1)?;
        let text = match value {
            0.0 => "mean".into(),
            _ => format!("{}{reach}\u{202f}%", if value < 0.0 { "−" } else { "+" }),
        };
        canvas.text((left - 8, y), &text, Align::Right, Ink::Muted)?;
    }
    let places = panel
        .points
        .iter()
        .zip(1..)
        .map(|(point, run)| ((scale.at(f64::from(run)), up.at(percent(point, panel))), point.standing));
    let places: Vec<_> = places.collect();
    let ink = super::ink(panel.mode);
    let line: Vec<_> = places.iter().map(|(place, _)| *place).collect();
    canvas.line(&line, ink, 1)?;
    for (place, standing) in places {
        match standing {
            Standing::Counts => canvas.mark(place, super::mark(panel.mode), ink)?,
            Standing::Void => {
                canvas.mark(place, Mark::Ring, ink)?;
                canvas.text((place.0 + 9, place.1), "void", Align::Left, Ink::Text)?;
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
