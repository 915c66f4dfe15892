//! What `bench` and `host` share: how much is measured natively, which of the peers, and where it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;

use super::output::print;
use crate::bench::go::{self, Absent};
use crate::bench::judged::{self, Judged};
use crate::bench::program::{self, About, Program, Which};
use crate::bench::rounds::{self, Block, Effort, Job};
use crate::bench::row::{FORMAT, Host};
use crate::bench::{Bench, Row};
use crate::build::Talk;
use crate::install::Permission;
use crate::progress::{StartsProgress, Style};
use crate::status::{Refusal, Status};
use crate::{folder, host};

/// How much, and what becomes of it.
#[derive(clap::Args)]
pub struct NativeArgs {
    /// How often each peer is started; a verdict takes 5
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,
    /// How long a timed block takes, of which each start has three
    #[arg(long, value_name = "MS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub block_ms: u64,
    /// Exchanges of a timed block, the same for every peer, rounded up to a multiple of 8 [default: what fits into --block-ms]
    #[arg(long, value_name = "N", conflicts_with = "block_ms",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub exchanges: Option<u64>,
    /// What the order of each round is drawn from [default: the time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Folder that gets a folder for this run
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// All of it, every value
    Json,
}

impl NativeArgs {
    /// How much cargo says.
    pub(super) const fn talk(&self) -> Talk {
        if self.quiet { Talk::Quiet } else { Talk::Normal }
    }

    fn effort(&self, started: SystemTime) -> Effort {
        Effort {
            rounds: self.rounds,
            seed: self.seed.unwrap_or_else(|| seconds(started)),
            block: self
                .exchanges
                .map_or(Block::Lasting(Duration::from_millis(self.block_ms)), Block::Exchanges),
        }
    }

    /// Measures what was chosen, round by round.
    ///
    /// # Errors
    ///
    /// Status 130 after Ctrl-C; a program that cannot be started.
    pub(super) fn measure(&self, chosen: Chosen, started: SystemTime) -> anyhow::Result<Bench> {
        let effort = self.effort(started);
        let mut progress = StartsProgress::new(Style::suiting(self.quiet));
        let mut rows =
            rounds::measure(&chosen.jobs, effort, &mut |title, done, of| progress.start(title, done, of))?;
        progress.end();
        rows.extend(chosen.absent.into_iter().map(Absent::row));
        Ok(Bench {
            format: FORMAT,
            started: humantime::format_rfc3339_seconds(started).to_string(),
            rounds: effort.rounds,
            seed: effort.seed,
            host: this_host(),
            emulator: None,
            rows,
        })
    }

    /// Writes and prints. What was measured is kept, whatever becomes of stdout.
    ///
    /// # Errors
    ///
    /// Status 2 for a file that cannot be written.
    pub(super) fn end(&self, bench: &Bench, kept: Kept, show: &Show) -> anyhow::Result<Status> {
        let judged = judged::judge(bench)?;
        let json = (show.json)(bench, &judged)?;
        let file = kept.keep(&json)?;
        match self.format {
            Format::Json => print(&json)?,
            Format::Table => {
                print(&format!("{}Kept:             {}\n", (show.text)(bench, &judged), file.display()))?;
            }
        }
        Ok(status(&bench.rows))
    }
}

