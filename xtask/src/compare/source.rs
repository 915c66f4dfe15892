//! A word of the command line to a side: the folder of a run, a baseline's name, a log, or a report;
//! and the logs behind it, judged. What did not pass is no side.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Boot, Side};
use crate::baseline;
use crate::folder;
use crate::judged::{self, Found};
use crate::manifest::{self, Manifest};
use crate::report;
use crate::rigorous::Boots;
use switchlab_records::Unit;

/// How deep the folders of boots may stand in the folder of their run.
const DEPTH: u32 = 2;

/// Finds what `word` names, and reads it. `runs` is the folder of the runs.
///
/// # Errors
///
/// What is not there, not readable, of another format, or did not pass: which file, and why.
pub fn find(word: &str, runs: &Path) -> Result<Side, String> {
    let place = locate(word, runs)?;
    let boots = if place.is_dir() { of_folder(&place)? } else { of_file(place)? };
    Ok(Side { name: word.to_owned(), boots })
}

fn of_folder(place: &Path) -> Result<Vec<Boot>, String> {
    let mut logs = Vec::new();
    collect(place, DEPTH, &mut logs).map_err(|error| format!("{}: {error}", place.display()))?;
    if logs.is_empty() {
        return Err(format!(
            "{}: no {} in it; the folder of a run is expected",
            place.display(),
            folder::LOG
        ));
    }
    are_all_there(place, logs.len())?;
    let read = |log: PathBuf| {
        let text = read_text(&log)?;
        boot(&log, &text, log.parent().map_or(Ok(None), Manifest::read)?)
    };
    logs.into_iter().map(read).collect()
}

/// A run of several boots is compared whole or not at all.
fn are_all_there(place: &Path, found: usize) -> Result<(), String> {
    let Some(boots) = Boots::read(place)? else { return Ok(()) };
    let named = |why: String| Err(format!("{}: {why}; a run that is whole is expected", place.display()));
    match &boots.end {
        None => named("it has not ended".into()),
        Some(end) if end.is_early() => {
            named(format!("it ended early, after {} of its boots: {}", boots.boots.len(), end.outcome))
        }
        Some(_) if boots.boots.len() != found => {
            named(format!("it had {} boots, {found} are there", boots.boots.len()))
        }
        Some(_) => Ok(()),
    }
}

/// A log, or the run that a report carries.
fn of_file(place: PathBuf) -> Result<Vec<Boot>, String> {
    let text = read_text(&place)?;
    if !report::is_report(&text) {
        let manifest = place.parent().map_or(Ok(None), Manifest::read)?;
        return Ok(vec![boot(&place, &text, manifest)?]);
    }
    let named = |why: &dyn std::fmt::Display| format!("{}: {why}", place.display());
    let mut runs = report::embedded(&text).map_err(|error| named(&format!("{error:#}")))?;
    // What `bench` measured beside a run is no side.
    runs.retain(|run| run.is_run());
    let [run] = &runs[..] else {
        let names: Vec<_> = runs.iter().map(|run| &*run.name).collect();
        return Err(named(&format!(
            "a report of {} runs ({}); a report of one is expected, or the folder of one of them",
            runs.len(),
            names.join(", ")
        )));
    };
    let boots = run.logs().map(|log| {
        let manifest = run.beside(log, manifest::FILE).map(|file| Manifest::parse(&file.text)).transpose();
        boot(&place.join(&log.path), &log.text, manifest.map_err(|why| named(&why))?)
    });
    let boots: Vec<_> = boots.collect::<Result<_, _>>()?;
    if boots.is_empty() { Err(named(&"a report without a log")) } else { Ok(boots) }
}

/// A path, else the name of a baseline, else that of a run in `runs`. A word that names two different
/// things is refused.
fn locate(word: &str, runs: &Path) -> Result<PathBuf, String> {
    let mut places = vec![PathBuf::from(word)];
    let is_name = !word.contains('/') && !word.is_empty();
    if is_name {
        places.extend([runs.join(baseline::FOLDER).join(word), runs.join(word)]);
    }
    let there: Vec<_> = places.iter().filter(|place| place.exists()).collect();
    let mut real: Vec<_> = there.iter().filter_map(|place| fs::canonicalize(place).ok()).collect();
    real.sort_unstable();
    real.dedup();
    match (there.first(), real.len()) {
        (None, _) => Err(format!(
            "{word}: neither a file nor a folder, nor a baseline or a run in {}; {}",
            runs.display(),
            baselines(runs)
        )),
        (Some(place), 0 | 1) => Ok((*place).clone()),
        (Some(_), _) => {
            let places: Vec<_> = there.iter().map(|place| place.join("").display().to_string()).collect();
            Err(format!("{word}: names more than one thing; write which: {}", places.join(" or ")))
        }
    }
}

fn baselines(runs: &Path) -> String {
    let entries = fs::read_dir(runs.join(baseline::FOLDER)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort_unstable();
    match names.is_empty() {
        true => "there are no baselines; `run --save-baseline NAME` makes one".into(),
        false => format!("baselines are: {}", names.join(", ")),
    }
}

/// The logs of a run's boots: its own, else those of the folders in it, in the order of their names.
/// Links are left out, so that `latest` counts no run twice; so are baselines.
fn collect(place: &Path, depth: u32, logs: &mut Vec<PathBuf>) -> io::Result<()> {
    let own = place.join(folder::LOG);
    if own.is_file() {
        logs.push(own);
        return Ok(());
    }
    let mut inner: Vec<_> = fs::read_dir(place)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| entry.file_name() != baseline::FOLDER)
        .map(|entry| entry.path())
        .collect();
    // As they are counted: `boot-100` comes after `boot-99`.
    inner.sort_unstable_by_key(|path| (path.as_os_str().len(), path.clone()));
    match depth {
        0 => Ok(()),
        _ => inner.iter().try_for_each(|inner| collect(inner, depth - 1, logs)),
    }
}

fn read_text(file: &Path) -> Result<String, String> {
    let bytes =
        fs::read(file).map_err(|error| format!("{}: {error}; a serial log is expected", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The boot of a log that passed.
fn boot(log: &Path, text: &str, manifest: Option<Manifest>) -> Result<Boot, String> {
    let named = |why: &dyn std::fmt::Display| format!("{}: {why}", log.display());
    let found = judged::saved_of_any_kind(text, manifest.as_ref()).map_err(|outcome| named(&outcome))?;
    match found {
        Found::Classic(results) => Ok(Boot::new(log.to_path_buf(), &results, manifest)),
        Found::Survey(survey) if survey.plan.unit == Unit::Instructions => {
            Ok(Boot::of_survey(log.to_path_buf(), &survey, manifest))
        }
        Found::Survey(survey) => Err(named(&format_args!(
            "it is of {}, which measures at many points, in time: points are compared where instructions are \
             counted; make it with `run --deterministic` on both sides. `replay --format csv` gives the points \
             of each run",
            survey.plan.experiment
        ))),
    }
}
