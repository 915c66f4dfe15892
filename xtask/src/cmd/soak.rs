//! `soak`: runs that look for what is wrong, drawn at random and checked for counts, or disturbed on purpose. Each is a
//! run as a user types it, by a process of its own, so that what is held to account is what users get.

pub(crate) mod call;
mod campaign;
mod damage;
mod draw;
mod faults;
mod strike;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use switchlab_core::format::Grouped;
use switchlab_core::random::SplitMix64;
use switchlab_records::{Record, read_log};

use super::loader_and_kernel;
use super::options::Tools;
use super::output::print;
use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, TEST_KERNELS_PACKAGE, Talk, build};
use crate::manifest::plural;
use crate::status::{self, Refusal, Status};
use crate::table::Sheet;
use crate::{folder, interrupt, printable};
use call::{Kit, Running};
use campaign::{AT_ONCE, Campaign, Got};
use draw::Drawn;
use faults::{FAULTS, Fault};

/// Options of `soak`.
#[derive(clap::Args)]
#[command(after_help = status::HELP)]
pub struct Args {
    /// Disturb runs in every known way, and hold how each ends against how it has to
    #[arg(long)]
    faults: bool,
    /// With --faults: those alone whose names contain this
    #[arg(long, value_name = "TEXT", requires = "faults")]
    only: Option<String>,
    /// With --faults: how many moments each strikes at
    #[arg(long, value_name = "N", requires = "faults", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    moments: u64,
    /// With --faults: let an end come later than 5 s after the stroke, as it may on a busy host
    #[arg(long, requires = "faults")]
    patient: bool,
    /// How many boots
    #[arg(long, value_name = "N", conflicts_with_all = ["faults", "minutes"], default_value_t = 50,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    boots: u64,
    /// How long to go on booting, in place of a number of boots
    #[arg(long, value_name = "M", conflicts_with = "faults", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// What everything is drawn from [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder that keeps a run that missed
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// No line for each run
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    tools: Tools,
}

/// What a run may take at most, whatever its own deadline says.
const HANGS: Duration = Duration::from_secs(1_800);

/// Draws and boots, or disturbs.
///
/// # Errors
///
/// Status 5 for a missing part, 101 for a build that fails, 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    let kit = args.kit()?;
    let seed = args.seed.unwrap_or_else(|| seconds(SystemTime::now()));
    let status = if args.faults { disturb(args, &kit, seed)? } else { boot(args, &kit, seed)? };
    Ok(status.into())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

impl Args {
    fn kit(&self) -> anyhow::Result<Kit> {
        let qemu = self.tools.qemu()?;
        let talk = if self.quiet { Talk::Quiet } else { Talk::Normal };
        let mut packages = vec![LOADER_PACKAGE, KERNEL_PACKAGE];
        if self.faults {
            packages.push(TEST_KERNELS_PACKAGE);
        }
        let artefacts = build(&packages, self.tools.permission(), talk)?;
        let (loader, kernel) = loader_and_kernel(&artefacts)?;
        let kernels = std::env::var_os(crate::cmd::test::variables::TEST_KERNELS).map(PathBuf::from);
        let kernels = kernels.unwrap_or_else(|| loader.parent().unwrap_or(Path::new(".")).to_path_buf());
        let xtask = std::env::current_exe().context("finding xtask's own executable")?;
        Ok(Kit { xtask, qemu, loader, kernel, kernels })
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    /// What is to be told after so many boots, that took so long: `12 of 50`; `None` where it is enough.
    fn left(&self, boots: u64, elapsed: Duration) -> Option<String> {
        match self.minutes {
            None => (boots < self.boots).then(|| format!("{} of {}", boots + 1, self.boots)),
            Some(minutes) => {
                let left = Duration::from_secs(60 * minutes).checked_sub(elapsed)?;
                Some(format!("{}, {} min left", boots + 1, left.as_secs().div_ceil(60)))
            }
        }
    }
}

/// What boots have come to.
#[derive(Default)]
struct Tally {
    boots: u64,
    handoffs: u64,
    by_experiment: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, drawn: &Drawn, log: &str) {
        self.boots += 1;
        *self.by_experiment.entry(drawn.experiment).or_default() += 1;
        for record in read_log(log).records {
            self.handoffs += match record {
                Record::Block(block) => block.counts.handoffs,
                Record::Point(point) => point.counts.handoffs,
                _ => 0,
            };
        }
    }

    fn text(&self, seed: u64, elapsed: Duration) -> String {
        let each = self.by_experiment.iter().map(|(name, boots)| format!("{name} {boots}"));
        format!(
            "Boots:            {}, each with the counts that it must have: {}\n\
             Handoffs checked: {}\n\
             Seed:             {seed}\n\
             Took:             {} s\n",
            Grouped(self.boots),
            each.collect::<Vec<_>>().join(", "),
            Grouped(self.handoffs),
            elapsed.as_secs(),
        )
    }
}

/// Boots what is drawn until it is enough, or one misses.
fn boot(args: &Args, kit: &Kit, seed: u64) -> anyhow::Result<Status> {
    let started = Instant::now();
    let mut tally = Tally::default();
    while let Some(left) = args.left(tally.boots, started.elapsed()) {
        let drawn = draw::draw(seed, tally.boots);
        args.say(&format!("boot {left}: {}", drawn.command()));
        let runs = tempfile::Builder::new().prefix("switchlab-").tempdir()?;
        let mut command = kit.xtask(&kit.kernel, ["run", "--quiet", "--out"]);
        command.arg(runs.path()).args(&drawn.words);
        let ended = Running::start(&mut command)?.wait(HANGS)?;
        if ended.status != Some(0) {
            let kept = keep(&runs.path().join(folder::LATEST), &args.out)?;
            eprint!("{}", ended.said);
            print(&tally.text(seed, started.elapsed()))?;
            let status = ended.status.map_or("a signal".into(), |status| format!("status {status}"));
            eprintln!("error: boot {} ended with {status}", tally.boots + 1);
            eprintln!("again: {}", drawn.command());
            eprintln!("kept:  {}", kept.display());
            return Ok(Status::Fail);
        }
        let log = fs::read(runs.path().join(folder::LATEST).join(folder::LOG))?;
        tally.add(&drawn, &String::from_utf8_lossy(&log));
    }
    print(&tally.text(seed, started.elapsed()))?;
    Ok(Status::Pass)
}