/// How what was measured is shown.
pub(super) struct Show {
    /// For people.
    pub(super) text: fn(&Bench, &[Judged<'_>]) -> String,
    /// With every value.
    pub(super) json: fn(&Bench, &[Judged<'_>]) -> anyhow::Result<String>,
}

/// A peer that is missing is named in the table and does not fail the others; where nothing was measured,
/// nothing was done.
fn status(rows: &[Row]) -> Status {
    if rows.iter().any(|row| row.measured().is_some()) { Status::Pass } else { Status::Fail }
}

/// The peers that are to be measured, and those that can not be here.
pub(super) struct Chosen {
    pub(super) jobs: Vec<Job>,
    absent: Vec<Absent>,
    /// The program in Rust.
    pub(super) program: Program,
}

impl Chosen {
    /// Builds what holds peers, and takes those that `option` names by `wanted`, all for none.
    ///
    /// # Errors
    ///
    /// Status 2 for a peer that does not exist, 101 where the peers are not built, 5 where Go was to be installed
    /// and was not.
    pub(super) fn build(
        which: Which,
        (option, wanted): (&str, &[String]),
        permission: Permission,
        talk: Talk,
    ) -> anyhow::Result<Self> {
        let program = program::build(talk)?;
        let mut programs = vec![program.clone()];
        let mut absent = match go::build(permission, which)? {
            Ok(program) => {
                programs.push(program);
                Vec::new()
            }
            Err(absent) => absent,
        };
        let mut jobs = Vec::new();
        for program in programs {
            let abouts = program.list(which)?;
            jobs.extend(abouts.into_iter().map(|about| Job { program: program.clone(), about }));
        }
        let known: Vec<About> = jobs
            .iter()
            .map(|job| &job.about)
            .chain(absent.iter().map(|absent| &absent.about))
            .cloned()
            .collect();
        let ids = chosen(&known, option, wanted)?;
        jobs.retain(|job| ids.contains(&job.about.id));
        absent.retain(|absent| ids.contains(&absent.about.id));
        Ok(Self { jobs, absent, program })
    }

    /// A line for each.
    pub(super) fn list(&self) -> String {
        let there = self.jobs.iter().map(|job| (&job.about, job.about.version.clone()));
        let absent = self.absent.iter().map(|absent| (&absent.about, absent.missing.reason.clone()));
        let width =
            there.clone().chain(absent.clone()).map(|(about, _)| about.id.len()).max().unwrap_or_default();
        there
            .chain(absent)
            .map(|(about, remark)| format!("{:<width$}  {} ({remark})\n", about.id, about.title))
            .collect()
    }
}

/// The ids that `wanted` names or begins, or whose level it names, and what they are held against; all for none.
fn chosen(abouts: &[About], option: &str, wanted: &[String]) -> anyhow::Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(abouts.iter().map(|about| about.id.clone()).collect());
    }
    let mut ids = Vec::new();
    for word in wanted {
        let is_named = |about: &&About| {
            about.id == *word || begins(&about.id, word) || about.level.as_ref() == Some(word)
        };
        let before = ids.len();
        for about in abouts.iter().filter(is_named) {
            ids.extend([about.id.clone()].into_iter().chain(about.base.clone()));
        }
        if ids.len() == before {
            return Err(Refusal::usage(format!(
                "--{option} {word}: there is no such thing; there are {}",
                there(abouts).join(", ")
            )));
        }
    }
    Ok(ids)
}

/// What can be named: levels, and peers.
fn there(abouts: &[About]) -> Vec<&str> {
    let mut levels: Vec<&str> = abouts.iter().filter_map(|about| about.level.as_deref()).collect();
    levels.dedup();
    levels.into_iter().chain(abouts.iter().map(|about| about.id.as_str())).collect()
}

/// Whether `word` is the group that `id` belongs to: `tokio` of `tokio-mpsc`.
fn begins(id: &str, word: &str) -> bool {
    id.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'))
}

/// Seconds of the clock.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The machine.
pub(super) fn this_host() -> Host {
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

/// What a folder of results is of, the file that it keeps, and the link to the last one.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) latest: &'static str,
}

/// The folder of this run: gone again where nothing came of it.
pub(super) struct Kept {
    folder: PathBuf,
    kind: Kind,
}

impl Kept {
    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// Status 2 where it can not be.
    pub(super) fn create(runs: &Path, now: SystemTime, kind: Kind) -> anyhow::Result<Self> {
        let folder = folder::create(runs, now, kind.name).map_err(|why| {
            Refusal::usage(format!("--out {}: no folder can be made there: {why}", runs.display()))
        })?;
        Ok(Self { folder, kind })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the file, and points the link at the folder.
    ///
    /// # Errors
    ///
    /// Status 2 for a file that cannot be written.
    pub(super) fn keep(self, json: &str) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(self.kind.file);
        fs::write(&file, json)
            .map_err(|why| Refusal::usage(format!("{} cannot be written: {why}", file.display())))?;
        let _ = folder::point(self.kind.latest, &self.folder);
        Ok(file)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Fails where there is something in it, which is then kept.
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::status_of;

    const KIND: Kind = Kind { name: "bench", file: "bench.json", latest: "latest-bench" };

    fn abouts() -> Vec<About> {
        let about = |id: &str, base: Option<&str>, level: Option<&str>| About {
            id: id.into(),
            title: String::new(),
            base: base.map(str::to_owned),
            version: String::new(),
            level: level.map(str::to_owned),
        };
        vec![
            about("ours-bare", None, Some("fiber")),
            about("tokio-mpsc", Some("ours-channel"), None),
            about("tokio-yield", None, None),
            about("tokiox", None, None),
        ]
    }

    fn chosen_of(wanted: &str) -> anyhow::Result<Vec<String>> {
        chosen(&abouts(), "peers", &[wanted.to_owned()])
    }

    #[test]
    fn a_group_is_all_its_members_and_what_they_are_held_against() {
        assert_eq!(chosen_of("tokio").unwrap(), ["tokio-mpsc", "ours-channel", "tokio-yield"]);
        assert_eq!(chosen_of("ours-bare").unwrap(), ["ours-bare"]);
        assert_eq!(chosen_of("fiber").unwrap(), ["ours-bare"]);
    }

    #[test]
    fn a_peer_that_does_not_exist_is_named_with_those_that_do() {
        let error = chosen_of("toki").unwrap_err();
        assert_eq!(status_of(&error), Status::Usage);
        let said = error.to_string();
        assert!(
            said.contains("--peers toki") && said.contains("tokio-yield") && said.contains("are fiber,"),
            "{said}"
        );
    }

    #[test]
    fn folder_in_which_nothing_was_kept_is_gone() {
        let runs = tempfile::tempdir().unwrap();
        drop(Kept::create(runs.path(), SystemTime::now(), KIND).unwrap());
        assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 0);
        let file = Kept::create(runs.path(), SystemTime::now(), KIND).unwrap().keep("{}").unwrap();
        assert!(file.is_file() && runs.path().join("latest-bench/bench.json").is_file());
    }
}
