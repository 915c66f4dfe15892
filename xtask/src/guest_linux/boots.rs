//! A boot of the laboratory's kernel, and one of Linux, both of one configuration but for what they boot, and
//! both watched in the same way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use switchlab_guest_linux::{Exchange, GO, INIT, Record as GuestRecord};
use switchlab_records::{Named, Record, parse_frame};

use super::initramfs::Initramfs;
use super::log::{self, GuestLog, System};
use super::ours::{Figure, OURS, Ours};
use crate::analysis::Summary;
use crate::capture::{Captured, Limits, Lines, Serial, Sink, capture};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::interrupt::INTERRUPTED;
use crate::judged::Found;
use crate::observer::{Hears, Observer};
use crate::qemu::{Config, shell_line};
use crate::verdict::Standing;
use crate::watch::{Socket, Threads, Watch, Watcher};
use crate::{guest, judged};

/// Timed blocks of each exchange in a boot, and how long each takes in the Linux guest.
const REPETITIONS: u32 = 5;
const BUDGET: Duration = Duration::from_millis(100);
/// How long the guest may take to boot, and how many times what it should to measure.
const BOOT: Duration = Duration::from_secs(90);
const SLACK: u32 = 10;

/// A guest that can be booted again and again.
pub struct Guest {
    /// All that makes it.
    pub config: Config,
    /// It is ended after this time.
    pub deadline: Duration,
}

/// One way by what, in nanoseconds: the middle of the blocks of a boot that are not void.
#[derive(Clone, Debug, PartialEq)]
pub struct Values<K: Ord> {
    /// Those of which a block is left.
    pub one_way_ns: BTreeMap<K, f64>,
    /// Those of which none is: the host got in the way each time.
    pub void: Vec<K>,
    /// What was seen from outside.
    pub watch: Watch,
}

/// What Linux said in a boot.
#[derive(Clone, Debug, PartialEq)]
pub struct LinuxBoot {
    /// Of itself.
    pub system: System,
    /// One-way handoffs of a block, by exchange.
    pub handoffs: BTreeMap<Exchange, u64>,
    /// What it could not measure, and why.
    pub skipped: Vec<(Exchange, String)>,
    /// The figures.
    pub values: Values<Exchange>,
}

/// What the laboratory said in a boot.
#[derive(Clone, Debug, PartialEq)]
pub struct LaboratoryBoot {
    /// One-way handoffs of a block, by row; of several blocks the last.
    pub handoffs: BTreeMap<Ours, u64>,
    /// What this machine does not have, and why.
    pub absent: Vec<(Ours, String)>,
    /// The figures.
    pub values: Values<Ours>,
}

/// Why a boot has no figures: what became of it, in one line.
pub type Booted<T> = Result<T, Outcome>;

impl Guest {
    /// The Linux guest of `config`'s machine, its archive written to `archive`.
    ///
    /// # Errors
    ///
    /// The archive cannot be written.
    pub fn linux(
        config: Config,
        kernel: &Path,
        init: &[u8],
        go: Option<&[u8]>,
        archive: &Path,
    ) -> anyhow::Result<Self> {
        let mut files = Initramfs::new();
        files.program(INIT, init);
        if let Some(program) = go {
            files.program(GO, program);
        }
        fs::write(archive, files.finish()).with_context(|| format!("writing {}", archive.display()))?;
        let measuring = BUDGET * (REPETITIONS + 2) * Exchange::ALL.len() as u32;
        Ok(Self {
            config: Config {
                loader: kernel.to_path_buf(),
                kernel: archive.to_path_buf(),
                ramdisk: None,
                command_line: linux_words(),
                ..config
            },
            deadline: BOOT + measuring * SLACK,
        })
    }

    /// The command line as a shell would take it.
    pub fn command(&self) -> String {
        shell_line(&self.config.argv())
    }

    /// Boots the laboratory, its log kept at `log`, and gives the figures of those rows that its experiment
    /// has.
    ///
    /// # Errors
    ///
    /// The log cannot be written. Inside, what became of the boot.
    pub fn boot_laboratory(&self, log: &Path) -> anyhow::Result<Booted<LaboratoryBoot>> {
        let (config, _socket) = self.monitored();
        let mut watcher = Watcher::new(Threads::of(&config));
        let mut file = create(log)?;
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let mut silent = Silent;
        let mut observer = Observer::new(&mut silent, &mut watcher, &config);
        let (outcome, captured) = guest::run(&config.argv(), limits, Serial::Piped(&mut file), &mut observer);
        let hang = observer.ended().hang;
        let watch = watcher.finish();
        check_log(log, captured.log_error.as_ref())?;
        let text = String::from_utf8_lossy(&captured.log);
        Ok(match judged::found(outcome, &text, Some(&watch)) {
            Ok(found) => Ok(LaboratoryBoot::new(&found, watch.clone())),
            Err(outcome) => {
                let outcome = self.told(outcome, &text, log);
                eprint!("{}", hang.unwrap_or_default().summary);
                Err(outcome)
            }
        })
    }

