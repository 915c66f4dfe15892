//! How the exchanges of one mode are distributed: a bar for each eighth of a power of two, both axes
//! logarithmic, so that one exchange in a million is seen beside the many.

use switchlab_core::histogram::{Histogram, bounds_of};
use switchlab_core::ruler::Ruler;
use switchlab_records::Mode;

use super::canvas::{Align, Canvas, Ink, Scale};
use super::{Figure, Quantity, Width};
use crate::results::cost::UnitValue;

/// Buckets of the kernel's histogram in one bar: of 32 to a power of two.
const BUCKETS_A_BAR: u16 = 4;

/// A bar: from, to, and which part of all samples it has.
struct Bar {
    from: f64,
    to: f64,
    share: f64,
}

/// One mode's exchanges.
pub struct Distribution {
    mode: Mode,
    quantity: Quantity,
    bars: Vec<Bar>,
    samples: u64,
    p50: f64,
    p99: f64,
    max: f64,
}

impl Distribution {
    /// Of these samples; `None` without any.
    pub fn new(mode: Mode, samples: &Histogram, ruler: Ruler, quantity: Quantity) -> Option<Self> {
        let at = |rank| Some(ruler.value(i128::from(samples.percentile(rank)?), 1));
        let all = samples.samples();
        let mut bars: Vec<(u16, Bar)> = Vec::new();
        for (bucket, count) in samples.buckets() {
            let (first, last) = bar_of(bucket);
            let share = count as f64 / all as f64;
            match bars.last_mut() {
                Some((known, bar)) if *known == first => bar.share += share,
                _ => {
                    let edge = |ticks: u64| ruler.value(i128::from(ticks), 1);
                    let (from, _) = bounds_of(usize::from(first))?;
                    let (_, to) = bounds_of(usize::from(last))?;
                    bars.push((first, Bar { from: edge(from), to: edge(to.saturating_add(1)), share }));
                }
            }
        }
        Some(Self {
            mode,
            quantity,
            bars: bars.into_iter().map(|(_, bar)| bar).collect(),
            samples: all,
            p50: at(5_000)?,
            p99: at(9_900)?,
            max: at(10_000)?,
        })
    }

    /// The least and the most that its bars reach.
    pub fn reach(&self) -> (f64, f64) {
        let least = self.bars.iter().map(|bar| bar.from).find(|from| *from > 0.0).unwrap_or(1.0);
        (least, self.bars.last().map_or(least, |bar| bar.to))
    }

    /// Draws it on an axis `from..to`, which may be the same for several.
    ///
    /// # Errors
    ///
    /// What plotters says.
    pub fn figure(&self, id: &str, (from, to): (f64, f64)) -> Result<Figure, String> {
        let decades = (from.log10().floor() as i32, to.log10().ceil() as i32);
        let decades = (decades.0, decades.1.max(decades.0 + 1));
        let text = |value| self.quantity.text(value);
        Figure::new(
            id,
            format!("How long one {} exchange takes", self.mode.name()).replace(
                "long one",
                if self.quantity == Quantity::Time { "long one" } else { "many instructions one" },
            ),
            format!(
                "{}: of {} exchanges half take no more than {} (p50), 99 of 100 no more than {} (p99); the longest \
                 took {}.",
                self.mode.name(),
                super::grouped(self.samples as f64),
                text(self.p50),
                text(self.p99),
                text(self.max),
            ),
            |_| HEIGHT,
            |canvas, width| self.paint(canvas, width, decades),
        )
    }

