//! The medians of resamples: rows drawn with replacement, as many as there are, the columns of a
//! row staying together. Exact for any number of rows, and never slower than some `sqrt(rows)` a
//! resample. Called by the bootstrap only.
//!
//! Only a row whose value lies near the middle of a column can be that column's median in a
//! resample. A resample's median is further than [`REACH`] `* sqrt(rows)` ranks from the middle
//! with a chance below 1e-13 (Hoeffding's inequality: 2 exp(-2 * 16)). So each column has a window
//! of that many ranks on both sides of its middle, and of the rows that lie in no window it
//! matters only how many are drawn on which side. That number is drawn at once, by the binomial
//! distribution that it has; the rows near a middle are drawn one by one. Up to some 64 rows all
//! are near, and this is the bootstrap as in the book. Were a median ever beyond its window, it
//! would be taken as the window's edge, which is far outside every percentile that is asked for.

use super::draw::Draw;
use super::order::halfway;

/// Half the window's width, in square roots of the number of rows.
const REACH: f64 = 4.0;

/// A drawer of medians of `COLUMNS` columns.
pub(super) struct Medians<const COLUMNS: usize> {
    rows: u64,
    /// Of each row that lies in a window: its slot in each column.
    near: Vec<[u32; COLUMNS]>,
    /// The rows that lie in no window, by the columns in which they are below: bit `c` for `c`.
    far: Vec<(usize, u64)>,
    columns: [Column; COLUMNS],
}

/// One column's window.
struct Column {
    /// The values in the window, ascending.
    window: Vec<f64>,
    /// How often each slot was drawn: slot 0 is below the window, the last above it.
    drawn: Vec<u32>,
}

impl<const COLUMNS: usize> Medians<COLUMNS> {
    /// Of `columns` of the same length, from 1 to `u32::MAX`.
    pub(super) fn new(columns: [&[f64]; COLUMNS]) -> Self {
        let rows = columns[0].len();
        let mut slots = vec![[0u32; COLUMNS]; rows];
        let mut number = 0;
        let columns = columns.map(|values| {
            let window = window(values, |row, slot| slots[row][number] = slot);
            number += 1;
            Column { drawn: vec![0; window.len() + 2], window }
        });
        let mut far = vec![0u64; 1 << COLUMNS];
        slots.retain(|slots| match below(slots, &columns) {
            Some(sides) => {
                far[sides] += 1;
                false
            }
            None => true,
        });
        slots.shrink_to_fit();
        let far = far.into_iter().enumerate().filter(|(_, rows)| *rows > 0).collect();
        Self { rows: rows as u64, near: slots, far, columns }
    }

    /// The medians of one resample.
    pub(super) fn draw(&mut self, draw: &mut Draw) -> [f64; COLUMNS] {
        for column in &mut self.columns {
            column.drawn.fill(0);
        }
        let mut kinds = self.rows;
        let near = draw.binomial(self.rows, self.near.len() as u64, kinds);
        let mut left = self.rows - near;
        kinds -= self.near.len() as u64;
        for &(sides, rows) in &self.far {
            let drawn = draw.binomial(left, rows, kinds);
            (left, kinds) = (left - drawn, kinds - rows);
            for (number, column) in self.columns.iter_mut().enumerate() {
                if sides >> number & 1 == 1 {
                    column.drawn[0] += drawn as u32;
                }
            }
        }
        let choice = self.near.len() as u32;
        for _ in 0..near {
            let slots = self.near[draw.below(choice) as usize];
            for (column, slot) in self.columns.iter_mut().zip(slots) {
                column.drawn[slot as usize] += 1;
            }
        }
        let rows = self.rows;
        self.columns.each_ref().map(|column| column.median(rows))
    }
}

