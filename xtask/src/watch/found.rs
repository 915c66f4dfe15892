//! What was found by watching a guest, as the manifest keeps it, and how it is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchlab_records::{Block, Mode, Pass, Subject};

use super::guest_time::GuestTime;
use super::judge::{CpuTime, VoidReason};
use crate::manifest::{self, plural};

/// From this share on a host is called busy, in percent.
pub const BUSY_PERCENT: f64 = 10.0;

/// So many void runs are told one by one.
const VOID_LINES: usize = 10;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Whether QEMU's process was looked at.
    pub process: Watched,
    /// Whether QEMU's monitor was listened to.
    pub monitor: Watched,
    /// Timed blocks that came while it was watched.
    pub blocks: u32,
    /// Those among them of which the host's counters are not known.
    pub unwatched_blocks: u32,
    /// Time of the CPUs that QEMU may use that went to others, in percent of all of it; `None` where
    /// the host does not tell.
    pub host_busy_percent: Option<f64>,
    /// How long QEMU was stopped, and how long the guest was paused, outside of timed blocks: as it started, most often.
    #[serde(default, skip_serializing_if = "Outside::is_nothing")]
    pub outside: Outside,
    /// What QEMU's monitor said.
    pub events: Vec<Event>,
    /// The guest's time held against the host's; `None` where one of them is not known.
    pub guest_time: Option<GuestTime>,
    /// The blocks that are void.
    pub voids: Vec<Void>,
    /// The points that are void, of an experiment with many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub void_points: Vec<VoidPoint>,
    /// QEMU's CPU time over points, where it could be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point_times: Vec<PointTime>,
}

/// What happened outside of timed blocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// QEMU's process was stopped for so long.
    pub stopped_ms: u64,
    /// The guest was paused for so long.
    pub paused_ms: u64,
}

impl Outside {
    const fn is_nothing(&self) -> bool {
        self.stopped_ms == 0 && self.paused_ms == 0
    }

    /// `; stopped for 600 ms and paused for 20 ms outside of timed blocks`, empty where nothing was.
    fn tail(self) -> String {
        let all = [("stopped", self.stopped_ms), ("paused", self.paused_ms)];
        let struck = all.into_iter().filter(|(_, ms)| *ms > 0);
        let struck: Vec<_> = struck.map(|(what, ms)| format!("{what} for {ms} ms")).collect();
        match struck.as_slice() {
            [] => String::new(),
            struck => format!("; {} outside of timed blocks", struck.join(" and ")),
        }
    }

    /// The same of several boots, with which of them it was.
    fn tail_of_all(boots: &[(u32, &Watch)]) -> String {
        let struck: Vec<_> = boots.iter().filter(|(_, watch)| !watch.outside.is_nothing()).collect();
        let sum = struck.iter().fold(Self::default(), |sum, (_, watch)| Self {
            stopped_ms: sum.stopped_ms + watch.outside.stopped_ms,
            paused_ms: sum.paused_ms + watch.outside.paused_ms,
        });
        let tail = sum.tail();
        match struck.as_slice() {
            [] => tail,
            [(boot, _)] => format!("{tail}, in boot {boot}"),
            struck => format!("{tail}, in {} of {}", struck.len(), plural(boots.len() as u64, "boot")),
        }
    }
}

/// QEMU's CPU time over a point, its warm-up included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointTime {
    /// Its run, from 1.
    pub run: u32,
    /// Its position within the run, from 1.
    pub position: u32,
    /// How long, and how much.
    #[serde(flatten)]
    pub time: HostTime,
}

/// A stretch of the host's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTime {
    /// By the clock.
    pub wall_us: u64,
    /// CPU time of QEMU's process, all its threads together.
    pub cpu_us: u64,
}

/// Whether something was watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watched {
    /// It was.
    Yes,
    /// It was not, and this is why.
    Not(String),
}

/// What QEMU's monitor said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// As QEMU calls it: `STOP`, `RESUME`, `RESET`, `SHUTDOWN` and more.
    pub name: String,
    /// When, from QEMU's start on.
    pub at_ms: u64,
    /// Why, where QEMU says so: `guest-reset`, `host-qmp-quit` and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A block that is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// Its run, from 1.
    pub run: u32,
    /// Its position within the run, from 1.
    pub position: u32,
    /// How control was handed over.
    pub mode: Mode,
    /// A handoff, or the loop without one.
    pub subject: Subject,
    /// How the clock was read.
    pub pass: Pass,
    /// Why, one at least.
    pub reasons: Vec<VoidReason>,
}

