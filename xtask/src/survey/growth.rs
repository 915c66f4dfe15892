//! How the cost of a series grows along its coordinate: a line through the logarithms, by least squares. Its
//! slope is the exponent: 0 for a cost that does not grow, 1 for one that doubles where the coordinate does.

use serde::Serialize;

use super::Cell;
use super::cells::series_of;

/// The growth of one series.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// Which.
    pub series: String,
    /// Along which coordinate.
    pub along: String,
    /// Its least value, and its most.
    pub range: [u64; 2],
    /// Places that the line goes through.
    pub places: usize,
    /// The slope of ln(cost) over ln(coordinate).
    pub exponent: f64,
    /// How much of the variation of ln(cost) the line explains, from 0 to 1; `None` where there is none.
    pub explained: Option<f64>,
    /// The cost at the last place over that at the first.
    pub last_to_first: f64,
}

/// Fewer places have no line.
const LEAST_PLACES: usize = 3;

/// Of each series with one coordinate, which is above 0 throughout, and at least three places.
pub fn of(cells: &[Cell]) -> Vec<Growth> {
    let all: Vec<&Cell> = cells.iter().collect();
    series_of(&all).into_iter().filter_map(|series| growth(series, cells)).collect()
}

fn growth(series: &str, cells: &[Cell]) -> Option<Growth> {
    let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.series == series).collect();
    let [(along, _)] = &cells.first()?.at[..] else { return None };
    let at: Vec<(u64, f64)> = cells.iter().map(|cell| (cell.at[0].1, cell.one_way)).collect();
    let is_fit = at.len() >= LEAST_PLACES && at.iter().all(|(x, cost)| *x > 0 && *cost > 0.0);
    let ((first, least), (last, most)) = (*at.first()?, *at.last()?);
    let line = is_fit.then(|| line(&at))?;
    Some(Growth {
        series: series.to_owned(),
        along: along.clone(),
        range: [first, last],
        places: at.len(),
        exponent: line.0,
        explained: line.1,
        last_to_first: most / least,
    })
}

/// Slope and share explained, of the logarithms. The first values differ, since places do.
fn line(at: &[(u64, f64)]) -> (f64, Option<f64>) {
    let logs: Vec<(f64, f64)> = at.iter().map(|(x, y)| ((*x as f64).ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| logs.iter().map(part).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|log| log.0), mean(|log| log.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| logs.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    // Costs that differ by less than the last digit vary by nothing.
    let explained = (yy > 1e-12).then(|| xy * xy / (xx * yy));
    (xy / xx, explained)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(cost: impl Fn(f64) -> f64) -> (f64, Option<f64>) {
        let at: Vec<_> = (1..=16).map(|power| 1u64 << power).map(|x| (x, cost(x as f64))).collect();
        line(&at)
    }

    #[test]
    fn exponent_is_that_of_the_power_and_a_constant_has_none() {
        let (exponent, explained) = slope(|x| 3.0 * x.powf(0.5));
        assert!((exponent - 0.5).abs() < 1e-12 && (explained.unwrap() - 1.0).abs() < 1e-12);
        let (exponent, explained) = slope(|_| 20.5);
        assert!(exponent.abs() < 1e-12 && explained.is_none());
        let (exponent, _) = slope(|x| 7.0 / x);
        assert!((exponent + 1.0).abs() < 1e-12);
    }
}