    fn paint(&self, canvas: &mut Canvas<'_>, width: Width, (first, last): (i32, i32)) -> Result<(), String> {
        let (left, right) = match width {
            Width::Wide => (64, 662),
            Width::Narrow => (64, 336),
        };
        let least_share = self.bars.iter().map(|bar| bar.share).fold(1.0, f64::min);
        let lowest = (least_share.log10().floor() as i32 - 1).min(-1);
        let across = Scale::log(10f64.powi(first)..10f64.powi(last), (left, right));
        let up = Scale::log(10f64.powi(lowest)..1.0, (BOTTOM, TOP));
        let each = ((-lowest) / 3).max(1);
        for exponent in (lowest + 1..=0).rev().step_by(each as usize) {
            let y = up.at(10f64.powi(exponent));
            canvas.line(&[(left, y), (right, y)], Ink::Rule, 1)?;
            canvas.text((left - 8, y), &share_text(exponent), Align::Right, Ink::Muted)?;
        }
        canvas.line(&[(left, BOTTOM), (right, BOTTOM)], Ink::Muted, 1)?;
        let each = match width {
            Width::Wide => 1,
            Width::Narrow => (last - first + 3) / 4,
        };
        for exponent in (first..=last).step_by(each as usize) {
            let x = across.at(10f64.powi(exponent));
            canvas.line(&[(x, BOTTOM), (x, BOTTOM + 4)], Ink::Muted, 1)?;
            let (x, align) = if exponent == last { (right + 14, Align::Right) } else { (x, Align::Center) };
            canvas.text((x, BOTTOM + 14), &self.quantity.decade(exponent), align, Ink::Muted)?;
        }
        canvas.text(((left + right) / 2, BOTTOM + 34), self.quantity.axis(), Align::Center, Ink::Muted)?;
        canvas.text((left, 8), "share of all exchanges, logarithmic", Align::Left, Ink::Muted)?;
        for bar in &self.bars {
            let from = across.at(bar.from.max(10f64.powi(first)));
            canvas.bar((from, up.at(bar.share)), (across.at(bar.to), BOTTOM), super::ink(self.mode))?;
        }
        for (value, name, align, aside) in
            [(self.p50, "p50", Align::Right, -4), (self.p99, "p99", Align::Left, 4)]
        {
            let x = across.at(value);
            canvas.line(&[(x, TOP - 14), (x, BOTTOM)], Ink::Text, 1)?;
            canvas.text((x + aside, TOP - 9), name, align, Ink::Text)?;
        }
        Ok(())
    }
}

const HEIGHT: u32 = 196;
const TOP: i32 = 36;
const BOTTOM: i32 = 152;

/// The first and the last bucket of the bar that `bucket` belongs to. Below 32 a bucket is one value,
/// and wider than a bar is elsewhere.
const fn bar_of(bucket: u16) -> (u16, u16) {
    if bucket < 32 {
        return (bucket, bucket);
    }
    let first = bucket / BUCKETS_A_BAR * BUCKETS_A_BAR;
    (first, first + BUCKETS_A_BAR - 1)
}

/// A power of ten as a share: `100 %`, `0.01 %`, and below that in millionths: `1 ppm`.
fn share_text(exponent: i32) -> String {
    match exponent {
        -4.. => format!("{}\u{202f}%", 10f64.powi(exponent + 2)),
        _ => format!("{}\u{202f}ppm", 10f64.powi(exponent + 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_sample_and_do_not_overlap() {
        let mut samples = Histogram::new();
        for value in [0, 1, 31, 32, 33, 35, 36, 63, 64, 1_000, 1_001, 1 << 40] {
            samples.record(value);
        }
        let distribution =
            Distribution::new(Mode::Switch, &samples, Ruler::Instructions, Quantity::Instructions).unwrap();
        let shares: f64 = distribution.bars.iter().map(|bar| bar.share).sum();
        assert!((shares - 1.0).abs() < 1e-12, "{shares}");
        let places = distribution.bars.iter().map(|bar| (bar.from, bar.to));
        let places: Vec<_> = places.collect();
        assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{places:?}");
        assert_eq!(places[3], (32.0, 36.0), "four values of one width are one bar");
        assert_eq!(distribution.reach().0, 1.0);
    }

    #[test]
    fn no_samples_are_no_distribution() {
        let none =
            Distribution::new(Mode::Switch, &Histogram::new(), Ruler::Instructions, Quantity::Instructions);
        assert!(none.is_none());
    }
}