/// What was seen of points, by run and position: there may be thousands of them.
#[derive(Debug)]
pub struct SeenOfPoints {
    /// QEMU's CPU time, where it could be told.
    pub host: HashMap<(u32, u32), HostTime>,
    /// Those that are void.
    pub void: HashSet<(u32, u32)>,
}

/// A point that is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidPoint {
    /// Its run, from 1.
    pub run: u32,
    /// Its position within the run, from 1.
    pub position: u32,
    /// Its series.
    pub series: String,
    /// Why, one at least.
    pub reasons: Vec<VoidReason>,
}

impl Void {
    pub(super) fn new(block: &Block, reasons: Vec<VoidReason>) -> Self {
        let Block { run, position, mode, subject, pass, .. } = *block;
        Self { run, position, mode, subject, pass, reasons }
    }

    fn describe(&self) -> String {
        let what = match (self.subject, self.pass) {
            (Subject::Handoff, Pass::Batch) => "",
            (Subject::Handoff, Pass::Sampled) => ", sampled",
            (Subject::Null, Pass::Batch) => ", null",
            (Subject::Null, Pass::Sampled) => ", null sampled",
        };
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        format!("{}{what} {}", self.mode.name(), reasons.join(" and "))
    }

    /// Whether somebody did something to QEMU.
    fn is_struck(&self) -> bool {
        self.reasons.iter().any(VoidReason::is_stroke)
    }

    /// Whether its run is out of the verdict with it: the modes that are compared, as they are compared.
    fn is_compared(&self) -> bool {
        let Self { subject, pass, mode, .. } = *self;
        let is_compared = matches!(mode, Mode::SameCore | Mode::CrossCore);
        subject == Subject::Handoff && pass == Pass::Batch && is_compared
    }
}

impl Watch {
    /// The runs that are out of the verdict: those of which a handoff block of the batch pass is void.
    /// A run goes as a whole, since its modes are compared with each other.
    pub fn void_runs(&self) -> BTreeSet<u32> {
        self.voids.iter().filter(|void| void.is_compared()).map(|void| void.run).collect()
    }

    /// Whether this block is void.
    pub fn is_void(&self, run: u32, mode: Mode, subject: Subject, pass: Pass) -> bool {
        let is_it =
            |void: &Void| (void.run, void.mode, void.subject, void.pass) == (run, mode, subject, pass);
        self.voids.iter().any(is_it)
    }

    /// What was seen of points, by run and position.
    pub fn by_point(&self) -> SeenOfPoints {
        SeenOfPoints {
            // The first of two, as a reader of the list would find it.
            host: self.point_times.iter().rev().map(|of| ((of.run, of.position), of.time)).collect(),
            void: self.void_points.iter().map(|void| (void.run, void.position)).collect(),
        }
    }

    /// What was found, in lines to stand beside the numbers.
    pub fn conditions(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(percent) = self.host_busy_percent {
            let busy = if is_busy(percent) { "busy: " } else { "" };
            lines.push(("Host load", format!("{busy}{percent:.0} % of its CPU time went to others")));
        }
        if let Some(time) = &self.guest_time {
            lines.push(("Guest time", time.to_string()));
        }
        lines.push(("Watched", self.summary()));
        lines.extend(self.void_lines().map(|line| ("Void", line)));
        lines.extend(self.void_point_lines().map(|line| ("Void", line)));
        lines
    }

    /// A line for each run with a void block, up to [`VOID_LINES`].
    fn void_lines(&self) -> impl Iterator<Item = String> {
        let mut by_run: BTreeMap<u32, Vec<&Void>> = BTreeMap::new();
        for void in &self.voids {
            by_run.entry(void.run).or_default().push(void);
        }
        let rest = by_run.len().saturating_sub(VOID_LINES);
        let rest = (rest > 0).then(|| format!("{} more, in {}", plural(rest as u64, "run"), manifest::FILE));
        let line = |(run, voids): (u32, Vec<&Void>)| {
            // What somebody did comes first, also on a host that is busy besides; then what takes the run out.
            let told = voids.iter().min_by_key(|void| (!void.is_struck(), !void.is_compared()))?;
            let others = match voids.len() - 1 {
                0 => String::new(),
                others => format!(" (and {})", plural(others as u64, "other block")),
            };
            Some(format!("run {run}: {}{others}", told.describe()))
        };
        by_run.into_iter().take(VOID_LINES).filter_map(line).chain(rest)
    }

    /// A line for each void point, up to [`VOID_LINES`].
    fn void_point_lines(&self) -> impl Iterator<Item = String> {
        let rest = self.void_points.len().saturating_sub(VOID_LINES);
        let rest =
            (rest > 0).then(|| format!("{} more, in {}", plural(rest as u64, "point"), manifest::FILE));
        let line = |VoidPoint { run, position, series, reasons }: &VoidPoint| {
            let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            format!("run {run}, point {position}: {series} {}", reasons.join(" and "))
        };
        self.void_points.iter().take(VOID_LINES).map(line).chain(rest)
    }

