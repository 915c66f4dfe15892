//! `soak`: runs that look for what is wrong, drawn at random and checked for counts, or disturbed on purpose. Each is a
//! run as a user types it, by a process of its own, so that what is held to account is what users get.

mod campaign;
mod damage;
mod draw;
mod faults;
mod kit;
mod strike;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use switchlab_core::format::Grouped;
use switchlab_records::{Record, read_log};

use super::loader_and_kernel;
use super::options::Tools;
use super::output::print;
use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, TEST_KERNELS_PACKAGE, Talk, build};
use crate::manifest::plural;
use crate::process::{Ended, Running};
use crate::status::{self, Refusal, Status, status_of};
use crate::table::Sheet;
use crate::{folder, interrupt, printable};
use campaign::{AT_ONCE, Campaign, Got, IN_PATIENCE};
use draw::Drawn;
use faults::{FAULTS, Fault};
use kit::Kit;

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
    /// With --faults: let an end come up to 60 s after the stroke, not 5 s, as it may on a busy host
    #[arg(long, requires = "faults")]
    patient: bool,
    /// How many boots
    #[arg(long, value_name = "N", conflicts_with_all = ["faults", "minutes"], default_value_t = 50,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    boots: u64,
    /// How long to go on booting, in place of a number of boots
    #[arg(long, value_name = "M", conflicts_with = "faults", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// What everything is drawn from; with --faults, the first moment, and each further one from the number behind
    /// [default: the time]
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
        let ended = match Running::start(&mut command)?.wait(HANGS) {
            Err(error) if status_of(&error) == Status::Deadline => Err(format!("{error:#}")),
            ended => Ok(ended?),
        };
        let missed = match ended {
            Ok(Ended { status: Some(0), .. }) => None,
            Ok(Ended { status, said, .. }) => {
                eprint!("{}", printable::lines(&said));
                let status = status.map_or("a signal".into(), |status| format!("status {status}"));
                Some(format!("it ended with {status}"))
            }
            Err(why) => Some(why),
        };
        if let Some(why) = missed {
            let kept = keep(&runs.path().join(folder::LATEST), &args.out)?;
            print(&tally.text(seed, started.elapsed()))?;
            eprintln!("error: boot {}: {why}", tally.boots + 1);
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
    /// The status that it must end with, and what has to be said.
    must: (String, String),
    /// The status that it ended with, or what became of it without one.
    got: String,
    /// What is otherwise than it must be, or why there is nothing.
    otherwise: String,
    seconds: String,
    is: Is,
}

/// How a stroke ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    AsExpected,
    Another,
    Skipped,
}

impl Row {
    fn new(fault: &Fault, seed: u64, got: &Got, most: Duration) -> Self {
        let must = (format!("status {}", fault.must.status.code()), fault.must.says.join(" … "));
        let (got, otherwise, seconds, is) = match got {
            Got::Skipped(why) => ("skipped".into(), why.clone(), String::new(), Is::Skipped),
            Got::Lost(why) => ("nothing".into(), why.clone(), String::new(), Is::Another),
            Got::End { ended, after, failures } => {
                let late = (*after > most).then(|| format!("later than {} s", most.as_secs()));
                let broken = fault.must.broken_by(ended, failures).or(late);
                let is = if broken.is_none() { Is::AsExpected } else { Is::Another };
                let got = ended.status.map_or_else(|| "a signal".into(), |status| format!("status {status}"));
                (got, broken.unwrap_or_default(), format!("{:.1}", after.as_secs_f64()), is)
            }
        };
        Self { fault: fault.name, seed, must, got, otherwise, seconds, is }
    }