/// Copies the folder of a run that missed to where it stays.
fn keep(run: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let kept = folder::create(out, SystemTime::now(), "soak-miss")?;
    // There is none where it missed before it could make one.
    let Ok(entries) = fs::read_dir(run) else { return Ok(kept) };
    for entry in entries.flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    Ok(kept)
}

/// A line of the table of faults.
struct Row {
    fault: &'static str,
    seed: u64,
    expected: String,
    got: String,
    seconds: String,
    is_as_expected: bool,
}

impl Row {
    fn new(fault: &Fault, seed: u64, got: &Got, most: Duration) -> Self {
        let expected = format!("status {}: {}", fault.must.status.code(), fault.must.says.join(" … "));
        let (got, seconds, is_as_expected) = match got {
            Got::Skipped(why) => (format!("skipped: {why}"), String::new(), true),
            Got::End { ended, after } => {
                // Who survives goes on to its end.
                let late = (*after > most && fault.must.status != Status::Pass)
                    .then(|| format!("as expected, but later than {} s", most.as_secs()));
                let broken = fault.must.broken_by(ended).or(late);
                let is_as_expected = broken.is_none();
                let got = broken.unwrap_or_else(|| "as expected".into());
                (got, format!("{:.1}", after.as_secs_f64()), is_as_expected)
            }
        };
        Self { fault: fault.name, seed, expected, got, seconds, is_as_expected }
    }
}

/// Strikes with each fault at some moments, and shows what became of it.
fn disturb(args: &Args, kit: &Kit, seed: u64) -> anyhow::Result<Status> {
    let wanted = |fault: &&Fault| args.only.as_ref().is_none_or(|text| fault.name.contains(text.as_str()));
    let chosen: Vec<&Fault> = FAULTS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names = FAULTS.iter().map(|fault| fault.name).collect::<Vec<_>>().join(", ");
        return Err(Refusal::usage(format!(
            "--only {}: no fault is called so; there are {names}",
            args.only.as_deref().unwrap_or_default()
        )));
    }
    let campaign = Campaign::new(kit, args.patient)?;
    let seeds: Vec<u64> =
        (0..args.moments).map(|number| SplitMix64::new(seed).skip(number).draw() >> 32).collect();
    let most = if args.patient { Duration::MAX } else { AT_ONCE };
    let mut rows = Vec::new();
    for fault in chosen {
        for &seed in &seeds {
            let got = campaign.strike(fault, seed).with_context(|| fault.name)?;
            let row = Row::new(fault, seed, &got, most);
            args.say(&format!("{}, seed {}: {}", row.fault, row.seed, row.got));
            if let (false, Got::End { ended, .. }) = (row.is_as_expected, &got) {
                eprint!("{}", printable::lines(&ended.said));
            }
            rows.push(row);
        }
    }
    print(&table(&rows))?;
    let missed = rows.iter().filter(|row| !row.is_as_expected).count();
    let all = plural(rows.len() as u64, "stroke");
    print(&format!("\n{all}, {missed} not as expected; seed {seed}\n"))?;
    Ok(if missed == 0 { Status::Pass } else { Status::Fail })
}

fn table(rows: &[Row]) -> String {
    let header = ["Fault", "Seed", "Seconds", "Expected, and got"].map(str::to_owned).to_vec();
    let cells = rows.iter().map(|row| {
        let ends = format!("{}; {}", row.expected, row.got);
        vec![row.fault.to_owned(), row.seed.to_string(), row.seconds.clone(), ends]
    });
    let mut text = Sheet { header, rows: cells.collect(), words: 1 }.text();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use call::Ended;

    fn row(status: i32, said: &str, after: u64, most: Duration) -> Row {
        let fault = FAULTS.iter().find(|fault| fault.name == "qemu-killed").expect("it is there");
        let after = Duration::from_secs(after);
        let ended = Ended { status: Some(status), said: said.into(), elapsed: after };
        Row::new(fault, 7, &Got::End { ended, after }, most)
    }

    #[test]
    fn end_is_as_expected_by_status_words_and_time() {
        let words = "error: QEMU was killed by SIGKILL";
        assert!(row(3, words, 1, AT_ONCE).is_as_expected);
        assert!(!row(0, words, 1, AT_ONCE).is_as_expected);
        assert!(!row(3, "error", 1, AT_ONCE).is_as_expected);
        let late = row(3, words, 6, AT_ONCE);
        assert_eq!((late.is_as_expected, &*late.got), (false, "as expected, but later than 5 s"));
        assert!(row(3, words, 6, Duration::MAX).is_as_expected);
    }

    #[test]
    fn what_can_not_be_done_here_says_why_and_is_no_miss() {
        let row = Row::new(&FAULTS[0], 7, &Got::Skipped("no root".into()), AT_ONCE);
        assert_eq!((row.is_as_expected, &*row.got), (true, "skipped: no root"));
        assert!(table(&[row]).contains("skipped: no root"));
    }
}
