//! What each ordered pair of CPUs costs: a square for each, darker for dearer.

use super::canvas::{Align, Canvas, Ink};
use super::{Figure, Quantity, Width};
use crate::survey::show::{Matrix, digits};

/// From the least to the most.
const HEATS: [Ink; 5] = [Ink::Heat1, Ink::Heat2, Ink::Heat3, Ink::Heat4, Ink::Heat5];
/// A square narrower than this has no room for its number.
const ROOM: i32 = 36;
/// Above the squares: the CPUs' numbers.
const TOP: i32 = 34;
/// Below them: the scale.
const LEGEND: i32 = 44;

/// Draws one series' squares. `scale` is what numbers are divided by, and its name.
///
/// # Errors
///
/// What plotters says.
pub(in crate::report) fn figure(
    id: &str,
    quantity: Quantity,
    (scale, unit): (f64, &str),
    matrix: &Matrix<'_>,
) -> Result<Figure, String> {
    let costs = || matrix.cells.iter().map(|cell| cell.one_way);
    let (least, most) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    let text = |value| quantity.text(value);
    Figure::new(
        id,
        format!("{}: {unit} one way, from each CPU (rows) to each other (columns)", matrix.series),
        format!(
            "{}: {} ordered pairs of {} CPUs, from {} to {}. The table below has the figures.",
            matrix.series,
            matrix.cells.len(),
            matrix.cpus.len(),
            text(least),
            text(most)
        ),
        |width| (TOP + LEGEND + side(width, matrix) * matrix.cpus.len() as i32) as u32,
        |canvas, width| paint(canvas, width, matrix, scale, (least, most), &[text(least), text(most)]),
    )
}

const LEFT: i32 = 40;

/// The side of a square; not so large that few CPUs fill a page.
fn side(width: Width, matrix: &Matrix<'_>) -> i32 {
    let right = match width {
        Width::Wide => 670,
        Width::Narrow => 340,
    };
    ((right - LEFT) / matrix.cpus.len().max(1) as i32).clamp(1, 52)
}

fn paint(
    canvas: &mut Canvas<'_>,
    width: Width,
    matrix: &Matrix<'_>,
    scale: f64,
    (least, most): (f64, f64),
    ends: &[String; 2],
) -> Result<(), String> {
    let side = side(width, matrix);
    let at = |index: usize, from: i32| from + index as i32 * side;
    // A label needs some room, whatever its square has.
    let each = (24 / side + 1).max(1) as usize;
    for (index, cpu) in matrix.cpus.iter().enumerate().filter(|(index, _)| index % each == 0) {
        let (text, middle) = (cpu.to_string(), side / 2);
        canvas.text((at(index, LEFT) + middle, TOP - 12), &text, Align::Center, Ink::Muted)?;
        canvas.text((LEFT - 8, at(index, TOP) + middle), &text, Align::Right, Ink::Muted)?;
    }
    for (row, from) in matrix.cpus.iter().enumerate() {
        for (column, to) in matrix.cpus.iter().enumerate() {
            let Some(cell) = matrix.at(*from, *to) else { continue };
            let (x, y) = (at(column, LEFT), at(row, TOP));
            let gap = i32::from(side > 8);
            canvas.bar((x, y), (x + side - gap, y + side - gap), heat(cell.one_way, least, most))?;
            if side >= ROOM {
                let text = digits(cell.one_way / scale);
                canvas.text((x + side / 2, y + side / 2), &text, Align::Center, Ink::Text)?;
            }
        }
    }
    let y = at(matrix.cpus.len(), TOP) + 24;
    canvas.text((LEFT, y), &ends[0], Align::Left, Ink::Muted)?;
    for (index, ink) in HEATS.into_iter().enumerate() {
        let x = LEFT + 70 + 24 * index as i32;
        canvas.bar((x, y - 8), (x + 22, y + 8), ink)?;
    }
    canvas.text((LEFT + 70 + 24 * 5 + 8, y), &ends[1], Align::Left, Ink::Muted)
}

/// By the logarithm: as many times dearer, as many steps darker.
fn heat(cost: f64, least: f64, most: f64) -> Ink {
    let steps = HEATS.len() as f64;
    let share = if least > 0.0 && most > least { (cost / least).ln() / (most / least).ln() } else { 0.0 };
    HEATS[((share * steps) as usize).min(HEATS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_is_lightest_and_most_is_darkest() {
        assert_eq!((heat(1.0, 1.0, 100.0), heat(100.0, 1.0, 100.0)), (Ink::Heat1, Ink::Heat5));
        assert_eq!(heat(10.0, 1.0, 100.0), Ink::Heat3);
        assert_eq!(heat(5.0, 5.0, 5.0), Ink::Heat1);
    }
}
