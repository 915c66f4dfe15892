//! `bench`: the laboratory's own handoffs beside everyone else's, natively, in one run; options in, one
//! table out, and `bench.json` in a folder of its own. With `--guest-linux` beside Linux's, in one emulator.

mod guest;
mod scale;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;

use super::output::print;
use crate::bench::go::{self, Absent};
use crate::bench::program::{self, About};
use crate::bench::rounds::{self, Block, Effort, Job};
use crate::bench::row::{FILE, FORMAT, Host};
use crate::bench::{Bench, Row, judged, show};
use crate::build::Talk;
use crate::progress::{StartsProgress, Style};
use crate::status::{Refusal, Status};
use crate::{folder, host, interrupt};

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Measure these only, and those of ours that they are held against: names, or what they begin with, as
    /// `--list` has them [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    peers: Vec<String>,
    /// Say which peers there are, and measure nothing
    #[arg(long)]
    list: bool,
    /// Measure our tasks alone, as they become more: 2 to 65,536 in a ring, what a switch takes at each size beside
    /// a walk over as many cache lines, and where the caches of this host end
    #[arg(long, conflicts_with_all = ["peers", "list", "exchanges", "seed", "guest_linux"])]
    scale: bool,
    /// How often each peer is started; a verdict takes 5
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// How long a timed block takes, of which each start has three
    #[arg(long, value_name = "MS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    block_ms: u64,
    /// Exchanges of a timed block, the same for every peer [default: what fits into --block-ms]
    #[arg(long, value_name = "N", conflicts_with = "block_ms",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    exchanges: Option<u64>,
    /// What the order of each round is drawn from [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Install Go where it is missing (as root, on Debian or Ubuntu, by apt-get), and with --guest-linux all
    /// else that is, and unpack Linux's kernel
    #[arg(long)]
    install: bool,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Folder that gets a folder for this run
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    guest: guest::GuestLinuxArgs,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// All of it, every value
    Json,
}

/// Builds the peers, measures them, and shows what they come to.
///
/// # Errors
///
/// Status 2 for a peer that does not exist or a folder that cannot be written, 101 where the peers are not
/// built, 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    if args.guest.is_wanted() {
        return guest::run(args);
    }
    if args.scale {
        return scale::run(args);
    }
    let (jobs, absent) = peers(args)?;
    let known: Vec<About> =
        jobs.iter().map(|job| &job.about).chain(absent.iter().map(|absent| &absent.about)).cloned().collect();
    let ids = chosen(&known, &args.peers)?;
    let jobs: Vec<Job> = jobs.into_iter().filter(|job| ids.contains(&job.about.id)).collect();
    let absent = absent.into_iter().filter(|absent| ids.contains(&absent.about.id));
    if args.list {
        print(&list(&jobs, absent))?;
        return Ok(Status::Pass.into());
    }
    let started = SystemTime::now();
    let folder = OwnFolder::create(&args.out, started)?;
    let effort = Effort {
        rounds: args.rounds,
        seed: args.seed.unwrap_or_else(|| seconds(started)),
        block: args.exchanges.map_or(Block::Lasting(Duration::from_millis(args.block_ms)), Block::Exchanges),
    };
    let mut progress = StartsProgress::new(Style::suiting(args.quiet));
    let mut rows = rounds::measure(&jobs, effort, &mut |title, done, of| progress.start(title, done, of))?;
    progress.end();
    rows.extend(absent.map(Absent::row));
    let bench = Bench {
        format: FORMAT,
        started: humantime::format_rfc3339_seconds(started).to_string(),
        rounds: effort.rounds,
        seed: effort.seed,
        host: this_host(),
        emulator: None,
        rows,
    };
    end(args, &bench, folder)
}

/// Writes and prints. What was measured is kept, whatever becomes of stdout.
fn end(args: &Args, bench: &Bench, folder: OwnFolder) -> anyhow::Result<ExitCode> {
    let judged = judged::judge(bench)?;
    let json = show::json(bench, &judged)?;
    let file = folder.keep(&json)?;
    match args.format {
        Format::Json => print(&json)?,
        Format::Table => {
            print(&format!("{}Kept:             {}\n", show::text(bench, &judged), file.display()))?
        }
    }
    Ok(status(&bench.rows).into())
}

/// A peer that is missing is named in the table and does not fail the others; where nothing was measured,
/// nothing was done.
fn status(rows: &[Row]) -> Status {
    if rows.iter().any(|row| row.measured().is_some()) { Status::Pass } else { Status::Fail }
}

