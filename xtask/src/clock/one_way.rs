//! What a figure is worth that begins on one CPU's counter and ends on another's, such as the way of an IPI.
//! `trace` asks for the two CPUs of a mode; the steps and the timeline print it beside such figures.

use std::fmt;

use serde::Serialize;
use switchlab_core::format::{Grouped, Nanoseconds};
use switchlab_core::ruler::Ruler;
use switchlab_records::Offset;

use super::{is_known, ticks};
use crate::results::cost::UnitValue;

/// The two counters between which something goes one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneWay {
    /// The CPU where it begins, by `CpuId`.
    pub from: u32,
    /// The CPU where it ends.
    pub to: u32,
    /// How far their counters are apart; `None` where nobody knows, and then there is no bound.
    pub apart: Option<Apart>,
    /// What speaks against the figure, beyond what speaks against the clock.
    pub suspect: Option<String>,
}

/// How far one counter is ahead of another, and what that does to a figure between the two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Apart {
    /// The end's counter is ahead of the beginning's by this.
    pub ahead_ns: f64,
    /// That is off by this at most, either way.
    pub bound_ns: f64,
    /// So a figure, which nobody corrects, is off by this at most, either way.
    pub off_by_at_most_ns: f64,
}

impl OneWay {
    /// Between these CPUs, by the offsets of their boot. `None` where there is one counter: on one CPU, and
    /// where ticks are instructions.
    pub fn new(offsets: &[Offset], [from, to]: [u32; 2], ruler: Ruler) -> Option<Self> {
        if from == to || matches!(ruler, Ruler::Instructions) {
            return None;
        }
        let found = measured(offsets, from, to).or_else(|| {
            // By way of CPU 0, the bounds added.
            let (there, back) = (measured(offsets, 0, to)?, measured(offsets, from, 0)?);
            Some(Ticks {
                ahead: there.ahead.saturating_add(back.ahead),
                bound: there.bound.saturating_add(back.bound),
            })
        });
        let suspect = match found {
            None => Some(format!("the offset between CPUs {from} and {to} was not measured")),
            Some(Ticks { ahead, bound }) if ahead.unsigned_abs() > bound => Some(format!(
                "the counters of CPUs {from} and {to} are {} apart, known to within {}",
                ticks(ahead.unsigned_abs()),
                Grouped(bound)
            )),
            Some(_) => None,
        };
        let apart = found.map(|Ticks { ahead, bound }| {
            let ns = |ticks: i128| ruler.value(ticks, 1);
            let (ahead, bound) = (i128::from(ahead), i128::from(bound));
            Apart { ahead_ns: ns(ahead), bound_ns: ns(bound), off_by_at_most_ns: ns(ahead.abs() + bound) }
        });
        Some(Self { from, to, apart, suspect })
    }

    /// The bound alone, to stand beside a figure.
    pub fn bound_text(&self) -> String {
        match &self.apart {
            Some(apart) => format!("one way ±{}", time_text(apart.off_by_at_most_ns)),
            None => "one way: no bound".into(),
        }
    }
}

impl fmt::Display for OneWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, apart, suspect } = self;
        match (apart, suspect) {
            (Some(apart), suspect) => {
                let [off_by, ahead, bound] =
                    [apart.off_by_at_most_ns, apart.ahead_ns.abs(), apart.bound_ns].map(time_text);
                write!(
                    f,
                    "one way between CPUs {from} and {to} is off by {off_by} at most: their counters are {ahead} \
                     apart, known to within {bound}"
                )?;
                if suspect.is_some() { f.write_str(", so they do differ") } else { Ok(()) }
            }
            (None, suspect) => {
                let why = suspect.as_deref().unwrap_or_default();
                write!(f, "one way between CPUs {from} and {to} has no bound: {why}")
            }
        }
    }
}

/// Nanoseconds as tables write them, of either sign: `8.50ns`, `1.70µs`.
pub fn time_text(ns: f64) -> String {
    let sign = if ns < 0.0 { "-" } else { "" };
    match ns.abs() {
        size if size < 100.0 => format!("{sign}{size:.2}ns"),
        size => format!("{sign}{}", Nanoseconds(size.round() as u64)),
    }
}

