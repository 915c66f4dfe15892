//! What in a log with points contradicts itself. The kernel has checked its counts; a result rests on them, so
//! they are checked again, and the points among themselves.

use std::collections::{BTreeMap, BTreeSet};

use switchlab_core::counts;
use switchlab_records::{Absent, Cpus, Named, Plan, Point, Protection, Topology};

use super::{owned, place};

/// The records of which each figure is made.
pub struct Content<'c, 'a> {
    pub plan: &'c Plan<'a>,
    pub cpus: &'c Cpus,
    pub points: &'c [Point<'a>],
    pub absent: &'c [Absent<'a>],
    pub topology: &'c [Topology],
    pub protection: &'c [Protection],
}

/// Coordinates that are a CPU.
const CPU_NAMES: [&str; 3] = ["from", "to", "cpu"];
/// A coordinate that is a number of CPUs.
const CPUS_NAME: &str = "cpus";

/// A series and a set of coordinates.
type Place = (String, Vec<(String, u64)>);

impl Content<'_, '_> {
    /// Checks them.
    ///
    /// # Errors
    ///
    /// The first that contradicts another.
    pub fn check(&self) -> Result<(), String> {
        let due = self.plan.blocks as usize;
        if self.points.len() != due {
            return Err(format!("the plan says {due} points, {} came", self.points.len()));
        }
        self.points.iter().try_for_each(|point| self.check_point(point))?;
        self.check_places()?;
        self.check_absent()?;
        self.check_each_cpu("topology", self.topology.iter().map(|of| of.cpu))?;
        self.check_each_cpu("protection", self.protection.iter().map(|of| of.cpu))
    }

    fn check_point(&self, point: &Point<'_>) -> Result<(), String> {
        let wrong = |why: String| Err(format!("{}: {why}", name(point)));
        let runs = self.plan.runs;
        if !(1..=runs).contains(&point.run) {
            return wrong(format!("the plan has runs 1 to {runs}"));
        }
        check_names(&point.series, &point.at, &point.also).or_else(wrong)?;
        if point.handoffs == 0 {
            return wrong("it has no handoffs".into());
        }
        if point.ticks == 0 {
            return wrong("it took no ticks".into());
        }
        if point.handoffs != point.counts.handoffs {
            let counted = point.counts.handoffs;
            return wrong(format!("its ticks are of {} handoffs, {counted} were counted", point.handoffs));
        }
        counts::check(&point.counts, &point.expected)
            .or_else(|mismatch| wrong(format!("the kernel passed a wrong count of {mismatch}")))?;
        self.check_cpus(&point.at).or_else(wrong)
    }

    /// A CPU that was not up has no point.
    fn check_cpus(&self, at: &[Named<'_>]) -> Result<(), String> {
        let up = u64::from(self.cpus.up);
        let absent = at.iter().find(|(name, number)| CPU_NAMES.contains(&&**name) && *number >= up);
        if let Some((name, cpu)) = absent {
            return Err(format!("{name} is CPU {cpu}, and {up} were up"));
        }
        match at.iter().find(|(name, number)| name == CPUS_NAME && *number > up) {
            Some((_, cpus)) => Err(format!("it has {cpus} CPUs, and {up} were up")),
            None => Ok(()),
        }
    }

    /// Each run has each place once, the same places as the first, and its positions in a row; and all places
    /// of a series have the same coordinates.
    fn check_places(&self) -> Result<(), String> {
        let mut runs: BTreeMap<u32, BTreeSet<Place>> = BTreeMap::new();
        let mut positions: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut axes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for point in self.points {
            let here = (point.series.to_string(), sorted(&point.at));
            if !runs.entry(point.run).or_default().insert(here) {
                return Err(format!("{}: there are two points of it", name(point)));
            }
            if !positions.entry(point.run).or_default().insert(point.position) {
                return Err(format!("run {}: there are two points {}", point.run, point.position));
            }
            let names: Vec<_> = point.at.iter().map(|(name, _)| &**name).collect();
            let known = axes.entry(&point.series).or_insert_with(|| names.clone());
            if *known != names {
                let [known, names] = [&*known, &names].map(|names| names.join(", "));
                return Err(format!(
                    "{}: its coordinates are {names}, before they were {known}",
                    name(point)
                ));
            }
        }
        let first = runs.get(&1).cloned().unwrap_or_default();
        for run in 1..=self.plan.runs {
            let places = runs.get(&run).cloned().unwrap_or_default();
            if let Some((series, at)) = first.symmetric_difference(&places).next() {
                return Err(format!("run {run} and run 1 do not both have {series} {}", place(at)));
            }
            let count = places.len() as u32;
            if positions.get(&run).is_some_and(|all| !all.iter().copied().eq(1..=count)) {
                return Err(format!("the positions of run {run} are not 1 to {count}"));
            }
        }
        Ok(())
    }

    /// Nothing is both absent and measured.
    fn check_absent(&self) -> Result<(), String> {
        for absent in self.absent {
            let at = sorted(&absent.at);
            check_names(&absent.series, &absent.at, &[])?;
            let both = self
                .points
                .iter()
                .find(|point| point.series == absent.series && (at.is_empty() || sorted(&point.at) == at));
            if let Some(point) = both {
                return Err(format!("{}: it is absent as well", name(point)));
            }
        }
        Ok(())
    }

    /// Records that tell `what` of a CPU are of one that was up, and tell it once.
    fn check_each_cpu(&self, what: &str, cpus: impl Iterator<Item = u32>) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for cpu in cpus {
            if cpu >= self.cpus.up {
                return Err(format!("the {what} has CPU {cpu}, and {} were up", self.cpus.up));
            }
            if !seen.insert(cpu) {
                return Err(format!("the {what} has CPU {cpu} twice"));
            }
        }
        Ok(())
    }
}

/// Names are in kebab-case, and none of a point's stands for two numbers.
fn check_names(series: &str, at: &[Named<'_>], also: &[Named<'_>]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let names = || at.iter().chain(also).map(|(name, _)| &**name);
    if let Some(name) = [series].into_iter().chain(names()).find(|name| !is_kebab(name)) {
        return Err(format!("{name:?} is no name in kebab-case"));
    }
    match names().find(|name| !seen.insert(*name)) {
        Some(name) => Err(format!("it has {name} twice")),
        None => Ok(()),
    }
}

fn is_kebab(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
}

fn sorted(at: &[Named<'_>]) -> Vec<(String, u64)> {
    let mut at = owned(at);
    at.sort();
    at
}

/// `run 1, halt from 0 to 1`.
fn name(point: &Point<'_>) -> String {
    // Names that are none are spelt out, so that they move no cursor.
    format!("run {}, {} {}", point.run, point.series.escape_debug(), place(&owned(&point.at)).escape_debug())
}