    /// In a few words.
    fn verdict(&self) -> String {
        match self.is {
            Is::AsExpected => "as expected".into(),
            Is::Skipped => format!("skipped: {}", self.otherwise),
            Is::Another => format!("not as expected: {}", self.otherwise),
        }
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
    args.say(&format!("seeds from {seed} on"));
    let campaign = Campaign::new(kit, args.patient)?;
    let most = if args.patient { IN_PATIENCE } else { AT_ONCE };
    let mut rows = Vec::new();
    for fault in chosen {
        for seed in (0..args.moments).map(|number| seed.wrapping_add(number)) {
            let got = campaign.strike(fault, seed)?;
            let row = Row::new(fault, seed, &got, most);
            args.say(&format!("{}, seed {}: {}", row.fault, row.seed, row.verdict()));
            if row.is == Is::Another {
                if let Got::End { ended, .. } = &got {
                    eprint!("{}", printable::lines(&ended.said));
                }
                let patient = if args.patient { " --patient" } else { "" };
                let name = fault.name;
                eprintln!(
                    "again: cargo xtask soak --faults --only {name} --moments 1 --seed {seed}{patient}"
                );
            }
            rows.push(row);
        }
    }
    print(&table(&rows))?;
    print(&format!("\n{}; seeds from {seed} on\n", summary(&rows)))?;
    Ok(verdict(&rows))
}

fn number_of(rows: &[Row], is: Is) -> usize {
    rows.iter().filter(|row| row.is == is).count()
}

fn summary(rows: &[Row]) -> String {
    let skipped = number_of(rows, Is::Skipped);
    let struck = plural((rows.len() - skipped) as u64, "stroke");
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{struck}{skipped}, {} not as expected", number_of(rows, Is::Another))
}

/// Who could strike with nothing has shown nothing.
fn verdict(rows: &[Row]) -> Status {
    match (number_of(rows, Is::Another), number_of(rows, Is::AsExpected)) {
        (0, 0) => Status::Missing,
        (0, _) => Status::Pass,
        _ => Status::Fail,
    }
}

fn table(rows: &[Row]) -> String {
    let header = ["Fault", "Seed", "Seconds", "Expected", "Got", "What it must say", "Otherwise"];
    let cells = rows.iter().map(|row| {
        let (status, words) = row.must.clone();
        let Row { seconds, got, otherwise, .. } = row;
        let (fault, seed) = (row.fault.to_owned(), row.seed.to_string());
        vec![fault, seed, seconds.clone(), status, got.clone(), words, otherwise.clone()]
    });
    let header = header.map(str::to_owned).to_vec();
    let mut text = Sheet { header, rows: cells.collect(), words: 4 }.text();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: i32, said: &str, after: u64, most: Duration) -> Row {
        let fault = FAULTS.iter().find(|fault| fault.name == "qemu-killed").expect("it is there");
        let after = Duration::from_secs(after);
        let ended = Ended { status: Some(status), said: said.into(), elapsed: after };
        Row::new(fault, 7, &Got::End { ended, after, failures: Vec::new() }, most)
    }

    #[test]
    fn end_is_as_expected_by_status_words_and_time() {
        let words = "error: QEMU was killed by SIGKILL";
        assert_eq!(row(3, words, 1, AT_ONCE).is, Is::AsExpected);
        assert_eq!(row(0, words, 1, AT_ONCE).is, Is::Another);
        assert_eq!(row(3, "error", 1, AT_ONCE).is, Is::Another);
        let late = row(3, words, 6, AT_ONCE);
        assert_eq!((late.is, &*late.otherwise), (Is::Another, "later than 5 s"));
        assert_eq!(row(3, words, 6, Duration::MAX).is, Is::AsExpected);
    }

    #[test]
    fn what_can_not_be_done_here_says_why_and_is_no_miss_and_no_pass() {
        let skipped = || Row::new(&FAULTS[0], 7, &Got::Skipped("no root".into()), AT_ONCE);
        assert_eq!(skipped().verdict(), "skipped: no root");
        assert_eq!(verdict(&[skipped()]), Status::Missing);
        let rows = [skipped(), row(3, "error: QEMU was killed by SIGKILL", 1, AT_ONCE)];
        assert_eq!(summary(&rows), "1 stroke, 1 skipped, 0 not as expected");
        assert_eq!(verdict(&rows), Status::Pass);
    }

    #[test]
    fn run_that_was_not_struck_is_a_miss() {
        let lost = Row::new(&FAULTS[0], 7, &Got::Lost("it ended before".into()), AT_ONCE);
        assert_eq!(lost.verdict(), "not as expected: it ended before");
        assert_eq!((lost.is, verdict(&[lost])), (Is::Another, Status::Fail));
    }

    #[test]
    fn expected_and_got_stand_beside_each_other() {
        let rows = [
            row(3, "error: QEMU was killed by SIGKILL", 1, AT_ONCE),
            row(0, "pass", 2, AT_ONCE),
            Row::new(&FAULTS[0], 8, &Got::Skipped("no root".into()), AT_ONCE),
        ];
        let table = table(&rows);
        let words: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(
            words[0],
            ["Fault", "Seed", "Seconds", "Expected", "Got", "What it must say", "Otherwise"]
        );
        assert_eq!(
            words[2],
            ["qemu-killed", "7", "1.0", "status 3", "status 3", "QEMU was killed by SIGKILL"]
        );
        assert_eq!(words[3][3..], ["status 3", "status 0", "QEMU was killed by SIGKILL", "status 0, not 3"]);
        assert_eq!(words[4][2..], ["status 3", "skipped", "QEMU was killed by SIGKILL", "no root"]);
    }
}
