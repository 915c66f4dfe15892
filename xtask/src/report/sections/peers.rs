//! The laboratory's handoffs beside everyone else's: what `bench` kept, as the terminal shows it, with a picture and
//! how it was measured.

use switchlab_core::format::Grouped;

use super::belief::{ALARM, Fact, fact};
use super::docs;
use crate::analysis::{Comparison, LEAST_RUNS, Verdict};
use crate::bench::judged::{Judged, judge};
use crate::bench::row::FILE;
use crate::bench::show::{self, absent, sheet, subject, time, title};
use crate::bench::{Bench, Outcome, Row};
use crate::report::embed::EmbeddedRun;
use crate::report::model::NoResult;
use crate::report::plots::Plot;
use crate::report::plots::peers::{self as plot, Group, Mark};
use crate::report::table::{Table, prose, spaced};
use crate::status::{Refusal, Status};

const PERFORMANCE: &str = include_str!("../../../../kernel/docs/performance.md");
/// How the peers are measured natively, and in the same emulator.
const NATIVE: &str = "How it is measured";
const IN_GUESTS: &str = "What fairness means there";

/// Columns of the table that are words.
const WORDS: [&str; 3] = ["Verdict", "Ours is", "Version"];

/// One benchmark.
pub(crate) struct Peers {
    /// The name of its folder.
    pub(crate) name: String,
    /// What was found, in a sentence.
    pub(crate) sentence: String,
    /// What was measured, in a line.
    pub(crate) subject: String,
    /// `None` where nothing has a figure, which is said elsewhere.
    pub(crate) figure: Option<Plot>,
    /// What has a figure; `None` where nothing has.
    pub(crate) table: Option<Table>,
    /// What has none, and why.
    pub(crate) absent: Option<Table>,
    /// Each row of ours, and what comes nearest to it; as HTML.
    pub(crate) nearest: Vec<(String, String)>,
    /// What the figures hang on.
    pub(crate) facts: Vec<Fact>,
    /// How they were measured, as HTML.
    pub(crate) method: String,
    /// Why there is no figure at all.
    pub(crate) no_result: Option<NoResult>,
}

/// All benchmarks of `embedded`, in order.
///
/// # Errors
///
/// Status 6: a file that is not what `bench` wrote, and why.
pub(crate) fn all(embedded: &[EmbeddedRun]) -> anyhow::Result<Vec<Peers>> {
    let files = embedded.iter().filter(|run| run.is_bench()).zip(1..);
    files.map(|(run, number)| Peers::new(run, &format!("bench-{number}"))).collect()
}

/// What `run` kept, read strictly.
///
/// # Errors
///
/// Status 6: it is not what `bench` wrote, and why.
pub(crate) fn read(run: &EmbeddedRun) -> anyhow::Result<Bench> {
    let text = run.file(FILE).map_or("", |file| &*file.text);
    Bench::parse(text).map_err(|why| {
        let message =
            format!("{} of {}: {why}; the file that `cargo xtask bench` kept is expected", FILE, run.name);
        Refusal::with(Status::InvalidLog, message)
    })
}

impl Peers {
    fn new(run: &EmbeddedRun, id: &str) -> anyhow::Result<Self> {
        let bench = read(run)?;
        let judged = judge(&bench)?;
        let has_figures = judged.iter().any(|judged| judged.cost.is_some());
        let no_result = (!has_figures).then(|| nothing(&bench));
        let heading = if bench.emulator.is_some() { IN_GUESTS } else { NATIVE };
        let sheet = narrow(sheet(&judged));
        let words: Vec<_> = (0..sheet.header.len())
            .filter(|&column| WORDS.contains(&sheet.header[column].as_str()))
            .collect();
        let table = Table::of_many("One switch, one way".into(), &sheet, &words);
        Ok(Self {
            name: run.name.clone(),
            sentence: thin(&no_result.as_ref().map_or_else(|| sentence(&bench, &judged), no_result_sentence)),
            subject: capital(&subject(&bench)),
            figure: has_figures.then(|| Plot::new("the costs", plot::figure(id, &groups(&judged)))),
            table: has_figures.then_some(table),
            absent: absent_table(&judged),
            nearest: nearest(&judged),
            facts: facts(&bench),
            method: docs::section(PERFORMANCE, heading),
            no_result,
        })
    }
}