/// An offset, in TSC ticks.
#[derive(Clone, Copy)]
struct Ticks {
    ahead: i64,
    bound: u64,
}

fn measured(offsets: &[Offset], from: u32, to: u32) -> Option<Ticks> {
    offsets.iter().find_map(|offset| {
        let ahead = match (offset.against, offset.cpu) {
            pair if pair == (from, to) => offset.offset_ticks,
            pair if pair == (to, from) => offset.offset_ticks.saturating_neg(),
            _ => return None,
        };
        is_known(offset).then_some(Ticks { ahead, bound: offset.bound_ticks })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchlab_records::Unit;

    fn offset(against: u32, cpu: u32, offset_ticks: i64) -> Offset {
        Offset {
            cpu,
            against,
            rounds: 8,
            offset_ticks,
            bound_ticks: 3_400,
            steps_back: 0,
            largest_step_back_ticks: 0,
            own_steps_back: 0,
        }
    }

    /// At 2 GHz: two ticks a nanosecond.
    fn one_way(offsets: &[Offset], from: u32, to: u32) -> OneWay {
        OneWay::new(offsets, [from, to], Ruler::new(Unit::Time, 2_000_000_000).unwrap()).unwrap()
    }

    #[test]
    fn offset_is_known_either_way_and_by_way_of_cpu_0() {
        let unknown = Offset { bound_ticks: u64::MAX, ..offset(0, 4, 0) };
        let offsets = [offset(0, 1, 100), offset(0, 2, -20), offset(2, 3, 7), unknown];
        let found = |from, to| {
            let apart = one_way(&offsets, from, to).apart?;
            Some((apart.ahead_ns, apart.bound_ns, apart.off_by_at_most_ns))
        };
        assert_eq!(found(0, 1), Some((50.0, 1_700.0, 1_750.0)));
        assert_eq!(found(1, 0), Some((-50.0, 1_700.0, 1_750.0)));
        assert_eq!(found(1, 2), Some((-60.0, 3_400.0, 3_460.0)));
        assert_eq!(found(3, 2), Some((-3.5, 1_700.0, 1_703.5)));
        assert_eq!(found(0, 3), None);
        assert_eq!(found(0, 4), None);
    }

    #[test]
    fn figure_is_suspect_without_an_offset_or_beyond_its_bound() {
        let offsets = [offset(0, 1, 3_400), offset(0, 2, -3_401)];
        let suspect = |from, to| one_way(&offsets, from, to).suspect;
        assert_eq!(suspect(0, 1), None);
        assert_eq!(
            suspect(2, 0).as_deref(),
            Some("the counters of CPUs 2 and 0 are 3,401 ticks apart, known to within 3,400")
        );
        assert_eq!(suspect(0, 3).as_deref(), Some("the offset between CPUs 0 and 3 was not measured"));
    }

    #[test]
    fn bound_is_told_with_what_it_comes_from() {
        let offsets = [offset(0, 1, -20), offset(0, 2, 3_401)];
        let told = |to| {
            let one_way = one_way(&offsets, 0, to);
            (one_way.bound_text(), one_way.to_string())
        };
        let of = |bound: &str, whole: &str| (bound.to_owned(), format!("one way between CPUs 0 and {whole}"));
        assert_eq!(
            told(1),
            of(
                "one way ±1.71µs",
                "1 is off by 1.71µs at most: their counters are 10.00ns apart, known to within 1.70µs"
            )
        );
        assert!(told(2).1.ends_with("known to within 1.70µs, so they do differ"), "{}", told(2).1);
        assert_eq!(
            told(3),
            of("one way: no bound", "3 has no bound: the offset between CPUs 0 and 3 was not measured")
        );
    }

    #[test]
    fn there_is_no_way_between_counters_where_there_is_one() {
        assert_eq!(OneWay::new(&[offset(0, 1, 5)], [0, 1], Ruler::Instructions), None);
        assert_eq!(OneWay::new(&[offset(0, 1, 5)], [1, 1], Ruler::new(Unit::Time, 1).unwrap()), None);
    }
}