    /// Boots Linux, its log kept at `log`, and gives the exchanges' figures.
    ///
    /// # Errors
    ///
    /// The log cannot be written. Inside, what became of the boot.
    pub fn boot_linux(&self, log: &Path) -> anyhow::Result<Booted<LinuxBoot>> {
        let (config, _socket) = self.monitored();
        let mut observer = LinuxObserver {
            lines: Lines::default(),
            watcher: Watcher::new(Threads::of(&config)),
            monitor: config.monitor.clone(),
        };
        let mut file = create(log)?;
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let captured = match capture(&config.argv(), limits, Serial::Piped(&mut file), &mut observer) {
            Ok(captured) => captured,
            Err(error) => return Ok(Err(Outcome::NotStarted(error.to_string()))),
        };
        check_log(log, captured.log_error.as_ref())?;
        let Captured { ending, log: bytes, stderr, .. } = captured;
        let text = String::from_utf8_lossy(&bytes);
        let watcher = observer.watcher;
        let standing = |reasons: &Vec<_>| if reasons.is_empty() { Standing::Counts } else { Standing::Void };
        let is_void: Vec<_> = watcher.verdicts().iter().map(standing).collect();
        let watch = watcher.finish();
        Ok(match log::judge(ending, &text, &stderr) {
            Ok(said) => Ok(LinuxBoot::new(said, &is_void, watch)),
            Err(outcome) => Err(self.told(outcome, &text, log)),
        })
    }

    /// With a monitor, which is gone with the socket.
    fn monitored(&self) -> (Config, Option<Socket>) {
        let socket = Socket::new();
        let monitor = socket.as_ref().map(|socket| socket.path().to_path_buf());
        (Config { monitor, ..self.config.clone() }, socket)
    }

    /// Says how it went wrong, with the log's last lines.
    fn told(&self, outcome: Outcome, text: &str, log: &Path) -> Outcome {
        if outcome != Outcome::Interrupted {
            let command = self.command();
            let failure = Failure {
                outcome: &outcome,
                log: text,
                log_path: log,
                command: Some(&command),
                kernel: None,
            };
            eprint!("error: {}", failure.message());
            if outcome == Outcome::TimedOut {
                eprintln!("deadline: {} s", self.deadline.as_secs());
            }
        }
        outcome
    }
}

/// Words for Linux, and behind `--` those for its first process.
///
/// Mitigations are off because the laboratory has none either. Linux does not trust the TSC of an emulated
/// CPU and would read the HPET, each time an exit to the device: the laboratory reads the TSC, so Linux may.
fn linux_words() -> String {
    format!(
        "console=ttyS0 loglevel=7 panic=-1 mitigations=off tsc=reliable clocksource=tsc -- repetitions={REPETITIONS} \
         budget_ms={}",
        BUDGET.as_millis()
    )
}

fn create(log: &Path) -> anyhow::Result<File> {
    File::create_new(log).with_context(|| format!("making {}", log.display()))
}

fn check_log(log: &Path, error: Option<&io::Error>) -> anyhow::Result<()> {
    match error {
        None => Ok(()),
        Some(error) => anyhow::bail!("{}: {error}; the log there is cut", log.display()),
    }
}

impl<K: Ord> Values<K> {
    /// The middle of what is left of each: a list that is empty is all void.
    fn of(left: Vec<(K, Vec<f64>)>, watch: Watch) -> Self {
        let mut values = Self { one_way_ns: BTreeMap::new(), void: Vec::new(), watch };
        for (key, blocks) in left {
            match Summary::of(&blocks) {
                Ok(summary) => {
                    values.one_way_ns.insert(key, summary.median);
                }
                Err(_) => values.void.push(key),
            }
        }
        values
    }
}