/// Why nothing was measured: the first reason stands for all.
fn nothing(bench: &Bench) -> NoResult {
    let reason = bench.rows.iter().find_map(|row| match &row.outcome {
        Outcome::Missing(missing) => Some(&*missing.reason),
        Outcome::Measured(_) => None,
    });
    let outcome = format!("nothing was measured: {}", reason.unwrap_or("there is no peer"));
    NoResult { outcome, status: Status::Fail.code() }
}

fn no_result_sentence(none: &NoResult) -> String {
    format!("No result: {} (exit status {}).", none.outcome, none.status)
}

/// What the verdicts come to.
fn sentence(bench: &Bench, judged: &[Judged<'_>]) -> String {
    let verdicts: Vec<Verdict> = judged
        .iter()
        .filter(|judged| judged.row.is_peer())
        .filter_map(|judged| Some(judged.against_ours.as_ref()?.verdict))
        .collect();
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let peers = verdicts.len();
    if peers == 0 {
        let first = judged.iter().find_map(|judged| Some((judged, judged.cost?)));
        return first.map_or_else(String::new, |(judged, cost)| {
            format!("{}: {} one way. Nothing else was held against it.", title(judged), time(cost.median_ns))
        });
    }
    let peers = match peers {
        1 => "the one peer".to_owned(),
        peers => format!("{} peers", Grouped(peers as u64)),
    };
    if count(Verdict::NotEnoughRuns) > 0 {
        let rounds = bench.rounds;
        let rounds = if rounds == 1 { "1 round".into() } else { format!("{rounds} rounds") };
        return format!("No verdict on {peers}: {rounds}, and a verdict takes {LEAST_RUNS}.");
    }
    let is = |count: usize| match count {
        0 => "none is".to_owned(),
        1 => "1 is".into(),
        count => format!("{count} are"),
    };
    let (slower, faster) = (is(count(Verdict::Slower)), is(count(Verdict::Faster)));
    match count(Verdict::NoDifferenceShown) {
        0 => format!("Of {peers} held against ours, {slower} slower and {faster} faster."),
        1 => format!(
            "Of {peers} held against ours, {slower} slower, {faster} faster, and 1 shows no difference."
        ),
        alike => {
            format!(
                "Of {peers} held against ours, {slower} slower, {faster} faster, and {alike} show no difference."
            )
        }
    }
}

/// Rows by what they are held against, ours first; those that are held against nothing come last.
fn groups(judged: &[Judged<'_>]) -> Vec<Group> {
    let rows = || judged.iter().filter(|judged| judged.cost.is_some());
    let is_alone = |judged: &Judged<'_>| judged.row.base.is_none() && !judged.row.is_ours();
    let is_base = |judged: &&Judged<'_>| judged.row.base.is_none() && judged.row.is_ours();
    let held = |base: &Judged<'_>| {
        let id = base.row.id.clone();
        rows().filter(move |judged| judged.row.base.as_ref() == Some(&id) || judged.row.also.contains(&id))
    };
    // Of guests, ours are many, and most stand alone: those are one group.
    let many = show::names_bases(judged);
    let (bases, others): (Vec<_>, Vec<_>) =
        rows().filter(is_base).partition(|base| !many || held(base).next().is_some());
    let mut groups: Vec<Group> = bases
        .into_iter()
        .map(|base| Group {
            title: kind(base.row),
            rows: [base].into_iter().chain(held(base)).filter_map(row).collect(),
        })
        .collect();
    if !others.is_empty() {
        let rows = others.into_iter().filter_map(row).collect();
        groups.push(Group { title: "ours, with nothing held against it".into(), rows });
    }
    // A row whose base has no figure stands with those that have no base.
    let has_group = |judged: &Judged<'_>| {
        let base = judged.row.base.as_ref();
        base.is_some_and(|base| rows().any(|other| other.row.id == *base && other.row.base.is_none()))
    };
    let alone: Vec<_> = rows()
        .filter(|judged| is_alone(judged) || (judged.row.base.is_some() && !has_group(judged)))
        .filter_map(row)
        .collect();
    if !alone.is_empty() {
        groups.push(Group { title: "held against nothing of ours".into(), rows: alone });
    }
    groups
}