    fn summary(&self) -> String {
        let Self { blocks, unwatched_blocks, voids, .. } = self;
        let mut text = match &self.process {
            Watched::Not(why) => format!("not: {why}"),
            Watched::Yes if !self.void_points.is_empty() => {
                format!("{blocks} points, {} of them void: out of the figures", self.void_points.len())
            }
            Watched::Yes if voids.is_empty() => {
                let blocks = plural(u64::from(*blocks), "block");
                format!("{blocks}, none of them stopped, paused or starved")
            }
            Watched::Yes => {
                let runs: Vec<_> = self.void_runs().iter().map(u32::to_string).collect();
                let runs = match runs.as_slice() {
                    [] => "no run's times hang on them".into(),
                    [run] => format!("run {run} is out of the verdict"),
                    runs => format!("runs {} are out of the verdict", runs.join(", ")),
                };
                format!("{blocks} blocks, {} of them void: {runs}", voids.len())
            }
        };
        text += &self.outside.tail();
        if self.process == Watched::Yes && *unwatched_blocks > 0 {
            text += &format!("; of {unwatched_blocks} the host's counters are not known");
        }
        if let (Watched::Yes, Watched::Not(why)) = (&self.process, &self.monitor) {
            text += &format!("; pauses not: {why}");
        }
        text
    }
}

/// What was found in several boots, in lines to stand beside the numbers of all of them.
pub fn conditions_of_all(boots: &[(u32, &Watch)]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let loads: Vec<f64> = boots.iter().filter_map(|(_, watch)| watch.host_busy_percent).collect();
    if let (Some(least), Some(most)) =
        (loads.iter().copied().reduce(f64::min), loads.iter().copied().reduce(f64::max))
    {
        let busy = match loads.iter().filter(|percent| is_busy(**percent)).count() {
            0 => String::new(),
            busy => format!("; busy in {busy} of {}", plural(boots.len() as u64, "boot")),
        };
        let range = match (format!("{least:.0}"), format!("{most:.0}")) {
            (least, most) if least == most => most,
            (least, most) => format!("{least} to {most}"),
        };
        lines.push(("Host load", format!("{range} % of its CPU time went to others{busy}")));
    }
    if let Some(time) = GuestTime::sum(boots.iter().filter_map(|(_, watch)| watch.guest_time)) {
        lines.push(("Guest time", time.to_string()));
    }
    // What was not watched was not in any of them, for one reason.
    let (blocks, voids) = boots.iter().fold((0, 0), |(blocks, voids), (_, watch)| {
        (blocks + u64::from(watch.blocks), voids + watch.voids.len())
    });
    let unwatched =
        boots.iter().find(|(_, watch)| watch.process != Watched::Yes || watch.monitor != Watched::Yes);
    let outside = Outside::tail_of_all(boots);
    let blocks = plural(blocks, "block");
    lines.push((
        "Watched",
        match (unwatched, voids) {
            (Some((boot, watch)), _) => {
                let others: Vec<_> = boots.iter().filter(|(other, _)| other != boot).copied().collect();
                format!("boot {boot}: {}{}", watch.summary(), Outside::tail_of_all(&others))
            }
            (None, 0) => format!("{blocks}, none of them stopped, paused or starved{outside}"),
            (None, voids) => format!("{blocks}, {voids} of them void{outside}"),
        },
    ));
    let told = |(boot, watch): &(u32, &Watch)| {
        let boot = *boot;
        watch.void_lines().map(move |line| ("Void", format!("boot {boot}, {line}"))).collect::<Vec<_>>()
    };
    let all: Vec<_> = boots.iter().flat_map(told).collect();
    let more = all.len().saturating_sub(VOID_LINES);
    lines.extend(all.into_iter().take(VOID_LINES));
    if more > 0 {
        lines.push(("Void", format!("{more} more, in each boot's {}", manifest::FILE)));
    }
    lines
}

fn is_busy(percent: f64) -> bool {
    percent >= BUSY_PERCENT
}

/// Of less CPU time than this no share is told: the host counts it in ticks of 10 ms, and starting QEMU takes some.
const LEAST_AVAILABLE: Duration = Duration::from_secs(1);

/// Time that went to others, in percent with one decimal; `None` where too little has passed to say.
pub(super) fn busy_percent(cpu: &CpuTime) -> Option<f64> {
    if cpu.available < LEAST_AVAILABLE {
        return None;
    }
    let others = (cpu.others() + cpu.stolen).div_duration_f64(cpu.available);
    Some((others.min(1.0) * 1_000.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
