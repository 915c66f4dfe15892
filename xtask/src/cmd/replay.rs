//! `replay`: a saved log in, the same outputs out, byte for byte.

mod bench;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::output::{Format, print, render, render_boots};
use super::steps::Found;
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::folder;
use crate::judged::{self, Found as OfLog, SideLog};
use crate::levels;
use crate::manifest::{self, Manifest};
use crate::report::{self, EmbeddedFile, EmbeddedRun};
use crate::rigorous::{self, BootEntry, BootResult, Boots, Findings};
use crate::status::{Refusal, Status, status_of};
use crate::steps::Whole;

/// Options of `replay`.
#[derive(clap::Args)]
pub struct Args {
    /// A serial log, the folder of a run, of a benchmark or of a hierarchy, or a report; the manifest beside it gives the conditions
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write results.json and results.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Decodes the logs and shows their results.
///
/// # Errors
///
/// Status 2 for a log that cannot be read or a folder that cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match if args.log.is_dir() { Boots::read(&args.log) } else { Ok(None) } {
        Ok(Some(boots)) => {
            let results = boots.boots.iter().map(|entry| BootResult::read(&args.log, entry)).collect();
            let trace = trace_beside(&args.log.join(folder::LOG))?;
            let saved = SavedBoots { path: args.log.clone(), boots, results, trace };
            return replay_boots(args, saved);
        }
        Ok(None) => {}
        Err(why) => return Err(Refusal::with(Status::InvalidLog, why)),
    }
    let saved = read(&args.log)?;
    if let (Some(folder), true) = (&args.out, saved.len() > 1) {
        return Err(Refusal::usage(format!(
            "--out {}: {} has {} logs, and there is one results.json in a folder; leave --out away",
            folder.display(),
            args.log.display(),
            saved.len()
        )));
    }
    let is_one_of_several = saved.len() > 1;
    let mut worst = Status::Pass.into();
    for one in saved {
        if is_one_of_several {
            eprintln!("== {}", one.path().display());
        }
        let status = match one {
            Saved::Log(log) => show(args, &log)?,
            Saved::Boots(boots) => Some(replay_boots(args, *boots)?),
            Saved::Bench(bench) => Some(bench::replay(args, &bench)?),
        };
        if let Some(status) = status.filter(|status| *status != ExitCode::SUCCESS) {
            worst = status;
        }
    }
    Ok(worst)
}

/// What became of the boots of a rigorous run: all results, or the first log without one.
type BootResults = Result<Vec<BootResult>, (PathBuf, Outcome)>;

/// A rigorous run: its boots are read from their logs, and compared again. Where it ended early, what
/// is whole is shown, with the status that it ended with.
fn replay_boots(args: &Args, saved: SavedBoots) -> anyhow::Result<ExitCode> {
    let SavedBoots { path, boots, results, trace } = saved;
    let results = match results {
        Ok(results) => results,
        Err((log, outcome)) => {
            eprintln!("error: {outcome}\nlog: {}", log.display());
            return Ok(outcome.status().into());
        }
    };
    let findings = Findings::new(&boots, &results);
    if let Some(folder) = &args.out {
        write_into(folder, || findings.write(folder))?;
    }
    let figures = match render_boots(args.format, &findings) {
        Ok(text) => {
            print(&text)?;
            None
        }
        // A tracker gets nothing, and the rest is told all the same.
        Err(error) => {
            eprintln!("error: {error:#}");
            Some(status_of(&error))
        }
    };
    let trace = match trace {
        None => None,
        Some(trace) => {
            show_trace(args, &path.join(folder::TRACE_LOG), &trace, &BootResult::middle(&results))?
        }
    };
    let (note, status) = how_it_ended(&boots);
    note.inspect(|note| eprintln!("note: {note}"));
    // What ended it early is behind figures that are missing. The trace comes last, and a wrong one has the
    // last word.
    let status = match status {
        Status::Pass | Status::Unstable => figures.unwrap_or(status),
        early => early,
    };
    Ok(trace.unwrap_or(status.into()))
}

/// What to say of the end of a rigorous run, and its status.
fn how_it_ended(boots: &Boots) -> (Option<&str>, Status) {
    match &boots.end {
        Some(end) => match Status::from_code(end.status) {
            Some(Status::Pass) => (None, Status::Pass),
            status => (Some(&end.outcome), status.unwrap_or(Status::InvalidLog)),
        },
        None => {
            let note = "the run has not ended, or was ended by force: these are the boots that came";
            (Some(note), Status::InvalidLog)
        }
    }
}