/// What rows of a base have in common.
fn kind(base: &Row) -> String {
    base.title.strip_prefix("ours, ").unwrap_or(&base.title).to_owned()
}

fn row(judged: &Judged<'_>) -> Option<plot::Row> {
    let cost = judged.cost?;
    let verdict = judged.against_ours.as_ref().map(|comparison| comparison.verdict);
    let mark = match verdict {
        _ if judged.row.is_ours() && judged.row.base.is_none() => Mark::Base,
        _ if judged.row.is_ours() => Mark::Ours,
        _ if judged.row.is_floor() => Mark::Floor,
        Some(Verdict::Slower | Verdict::Faster) => Mark::Different,
        Some(Verdict::NoDifferenceShown | Verdict::NotEnoughRuns) | None => Mark::Undecided,
    };
    let interval = cost.interval_ns.map(|ends| (ends.low, ends.high));
    Some(plot::Row { label: title(judged), value: cost.median_ns, interval, mark })
}

/// Each row of ours with the peer that comes nearest to it, from below where one is faster; of many, those that
/// something was held against.
fn nearest(judged: &[Judged<'_>]) -> Vec<(String, String)> {
    let ours = judged.iter().filter(|judged| judged.row.is_ours() && judged.row.base.is_none());
    let told = ours.filter_map(|ours| {
        let cost = time(ours.cost?.median_ns);
        let held = || judged.iter().filter_map(|other| Some((other, other.against(&ours.row.id)?)));
        let peers = held().filter(|(other, _)| other.row.is_peer());
        let mut text = match peers.min_by(|(_, one), (_, other)| one.ratio.total_cmp(&other.ratio)) {
            None if show::names_bases(judged) => return None,
            None => format!("{cost}; nothing was held against it"),
            Some((other, comparison)) => {
                format!("{cost}; the nearest is {}, {}", title(other), times(comparison))
            }
        };
        if let Some((floor, comparison)) = held().find(|(other, _)| other.row.is_floor()) {
            text += &format!("; the floor is {}, {}", title(floor), times(comparison));
        }
        Some((title(ours), thin(&prose(&text))))
    });
    told.collect()
}

fn times(comparison: &Comparison) -> String {
    let (ratio, ends) = comparison.figures();
    let ends = ends.map_or_else(String::new, |[low, high]| format!(" (95 % interval {low} to {high})"));
    format!("{ratio} times as long{ends}: {}", comparison.verdict)
}

pub(super) fn absent_table(judged: &[Judged<'_>]) -> Option<Table> {
    let rows: Vec<Vec<String>> = absent(judged)
        .into_iter()
        .map(|absent| {
            let to_do = match &*absent.missing.to_do {
                "" => "nothing is known to bring it".to_owned(),
                to_do => to_do.to_owned(),
            };
            vec![absent.titles.join("; "), absent.missing.reason.clone(), to_do]
        })
        .collect();
    (!rows.is_empty()).then(|| Table::of_text("Not measured", &["Peer", "Why", "What to do"], rows))
}

/// The terminal's conditions, and when it was.
fn facts(bench: &Bench) -> Vec<Fact> {
    let void = bench.emulator.as_ref().map_or(0, |emulator| emulator.void_rounds + emulator.hung_rounds);
    let mut facts = vec![fact("Measured", bench.started.clone())];
    facts.extend(show::conditions(bench).into_iter().map(|(label, text)| {
        let class = if label == "Void rounds" && void > 0 { ALARM } else { "plain" };
        Fact { class, ..fact(label, text) }
    }));
    facts
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// With thin spaces before units that do not break.
pub(super) fn thin(text: &str) -> String {
    spaced(text).replace(" ns", "\u{202f}ns")
}

/// An interval names its unit once, since a page is narrower than a terminal.
pub(super) fn narrow(mut sheet: crate::table::Sheet) -> crate::table::Sheet {
    for cell in sheet.rows.iter_mut().flatten() {
        *cell = thin(&cell.replace(" ns to ", " to "));
    }
    sheet
}