impl LaboratoryBoot {
    /// Of what was found, without what is void.
    fn new(found: &Found<'_>, watch: Watch) -> Self {
        let (mut handoffs, mut absent, mut left) = (BTreeMap::new(), Vec::new(), Vec::new());
        for &ours in OURS {
            match (found, ours.figure) {
                (Found::Classic(results), Figure::Mode(mode)) if results.mode(mode).is_some() => {
                    let runs = (1..=results.plan.runs).filter(|run| !results.void_runs.contains(run));
                    let switches = runs.filter_map(|run| Some(results.block(run, mode)?.switch)).collect();
                    handoffs.insert(ours, 2 * results.plan.exchanges);
                    left.push((ours, switches));
                }
                (Found::Survey(survey), Figure::Level { series, cpus }) => {
                    let of_it =
                        |at: &[Named<'_>]| at.iter().any(|(name, value)| name == "cpus" && *value == cpus);
                    let blocks =
                        survey.points.iter().filter(|of| of.point.series == series && of_it(&of.point.at));
                    if let Some(last) = blocks.clone().next_back() {
                        handoffs.insert(ours, last.point.handoffs);
                        left.push((ours, blocks.filter(|of| !of.void).map(|of| of.one_way).collect()));
                    }
                    let gap = survey
                        .absent
                        .iter()
                        .find(|of| of.series == series && (of.at.is_empty() || of_it(&of.at)));
                    absent.extend(gap.map(|gap| (ours, gap.reason.to_string())));
                }
                _ => {}
            }
        }
        Self { handoffs, absent, values: Values::of(left, watch) }
    }
}

impl LinuxBoot {
    /// Of a whole log, and which of its blocks are void.
    fn new(said: GuestLog, is_void: &[Standing], watch: Watch) -> Self {
        let mut left: BTreeMap<Exchange, Vec<f64>> = BTreeMap::new();
        let mut handoffs = BTreeMap::new();
        for (index, block) in said.blocks.iter().enumerate() {
            let blocks = left.entry(block.exchange).or_default();
            handoffs.insert(block.exchange, block.handoffs);
            if is_void.get(index) != Some(&Standing::Void) {
                blocks.push(block.one_way_ns());
            }
        }
        let values = Values::of(left.into_iter().collect(), watch);
        Self { system: said.system, handoffs, skipped: said.skipped, values }
    }
}

/// Hears the guest's records and tells the watcher of them.
struct LinuxObserver {
    lines: Lines,
    watcher: Watcher,
    monitor: Option<PathBuf>,
}

impl Sink for LinuxObserver {
    fn started(&mut self, pid: u32) {
        self.watcher.started(pid, self.monitor.as_deref());
    }

    fn bytes(&mut self, bytes: &[u8], _: Duration) {
        let Self { lines, watcher, .. } = self;
        lines.take(bytes, |line| {
            // What is broken is refused when the log is whole.
            let Some(Ok(frame)) = parse_frame(line.trim_end_matches(['\n', '\r'])) else { return };
            match serde_json::from_str(frame.json) {
                Ok(GuestRecord::Block(block)) => {
                    watcher.foreign_block(Duration::from_nanos(block.elapsed_ns));
                }
                _ => watcher.foreign(),
            }
        });
    }
}

/// Shows nothing of a boot's progress.
struct Silent;

impl Hears for Silent {
    fn record(&mut self, _: &Record<'_>, _: Duration) {}

    fn ended(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Watched;
    use switchlab_guest_linux::Block;

    pub(in super::super) fn watch() -> Watch {
        Watch {
            process: Watched::Yes,
            monitor: Watched::Yes,
            blocks: 0,
            unwatched_blocks: 0,
            host_busy_percent: None,
            outside: crate::watch::Outside::default(),
            events: Vec::new(),
            guest_time: None,
            void_points: Vec::new(),
            point_times: Vec::new(),
            voids: Vec::new(),
        }
    }

    #[test]
    fn void_blocks_are_left_out_and_an_exchange_of_nothing_else_is_named() {
        let block = |exchange, elapsed_ns| Block { exchange, repetition: 1, handoffs: 10, elapsed_ns };
        let system = System {
            release: String::new(),
            clock_source: "tsc".into(),
            cpus: 12,
            mitigations: String::new(),
        };
        let blocks = vec![
            block(Exchange::FutexSame, 100),
            block(Exchange::FutexSame, 900),
            block(Exchange::FutexSame, 300),
            block(Exchange::FutexOther, 500),
        ];
        let said = GuestLog { system, blocks, skipped: Vec::new() };
        let standing = [Standing::Counts, Standing::Void, Standing::Counts, Standing::Void];
        let boot = LinuxBoot::new(said, &standing, watch());
        assert_eq!(boot.values.one_way_ns, BTreeMap::from([(Exchange::FutexSame, 20.0)]));
        assert_eq!(boot.values.void, [Exchange::FutexOther]);
        assert_eq!(boot.handoffs[&Exchange::FutexOther], 10);
    }

    #[test]
    fn linux_gets_the_clock_that_the_laboratory_reads() {
        let words = linux_words();
        for word in [
            "tsc=reliable",
            "clocksource=tsc",
            "mitigations=off",
            "panic=-1",
            "-- repetitions=5 budget_ms=100",
        ] {
            assert!(words.contains(word), "{word}");
        }
    }
}