/// The columns in which a row is below the window, bit `c` for `c`; `None` if it is in a window.
fn below<const COLUMNS: usize>(slots: &[u32; COLUMNS], columns: &[Column; COLUMNS]) -> Option<usize> {
    let mut sides = 0;
    for (number, (&slot, column)) in slots.iter().zip(columns).enumerate() {
        match slot as usize {
            0 => sides |= 1 << number,
            slot if slot > column.window.len() => {}
            _ => return None,
        }
    }
    Some(sides)
}

/// The values in the window, ascending. Tells `place` the slot of each row: 0 below the window,
/// from 1 in it, the next above. Equal values are ranked by row, so that each has a rank.
fn window(values: &[f64], mut place: impl FnMut(usize, u32)) -> Vec<f64> {
    let rows = values.len();
    let reach = (REACH * (rows as f64).sqrt()).ceil() as usize;
    let first = ((rows - 1) / 2).saturating_sub(reach);
    let last = (rows / 2 + reach).min(rows - 1);
    let by_value =
        |a: &u32, b: &u32| values[*a as usize].total_cmp(&values[*b as usize]).then_with(|| a.cmp(b));
    let mut ranked: Vec<u32> = (0..rows as u32).collect();
    ranked.select_nth_unstable_by(first, by_value);
    ranked[first..].select_nth_unstable_by(last - first, by_value);
    ranked[first..=last].sort_unstable_by(by_value);
    for (rank, &row) in ranked.iter().enumerate() {
        let slot = if rank < first { 0 } else { rank.min(last + 1) - first + 1 };
        place(row as usize, slot as u32);
    }
    ranked[first..=last].iter().map(|row| values[*row as usize]).collect()
}

impl Column {
    /// The median of what was drawn, `rows` values in all.
    fn median(&self, rows: u64) -> f64 {
        let (lower, upper) = ((rows - 1) / 2, rows / 2);
        let (mut slot, mut count) = (0, u64::from(self.drawn[0]));
        let mut at_rank = |rank: u64| {
            while count <= rank && slot < self.window.len() {
                slot += 1;
                count += u64::from(self.drawn[slot]);
            }
            self.window[slot.max(1) - 1]
        };
        let lower = at_rank(lower);
        halfway(lower, at_rank(upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_far_from_every_middle_are_counted_by_the_side_on_which_they_lie() {
        // On both sides of the middle: 4 times the square root, rounded up.
        const REACHED: usize = 4_001;
        const FAR: u64 = 500_000 - REACHED as u64;
        let rising: Vec<f64> = (0..1_000_001).map(f64::from).collect();
        let medians = Medians::new([&rising[..]]);
        assert_eq!(medians.near.len(), 2 * REACHED + 1);
        assert_eq!(medians.far, [(0b0, FAR), (0b1, FAR)]);
        let falling: Vec<f64> = rising.iter().rev().copied().collect();
        let medians = Medians::new([&rising[..], &falling[..]]);
        assert_eq!(medians.near.len(), 2 * REACHED + 1);
        // Who is below the one window is above the other.
        assert_eq!(medians.far, [(0b01, FAR), (0b10, FAR)]);
    }

    #[test]
    fn window_reaches_as_far_below_the_middle_as_above_it() {
        let ends = |rows: u32| {
            let values: Vec<f64> = (0..rows).map(f64::from).collect();
            let window = window(&values, |_, _| ());
            (window[0], window[window.len() - 1])
        };
        assert_eq!(ends(1_000_000), (495_999.0, 504_000.0));
        assert_eq!(ends(1_000_001), (495_999.0, 504_001.0));
        assert_eq!(ends(10), (0.0, 9.0));
    }

    #[test]
    fn median_beyond_the_window_is_taken_as_its_edge() {
        let column = |drawn: [u32; 4]| Column { window: vec![1.0, 2.0], drawn: drawn.to_vec() };
        assert_eq!(column([5, 0, 0, 0]).median(5), 1.0);
        assert_eq!(column([0, 0, 0, 5]).median(5), 2.0);
        assert_eq!(column([2, 1, 0, 2]).median(5), 1.0);
        assert_eq!(column([2, 1, 1, 2]).median(6), 1.5);
    }
}