fn write_into(folder: &Path, write: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    fs::create_dir_all(folder).context("making it").and_then(|()| write()).map_err(|error| {
        Refusal::usage(format!("--out {}: {error:#}; a folder is expected", folder.display()))
    })
}

/// A run, as a file or from a report.
enum Saved {
    /// Of one boot.
    Log(Box<SavedLog>),
    /// Of many.
    Boots(Box<SavedBoots>),
    /// What `bench` kept.
    Bench(bench::SavedBench),
}

/// The boots of a rigorous run.
struct SavedBoots {
    path: PathBuf,
    boots: Boots,
    results: BootResults,
    /// The marked kernel's log beside them.
    trace: Option<SideLog>,
}

/// A log.
struct SavedLog {
    path: PathBuf,
    text: String,
    manifest: Option<Manifest>,
    /// The marked kernel's log beside it.
    trace: Option<SideLog>,
    /// The log beside it of the boot that counted instructions.
    counted: Option<SideLog>,
}

impl Saved {
    fn path(&self) -> &Path {
        match self {
            Self::Log(log) => &log.path,
            Self::Boots(boots) => &boots.path,
            Self::Bench(bench) => &bench.path,
        }
    }
}

/// The logs at `path`: one, but for a report, which may have several.
fn read(path: &Path) -> anyhow::Result<Vec<Saved>> {
    let path = match path.is_dir() {
        true => bench::file_of(path).unwrap_or_else(|| path.join(folder::LOG)),
        false => path.to_path_buf(),
    };
    let bytes = fs::read(&path).map_err(|error| {
        Refusal::usage(format!("{}: {error}; a saved serial log is expected", path.display()))
    })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if bench::is_kept(&text) {
        return Ok(vec![Saved::Bench(bench::SavedBench { path, text })]);
    }
    if !report::is_report(&text) {
        let manifest = conditions(&path);
        let trace = trace_beside(&path)?;
        let counted = log_beside(&path, [folder::INSTRUCTIONS_LOG, manifest::OF_INSTRUCTIONS])?;
        return Ok(vec![Saved::Log(Box::new(SavedLog { path, text, manifest, trace, counted }))]);
    }
    let invalid =
        |why: &dyn std::fmt::Display| Refusal::with(Status::InvalidLog, format!("{}: {why}", path.display()));
    let runs = report::embedded(&text).map_err(|error| invalid(&format_args!("{error:#}")))?;
    let mut saved = Vec::new();
    for run in &runs {
        let place = path.join(&run.name);
        let kept = run.file(bench::FILE).or_else(|| run.file(levels::FILE));
        if let (false, Some(file)) = (run.is_run(), kept) {
            saved.push(Saved::Bench(bench::SavedBench { path: place, text: file.text.clone() }));
            continue;
        }
        match run.file(rigorous::FILE) {
            Some(file) => {
                let boots = Boots::parse(&file.text).map_err(|why| invalid(&why))?;
                let results = boots.boots.iter().map(|entry| embedded_boot(&place, run, entry)).collect();
                let trace = run.file(folder::TRACE_LOG).map(|file| embedded_trace(run, file));
                saved.push(Saved::Boots(Box::new(SavedBoots { path: place, boots, results, trace })));
            }
            None => saved.extend(run.logs().map(|log| embedded_log(&place, run, log))),
        }
    }
    Ok(saved)
}

fn embedded_log(place: &Path, run: &EmbeddedRun, log: &EmbeddedFile) -> Saved {
    Saved::Log(Box::new(SavedLog {
        path: place.join(&log.path),
        text: log.text.clone(),
        manifest: embedded_manifest(run, log).unwrap_or_else(without_conditions),
        trace: run.beside(log, folder::TRACE_LOG).map(|file| embedded_trace(run, file)),
        counted: run.counted(log).map(|(counted, problem)| {
            problem.and_then(without_conditions);
            counted
        }),
    }))
}

fn embedded_boot(
    place: &Path,
    run: &EmbeddedRun,
    entry: &BootEntry,
) -> Result<BootResult, (PathBuf, Outcome)> {
    let path = format!("{}/{}", entry.folder, folder::LOG);
    let read = || {
        let log = run.file(&path).ok_or_else(|| Outcome::InvalidLog("it is missing".into()))?;
        let manifest = embedded_manifest(run, log).map_err(Outcome::InvalidLog)?;
        BootResult::of_log(entry, &log.text, manifest.as_ref())
    };
    read().map_err(|outcome| (place.join(&path), outcome))
}