/// Builds what holds peers: those that can be started, and those that can not be here.
fn peers(args: &Args) -> anyhow::Result<(Vec<Job>, Vec<Absent>)> {
    let talk = if args.quiet { Talk::Quiet } else { Talk::Normal };
    let mut programs = vec![program::build(talk)?];
    let absent = match go::build(args.install.into())? {
        Ok(program) => {
            programs.push(program);
            Vec::new()
        }
        Err(absent) => absent,
    };
    let mut jobs = Vec::new();
    for program in programs {
        let abouts = program.list()?;
        jobs.extend(abouts.into_iter().map(|about| Job { program: program.clone(), about }));
    }
    Ok((jobs, absent))
}

/// The ids that `wanted` names or begins, and what they are held against; all for none.
fn chosen(abouts: &[About], wanted: &[String]) -> anyhow::Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(abouts.iter().map(|about| about.id.clone()).collect());
    }
    let mut ids = Vec::new();
    for word in wanted {
        let named = abouts.iter().filter(|about| about.id == *word || begins(&about.id, word));
        let before = ids.len();
        for about in named {
            ids.extend([about.id.clone()].into_iter().chain(about.base.clone()));
        }
        if ids.len() == before {
            let there: Vec<&str> = abouts.iter().map(|about| about.id.as_str()).collect();
            return Err(Refusal::usage(format!(
                "--peers {word}: there is no such peer; there are {}",
                there.join(", ")
            )));
        }
    }
    Ok(ids)
}

/// Whether `word` is the group that `id` belongs to: `tokio` of `tokio-mpsc`.
fn begins(id: &str, word: &str) -> bool {
    id.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'))
}

fn list(jobs: &[Job], absent: impl Iterator<Item = Absent>) -> String {
    let there = jobs.iter().map(|job| (&job.about, job.about.version.clone()));
    let absent: Vec<Absent> = absent.collect();
    let all = there.chain(absent.iter().map(|absent| (&absent.about, absent.missing.reason.clone())));
    all.map(|(about, remark)| format!("{:<18}  {} ({remark})\n", about.id, about.title)).collect()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn this_host() -> Host {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let unknown = || "unknown".to_owned();
    Host {
        cpu: host::cpu_name(),
        cpus: host::usable_cpus(None),
        system: said("uname", &["-srm"]).unwrap_or_else(unknown),
        rustc: said("rustc", &["--version"]).unwrap_or_else(unknown),
    }
}

/// The folder of this run: gone again where nothing came of it.
struct OwnFolder(PathBuf);

impl OwnFolder {
    fn create(runs: &Path, now: SystemTime) -> anyhow::Result<Self> {
        let folder = folder::create(runs, now, "bench").map_err(|why| {
            Refusal::usage(format!("--out {}: no folder can be made there: {why}", runs.display()))
        })?;
        Ok(Self(folder))
    }

    fn keep(self, json: &str) -> anyhow::Result<PathBuf> {
        self.keep_as(FILE, json)
    }

    fn keep_as(self, name: &str, json: &str) -> anyhow::Result<PathBuf> {
        let file = self.0.join(name);
        fs::write(&file, json)
            .map_err(|why| Refusal::usage(format!("{} cannot be written: {why}", file.display())))?;
        let _ = folder::point(folder::LATEST_BENCH, &self.0);
        Ok(file)
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        // Fails where there is something in it, which is then kept.
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::status_of;

    fn abouts() -> Vec<About> {
        let about = |id: &str, base: Option<&str>| About {
            id: id.into(),
            title: String::new(),
            base: base.map(str::to_owned),
            version: String::new(),
        };
        vec![
            about("ours-bare", None),
            about("tokio-mpsc", Some("ours-channel")),
            about("tokio-yield", None),
            about("tokiox", None),
        ]
    }

    fn chosen_of(wanted: &str) -> anyhow::Result<Vec<String>> {
        chosen(&abouts(), &[wanted.to_owned()])
    }

    #[test]
    fn a_group_is_all_its_members_and_what_they_are_held_against() {
        assert_eq!(chosen_of("tokio").unwrap(), ["tokio-mpsc", "ours-channel", "tokio-yield"]);
        assert_eq!(chosen_of("ours-bare").unwrap(), ["ours-bare"]);
    }

    #[test]
    fn a_peer_that_does_not_exist_is_named_with_those_that_do() {
        let error = chosen_of("toki").unwrap_err();
        assert_eq!(status_of(&error), Status::Usage);
        assert!(
            error.to_string().contains("--peers toki") && error.to_string().contains("tokio-yield"),
            "{error}"
        );
    }

    #[test]
    fn folder_in_which_nothing_was_kept_is_gone() {
        let runs = tempfile::tempdir().unwrap();
        drop(OwnFolder::create(runs.path(), SystemTime::now()).unwrap());
        assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 0);
        let file = OwnFolder::create(runs.path(), SystemTime::now()).unwrap().keep("{}").unwrap();
        assert!(file.is_file());
    }
}
