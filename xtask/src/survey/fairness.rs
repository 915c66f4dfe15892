//! How evenly those that run at once share: from the counts `exchanges-1`, `exchanges-2` and so on of a point.

use serde::Serialize;

use super::Cell;

/// What such counts begin with.
const EXCHANGES: &str = "exchanges-";

/// How evenly the pairs of a point shared. Shares are of all exchanges, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fairness {
    /// How many shared.
    pub sharers: usize,
    /// The least share.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// Jain's index: 1 where all have the same, one over their number where one has all.
    pub jain: f64,
}

/// The same of a place, by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceFairness {
    /// Which series.
    pub series: String,
    /// Where: names of coordinates and numbers.
    pub at: Vec<(String, u64)>,
    /// How evenly.
    #[serde(flatten)]
    pub fairness: Fairness,
}

/// Of each place where sharers are told of.
pub fn of_all(cells: &[Cell]) -> Vec<PlaceFairness> {
    let told = |cell: &Cell| {
        let fairness = of(cell)?;
        Some(PlaceFairness { series: cell.series.clone(), at: cell.at.clone(), fairness })
    };
    cells.iter().filter_map(told).collect()
}

/// Whether a count is one sharer's.
pub fn is_share(name: &str) -> bool {
    name.strip_prefix(EXCHANGES).is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Of a place; `None` where nothing is told of sharers.
pub fn of(cell: &Cell) -> Option<Fairness> {
    let counts: Vec<u64> =
        cell.also.iter().filter(|(name, _)| is_share(name)).map(|(_, count)| *count).collect();
    of_counts(&counts)
}

fn of_counts(counts: &[u64]) -> Option<Fairness> {
    let sum: f64 = counts.iter().map(|count| *count as f64).sum();
    let squares: f64 = counts.iter().map(|count| (*count as f64).powi(2)).sum();
    (sum > 0.0).then(|| Fairness {
        sharers: counts.len(),
        least: counts.iter().copied().min().unwrap_or_default() as f64 / sum,
        most: counts.iter().copied().max().unwrap_or_default() as f64 / sum,
        jain: sum * sum / (counts.len() as f64 * squares),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_shares_are_fair_and_one_that_takes_all_is_not() {
        let even = of_counts(&[500, 500, 500, 500]).unwrap();
        assert_eq!((even.jain, even.least, even.most), (1.0, 0.25, 0.25));
        let one = of_counts(&[0, 0, 800, 0]).unwrap();
        assert_eq!((one.jain, one.least, one.most), (0.25, 0.0, 1.0));
        let uneven = of_counts(&[1, 3]).unwrap();
        assert_eq!((uneven.jain, uneven.least, uneven.most), (0.8, 0.25, 0.75));
        assert_eq!((of_counts(&[]), of_counts(&[0, 0])), (None, None));
    }

    #[test]
    fn shares_are_known_by_their_names() {
        assert!(is_share("exchanges-1") && is_share("exchanges-12"));
        assert!(!is_share("min-exchanges") && !is_share("exchanges") && !is_share("exchanges-all"));
    }
}