fn embedded_manifest(run: &EmbeddedRun, log: &EmbeddedFile) -> Result<Option<Manifest>, String> {
    run.beside(log, manifest::FILE).map(|file| Manifest::parse(&file.text)).transpose()
}

fn embedded_trace(run: &EmbeddedRun, log: &EmbeddedFile) -> SideLog {
    let (trace, problem) = run.trace(log);
    problem.and_then(without_conditions);
    trace
}

fn trace_beside(log: &Path) -> anyhow::Result<Option<SideLog>> {
    log_beside(log, [folder::TRACE_LOG, manifest::OF_TRACE])
}

/// The log beside another one, by the names of its file and of its manifest's.
fn log_beside(log: &Path, [name, manifest]: [&str; 2]) -> anyhow::Result<Option<SideLog>> {
    let path = log.with_file_name(name);
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.with_context(|| format!("reading {}", path.display()))?;
            let manifest = Manifest::read_from(&log.with_file_name(manifest));
            let manifest = manifest.unwrap_or_else(without_conditions);
            Ok(Some(SideLog::new(String::from_utf8_lossy(&bytes).into_owned(), manifest.as_ref())))
        }
    }
}

/// Shows the results of one log; its status, where it has none.
fn show(args: &Args, saved: &SavedLog) -> anyhow::Result<Option<ExitCode>> {
    let SavedLog { path, text, manifest, counted, .. } = saved;
    let mut found = match judged::saved_of_any_kind(text, manifest.as_ref()) {
        Ok(found) => found,
        Err(outcome) => {
            eprint!("error: ");
            return Ok(Some(report_failure(&outcome, text, path, manifest.as_ref())));
        }
    };
    if let Some(Err(why)) = counted.as_ref().map(|counted| found.count(counted)) {
        eprintln!("note: {}: {why}; instructions are not shown", folder::INSTRUCTIONS_LOG);
    }
    if let Some(folder) = &args.out {
        write_into(folder, || found.write(folder))?;
    }
    print(&render(args.format, &found, manifest.as_ref())?)?;
    match (&saved.trace, found) {
        (None, _) | (_, OfLog::Survey(_)) => Ok(None),
        (Some(trace), OfLog::Classic(results)) => {
            show_trace(args, &path.with_file_name(folder::TRACE_LOG), trace, &Whole::of(&results))
        }
    }
}

/// Shows the steps of the trace beside a log; its status, where it has none.
fn show_trace(
    args: &Args,
    path: &Path,
    trace: &SideLog,
    wholes: &[Whole],
) -> anyhow::Result<Option<ExitCode>> {
    if trace.is_cut() {
        eprintln!("note: the trace was cut by Ctrl-C, so there are no steps; log: {}", path.display());
        return Ok(Some(trace.outcome.status().into()));
    }
    let SideLog { text, outcome } = trace;
    let found = match Found::new(outcome.clone(), text, wholes) {
        Ok(found) => found,
        Err(outcome) => {
            eprint!("error: no steps: ");
            return Ok(Some(report_failure(&outcome, text, path, None)));
        }
    };
    if let Some(folder) = &args.out {
        found.write(folder)?;
    }
    found.shown(args.format).map_or(Ok(()), |text| print(&text))?;
    Ok(None)
}

/// The manifest beside the log. Without it the results are shown without their conditions: the log is
/// whole by itself.
fn conditions(log: &Path) -> Option<Manifest> {
    log.parent().map_or(Ok(None), Manifest::read).unwrap_or_else(without_conditions)
}

fn without_conditions(why: String) -> Option<Manifest> {
    eprintln!("note: {why}; the conditions of the run are not shown");
    None
}

fn report_failure(outcome: &Outcome, log: &str, log_path: &Path, manifest: Option<&Manifest>) -> ExitCode {
    let command = manifest.map(Manifest::shell_line);
    let kernel = manifest.map(|manifest| PathBuf::from(&manifest.kernel.path));
    let failure = Failure { outcome, log, log_path, command: command.as_deref(), kernel: kernel.as_deref() };
    eprint!("{}", failure.message());
    outcome.status().into()
}
